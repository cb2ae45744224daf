"""The sample deliveries: the clean one has no finding; of the dirty one exactly what its table lists is found."""

from __future__ import annotations

import json
from pathlib import Path

import openpyxl
import pytest

from services.agency.cli.main import run
from services.agency.errors import Exit
from services.agency.preparing import prepare, read_sheet
from services.agency.sheets.report import write_report
from services.kernel.secrecy import DeploymentProfile
from tests.unit.agency.workbooks import SAMPLES, TODAY


@pytest.fixture(autouse=True)
def _no_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NOPLUU_CONFIG", str(tmp_path / "none.toml"))


def _check(name: str) -> list[tuple[int | None, str | None, str, str]]:
    folder = SAMPLES / name
    delivery = read_sheet(folder / "muc-luc.xlsx", folder / "scans", layout="party-flat", today=TODAY)
    prepare(delivery, deployment=DeploymentProfile.OPEN, today=TODAY)
    return [(finding.row, finding.column, finding.code, finding.severity) for finding in delivery.findings]


def test_the_clean_delivery_has_no_finding() -> None:
    assert _check("party-clean") == []


def test_the_dirty_delivery_has_exactly_the_listed_problems() -> None:
    listed = json.loads((SAMPLES / "party-dirty" / "expected.json").read_text("utf-8"))
    expected = [(entry["row"], entry["column"], entry["problem"]) for entry in listed if entry["found"] == "check"]
    found = _check("party-dirty")
    assert sorted(map(str, expected)) == sorted(str(entry[:3]) for entry in found)
    assert all((severity == "error") is not code.startswith("ok-") for _, _, code, severity in found)


def test_protected_documents_leave_as_stubs_without_subject_or_file() -> None:
    folder = SAMPLES / "party-dirty"
    delivery = read_sheet(folder / "muc-luc.xlsx", folder / "scans", layout="party-flat", today=TODAY)
    prepare(delivery, deployment=DeploymentProfile.OPEN, today=TODAY)
    [stub] = [
        document
        for dossier in delivery.dossiers
        for document in dossier.documents
        if document.secrecy.get("stub") is True
    ]
    assert (stub.metadata, stub.files) == ({}, [])
    assert stub.secrecy["level"] == "toi_mat"
    assert stub.secrecy["issued_on"] == "2020-03-04"


def test_the_report_marks_each_problem_where_it_stands(tmp_path: Path) -> None:
    folder = SAMPLES / "party-dirty"
    delivery = read_sheet(folder / "muc-luc.xlsx", folder / "scans", layout="party-flat", today=TODAY)
    write_report(folder / "muc-luc.xlsx", delivery.findings, tmp_path / "out.xlsx")
    book = openpyxl.load_workbook(tmp_path / "out.xlsx")
    comment = book["MLHS"]["X7"].comment
    assert comment is not None
    assert "date-year-only" in str(comment.text)
    assert len(list(book.worksheets[0].rows)) == len(delivery.findings) + 1


@pytest.mark.parametrize(("name", "code"), [("party-clean", Exit.DONE), ("party-dirty", Exit.REJECTED)])
def test_check_ends_with_a_code_that_a_script_can_rely_on(
    name: str, code: Exit, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = SAMPLES / name
    assert run(["check", str(folder / "muc-luc.xlsx"), "--files", str(folder / "scans"), "--json"]) == code
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[-1]["message_type"] == "summary"
    assert lines[-1]["exit_code"] == code
    assert {line["message_type"] for line in lines[:-1]} <= {"finding"}


def test_wrong_usage_is_two_and_is_told_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "--json", str(SAMPLES / "party-clean" / "muc-luc.xlsx")]) == Exit.USAGE
    error = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert (error["message_type"], error["code"], error["exit_code"]) == ("exit_error", "files-missing", 2)
    assert run(["no-such-command"]) == Exit.USAGE


def test_a_push_without_a_profile_says_how_to_make_one(capsys: pytest.CaptureFixture[str]) -> None:
    folder = SAMPLES / "party-clean"
    assert run(["--lang", "vi", "push", str(folder / "muc-luc.xlsx"), "--files", str(folder / "scans")]) == Exit.USAGE
    assert "nopluu profile set" in capsys.readouterr().err
