"""A clerk's day with the `nopluu` command, against the real gateway."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from deploy.onebox.stack import OneBox
from services.agency import Profile
from tests.support.deliveries import make_delivery
from tests.support.stack import Clerk, Done, eventually, texts

DATA = Path(__file__).parents[1] / "data"
SHEET = DATA / "dossiers" / "party-clean" / "muc-luc.xlsx"
SCANS = DATA / "dossiers" / "party-clean" / "scans"
DIRTY = DATA / "dossiers" / "party-dirty"
FOLDER = DATA / "folder-delivery"


def push_sheet(clerk: Clerk) -> Done:
    return clerk("push", SHEET, "--files", SCANS, "--json")


def test_the_clean_delivery_goes_in_once_however_often_it_is_pushed(clerk: Clerk) -> None:
    checked = clerk("check", SHEET, "--files", SCANS, "--json")
    assert (checked.code, checked.one("summary")["errors"]) == (0, 0)

    first = push_sheet(clerk)
    assert first.code == 0, first.err
    summary = first.one("summary")
    assert (summary["dossiers"], summary["receipted"], summary["components"]) == (4, 4, 16)

    again = push_sheet(clerk)
    assert again.code == 0
    assert texts(again.lines("dossier"), "package") == texts(first.lines("dossier"), "package")
    assert again.uploaded() == 0


def test_receipts_hold_offline_and_no_flipped_byte_does(clerk: Clerk, tmp_path: Path) -> None:
    pushed = push_sheet(clerk).lines("dossier")[0]
    receipt, manifest = Path(str(pushed["receipt"])), Path(str(pushed["manifest"]))
    files = tmp_path / "scans"
    shutil.copytree(SCANS, files)

    def verified() -> Done:
        return clerk("verify", receipt, "--manifest", manifest, "--files", files, "--keys", clerk.keys, "--json")

    assert verified().code == 0
    for path in (receipt, manifest, files / "P012" / "001" / "P012.001.001.pdf"):
        whole = path.read_bytes()
        path.write_bytes(whole[:-200] + bytes([whole[-200] ^ 1]) + whole[-199:])
        done = verified()
        assert done.code == 1, done.out
        assert done.one("verification")["proved"] is False
        path.write_bytes(whole)
    assert verified().code == 0


def test_status_lists_the_agencys_packages_and_tells_one(clerk: Clerk) -> None:
    [pushed] = clerk("push", FOLDER, "--json").lines("dossier")
    listed = {str(entry["package"]): entry["state"] for entry in clerk("status", "--json").lines("package")}
    assert listed[str(pushed["package"])] == "sealed"
    one = clerk("status", pushed["package"], "--json").one("package")
    assert (one["state"], one["stored_parts"], one["missing"]) == ("sealed", one["parts"], [])


def test_search_finds_what_is_typed_without_diacritics(clerk: Clerk, archivist: Clerk) -> None:
    assert push_sheet(clerk).code == 0

    def found(who: Clerk, query: str) -> list[str]:
        return texts(who("search", query, "--json").lines("document"), "subject")

    for who in (clerk, archivist):
        subjects = eventually(lambda who=who: found(who, "thu thap chinh ly"))  # type: ignore[misc]  # bound now
        assert any("thu thập, chỉnh lý" in subject for subject in subjects)
    assert found(clerk, "thu thập, chỉnh lý")
    assert found(clerk, "khong co van ban nao nhu the") == []


def test_what_comes_back_is_what_was_sent(clerk: Clerk, archivist: Clerk, tmp_path: Path) -> None:
    pushed = push_sheet(clerk).lines("dossier")[1]
    target = tmp_path / "back"
    assert eventually(lambda: clerk("get", pushed["package"], "-o", target).code == 0)
    names = sorted(path.relative_to(target) for path in target.rglob("*.pdf"))
    assert [str(name) for name in names] == [f"P012/002/P012.002.00{number}.pdf" for number in (1, 2, 3, 4)]
    for name in names:
        assert (target / name).read_bytes() == (SCANS / name).read_bytes()

    [hit, *_] = clerk("search", "bo tri kinh phi", "--json").lines("document")
    one = archivist("get", hit["document"], "-o", tmp_path / "one", "--json")
    assert one.code == 0, one.err
    [file] = one.lines("file")
    assert (
        Path(str(file["path"])).read_bytes()
        == (SCANS / Path(str(file["path"])).relative_to(tmp_path / "one")).read_bytes()
    )


def test_a_receipt_can_be_fetched_again_on_another_machine(box: OneBox, clerk: Clerk, tmp_path: Path) -> None:
    [pushed] = clerk("push", FOLDER, "--json").lines("dossier")
    shutil.rmtree(clerk.state)
    receipt, manifest = tmp_path / "r.json", tmp_path / "m.json"
    done = clerk("receipt", pushed["package"], "-o", receipt, "--manifest", manifest)
    assert done.code == 0, done.err
    proved = clerk("verify", receipt, "--manifest", manifest, "--files", FOLDER, "--keys", box.log_keys)
    assert proved.code == 0, proved.out
    assert "PROVED" in proved.out


def test_another_agency_cannot_tell_a_package_from_none(clerk: Clerk, stranger: Clerk, tmp_path: Path) -> None:
    [pushed] = clerk("push", FOLDER, "--json").lines("dossier")
    package = str(pushed["package"])
    absent = package[:-1] + ("0" if package[-1] != "0" else "1")
    assert eventually(lambda: clerk("get", package, "-o", tmp_path / "mine").code == 0)
    for command in (("status",), ("receipt",), ("get", "-o", tmp_path / "theirs")):
        name, *rest = command
        told = [
            [done.code, error["code"], error["message"]]
            for wanted in (package, absent)
            for done in [stranger(name, wanted, *rest, "--json")]
            for error in [done.one("exit_error")]
        ]
        assert told[0] == told[1]
        assert told[0][0] not in (0, 7)
    assert stranger("status", "--json").lines("package") == []
    assert stranger("search", "cong tac van thu", "--json").lines("document") == []


def test_the_dirty_delivery_is_told_cell_by_cell_and_nothing_leaves(clerk: Clerk) -> None:
    checked = clerk("check", DIRTY / "muc-luc.xlsx", "--files", DIRTY / "scans", "--json")
    assert checked.code == 6
    findings = checked.lines("finding")
    assert {"error", "warning"} <= {finding["severity"] for finding in findings}
    pushed = clerk("push", DIRTY / "muc-luc.xlsx", "--files", DIRTY / "scans", "--json")
    assert pushed.code == 6
    assert pushed.one("exit_error")["code"] == "delivery-has-errors"
    assert pushed.lines("dossier") == []
    report = clerk.config.parent / "report.xlsx"
    assert clerk("check", DIRTY / "muc-luc.xlsx", "--files", DIRTY / "scans", "--report", report).code == 6
    assert report.stat().st_size > 0


def test_a_document_that_is_still_secret_leaves_as_a_stub_only(clerk: Clerk, tmp_path: Path) -> None:
    delivery = make_delivery(tmp_path / "secret", files=3, size=2000, seed=701)
    description = json.loads((delivery.folder / "ho-so.json").read_text("utf-8"))
    description["documents"][1] |= {
        "secrecy": {"level": "mat", "issued_on": "2026-01-05", "classified_on": "2026-01-05"},
        "subject": "Nội dung mật không được rời khỏi cơ quan",
        "issued_on": "05/01/2026",
    }
    (delivery.folder / "ho-so.json").write_text(json.dumps(description, ensure_ascii=False), "utf-8")
    pushed = clerk("push", delivery.folder, "--json")
    assert pushed.code == 0, pushed.out + pushed.err
    [dossier] = pushed.lines("dossier")
    assert (dossier["components"], dossier["stubs"]) == (2, 1)
    manifest = Path(str(dossier["manifest"])).read_text("utf-8")
    assert "Nội dung mật" not in manifest
    assert delivery.files[1].name not in manifest


def test_a_new_version_sends_only_what_is_new(clerk: Clerk, tmp_path: Path) -> None:
    delivery = make_delivery(tmp_path / "first", files=4, size=300_000, seed=702)
    [first] = clerk("push", delivery.folder, "--json").lines("dossier")
    description = json.loads((delivery.folder / "ho-so.json").read_text("utf-8"))
    extra = make_delivery(tmp_path / "extra", files=1, size=50_000, seed=703)
    shutil.copy(extra.files[0], delivery.folder / "them.pdf")
    description["documents"].append({"file": "them.pdf", "subject": "Tài liệu bổ sung"})
    description["supersedes"] = first["package"]
    (delivery.folder / "ho-so.json").write_text(json.dumps(description, ensure_ascii=False), "utf-8")

    done = clerk("push", delivery.folder, "--json")
    assert done.code == 0, done.out + done.err
    [second] = done.lines("dossier")
    assert second["package"] != first["package"]
    assert done.uploaded() == 50_000
    proved = clerk(
        "verify",
        second["receipt"],
        "--manifest",
        second["manifest"],
        "--files",
        delivery.folder,
        "--keys",
        clerk.keys,
        "--json",
    )
    assert (proved.code, proved.one("verification")["files"]) == (0, 5)
    target = tmp_path / "back"
    assert eventually(lambda: clerk("get", second["package"], "-o", target).code == 0)
    for path in (*delivery.files, delivery.folder / "them.pdf"):
        assert (target / path.relative_to(delivery.folder)).read_bytes() == path.read_bytes()


def test_a_dossier_of_many_files_goes_through(clerk: Clerk, tmp_path: Path) -> None:
    delivery = make_delivery(tmp_path / "many", files=1500, size=1000, seed=704, per_document=3)
    done = clerk("push", delivery.folder, "--json", "--part-size", "1")
    assert done.code == 0, done.err
    assert done.one("dossier")["components"] == 1500
    assert done.uploaded() == delivery.size


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("push", SHEET), 2, "files-missing"),
        (("push", SHEET, "--files", SCANS, "--layout", "khac"), 2, "layout-unknown"),
        (("push", FOLDER, "--part-size", "3"), 2, "part-size-unknown"),
        (("push", FOLDER, "--limit-rate", "nhanh"), 2, "rate-invalid"),
        (("push", SCANS), 2, "description-missing"),
        (("--profile", "khong-co", "status"), 2, "profile-unknown"),
        (("status", "khong-phai-uuid"), 2, "usage"),
        (("khong-co-lenh",), 2, "usage"),
    ],
)
def test_a_mistake_is_told_by_a_code_and_a_next_step(
    clerk: Clerk, arguments: tuple[object, ...], code: int, said: str
) -> None:
    done = clerk(*arguments, "--json")
    assert (done.code, done.one("exit_error")["code"]) == (code, said)
    plain = clerk(*arguments)
    assert plain.code == code
    assert "Traceback" not in plain.err
    assert plain.err.strip()


def test_a_client_that_nobody_enrolled_is_an_identity_problem(box: OneBox, clerk: Clerk, tmp_path: Path) -> None:
    key = tmp_path / "new.pem"
    assert clerk("keygen", key).code == 0
    known = box.profile("agency")
    named = clerk(
        "profile", "set", "moi", "--gateway", known.gateway, "--client-id", known.client_id, "--key", key,
        "--ca-cert", known.ca_file, "--state-dir", tmp_path / "moi",
    )  # fmt: skip
    assert named.code == 0, named.err
    assert Profile.load("moi", clerk.config).key_file == key
    done = clerk("--profile", "moi", "status", "--json")
    assert (done.code, done.one("exit_error")["code"]) == (4, "assertion-key-unknown")


def test_open_permissions_are_refused_before_anything_is_sent(clerk: Clerk) -> None:
    clerk.config.chmod(0o644)
    done = clerk("status", "--json")
    assert (done.code, done.one("exit_error")["code"]) == (2, "permissions-too-open")
    clerk.config.chmod(0o600)
    assert clerk("status").code == 0


def test_the_words_are_vietnamese_or_english_and_the_codes_stay(clerk: Clerk) -> None:
    told = {lang: clerk("--lang", lang, "push", SHEET) for lang in ("vi", "en")}
    assert "Lỗi" in told["vi"].err
    assert "Error" in told["en"].err
    assert all("[files-missing]" in done.err for done in told.values())
