"""Two officers and the `nopluu rules` command make an envelope that the gateway believes."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import pytest

from services.agency import keys
from services.agency.cli.main import run
from services.agency.errors import Exit
from services.kernel.identifiers import ClientId
from services.kernel.records import OfficerKey
from services.kernel.refusals.rules import RulesSingleSigned
from services.kernel.rules.publishing import open_bundle
from services.kernel.signing.keys import thumbprint, to_jwk


@pytest.fixture(autouse=True)
def _no_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NOPLUU_CONFIG", str(tmp_path / "none.toml"))


@pytest.fixture
def officers(tmp_path: Path) -> dict[str, OfficerKey]:
    found = {}
    for at, (name, kind, scope) in enumerate(
        (("author", "ed25519", "rule-author"), ("approver", "p256", "rule-approver"))
    ):
        assert run(["keygen", str(tmp_path / f"{name}.pem"), "--type", kind]) == Exit.DONE
        public = keys.load(tmp_path / f"{name}.pem").public_key()
        found[thumbprint(public)] = OfficerKey(ClientId(UUID(int=at)), name, frozenset({scope}), to_jwk(public))
    return found


def _draft(folder: Path) -> Path:
    path = folder / "rules.json"
    assert run(["rules", "draft", "--version", "7", "--from", "2026-03-01", "-o", str(path)]) == Exit.DONE
    return path


def test_author_and_approver_sign_on_their_own_machines(tmp_path: Path, officers: dict[str, OfficerKey]) -> None:
    one, two, both = (tmp_path / name for name in ("author.dsse", "approver.dsse", "rules.dsse"))
    draft = _draft(tmp_path)
    assert run(["rules", "sign", str(draft), "--key", str(tmp_path / "author.pem"), "-o", str(one)]) == Exit.DONE
    assert run(["rules", "sign", str(one), "--key", str(tmp_path / "approver.pem"), "-o", str(two)]) == Exit.DONE
    assert run(["rules", "assemble", str(two), str(one), "-o", str(both)]) == Exit.DONE
    opened = open_bundle(both.read_bytes(), officers.get)
    assert (opened.bundle.version, opened.author.officer, opened.approver.officer) == (7, "author", "approver")
    with pytest.raises(RulesSingleSigned):
        open_bundle(two.read_bytes(), officers.get)


def test_an_edited_draft_is_signed_in_its_canonical_form(tmp_path: Path, officers: dict[str, OfficerKey]) -> None:
    draft = _draft(tmp_path)
    value = json.loads(draft.read_text("utf-8"))
    value["rows"][0]["confirmed"] = True
    draft.write_text(json.dumps(value, indent=4, ensure_ascii=True), "utf-8")
    for name in ("author", "approver"):
        signed = ["rules", "sign", str(draft), "--key", str(tmp_path / f"{name}.pem"), "-o", str(tmp_path / name)]
        assert run(signed) == Exit.DONE
    both = tmp_path / "both"
    assert (
        run(["rules", "assemble", str(tmp_path / "author"), str(tmp_path / "approver"), "-o", str(both)]) == Exit.DONE
    )
    assert open_bundle(both.read_bytes(), officers.get).bundle.rules[0].confirmed


def test_rules_with_errors_are_not_signed(
    tmp_path: Path, officers: dict[str, OfficerKey], capsys: pytest.CaptureFixture[str]
) -> None:
    draft = _draft(tmp_path)
    value = json.loads(draft.read_text("utf-8"))
    value["rows"][3]["cel"] = "doc.levle == 'mat'"
    value["rows"][5]["examples"]["positive"][0]["secrecy"]["level"] = "none"
    draft.write_text(json.dumps(value), "utf-8")
    target = tmp_path / "x.dsse"
    capsys.readouterr()
    arguments = ["rules", "sign", str(draft), "--key", str(tmp_path / "author.pem"), "-o", str(target), "--json"]
    assert run(arguments) == Exit.REJECTED
    faults = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(fault["pointer"], fault["code"]) for fault in faults] == [
        ("/rows/3/cel", "cel-invalid"),
        ("/rows/5/examples/positive/0", "example-not-matched"),
    ]
    assert not target.exists()


def test_signatures_over_different_rules_are_not_joined(tmp_path: Path, officers: dict[str, OfficerKey]) -> None:
    draft = _draft(tmp_path)
    one, two = tmp_path / "one", tmp_path / "two"
    assert run(["rules", "sign", str(draft), "--key", str(tmp_path / "author.pem"), "-o", str(one)]) == Exit.DONE
    assert run(["rules", "draft", "--version", "8", "--from", "2026-03-01", "-o", str(draft)]) == Exit.DONE
    assert run(["rules", "sign", str(draft), "--key", str(tmp_path / "approver.pem"), "-o", str(two)]) == Exit.DONE
    assert run(["rules", "assemble", str(one), str(two), "-o", str(tmp_path / "both")]) == Exit.USAGE
    assert not (tmp_path / "both").exists()


@pytest.mark.parametrize("content", [b"", b"\xff", b"[1", b'{"payloadType":"x"}', b'"\\ud800"'])
def test_what_is_no_file_of_rules_is_told_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    assert run(["rules", "show", str(path)]) == Exit.USAGE
    assert run(["rules", "show", str(tmp_path / "absent")]) == Exit.USAGE


def test_a_person_can_read_the_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draft = _draft(tmp_path)
    capsys.readouterr()
    assert run(["--lang", "vi", "rules", "show", str(draft)]) == Exit.DONE
    shown = capsys.readouterr().out
    assert "phiên bản 7" in shown
    assert "4  refuse  +báo cáo" in shown
    assert "Công văn 1479/BCA-ANCTNB" in shown
