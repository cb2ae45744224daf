"""`nopluu verify`: what is true is proved, and every other thing has its own code and exit."""

from __future__ import annotations

import hashlib
import json
import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.agency.cli.main import run
from services.agency.verification.checking import Evidence, verify
from services.agency.verification.outcome import Failed, Proved
from services.agency.verification.words import CODES
from services.kernel.canonical import b64, canonical, unb64
from services.kernel.tlog.notes import LogSigner, WitnessSigner
from tests.support.deposits import LOG, ORIGIN, WITNESS, Deposit, Folder

OTHER_LOG = LogSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"o" * 32))
SECOND_WITNESS = WitnessSigner("witness.example/w2", Ed25519PrivateKey.from_private_bytes(b"v" * 32))


def evidence(laid: Folder, *, plan: bool = True, witnesses: int = 0) -> Evidence:
    return Evidence(laid.receipt, laid.keys, laid.manifest, laid.files, laid.plan if plan else None, witnesses)


def refuted(given: Evidence) -> Failed:
    with pytest.raises(Failed) as caught:
        verify(given)
    return caught.value


@pytest.fixture
def laid(tmp_path: Path) -> Folder:
    return Deposit().write(tmp_path)


def test_a_true_deposit_is_proved(laid: Folder) -> None:
    proved = verify(evidence(laid))
    assert (proved.components, proved.matched, proved.not_covered_count, proved.outside) == (4, 4, 0, ())
    assert (proved.index, proved.signed.checkpoint.size, proved.sealed_at) == (5, 300, "2026-11-24T05:02:03Z")


def test_each_thing_may_be_left_out(laid: Folder) -> None:
    alone = verify(Evidence(laid.receipt, laid.keys))
    assert (alone.manifest_compared, alone.plan_compared, alone.matched) == (False, False, None)
    assert verify(Evidence(laid.receipt, laid.keys, laid.manifest)).matched is None
    assert refuted(Evidence(laid.receipt, laid.keys, files=laid.files)).code == "usage"


def _flips(data: bytes, step: int) -> list[bytes]:
    return [data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :] for at in range(0, len(data), step) for bit in (1, 64)]


def test_every_flipped_byte_of_the_receipt_is_refuted(laid: Folder) -> None:
    given = Evidence(laid.receipt, laid.keys)
    for altered in _flips(laid.receipt.read_bytes(), 1):
        laid.receipt.write_bytes(altered)
        assert refuted(given).words.exit == 1


def test_every_flipped_byte_of_manifest_and_plan_is_refuted(laid: Folder) -> None:
    for path, code in ((laid.manifest, "manifest-mismatch"), (laid.plan, "plan-mismatch")):
        whole = path.read_bytes()
        for altered in (*_flips(whole, 7), whole[:-1], whole + b"\n", b""):
            path.write_bytes(altered)
            assert refuted(evidence(laid)).code == code
        path.write_bytes(whole)


def test_every_flipped_byte_of_a_file_is_refuted(laid: Folder) -> None:
    for path in [path for path in laid.files.rglob("*") if path.is_file()]:
        whole = path.read_bytes()
        for altered in _flips(whole, 1):
            path.write_bytes(altered)
            assert refuted(evidence(laid)).code == "file-digest"
        for altered in (whole + b"x", whole[:-1]):
            if altered != whole:
                path.write_bytes(altered)
                assert refuted(evidence(laid)).code == "file-size"
        path.unlink()
        failed = refuted(evidence(laid))
        assert failed.code == "file-missing"
        assert failed.faults[0].name == path.relative_to(laid.files).as_posix()
        path.write_bytes(whole)
    assert verify(evidence(laid)).matched == 4


def test_all_faults_are_told_at_once(laid: Folder) -> None:
    (laid.files / "ảnh.jpg").unlink()
    (laid.files / "Hồ sơ 1/Quyết định.pdf").write_bytes(b"")
    assert [fault.code for fault in refuted(evidence(laid)).faults] == ["file-size", "file-missing"]


