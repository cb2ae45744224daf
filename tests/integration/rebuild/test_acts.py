"""Promise: with the store and the KMS alone, what officers did comes back row for row, and goes on where it stopped."""

from __future__ import annotations

from pathlib import Path

from services.runtime.kms.keyring import FileKeyring
from services.runtime.object_store.memory import MemoryStore
from tests.support.ingest import ingest
from tests.support.officers import officers_at_work
from tests.support.postgres import Database
from tests.support.rebuilding import kept_rows, rebuild_ingest, restore_log, seal_all_acts, sequence


async def test_every_officers_row_comes_back(database: Database, lost_and_found: Database, tmp_path: Path) -> None:
    store, kms = MemoryStore(), FileKeyring(tmp_path / "keyring.json", environment="development")
    async with ingest(database, tmp_path, store) as gateway:
        assert (await gateway.publish_rules()).status == 201
        await officers_at_work(gateway, database)
    assert await seal_all_acts(database, store, kms) >= 1
    await sequence(database, store)
    officers = kept_rows(database)
    assert {table for table, rows in officers.items() if not rows} == set()

    new = lost_and_found
    await restore_log(new, store)
    rebuilt = await rebuild_ingest(new, store, kms)
    assert rebuilt.refused == ()
    assert kept_rows(new) == officers
