"""kill -9 anywhere between an officer's act and its page in the store: nothing is lost, nothing is there twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from services.kernel.sealing.act_book import ActPage, PageHeader, open_page, page_name
from services.runtime.kms.keyring import FileKeyring
from services.runtime.object_store.memory import MemoryStore
from tests.integration.rebuild.conftest import lost_and_found
from tests.support.folder_store import FolderStore
from tests.support.ingest import Ingest, ingest
from tests.support.postgres import Database
from tests.support.rebuilding import kept_rows, query, rebuild_ingest, restore_log, sequence

__all__ = ["lost_and_found"]
STEPS = 24


async def test_a_relay_killed_at_every_step_seals_every_act_once(
    database: Database, lost_and_found: Database, tmp_path: Path
) -> None:
    folder, kms = FolderStore(tmp_path / "store"), FileKeyring(tmp_path / "keyring.json", environment="development")
    command = [sys.executable, "-m", "tests.faults.acts_child", database.url_for("nopluu_ingest")]
    command += [str(tmp_path / "store"), str(tmp_path / "keyring.json")]
    killed = 0
    async with ingest(database, tmp_path, MemoryStore()) as gateway:
        assert (await gateway.publish_rules()).status == 201
        for step in range(1, STEPS + 1):
            await _inspect(gateway, step)
            killed += _run(command, step) == -signal.SIGKILL
            await sequence(database, folder)
    assert killed >= 10
    assert _run(command, 0) == 0
    assert query(database, "SELECT count(*) FROM ingest.act") == [(0,)]
    officers = kept_rows(database)
    assert len(officers["inspection_step"]) == STEPS

    # Each act stands on one page, and each page in the log once.
    [(newest,)] = query(database, "SELECT page FROM ingest.act_book WHERE sealed IS NULL")
    seen: list[int] = []
    for number in range(1, newest + 1):
        sealed = await folder.get(page_name(number))
        header = PageHeader.unpack(sealed)
        page = ActPage.parse(open_page(sealed, await kms.unwrap(header.kek, header.wrapped)))
        seen += [act.id for act in page.acts]
    assert len(seen) == len(set(seen)) == STEPS + 1
    await sequence(database, folder)
    events = "SELECT count(*), count(DISTINCT event) FROM journal.event WHERE convert_from(event, 'UTF8') LIKE '%acts_sealed%'"
    assert query(database, events) == [(newest, newest)]

    await restore_log(lost_and_found, folder)
    assert (await rebuild_ingest(lost_and_found, folder, kms)).refused == ()
    assert kept_rows(lost_and_found) == officers


async def _inspect(gateway: Ingest, number: int) -> None:
    await gateway.registry.poll()
    officer = gateway.enrol("incident-officer", officer="Lê C")
    on = (gateway.parts.world.today() - timedelta(days=1)).isoformat()
    body = {"agency": str(gateway.agency), "on": on, "place": f"{number}", "process": "Quét", "minutes": "3/BB"}
    made = await gateway.post(officer, "/v1/inspections", json.dumps(body).encode())
    assert made.status == 201, made.body


def _run(command: list[str], step: int) -> int:
    return subprocess.run([*command, str(step)], check=False, timeout=110, stderr=subprocess.DEVNULL).returncode
