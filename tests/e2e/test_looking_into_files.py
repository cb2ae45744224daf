"""A stamped file that is handed in as no secret: the clerk is stopped; who insists gets a receipt, a hold and an officer."""

from __future__ import annotations

from pathlib import Path

from fpdf import FPDF

from deploy.onebox.stack import OneBox
from services.agency.errors import Exit
from tests.support.deliveries import make_delivery
from tests.support.stack import Clerk, clerk_of, eventually

LONG = 120.0  # the machine may be busy with other tests
WORDS = "phuong an bao ve kho"


def stamped(path: Path) -> None:
    made = FPDF()
    made.set_font("helvetica", size=12)
    made.add_page()
    for line in ("DANG CONG SAN VIET NAM", "TOI MAT", WORDS):
        made.cell(text=line, new_x="LMARGIN", new_y="NEXT")
    made.output(str(path))


def plain(path: Path) -> None:
    made = FPDF()
    made.set_font("helvetica", size=12)
    made.add_page()
    made.cell(text=f"Van ban {path.name}")
    made.output(str(path))


def test_a_stamp_is_found_after_the_receipt(box: OneBox, clerk: Clerk, archivist: Clerk, tmp_path: Path) -> None:
    officer = clerk_of(box, "inspector", tmp_path / "officer")
    delivery = make_delivery(tmp_path / "delivery", files=3, size=20_000, seed=910_023)
    stamped(delivery.files[1])
    checked = clerk("check", delivery.folder, "--json")
    assert checked.code == Exit.REJECTED
    assert "mark-of-secrecy" in [finding["code"] for finding in checked.lines("finding")]
    stopped = clerk("push", delivery.folder, "--json")
    assert stopped.code == Exit.REJECTED
    assert stopped.lines("dossier") == []
    done = clerk("push", delivery.folder, "--marks-reviewed", "--json")  # the clerk was wrong
    assert done.code == Exit.DONE, done.out + done.err
    [dossier] = done.lines("dossier")
    assert dossier["receipt"]  # it says that the bytes are here, and they are

    def about_it() -> list[dict[str, object]]:
        listed = officer("incidents", "list", "--json").lines("incident")
        return [entry for entry in listed if entry["package"] == dossier["package"]]

    [incident] = eventually(about_it, seconds=LONG, pause=0.5)
    assert (incident["source"], incident["kind"], incident["document"]) == ("inspection", "stamp-found", 1)
    shown = officer("incidents", "show", str(incident["incident"]), "--json")
    assert "stamp-toi-mat" in shown.out
    assert WORDS not in shown.out

    def counted() -> int:
        return len(archivist("search", "Hồ sơ thử nghiệm số 910023", "--limit", "200", "--json").lines("document"))

    eventually(lambda: counted() == 2, seconds=LONG, pause=0.5)
    logs = b"".join(path.read_bytes() for path in box.folder.logs.iterdir())
    assert logs
    assert WORDS.encode() not in logs


def test_a_worker_killed_while_it_looks_finds_it_all_the_same(box: OneBox, clerk: Clerk, tmp_path: Path) -> None:
    officer = clerk_of(box, "inspector", tmp_path / "officer")
    delivery = make_delivery(tmp_path / "delivery", files=60, size=20_000, seed=910_024)
    for path in delivery.files[:-1]:
        plain(path)
    stamped(delivery.files[-1])
    done = clerk("push", delivery.folder, "--marks-reviewed", "--json")
    assert done.code == Exit.DONE, done.out + done.err
    [dossier] = done.lines("dossier")
    for _ in range(3):
        box.child("ingest-worker").process.kill()
        box.child("ingest-worker").process.wait()
        box.restart("ingest-worker")

    def about_it() -> list[dict[str, object]]:
        listed = officer("incidents", "list", "--json").lines("incident")
        return [entry for entry in listed if entry["package"] == dossier["package"]]

    [incident] = eventually(about_it, seconds=LONG, pause=0.5)
    assert incident["kind"] == "stamp-found"
