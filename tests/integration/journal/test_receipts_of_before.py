"""A receipt of before holds, and can be made anew, after key rotation, erased neighbours, a restore and new partitions."""

from __future__ import annotations

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.agency.refreshing import refresh
from services.journal.auditing import audit
from services.journal.restoring import restore
from services.kernel.tlog.notes import LogSigner
from services.kernel.tlog.receipts import verify_receipt
from services.runtime.journal import PREFIX
from tests.support.postgres import Database

from .logs import ORIGIN, SIGNER, Log, engine_of


@pytest.fixture
def log(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Log:
    return Log(database, tmp_path_factory.mktemp("store"))


async def test_a_receipt_outlives_everything(log: Log) -> None:
    ids = await log.append_many(300)
    await log.sequence()
    before = await log.receipt(ids[150])
    assert before is not None

    with psycopg.connect(log.database.admin_url) as connection:  # the neighbours are erased, by the owner's function
        for at in (149, 151):
            connection.execute(f"SELECT journal.erase('{ids[at]}', gen_random_uuid(), sha256('{at}'))".encode())
    await log.append_many(300)
    await log.sequence()

    successor = LogSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"n" * 32))
    keys = [successor.verifier, SIGNER.verifier]
    log.signer = successor
    await log.append_many(5)
    await log.sequence([SIGNER.verifier])

    with psycopg.connect(log.database.admin_url) as connection:  # the database of an older backup
        connection.execute("SET session_replication_role = replica")
        connection.execute("DELETE FROM journal.checkpoint WHERE size > 300")
        connection.execute("DELETE FROM journal.place WHERE index >= 300")
        connection.execute("DELETE FROM journal.leaf WHERE index >= 300")
        connection.execute(
            "DELETE FROM journal.event WHERE event IS NOT NULL"
            " AND NOT EXISTS (SELECT FROM journal.place WHERE place.event = event.id)"
        )
        connection.execute("SELECT journal.event_keep(12)")
    async with engine_of(log.database, "nopluu_journal") as engine, engine.connect() as connection:
        assert (await restore(connection, log.store, keys)).restored == 307
    await log.append_many(1)
    await log.sequence([SIGNER.verifier])

    held = verify_receipt(before, keys)
    anew = await log.receipt(ids[150])
    assert anew is not None
    proven = verify_receipt(anew, keys)
    assert (proven.index, proven.event, proven.signed.log) == (150, held.event, successor.verifier)
    files = {entry.name.removeprefix(PREFIX): await log.store.get(entry.name) async for entry in log.store.list(PREFIX)}
    assert verify_receipt(refresh(before, keys, files.get).receipt, keys).signed.checkpoint.size == 608
    async with engine_of(log.database, "nopluu_journal") as engine, engine.connect() as connection:
        found = await audit(connection, log.store, keys, held=[held.signed.checkpoint])
    # What a restore from the store cannot bring back is named: events, until `rebuild` attaches them; and checkpoints.
    assert {fault.code for fault in found.faults} <= {"event-missing", "event-erased-unlogged", "checkpoint-missing"}