@pytest.mark.parametrize(
    ("deposit", "code"),
    [
        (Deposit(signer=OTHER_LOG), "log-unknown"),
        (Deposit(event_type="read"), "event-not-seal"),
        (Deposit(manifest_sha256="00" * 32), "manifest-mismatch"),
        (Deposit(files={"a/../b": b"x"}, covered=(0,)), "manifest-form"),
        (Deposit(files={unicodedata.normalize("NFD", "hồ"): b"x"}, covered=(0,)), "manifest-form"),
        (Deposit(covered=(0, 1, 2, 3, 3)), "event-form"),
    ],
)
def test_what_the_log_does_not_prove(tmp_path: Path, deposit: Deposit, code: str) -> None:
    laid = Deposit().write(tmp_path)
    laid.receipt.write_bytes(deposit.receipt)
    laid.manifest.write_bytes(deposit.manifest)
    assert refuted(evidence(laid, plan=False)).code == code


def _rewritten(receipt: bytes, change: Callable[[dict[str, str]], None]) -> bytes:
    value = json.loads(receipt)
    change(value)
    return canonical(value)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda value: value.update(format="nopluu/receipt2"), "receipt-form"),
        (lambda value: value.update(more="x"), "receipt-form"),
        (lambda value: value.pop("salt"), "receipt-form"),
        (lambda value: value.update(salt=b64(b"s" * 31)), "receipt-salt"),
        (lambda value: value.update(salt=b64(b"t" * 32)), "not-in-log"),
        (lambda value: value.update(event=b64(b"{}")), "event-not-seal"),
        (lambda value: value.update(event=b64(b"{")), "event-form"),
        (lambda value: value.update(event=b64(b" " + unb64(value["event"]))), "event-not-canonical"),
        (lambda value: value.update(proof="x" + value["proof"]), "proof-form"),
        (lambda value: value.update(proof=value["proof"].replace("\nindex", "\nextra eA==\nindex")), "proof-form"),
        (lambda value: value.update(proof=value["proof"].replace("index 5", "index 05")), "proof-form"),
        (lambda value: value.update(proof=value["proof"].replace("index 5", "index 6")), "not-in-log"),
        (lambda value: value.update(proof=value["proof"].replace("index 5", "index 300")), "not-in-log"),
        (lambda value: value.update(proof=value["proof"].replace("\n300\n", "\n0300\n")), "checkpoint-form"),
        (lambda value: value.update(proof=value["proof"].replace("\n300\n", "\n301\n")), "signature-wrong"),
        (lambda value: value.update(proof=value["proof"] + "\n"), "checkpoint-form"),
    ],
)
def test_each_fault_of_a_receipt_has_its_code(
    laid: Folder, change: Callable[[dict[str, str]], None], code: str
) -> None:
    laid.receipt.write_bytes(_rewritten(laid.receipt.read_bytes(), change))
    assert refuted(evidence(laid)).code == code


@pytest.mark.parametrize("suffix", [b"\n", b" ", b"\0"])
def test_bytes_before_or_behind_are_refuted(laid: Folder, suffix: bytes) -> None:
    whole = laid.receipt.read_bytes()
    for altered in (whole + suffix, suffix + whole):
        laid.receipt.write_bytes(altered)
        assert refuted(evidence(laid)).code in {"receipt-form", "receipt-not-canonical"}


def test_witnesses_are_demanded_by_number(tmp_path: Path) -> None:
    laid = Deposit(witnesses=(WITNESS, SECOND_WITNESS)).write(tmp_path)
    assert verify(evidence(laid, witnesses=1)).signed.distinct_witnesses == 1
    assert refuted(evidence(laid, witnesses=2)).code == "witnesses-missing"  # the second one's key is not known
    laid.keys.write_text(f"{LOG.verifier}\n{WITNESS.verifier}\n{SECOND_WITNESS.verifier}\n")
    assert verify(evidence(laid, witnesses=2)).signed.distinct_witnesses == 2
    assert refuted(evidence(laid, witnesses=3)).code == "witnesses-missing"


