"""What the roles may do to the journal: append, read back their own, number; never change, never look."""

from __future__ import annotations

import hashlib

import psycopg
import pytest
from psycopg import errors
from sqlalchemy.ext.asyncio import AsyncEngine

from services.kernel.tlog.tree import entry_hash
from services.runtime import journal
from services.runtime.database import transaction
from tests.support.postgres import Database

from .logs import Log, engine_of, event_bytes


@pytest.fixture
def log(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Log:
    return Log(database, tmp_path_factory.mktemp("store"))


async def test_an_event_is_in_the_log_only_if_its_transaction_commits(log: Log) -> None:
    async with engine_of(log.database, "nopluu_ingest") as engine:
        with pytest.raises(RuntimeError, match="later"):
            await _append_and_fail(engine)
    (kept,) = await log.append(event_bytes(2))
    sequencer = await log.sequence()
    assert sequencer.size == 1
    async with engine_of(log.database, "nopluu_ingest") as engine, transaction(engine) as connection:
        entry = await journal.entry(connection, kept)
    assert entry is not None
    assert (entry.index, entry.event) == (0, event_bytes(2))


async def _append_and_fail(engine: AsyncEngine) -> None:
    async with transaction(engine) as connection:
        await journal.append(connection, event_bytes(1))
        raise RuntimeError("something fails later in the transaction")


async def test_the_entry_is_the_salted_hash_of_the_event(log: Log) -> None:
    drawn = journal.ticket()
    async with engine_of(log.database, "nopluu_ingest") as engine, transaction(engine) as connection:
        assert await journal.append(connection, b"{}", drawn) == drawn.id
        assert await journal.entry(connection, drawn.id) is None  # no leaf yet
    await log.sequence()
    with psycopg.connect(log.database.admin_url) as connection:
        (entry,) = connection.execute("SELECT entry FROM journal.leaf").fetchone() or (b"",)
    assert bytes(entry) == entry_hash(drawn.salt, b"{}")
    assert bytes(entry) == hashlib.sha256(b"nopluu/leaf1\0" + drawn.salt + b"{}").digest()


async def test_a_service_reads_back_only_what_it_appended(log: Log) -> None:
    (event,) = await log.append(event_bytes(1), role="nopluu_auth")
    await log.sequence()
    assert await log.receipt(event, role="nopluu_auth") is not None
    assert await log.receipt(event, role="nopluu_ingest") is None
    assert await log.receipt(event, role="nopluu_catalog") is None


async def test_an_id_is_taken_once(log: Log) -> None:
    drawn = journal.ticket()
    async with engine_of(log.database, "nopluu_ingest") as engine:
        async with transaction(engine) as connection:
            await journal.append(connection, event_bytes(1), drawn)
        with pytest.raises(Exception, match="duplicate key"):
            async with transaction(engine) as connection:
                await journal.append(connection, event_bytes(2), drawn)


def test_events_lie_in_the_partition_of_their_month(database: Database) -> None:
    drawn = journal.ticket()
    with psycopg.connect(database.url_for("nopluu_ingest")) as connection:
        connection.execute("SELECT journal.append(%s, %s, %s)", (drawn.id, drawn.salt, b"{}"))
    with psycopg.connect(database.admin_url) as connection:
        row = connection.execute(
            "SELECT tableoid::regclass::text, to_char(now(), 'YYYYMM') FROM journal.event"
        ).fetchone()
        assert row is not None
        assert row[0] == f"journal.event_{row[1]}"


def test_months_are_made_ahead_and_twice_is_once(database: Database) -> None:
    with psycopg.connect(database.url_for("nopluu_journal"), autocommit=True) as connection:
        assert connection.execute("SELECT journal.event_keep(5)").fetchone() == (2,)
        assert connection.execute("SELECT journal.event_keep(5)").fetchone() == (0,)


FORBIDDEN = {
    "nopluu_ingest": (
        "SELECT * FROM journal.event",
        "SELECT * FROM journal.leaf",
        "SELECT * FROM journal.pending",
        "SELECT * FROM journal.checkpoint",
        "INSERT INTO journal.event VALUES (gen_random_uuid(), now(), 'x', NULL, NULL)",
        "INSERT INTO journal.leaf VALUES (0, sha256(''))",
        "SELECT * FROM journal.place",
        "DELETE FROM journal.pending",
        "SELECT journal.erase(gen_random_uuid(), gen_random_uuid(), sha256(''))",
        "SELECT journal.event_keep(1)",
        "SET ROLE nopluu_journal",
        "CREATE TABLE journal.mine (a int)",
    ),
    "nopluu_journal": (
        "UPDATE journal.leaf SET entry = sha256('x')",
        "DELETE FROM journal.leaf",
        "TRUNCATE journal.leaf",
        "UPDATE journal.checkpoint SET note = ''",
        "DELETE FROM journal.checkpoint",
        "TRUNCATE journal.checkpoint",
        "UPDATE journal.place SET index = 0",
        "DELETE FROM journal.place",
        "SELECT journal.attach(gen_random_uuid(), sha256(''), '', 'x', 0)",
        "UPDATE journal.event SET event = ''",
        "DELETE FROM journal.event",
        "INSERT INTO journal.event VALUES (gen_random_uuid(), now(), 'x', NULL, NULL)",
        "INSERT INTO journal.pending VALUES (now(), gen_random_uuid(), sha256(''))",
        "UPDATE journal.pending SET entry = sha256('x')",
        "SELECT journal.append(gen_random_uuid(), sha256(''), '')",
        "SELECT journal.erase(gen_random_uuid(), gen_random_uuid(), sha256(''))",
    ),
}


@pytest.mark.parametrize(
    ("role", "statement"), [(role, statement) for role, statements in FORBIDDEN.items() for statement in statements]
)
def test_what_a_role_may_not_do(database: Database, role: str, statement: str) -> None:
    with psycopg.connect(database.url_for(role)) as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute(statement.encode())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal.leaf SET entry = sha256('x')",
        "DELETE FROM journal.leaf",
        "TRUNCATE journal.leaf",
        "DELETE FROM journal.place",
        "DELETE FROM journal.checkpoint",
        "DELETE FROM journal.event",
        "TRUNCATE journal.event",
    ],
)
def test_even_the_owner_trips_over_the_second_line(database: Database, statement: str) -> None:
    with psycopg.connect(database.admin_url) as connection, pytest.raises(errors.RaiseException, match="only grows"):
        connection.execute(statement.encode())


