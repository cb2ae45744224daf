"""An auditor's and a paper-keeper's day: receipts anew, pages, the operator's audit, and an export checked elsewhere."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from deploy.onebox.stack import OneBox
from tests.support.stack import Clerk

FOLDER = Path(__file__).parents[1] / "data" / "folder-delivery"


def test_a_receipt_is_made_anew_and_printed(box: OneBox, clerk: Clerk, tmp_path: Path) -> None:
    pushed = clerk("push", FOLDER, "--json").lines("dossier")[0]
    old, new, proof = tmp_path / "old.json", tmp_path / "new.json", tmp_path / "proof.txt"
    shutil.copyfile(str(pushed["receipt"]), old)
    pages = [tmp_path / "page.html", tmp_path / "page.pdf"]
    done = clerk("receipt", pushed["package"], "--refresh", "--proof", proof, "-o", new, "--page", pages[0])
    assert done.code == 0, done.err
    assert "the log only grew" in done.err
    assert clerk("verify", new, "--keys", box.log_keys).code == 0
    assert clerk("verify-log", proof, "--keys", box.log_keys, "--earlier", old).code == 0
    assert clerk("receipt", pushed["package"], "--page", pages[1]).code == 0
    assert pages[1].read_bytes().startswith(b"%PDF-")
    said = pages[0].read_text("utf-8")
    assert str(pushed["package"]) in said
    assert clerk("receipt", pushed["package"], "--page", tmp_path / "page.doc").code == 2


def test_the_operator_audits_and_an_auditor_checks_the_export(box: OneBox, clerk: Clerk, tmp_path: Path) -> None:
    pushed = clerk("push", FOLDER, "--json").lines("dossier")[0]
    found = json.loads(box.admin_command("journal", "journal", "audit", "--json", "--held", str(pushed["receipt"])))
    assert found["faults"] == []
    assert found["leaves"] > 5
    assert "NHẬT KÝ ĐÚNG" in box.admin_command("journal", "journal", "audit")
    folder = tmp_path / "log"
    exported = json.loads(box.admin_command("journal", "journal", "export", str(folder)))
    assert exported["leaves"] == exported["rows"] >= found["leaves"]
    told = ("--keys", box.log_keys, "--earlier", pushed["receipt"], "--json")
    checked = clerk("verify-log", folder, *told)
    assert checked.code == 0, checked.out
    assert checked.one("log")["rows"] is True
    bundle = folder / "log" / "tile" / "entries" / "000.p"
    (partial,) = bundle.iterdir()
    data = partial.read_bytes()
    partial.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    refuted = clerk("verify-log", folder, *told)
    assert refuted.code == 1
    assert refuted.one("log")["code"] == "tile-altered"
