"""An officer's day: a record becomes secret after it came in, through the real gateway, whatever is killed meanwhile."""

from __future__ import annotations

import io
import json
import signal
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import openpyxl
import pytest

from deploy.onebox.clients import Client
from deploy.onebox.stack import OneBox
from services.kernel.vietnam import day_in_vietnam
from tests.support.deliveries import make_delivery
from tests.support.stack import Clerk, Done, clerk_of, eventually

LONG = 120.0  # the machine may be busy with other tests


@pytest.fixture
def officer(box: OneBox, tmp_path: Path) -> Clerk:
    """A police officer at a machine of the police."""
    return clerk_of(box, "inspector", tmp_path / "officer")


def today() -> date:
    return day_in_vietnam(datetime.now(UTC))


def raise_first(officer: Clerk, package: object) -> Done:
    return officer(
        "classification", "record", package, "--document", "0", "--kind", "raised", "--level", "mat",
        "--list-item", "II.3", "--decided-on", today(), "--instrument", "12/QĐ-BCA", "--authority", "Bộ Công an",
        "--relation", "superior", "--json",
    )  # fmt: skip


def found(archivist: Clerk, code: str) -> int:
    """How many documents of the dossier a search finds."""
    done = archivist("search", code, "--limit", "200", "--json")
    assert done.code == 0, done.out + done.err
    return len(done.lines("document"))


def pushed(clerk: Clerk, archivist: Clerk, folder: Path, seed: int) -> tuple[object, str, int]:
    """A delivery that the catalog finds: its package, its code, how many documents."""
    delivery = make_delivery(folder, files=3, size=20_000, seed=seed)
    done = clerk("push", delivery.folder, "--json")
    assert done.code == 0, done.out + done.err
    [dossier] = done.lines("dossier")
    manifest = json.loads(Path(str(dossier["manifest"])).read_bytes())
    code = str(manifest["dossier"]["metadata"]["dossier_code"])
    count = len(manifest["documents"])
    eventually(lambda: found(archivist, code) == count, seconds=LONG, pause=0.5)
    return dossier["package"], code, count


def test_raised_hidden_taken_back(box: OneBox, clerk: Clerk, archivist: Clerk, officer: Clerk, tmp_path: Path) -> None:
    package, code, count = pushed(clerk, archivist, tmp_path / "delivery", 910_001)
    refused = clerk("classification", "show", package)
    assert refused.code != 0
    made = raise_first(officer, package)
    assert made.code == 0, made.out + made.err
    step = made.one("classification_step")
    assert (step["before"], step["after"], step["proof"]) == ("none", "mat", "attested")
    eventually(lambda: found(archivist, code) == count - 1, seconds=LONG, pause=0.5)
    shown = officer("classification", "show", package)
    assert "tăng" in shown.out or "raised" in shown.out
    back = officer(
        "classification", "record", package, "--document", "0", "--kind", "annulled", "--annuls", step["id"],
        "--decided-on", today(), "--instrument", "13/QĐ-BCA", "--authority", "Bộ Công an", "--relation", "superior",
    )  # fmt: skip
    assert back.code == 0, back.err
    [record] = officer("classification", "show", package, "--json").lines("classified")
    assert record["label"] == "none"
    eventually(lambda: "level-raised" in officer("incidents", "list", "--json").out, seconds=LONG, pause=0.5)
    assert found(archivist, code) == count - 1  # held until officers decide, whatever its label is
    assert officer("classification", "notified", step["id"], "--on", today(), "--instrument", "7/TB").code == 0


def test_the_step_reaches_a_catalog_that_was_dead_from_a_worker_that_was_killed(
    box: OneBox, clerk: Clerk, archivist: Clerk, officer: Clerk, tmp_path: Path
) -> None:
    package, code, count = pushed(clerk, archivist, tmp_path / "delivery", 910_002)
    box.child("catalog").process.send_signal(signal.SIGSTOP)  # the message cannot arrive
    try:
        made = raise_first(officer, package)
        assert made.code == 0, made.out + made.err
        for name in ("ingest", "ingest-worker"):  # committed and answered: nothing of it may be lost
            box.child(name).process.kill()
            box.child(name).process.wait()
            box.restart(name)
    finally:
        box.child("catalog").process.kill()
        box.child("catalog").process.wait()
        box.restart("catalog")
    again = raise_first(officer, package)  # whoever did not hear the answer asks again
    assert again.one("classification_step")["id"] == made.one("classification_step")["id"]
    eventually(lambda: found(archivist, code) == count - 1, seconds=LONG, pause=0.5)
    [record] = officer("classification", "show", package, "--json").lines("classified")
    assert [entry["kind"] for entry in record["steps"]] == ["raised"]  # type: ignore[attr-defined]  # a JSON list


def test_an_inspection_and_the_report_that_is_filed(box: OneBox, officer: Clerk, tmp_path: Path) -> None:
    with Client(box.profile("registrar")) as registrar:
        page = registrar.get(f"{box.origins.origin('auth')}/v1/agencies?limit=500")
    [agency] = [entry["id"] for entry in page["agencies"] if entry["name"] == "Huyện ủy Mẫu"]  # type: ignore[attr-defined]  # a JSON list
    form, sheet = tmp_path / "form.json", tmp_path / "report.xlsx"
    stated = {"agency": agency, "on": today().isoformat(), "place": "Tầng 2", "process": "Quét", "minutes": "3/BB"}
    form.write_text(json.dumps(stated), "utf-8")
    opened = officer("inspection", "open", form, "--json")
    assert opened.code == 0, opened.out + opened.err
    id_ = opened.one("inspection")["id"]
    due = today() + timedelta(days=10)
    done = officer(
        "inspection",
        "step",
        id_,
        "--kind",
        "found",
        "--on",
        today(),
        "--violation",
        "networked-device",
        "--due-on",
        due,
    )
    assert done.code == 0, done.err
    assert "networked-device" in officer("inspection", "show", id_).out
    assert officer("secrets", "overdue").code == 0
    year = due.year if due.month < 12 else today().year
    reported = officer("secrets", "report", year, "-o", sheet, "--json")
    assert reported.code == 0, reported.err
    book = openpyxl.load_workbook(io.BytesIO(sheet.read_bytes()))
    assert "Huyện ủy Mẫu" in [row[1].value for row in book["Vi phạm"].iter_rows()]
