"""kill -9 in the middle of a rebuild: no package is there by half, and the next run goes on to the same rows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import psycopg

from services.runtime.object_store.memory import MemoryStore
from tests.integration.rebuild.conftest import lost_and_found
from tests.support.folder_store import FolderStore
from tests.support.ingest import ingest
from tests.support.ingest_manifests import Dossier
from tests.support.postgres import Database
from tests.support.rebuilding import kept_rows, register_all, restore_log, rows_of, seal_all_acts, sequence

__all__ = ["lost_and_found"]
KILLED_AT = (1, 2, 4, 6, 8, 10, 12, 14, 17, 20, 24, 30, 36, 45, 60, 80, 110)
HALF = """
    SELECT package.id FROM ingest.package
     WHERE (SELECT count(*) FROM ingest.component WHERE component.package = package.id) <> package.component_count
        OR (SELECT count(*) FROM ingest.part WHERE part.package = package.id) <> package.part_count
        OR NOT EXISTS (SELECT FROM ingest.package_document WHERE package_document.package = package.id)
        OR NOT EXISTS (SELECT FROM journal.place WHERE place.event = package.seal_event)
"""


async def test_a_rebuild_killed_again_and_again_ends_with_every_row(
    database: Database, lost_and_found: Database, tmp_path: Path
) -> None:
    store, folder = MemoryStore(), FolderStore(tmp_path / "store")
    async with ingest(database, tmp_path, store) as gateway:
        assert (await gateway.publish_rules()).status == 201
        client, kept = gateway.enrol("submitter"), os.urandom(1000)
        for number in range(7):
            last = await gateway.deposit(client, Dossier([os.urandom(50), kept], code=f"P012.01.{number:03}"))
        successor = Dossier([kept], code="P012.01.006", supersedes=UUID(last))
        declared = await gateway.declare(client, successor)
        assert str(await gateway.complete(declared.json()["package"])) == "sealed"
        await seal_all_acts(database, store, gateway.parts.management)
        await sequence(database, store)
        await register_all(database)
        before, officers = rows_of(database), kept_rows(database)
    async for entry in store.list(""):
        await folder.put(entry.name, await store.get(entry.name))
    new = lost_and_found
    await restore_log(new, folder)
    urls = [new.admin_url, new.url_for("nopluu_catalog"), str(tmp_path / "store"), str(tmp_path / "keyring.json")]
    for what in ("ingest", "catalog"):
        command = [sys.executable, "-m", "tests.faults.rebuild_child", what, *urls]
        killed = 0
        for statement in KILLED_AT:
            killed += _run(command, statement) == -signal.SIGKILL
            with psycopg.connect(new.admin_url) as connection:
                assert connection.execute(HALF).fetchall() == []
        assert killed >= 6
        assert _run(command, 0) in (0, 1)  # 1: it was complete, and a rebuild that is ended is not begun again
    assert rows_of(new) == before
    assert kept_rows(new) == officers
    with psycopg.connect(new.admin_url) as connection:
        ended = "SELECT count(*) FROM {}.rebuild WHERE ended_at IS NOT NULL"
        assert [connection.execute(ended.format(schema).encode()).fetchone() for schema in ("ingest", "catalog")] == [
            (1,),
            (1,),
        ]
        events = "SELECT count(*), count(DISTINCT event) FROM journal.place"
        found = connection.execute(events).fetchone()
    assert found == (10, 10)


def _run(command: list[str], statement: int) -> int:
    return subprocess.run([*command, str(statement)], check=False, timeout=110, stderr=subprocess.DEVNULL).returncode
