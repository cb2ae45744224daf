"""What was used once stays used, though the database is killed in the middle."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.onebox import postgres
from migrations.run import migrate
from services.kernel.refusals.identity import RequestReplayed
from services.kernel.refusals.platform import DatabaseUnavailable
from services.runtime import nonces
from services.runtime.database import create_engine, transaction


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="nopluu-crash-"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
async def engine(folder: Path) -> AsyncIterator[AsyncEngine]:
    server = postgres.start(folder)
    migrate(server.admin_url)
    made = create_engine(server.url_for("nopluu_auth"), application_name="test")
    yield made
    await made.dispose()
    server.stop()


def nonce(number: int) -> nonces.Nonce:
    now = datetime.now(UTC)
    return nonces.Nonce(now.date(), "k" * 43, f"{number:032x}", now + timedelta(seconds=300))


async def claim(engine: AsyncEngine, number: int) -> bool | None:
    """Whether the claim was committed; None where the answer was lost with the server."""
    try:
        async with transaction(engine) as connection:
            await nonces.claim(connection, nonce(number))
    except RequestReplayed:
        return False
    except DatabaseUnavailable:
        return None
    return True


async def test_no_nonce_that_was_answered_can_be_used_after_kill_9(folder: Path) -> None:
    server = postgres.start(folder)
    migrate(server.admin_url)
    engine = create_engine(server.url_for("nopluu_auth"), application_name="test")
    outcomes: dict[int, bool | None] = {}
    enough = asyncio.Event()

    async def claim_many(worker: int) -> None:
        for number in range(worker, 2000, 8):
            outcomes[number] = await claim(engine, number)
            if len(outcomes) >= 200:
                enough.set()
            if outcomes[number] is None:
                return

    working = [asyncio.create_task(claim_many(worker)) for worker in range(8)]
    await enough.wait()
    server.kill()
    await asyncio.gather(*working)
    await engine.dispose()
    server = postgres.start(folder)
    engine = create_engine(server.url_for("nopluu_auth"), application_name="test")
    committed = [number for number, won in outcomes.items() if won]
    again = [await claim(engine, number) for number in committed]
    await engine.dispose()
    server.stop()
    assert len(committed) >= 190
    assert None in outcomes.values()  # the kill came in the middle
    assert set(again) == {False}


async def test_ten_thousand_copies_of_one_request_have_one_effect(engine: AsyncEngine) -> None:
    won = await _claims(engine, copies=10_000)
    assert won == 1


async def _claims(engine: AsyncEngine, copies: int) -> int:
    """How many of that many copies won; as many at once as the pool has connections."""
    gate = asyncio.Semaphore(8)

    async def one() -> bool:
        async with gate:
            return await claim(engine, 1) is True

    return sum(await asyncio.gather(*(one() for _ in range(copies))))


async def test_a_claim_that_rolled_back_leaves_the_nonce_free(engine: AsyncEngine) -> None:
    with pytest.raises(LookupError):  # noqa: PT012 - the transaction is what must see the exception
        async with transaction(engine) as connection:
            await nonces.claim(connection, nonce(1))
            raise LookupError
    assert await claim(engine, 1) is True


async def test_partitions_are_made_ahead_and_forgotten_behind(engine: AsyncEngine) -> None:
    today = datetime.now(UTC).date()
    assert await claim(engine, 1) is True
    async with transaction(engine) as connection:
        assert await nonces.keep_partitions(connection, today) == 0  # the migration made them
        assert await nonces.keep_partitions(connection, today + timedelta(days=1)) == 1
        assert await nonces.keep_partitions(connection, today + timedelta(days=1)) == 0
    assert await claim(engine, 1) is False  # yesterday's still count
    async with transaction(engine) as connection:
        await nonces.keep_partitions(connection, today + timedelta(days=2))
    assert await claim(engine, 1) is True  # the day before yesterday is forgotten; no signature lives so long