async def test_an_erased_event_leaves_its_leaf_and_a_record_of_the_erasure(log: Log) -> None:
    (event,) = await log.append(event_bytes(1))
    record = journal.ticket()
    with (
        psycopg.connect(log.database.admin_url) as connection,
        pytest.raises(errors.RaiseException, match="no leaf yet"),
    ):
        connection.execute("SELECT journal.erase(%s, %s, %s)", (event, record.id, record.salt))
    first = await log.sequence()
    with psycopg.connect(log.database.admin_url) as connection:
        connection.execute("SELECT journal.erase(%s, %s, %s)", (event, record.id, record.salt))
        row = connection.execute("SELECT salt, event FROM journal.event WHERE id = %s", (event,)).fetchone()
        told = connection.execute("SELECT event FROM journal.event WHERE id = %s", (record.id,)).fetchone()
    assert row == (None, None)
    assert told is not None
    assert f'"event":"{event}","type":"event_erased"'.encode() in bytes(told[0])
    second = await log.sequence()
    assert (first.size, second.size) == (1, 2)
    assert await log.receipt(event) is None


async def test_an_event_is_attached_only_to_its_own_leaf(log: Log) -> None:
    first, second = await log.append(event_bytes(1), event_bytes(2))
    await log.sequence()
    attach = "SELECT journal.attach(%s, %s, %s, 'nopluu_ingest', %s)"
    with psycopg.connect(log.database.admin_url) as connection:
        kept = connection.execute("SELECT salt, event FROM journal.event WHERE id = %s", (first,)).fetchone()
        assert kept is not None
        connection.execute("SET session_replication_role = replica")  # as after a backup that lacked the event
        connection.execute("DELETE FROM journal.place WHERE event = %s", (first,))
        connection.execute("DELETE FROM journal.event WHERE id = %s", (first,))
    assert await log.receipt(first) is None
    with psycopg.connect(log.database.admin_url) as connection:
        for salt, event, at in ((kept[0], kept[1], 1), (kept[0], b"{}", 0), (bytes(32), kept[1], 0), (*kept, 7)):
            with pytest.raises(errors.RaiseException, match="another event"), connection.transaction():
                connection.execute(attach, (first, salt, event, at))
        connection.execute(attach, (first, *kept, 0))
        connection.execute(attach, (first, *kept, 0))
    assert await log.receipt(first) is not None
    assert await log.receipt(second) is not None
