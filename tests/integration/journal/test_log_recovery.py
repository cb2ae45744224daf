"""After a lost or altered database the store brings the leaves back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from services.journal.refusing import LogRefused
from services.journal.restoring import Restored, SequencerActive, restore
from services.kernel.tlog.receipts import verify_receipt
from services.kernel.tlog.tiles import Bundle
from services.runtime.journal import CHECKPOINT, PREFIX
from services.runtime.object_store.port import ObjectMissing
from tests.support.postgres import Database

from .logs import SIGNER, Log, engine_of, event_bytes

KEYS = [SIGNER.verifier]


@pytest.fixture
def log(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Log:
    return Log(database, tmp_path_factory.mktemp("store"))


@asynccontextmanager
async def connected(log: Log) -> AsyncIterator[AsyncConnection]:
    async with engine_of(log.database, "nopluu_journal") as engine, engine.connect() as connection:
        yield connection


async def restored(log: Log) -> Restored:
    async with connected(log) as connection:
        return await restore(connection, log.store, KEYS)


def as_superuser(log: Log, *statements: str) -> None:
    with psycopg.connect(log.database.admin_url) as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in statements:
            connection.execute(statement.encode())


async def test_a_database_from_an_old_backup_gets_its_leaves_back(log: Log) -> None:
    ids = await log.append_many(700)
    await log.sequence()
    # As a backup taken after leaf 99 would be: the events of leaves 100…199 were there, pending; the later ones not.
    as_superuser(
        log,
        "INSERT INTO journal.pending SELECT e.appended_at, e.id, l.entry FROM journal.event e"
        " JOIN journal.place p ON p.event = e.id JOIN journal.leaf l ON l.index = p.index WHERE l.index BETWEEN 100 AND 199",
        "DELETE FROM journal.event WHERE id IN (SELECT event FROM journal.place WHERE index >= 200)",
        "DELETE FROM journal.leaf WHERE index >= 100",
        "DELETE FROM journal.place WHERE index >= 100",
        "DELETE FROM journal.checkpoint",
    )
    with pytest.raises(LogRefused) as caught:
        await log.sequence()
    assert caught.value.code == "log-smaller-than-signed"
    assert await restored(log) == Restored(had=100, restored=600, placed=100)
    assert await restored(log) == Restored(had=700, restored=0, placed=0)
    (later,) = await log.append(event_bytes(9))
    assert (await log.sequence()).size == 701
    for number, event in ((0, ids[0]), (150, ids[150]), (700, later)):
        receipt = await log.receipt(event)
        assert receipt is not None
        assert verify_receipt(receipt, KEYS).index == number
    assert await log.receipt(ids[300]) is None  # its event is in the recovery records, not in this backup


async def test_nothing_is_restored_that_contradicts_the_database(log: Log) -> None:
    await log.append_many(300)
    await log.sequence()
    as_superuser(log, "UPDATE journal.leaf SET entry = sha256('') WHERE index = 7")
    with pytest.raises(LogRefused) as caught:
        await restored(log)
    assert caught.value.code == "log-inconsistent"


async def test_nothing_is_restored_that_the_checkpoint_does_not_prove(log: Log) -> None:
    await log.append_many(300)
    await log.sequence()
    as_superuser(log, "DELETE FROM journal.leaf", "DELETE FROM journal.place", "DELETE FROM journal.checkpoint")
    bundle = PREFIX + Bundle(0).path
    good = await log.store.get(bundle)
    for altered in (good[:50] + bytes([good[50] ^ 1]) + good[51:], good[:-1], good[:1] + b"\0" + good[2:]):
        await log.store.put(bundle, altered)
        with pytest.raises(LogRefused):
            await restored(log)
    await log.store.put(bundle, good)
    checkpoint = await log.store.get(CHECKPOINT)
    await log.store.put(CHECKPOINT, checkpoint.replace(b"300", b"299"))
    with pytest.raises(LogRefused) as caught:
        await restored(log)
    assert caught.value.code == "log-foreign-checkpoint"
    await log.store.put(CHECKPOINT, checkpoint)
    await log.store.delete(bundle)
    with pytest.raises(ObjectMissing):
        await restored(log)
    await log.store.put(bundle, good)
    assert (await restored(log)).restored == 300


async def test_a_running_sequencer_forbids_restoring(log: Log) -> None:
    await log.sequence()
    async with log.rows() as rows:
        assert await rows.lock()
        with pytest.raises(SequencerActive):
            await restored(log)
