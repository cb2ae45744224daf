"""Promise: whatever transactions do to the same rows at once, and wherever pages end, the rows that come back are the last."""

from __future__ import annotations

import asyncio
import random
import threading
from pathlib import Path

import psycopg
import pytest

from services.ingest.usecases import seal_acts as sealing
from services.runtime.kms.keyring import FileKeyring
from services.runtime.object_store.memory import MemoryStore
from tests.support.postgres import Database
from tests.support.rebuilding import kept_rows, query, rebuild_ingest, restore_log, seal_all_acts, sequence

WRITERS, TURNS, ROWS = 4, 60, 6
PUT = (
    "INSERT INTO ingest.rejudging (bundle_sha256, version, begun_at, judged) VALUES (%s, %s, now(), 0)"
    " ON CONFLICT (bundle_sha256) DO UPDATE SET judged = rejudging.judged + 1, version = excluded.version"
)
REMOVE = "DELETE FROM ingest.rejudging WHERE bundle_sha256 = %s"
RENAME = "UPDATE ingest.rejudging SET bundle_sha256 = %s, judged = judged + 1 WHERE bundle_sha256 = %s"


def write(database: Database, seed: int) -> None:
    """Transactions of a few changes each, of which some are rolled back and some end in a deadlock."""
    chance = random.Random(seed)  # noqa: S311 - the same changes on each run
    with psycopg.connect(database.url_for("postgres")) as connection:
        for turn in range(TURNS):
            try:
                for _ in range(chance.randint(1, 4)):
                    key, other = (bytes([chance.randrange(ROWS)]) for _ in range(2))
                    kind = chance.random()
                    if kind < 0.6:
                        connection.execute(PUT, (key, turn))
                    elif kind < 0.8:
                        connection.execute(REMOVE, (key,))
                    else:
                        connection.execute(RENAME, (other, key))
            except (psycopg.errors.DeadlockDetected, psycopg.errors.UniqueViolation):
                connection.rollback()
                continue
            if chance.random() < 0.2:
                connection.rollback()
            else:
                connection.commit()


@pytest.mark.parametrize("seed", range(3))
async def test_the_last_change_holds(
    database: Database, lost_and_found: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(sealing, "PAGE_ACTS", 5)
    store, kms = MemoryStore(), FileKeyring(tmp_path / "keyring.json", environment="development")
    writers = [threading.Thread(target=write, args=(database, seed * 100 + at)) for at in range(WRITERS)]
    for writer in writers:
        writer.start()
    pages = 0
    while any(writer.is_alive() for writer in writers):
        pages += await seal_all_acts(database, store, kms)
        await asyncio.sleep(0.01)
    pages += await seal_all_acts(database, store, kms)
    assert pages > 10
    await sequence(database, store)
    await restore_log(lost_and_found, store)
    assert (await rebuild_ingest(lost_and_found, store, kms)).refused == ()
    assert kept_rows(lost_and_found) == kept_rows(database)
    assert query(database, "SELECT count(*) FROM ingest.act") == [(0,)]
