"""Sessions as the service keeps them: shared, renewed, never wider than their reader."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.catalog.adapters.sessions import KEPT, LIFETIME, Sessions
from services.catalog.domain.labels import Reader
from services.kernel.refusals.platform import DatabaseUnavailable
from services.kernel.secrecy import Level
from tests.integration.catalog.conftest import OWNER, Catalog
from tests.support.postgres import Database
from tests.support.shelving import OTHER_FONDS, document, manifest

OTHER = Reader(Level.NONE, archive=False, fonds=frozenset({OTHER_FONDS}))


def opened(database: Database) -> int:
    with psycopg.connect(database.admin_url) as owner:
        row = owner.execute("SELECT count(*) FROM catalog.session").fetchone()
    assert row is not None
    count: int = row[0]
    return count


async def test_readers_who_see_the_same_share_a_session_and_others_do_not(catalog: Catalog, database: Database) -> None:
    for _ in range(5):
        await catalog.search("a")
        await catalog.search("a", OTHER)
    assert opened(database) == 2


async def test_many_at_once_open_one_and_never_see_each_others_rows(catalog: Catalog, database: Database) -> None:
    await catalog.shelve(manifest([document(1, "của ta")]))
    await catalog.shelve(manifest([document(1, "của người")], fonds="P099"), fonds=OTHER_FONDS)
    before = opened(database)
    found = await asyncio.gather(*(catalog.subjects("cua", OWNER if at % 2 else OTHER) for at in range(40)))
    assert found == [["của ta"] if at % 2 else ["của người"] for at in range(40)]
    assert opened(database) == before + 2


async def test_a_session_is_renewed_long_before_it_ends(catalog: Catalog, database: Database) -> None:
    now = 0.0
    sessions = Sessions(catalog.engine, monotonic=lambda: now)
    for moment, expected in ((0.0, 1), (KEPT - 1, 1), (KEPT + 1, 2)):
        now = moment
        async with sessions.reading(OWNER):
            pass
        assert opened(database) == expected
    assert KEPT + 60 <= LIFETIME  # no statement and no idle transaction of the role lasts longer than a minute


async def test_a_session_that_is_lost_is_an_outage_and_not_an_empty_archive(
    catalog: Catalog, database: Database
) -> None:
    await catalog.shelve(manifest([document(1, "một")]))
    assert await catalog.subjects("mot") == ["một"]
    with psycopg.connect(database.admin_url) as owner:
        owner.execute("DELETE FROM catalog.session")
    with pytest.raises(DatabaseUnavailable):
        await catalog.search("mot")
    assert await catalog.subjects("mot") == ["một"]


async def test_sessions_that_are_over_are_swept_away(catalog: Catalog, database: Database) -> None:
    await catalog.search("a")
    with psycopg.connect(database.admin_url) as owner:
        owner.execute("UPDATE catalog.session SET expires_at = now() - interval '1 second'")
    await catalog.search("a", OTHER)
    assert opened(database) == 1


async def test_a_cancelled_reader_leaves_no_session_on_the_connection(catalog: Catalog) -> None:
    await catalog.shelve(manifest([document(1, "một")]))

    async def read() -> None:
        async with catalog.ledger.reading(OWNER) as shelves:
            await shelves._connection.execute(text("SELECT pg_sleep(5)"))

    for delay in (0.0, 0.001, 0.005, 0.02, 0.05):
        reading = asyncio.create_task(read())
        await asyncio.sleep(delay)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        async with catalog.engine.connect() as connection:
            shown = await connection.execute(text("SELECT current_setting('nopluu.session', true)"))
            assert shown.scalar_one() in (None, "")
            assert (await connection.execute(text("SELECT count(*) FROM catalog.document"))).scalar_one() == 0


async def test_a_readers_transaction_writes_nothing(catalog: Catalog) -> None:
    async with catalog.ledger.reading(OWNER) as shelves:
        with pytest.raises(DBAPIError):
            await shelves._connection.execute(text("INSERT INTO catalog.fonds VALUES (gen_random_uuid(), 'x')"))