def test_a_retired_key_still_proves_its_receipts(tmp_path: Path) -> None:
    laid = Deposit(signer=OTHER_LOG).write(tmp_path, keys=(LOG.verifier, OTHER_LOG.verifier))
    assert isinstance(verify(evidence(laid)), Proved)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "keys-empty"),
        ("# none\n\n", "keys-empty"),
        ("nonsense\n", "keys-form"),
        (f"{LOG.verifier}\n{str(LOG.verifier)[:-2]}\n", "keys-form"),
    ],
)
def test_a_key_file_that_is_none(laid: Folder, text: str, code: str) -> None:
    laid.keys.write_text(text)
    failed = refuted(evidence(laid))
    assert (failed.code, failed.words.exit) == (code, 2)


def test_what_cannot_be_read_is_neither_proved_nor_refuted(laid: Folder) -> None:
    for path, code in (
        (laid.plan, "plan-unreadable"),
        (laid.manifest, "manifest-unreadable"),
        (laid.receipt, "receipt-unreadable"),
        (laid.keys, "keys-unreadable"),
    ):
        kept = path.read_bytes()
        path.unlink()
        failed = refuted(evidence(laid))
        assert (failed.code, failed.words.exit) == (code, 2)
        path.write_bytes(kept)


def test_a_folder_that_is_none(laid: Folder) -> None:
    for place in (laid.files / "absent", laid.keys):
        failed = refuted(Evidence(laid.receipt, laid.keys, laid.manifest, place))
        assert (failed.code, failed.words.exit) == ("folder-unreadable", 2)


def test_names_are_found_however_the_system_composed_them(laid: Folder) -> None:
    for path in sorted(laid.files.rglob("*"), reverse=True):
        path.rename(path.with_name(unicodedata.normalize("NFD", path.name)))
    assert verify(evidence(laid)).matched == 4


def test_two_files_that_are_one_name_are_refused(laid: Folder) -> None:
    (laid.files / unicodedata.normalize("NFD", "ảnh.jpg")).write_bytes(b"\xff\xd8 ba")
    assert refuted(evidence(laid)).code == "file-ambiguous"


def test_files_outside_the_manifest_are_told(laid: Folder) -> None:
    (laid.files / "Thumbs.db").write_bytes(b"x")
    assert verify(evidence(laid)).outside == ("Thumbs.db",)


def test_a_link_may_stay_inside_but_not_leave(laid: Folder, tmp_path: Path) -> None:
    photo = laid.files / "ảnh.jpg"
    photo.rename(laid.files / "bản gốc.jpg")
    photo.symlink_to("bản gốc.jpg")
    (laid.files / "vòng").symlink_to(".", target_is_directory=True)
    assert verify(evidence(laid)).matched == 4
    elsewhere = tmp_path / "elsewhere.jpg"
    elsewhere.write_bytes(photo.read_bytes())
    photo.unlink()
    photo.symlink_to(elsewhere)
    assert refuted(evidence(laid)).code == "link-leaves-folder"
    photo.unlink()
    photo.symlink_to("../" + elsewhere.name)
    assert refuted(evidence(laid)).code == "link-leaves-folder"


def test_a_folder_reached_through_a_link_outside_is_refused(laid: Folder, tmp_path: Path) -> None:
    real = tmp_path / "outside"
    (laid.files / "Hồ sơ 1").rename(real)
    (laid.files / "Hồ sơ 1").symlink_to(real, target_is_directory=True)
    assert refuted(evidence(laid)).code == "link-leaves-folder"


def test_a_pipe_is_no_file_and_blocks_nothing(laid: Folder) -> None:
    (laid.files / "ảnh.jpg").unlink()
    os.mkfifo(laid.files / "ảnh.jpg")
    assert refuted(evidence(laid)).code == "file-not-regular"


def test_components_that_the_deposit_does_not_hold_are_told(tmp_path: Path) -> None:
    laid = Deposit(covered=(0, 2, 3)).write(tmp_path)
    (laid.files / "Hồ sơ 1/Quyết định.pdf").unlink()  # withheld: nothing is claimed about it
    proved = verify(evidence(laid))
    assert (proved.matched, proved.not_covered) == (3, ("Hồ sơ 1/Quyết định.pdf",))
    (laid.files / "ảnh.jpg").unlink()
    assert refuted(evidence(laid)).code == "file-missing"


