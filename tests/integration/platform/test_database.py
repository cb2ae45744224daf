"""Transactions end as they must, whatever interrupts them; what passes is a refusal, what is a bug stays one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.onebox import postgres
from services.kernel.refusals.platform import DatabaseUnavailable
from services.runtime.database import create_engine, ready, transaction
from tests.support.postgres import Database

_INSERT = text("INSERT INTO note VALUES (:id, :title)")
_COUNT = text("SELECT count(*) FROM note")


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("CREATE TABLE ingest.note (id int PRIMARY KEY, title text)")
        connection.execute("GRANT ALL ON ingest.note TO nopluu_ingest")
    made = create_engine(database.url_for("nopluu_ingest"), application_name="test", pool_size=2)
    yield made
    await made.dispose()


async def rows(engine: AsyncEngine) -> int:
    async with transaction(engine) as connection:
        return int((await connection.execute(_COUNT)).scalar_one())


async def test_it_commits_at_the_end_and_rolls_back_on_an_exception(engine: AsyncEngine) -> None:
    async with transaction(engine) as connection:
        await connection.execute(_INSERT, {"id": 1, "title": "t"})
    with pytest.raises(LookupError):  # noqa: PT012 - the transaction is what must see the exception
        async with transaction(engine) as connection:
            await connection.execute(_INSERT, {"id": 2, "title": "t"})
            raise LookupError
    assert await rows(engine) == 1


async def test_an_error_never_quotes_a_value(engine: AsyncEngine) -> None:
    with pytest.raises(IntegrityError) as caught:  # noqa: PT012 - the second insert is the one that fails
        async with transaction(engine) as connection:
            await connection.execute(_INSERT, {"id": 1, "title": "CANARY"})
            await connection.execute(_INSERT, {"id": 1, "title": "CANARY"})
    assert "CANARY" not in str(caught.value)


async def test_a_cancelled_transaction_leaves_nothing_and_gives_its_connection_back(engine: AsyncEngine) -> None:
    async def work() -> None:
        async with transaction(engine) as connection:
            await connection.execute(_INSERT, {"id": 1, "title": "t"})
            await connection.execute(text("SELECT pg_sleep(0.005)"))
            await connection.execute(_INSERT, {"id": 2, "title": "t"})
            await connection.execute(text("SELECT pg_sleep(5)"))

    await rows(engine)  # a connection that is open already is what gets reused
    for steps in range(1, 40):
        task = asyncio.create_task(work())
        for _ in range(steps):
            await asyncio.sleep(0.001 if steps > 20 else 0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await rows(engine) == 0
        async with transaction(engine) as connection:  # and it is fit for use, both of the pool at once
            async with transaction(engine) as other:
                await other.execute(_INSERT, {"id": 3, "title": "t"})
            await connection.execute(_INSERT, {"id": 4, "title": "t"})
            idle = await connection.execute(
                text("SELECT count(*) FROM pg_stat_activity WHERE usename = current_user AND state LIKE 'idle in%'")
            )
            assert idle.scalar_one() == 0
            await connection.execute(text("DELETE FROM note"))


async def test_no_free_connection_is_a_refusal_not_a_wait(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.sync_engine.pool, "_timeout", 0.1)
    async with transaction(engine), transaction(engine):
        with pytest.raises(DatabaseUnavailable):
            async with transaction(engine):
                pass


@pytest.mark.parametrize(
    "statement",
    ["SET LOCAL statement_timeout = '50ms'; SELECT pg_sleep(2)", "SELECT pg_terminate_backend(pg_backend_pid())"],
)
async def test_what_passes_is_a_retryable_refusal(engine: AsyncEngine, statement: str) -> None:
    with pytest.raises(DatabaseUnavailable) as caught:  # noqa: PT012 - the last of the parts is the one that fails
        async with transaction(engine) as connection:
            for part in statement.split("; "):
                await connection.execute(text(part))
    assert caught.value.retryable
    assert caught.value.retry_after is not None
    await ready(engine)


async def test_a_bug_stays_a_bug(engine: AsyncEngine) -> None:
    with pytest.raises(DBAPIError):
        async with transaction(engine) as connection:
            await connection.execute(text("SELECT no_such_column"))


async def test_a_deadlock_is_a_refusal_for_one_of_the_two(engine: AsyncEngine) -> None:
    async with transaction(engine) as connection:
        await connection.execute(_INSERT, {"id": 1, "title": "t"})
        await connection.execute(_INSERT, {"id": 2, "title": "t"})
    lock = text("SELECT id FROM note WHERE id = :id FOR UPDATE")
    both = asyncio.Barrier(2)

    async def one(first: int, second: int) -> None:
        async with transaction(engine) as connection:
            await connection.execute(lock, {"id": first})
            await both.wait()
            await connection.execute(lock, {"id": second})

    outcomes = await asyncio.gather(one(1, 2), one(2, 1), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["DatabaseUnavailable", "NoneType"]


async def test_a_server_that_is_away_refuses_and_one_that_is_back_serves(postgres_folder: Path) -> None:
    server = postgres.start(postgres_folder)
    try:
        engine = create_engine(server.admin_url, application_name="test")
        async with transaction(engine) as connection:
            await connection.execute(text("CREATE TABLE note (id int PRIMARY KEY, title text)"))
            await connection.execute(_INSERT, {"id": 1, "title": "kept"})
        server.kill()
        with pytest.raises(DatabaseUnavailable):
            await ready(engine)
        server = postgres.start(postgres_folder)
        assert await rows(engine) == 1
        await engine.dispose()
    finally:
        server.stop()
