"""`nopluu rules lint | test | diff | export | import`: what an author and an approver see before anybody signs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.agency.cli.main import run
from services.agency.errors import Exit
from services.agency.rule_bundles import read


@pytest.fixture(autouse=True)
def _no_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NOPLUU_CONFIG", str(tmp_path / "none.toml"))


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    path = tmp_path / "rules.json"
    assert run(["rules", "draft", "--version", "7", "--from", "2026-12-01", "-o", str(path)]) == Exit.DONE
    return path


def _changed(draft: Path, edit: Any) -> Path:
    value = json.loads(draft.read_text("utf-8"))
    edit(value["rows"])
    path = draft.with_name("changed.json")
    path.write_text(json.dumps(value), "utf-8")
    return path


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]


def test_a_workbook_is_a_draft_like_any_other(draft: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet, back = tmp_path / "rules.xlsx", tmp_path / "back.json"
    assert run(["rules", "export", str(draft), "-o", str(sheet)]) == Exit.DONE
    assert run(["rules", "import", str(sheet), "-o", str(back)]) == Exit.DONE
    assert back.read_bytes() == draft.read_bytes()
    assert run(["rules", "diff", str(sheet), "--against", str(draft), "--json"]) == Exit.DONE
    assert _lines(capsys)[-1] == {
        "message_type": "rules_diff", "old": 7, "new": 7, "added": 0, "removed": 0, "changed": 0,
    }  # fmt: skip
    assert run(["rules", "keygen", str(tmp_path / "x")]) == Exit.USAGE
    assert run(["keygen", str(tmp_path / "author.pem")]) == Exit.DONE
    assert (
        run(["rules", "sign", str(sheet), "--key", str(tmp_path / "author.pem"), "-o", str(tmp_path / "x.dsse")])
        == Exit.DONE
    )
    assert read(tmp_path / "x.dsse").payload == read(draft).payload


def test_what_is_not_confirmed_in_law_is_listed(draft: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def confirm(rows: list[Any]) -> None:
        for row in rows[2:]:
            row["confirmed"] = True

    assert run(["rules", "lint", str(_changed(draft, confirm)), "--unconfirmed", "--json"]) == Exit.DONE
    told = _lines(capsys)
    assert [line["rule"] for line in told if line["message_type"] == "rule_unconfirmed"] == ["1", "1.dossier"]
    assert told[-1]["unconfirmed"] == 2


def _misspell(rows: list[Any]) -> None:
    rows[0]["cel"] = 'doc.levle == "unknown"'


def _mistype(rows: list[Any]) -> None:
    rows[0]["cel"] = "doc.components == true"


def _without_examples(rows: list[Any]) -> None:
    rows[0]["examples"]["negative"] = []


def _without_basis(rows: list[Any]) -> None:
    rows[0]["basis"] = []


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (_misspell, "cel-invalid"),
        (_mistype, "cel-invalid"),
        (_without_examples, "examples-invalid"),
        (_without_basis, "basis-invalid"),
    ],
)
def test_lint_tells_errors_where_they_stand(
    draft: Path, edit: Any, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["rules", "lint", str(_changed(draft, edit)), "--json"]) == Exit.REJECTED
    assert (code, True) in {
        (line["code"], line["pointer"].startswith("/rows/0"))
        for line in _lines(capsys)
        if line["message_type"] == "fault"
    }


def _unguarded(rows: list[Any]) -> None:
    rows[0]["cel"] = 'doc.level == "unknown" || doc.issued_on > timestamp("2099-01-01T00:00:00Z")'
    rows[0]["examples"] = {
        "positive": [{"today": "2026-11-24", "secrecy": {"issued_on": "2020-01-01"}}],
        "negative": [{"today": "2026-11-24", "secrecy": {"level": "none", "issued_on": "2020-01-01"}}],
    }


def _unreal_day(rows: list[Any]) -> None:
    rows[0]["cel"] = 'doc.level == "unknown" || (false && env.today > timestamp("2026-02-30T00:00:00Z"))'


def _outdone(rows: list[Any]) -> None:
    rows[0]["effect"] = "admit"
    rows.append({**rows[0], "id": "1.again", "effect": "refuse"})


def _lapsed(rows: list[Any]) -> None:
    rows[0]["basis"] = [{"text": "Luật cũ", "article": "1", "until": "2026-11-30"}]


def _fewer(rows: list[Any]) -> None:
    rows[:] = [row for row in rows if row["id"] != "31" and row["id"] != "31.dossier"]


@pytest.mark.parametrize(
    ("edit", "rule", "code"),
    [
        (_unguarded, "1", "may-fail"),
        (_unreal_day, "1", "moment-invalid"),
        (_outdone, "1", "never-decides"),
        (_outdone, "1.again", "same-condition"),
        (_lapsed, "1", "basis-not-in-force"),
        (_fewer, "31", "number-missing"),
    ],
)
def test_lint_tells_what_only_a_person_can_judge(
    draft: Path, edit: Any, rule: str, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["rules", "lint", str(_changed(draft, edit)), "--json"]) == Exit.DONE
    remarks = {(line["rule"], line["code"]) for line in _lines(capsys) if line["message_type"] == "rule_remark"}
    assert (rule, code) in remarks


def test_examples_run_on_both_engines(draft: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "test", str(draft), "--json"]) == Exit.DONE
    told = _lines(capsys)[-1]
    assert told["engines"] == 2
    assert told["failed"] == 0
    assert told["examples"] >= 140


def test_engines_that_disagree_fail_the_test(
    draft: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.agency.cli.rules_review_command.second_engine", lambda: lambda _: lambda __: None)
    assert run(["rules", "test", str(draft), "--json"]) == Exit.REJECTED
    told = _lines(capsys)
    assert told[-1]["failed"] == told[-1]["examples"]


def test_without_the_second_engine_that_is_said(
    draft: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr("importlib.import_module", absent)
    assert run(["rules", "test", str(draft)]) == Exit.DONE
    captured = capsys.readouterr()
    assert "common-expression-language" in captured.err
    assert "1 bộ máy" in captured.out or "1 CEL" in captured.out


def _reform(rows: list[Any]) -> None:
    rows[2]["effect"] = "quarantine"
    rows[2]["report"] = False
    rows[2]["basis"][0]["until"] = "2027-01-01"
    rows[2]["examples"]["positive"].pop()
    del rows[0]
    rows.append({**rows[5], "id": "99"})


def test_a_difference_is_told_in_words(draft: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed = _changed(draft, _reform)
    assert run(["--lang", "vi", "rules", "diff", str(changed), "--against", str(draft)]) == Exit.DONE
    said = capsys.readouterr().out
    assert "− bỏ 1: Không ghi độ mật" in said
    assert "+ thêm 99:" in said
    assert "Hệ quả: Từ chối\n      → Giữ chờ cán bộ" in said
    assert "2027-01-01" in said
    assert "Ví dụ phải khớp: 2\n      → 1 (+0 −1)" in said
    assert said.rstrip().endswith("thêm 1, sửa 1, bỏ 1")