def test_without_the_plan_every_file_must_be_there(tmp_path: Path) -> None:
    laid = Deposit(covered=(0, 2, 3)).write(tmp_path)
    proved = verify(evidence(laid, plan=False))
    assert (proved.matched, proved.not_covered, proved.not_covered_count) == (4, (), 1)
    (laid.files / "Hồ sơ 1/Quyết định.pdf").unlink()
    failed = refuted(evidence(laid, plan=False))
    assert (failed.code, failed.words.exit) == ("coverage-unknown", 2)
    (laid.files / "ảnh.jpg").write_bytes(b"\xff\xd8 bb")
    assert refuted(evidence(laid, plan=False)).words.exit == 1


def test_a_plan_that_two_choices_fit_decides_nothing(tmp_path: Path) -> None:
    laid = Deposit(files={"a": b"1", "b": b"2"}, covered=(1,)).write(tmp_path)
    assert verify(evidence(laid)).not_covered_count == 1
    (laid.files / "a").unlink()
    assert refuted(evidence(laid)).code == "coverage-unknown"


def test_more_components_than_the_manifest_has(tmp_path: Path) -> None:
    few, many = Deposit(files={"a": b"1"}, covered=(0,)), Deposit()
    laid = few.write(tmp_path)
    laid.receipt.write_bytes(many.but(manifest_sha256=_sha256(few.manifest)).receipt)
    assert refuted(Evidence(laid.receipt, laid.keys, laid.manifest)).code == "components-exceed-manifest"


def test_a_plan_that_contradicts_the_manifest(tmp_path: Path) -> None:
    deposit = Deposit(files={"a": b"1", "b": b"22"}, covered=(0, 1))
    other = Deposit(files={"a": b"1", "b": b"333"}, covered=(0, 1))
    laid = deposit.write(tmp_path)
    laid.plan.write_bytes(other.plan)
    laid.receipt.write_bytes(other.but(manifest_sha256=_sha256(deposit.manifest)).receipt)
    assert refuted(evidence(laid)).code == "plan-contradiction"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def command(laid: Folder, *more: str) -> list[str]:
    files = ["--manifest", str(laid.manifest), "--files", str(laid.files), "--plan", str(laid.plan)]
    return ["verify", str(laid.receipt), *files, "--keys", str(laid.keys), *more]


def test_the_command_tells_programs_code_and_detail(laid: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command(laid, "--json")) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["code"], told["exit_code"], told["files"]) == ("proved", 0, 4)
    assert told["detail"]
    (laid.files / "ảnh.jpg").write_bytes(b"\xff\xd8 bb")
    assert run(command(laid, "--json")) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["code"], told["exit_code"]) == ("file-digest", 1)
    assert told["faults"] == [{"code": "file-digest", "name": "ảnh.jpg"}]
    laid.keys.unlink()
    assert run(command(laid, "--json")) == 2
    assert json.loads(capsys.readouterr().out)["code"] == "keys-unreadable"


@pytest.mark.parametrize(
    ("language", "proved", "failed"), [("vi", "ĐÃ CHỨNG MINH", "KHÔNG CHỨNG MINH ĐƯỢC"), ("en", "PROVED", "NOT PROVED")]
)
def test_the_command_tells_people_in_their_language(
    laid: Folder, capsys: pytest.CaptureFixture[str], language: str, proved: str, failed: str
) -> None:
    assert run(["--lang", language, *command(laid)]) == 0
    assert capsys.readouterr().out.startswith(proved)
    laid.manifest.write_bytes(b"{}")
    assert run(["--lang", language, *command(laid)]) == 1
    said = capsys.readouterr().out
    assert said.startswith(failed)
    assert "[manifest-mismatch]" in said


def test_wrong_use_of_the_command_is_exit_2(laid: Folder) -> None:
    assert run(["verify", str(laid.receipt)]) == 2
    assert run(command(laid, "--witnesses", "-1")) == 2
    assert run(command(laid, "--witnesses", "x")) == 2


def test_every_code_says_what_and_what_to_do_in_both_languages() -> None:
    for code, words in CODES.items():
        assert words.exit in (0, 1, 2), code
        assert all(words.text), code
        assert all(words.fix), code
