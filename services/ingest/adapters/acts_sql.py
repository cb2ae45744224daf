"""The act book's rows in PostgreSQL, and its pages in the object store.

Acts are numbered by a sequence, which does not follow the order of commits. It need not: a row is locked from its change to
the commit, so acts about one row have ids in the order in which they hold, and whoever sees one sees all before it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.ingest.adapters import tables as t
from services.ingest.usecases.ports import LogTicket
from services.ingest.usecases.seal_acts import FixedPage, Standing, Waiting
from services.kernel.sealing.act_book import Act, Book, PageRef, page_name
from services.runtime import journal
from services.runtime.database import transaction
from services.runtime.object_store.port import ObjectMissing, ObjectStore

# Whole transactions, by their first act; of one that is too large as much as fits.
_TAKE: Final = text("""
WITH sized AS (
    SELECT id, octet_length("row") AS size, min(id) OVER (PARTITION BY transaction) AS first FROM ingest.act
), summed AS (
    SELECT id, first, row_number() OVER ordered - 1 AS acts_before, sum(size) OVER ordered - size AS size_before
      FROM sized WINDOW ordered AS (ORDER BY first, id)
), wanted AS (
    SELECT id FROM (
        SELECT id, size_before, min(acts_before) OVER (PARTITION BY first) AS acts, min(size_before) OVER (PARTITION BY first) AS size
          FROM summed) s
     WHERE acts < :acts AND size < :size AND size_before < :most
)
DELETE FROM ingest.act USING wanted WHERE act.id = wanted.id
RETURNING act.id, act.relation, act.removed, act."row", act.at
""")
_WAITING: Final = text(
    "SELECT count(*), least(min(at), (SELECT oldest_at FROM ingest.act_book WHERE sealed IS NOT NULL)) FROM ingest.act"
)


class SqlActLedger:
    """See `usecases.seal_acts.ActLedger`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqlActBooks]:
        async with transaction(self._engine) as connection:
            yield SqlActBooks(connection)


class SqlActBooks:
    """See `usecases.seal_acts.ActBooks`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def unstored(self) -> FixedPage | None:
        columns = t.act_book.c
        query = select(columns.page, columns.sealed).where(columns.sealed.is_not(None))
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else FixedPage(row.page, bytes(row.sealed))

    async def waiting(self) -> Waiting:
        count, since = (await self._connection.execute(_WAITING)).one()
        return Waiting(count, since)

    async def lock(self, new: Book) -> Standing | None:
        begun = upsert(t.act_book).values(id=new.id, secret=new.secret, number=0).on_conflict_do_nothing()
        await self._connection.execute(begun)
        row = (await self._connection.execute(select(t.act_book).with_for_update())).one()
        if row.sealed is not None:
            return None
        before = None if row.page is None else PageRef(row.page, bytes(row.page_sha256))
        return Standing(Book(row.id, bytes(row.secret)), row.number, before)

    async def take(self, *, acts: int, size: int, most: int) -> tuple[Sequence[Act], datetime | None]:
        rows = (await self._connection.execute(_TAKE, {"acts": acts, "size": size, "most": most})).all()
        taken = sorted((Act(row.id, row.relation, row.removed, row.row) for row in rows), key=lambda act: act.id)
        return taken, min((row.at for row in rows), default=None)

    async def fix(self, page: PageRef, sealed: bytes, oldest_at: datetime | None) -> None:
        await self._connection.execute(
            update(t.act_book).values(
                number=page.number, page=page.number, page_sha256=page.sha256, sealed=sealed, oldest_at=oldest_at
            )
        )

    async def stored(self, number: int) -> None:
        await self._connection.execute(
            update(t.act_book).where(t.act_book.c.page == number).values(sealed=None, oldest_at=None)
        )

    async def journal(self, event: bytes, ticket: LogTicket) -> object:
        return await journal.append(self._connection, event, journal.Ticket(ticket.id, ticket.salt))


class StoredPages:
    """See `usecases.seal_acts.PageStore`."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def page(self, number: int) -> bytes | None:
        try:
            return await self._store.get(page_name(number))
        except ObjectMissing:
            return None

    async def put_page(self, number: int, sealed: bytes) -> None:
        await self._store.put(page_name(number), sealed)
