"""Database sessions of readers and of the keeper: who acts decides what row-level security lets through.

A session is opened in a transaction of its own and its id, which cannot be guessed, is kept here and nowhere else.
Readers who may see the same share one. A transaction that serves a reader is READ ONLY from its first statement: no
statement in it can open another session or leave that state.

Source: security notes §7.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.catalog.domain.labels import Reader
from services.kernel.refusals.platform import DatabaseUnavailable
from services.kernel.secrecy import Level
from services.runtime.database import transaction

LIFETIME: Final = 120  # seconds in the database
KEPT: Final = 60.0  # seconds for which a session is used anew: no transaction lasts longer than the rest
MOST: Final = 10_000  # sessions kept at once

_OPEN: Final = text(
    "SELECT catalog.open_session(CAST(:ceiling AS smallint), CAST(:fonds AS uuid[]), :archive, :writer, :seconds)"
)
_READ_ONLY: Final = text("SET TRANSACTION READ ONLY")
_BIND: Final = text("SELECT set_config('nopluu.session', :session, true)")
_STANDS: Final = text("SELECT catalog.session_labels() IS NOT NULL")


class Sessions:
    """Opens sessions and transactions in them."""

    def __init__(self, engine: AsyncEngine, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._monotonic = monotonic
        self._opened: dict[Reader | None, tuple[UUID, float]] = {}
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def reading(self, reader: Reader) -> AsyncIterator[AsyncConnection]:
        """A read-only transaction that sees what the reader may see.

        Raises:
            DatabaseUnavailable
        """
        session = await self._session(reader)
        async with transaction(self._engine) as connection:
            await connection.execute(_READ_ONLY)
            await self._bind(connection, reader, session)
            yield connection

    @asynccontextmanager
    async def keeping(self) -> AsyncIterator[AsyncConnection]:
        """A transaction of the keeper, which sees and writes every row.

        Raises:
            DatabaseUnavailable
        """
        session = await self._session(None)
        async with transaction(self._engine) as connection:
            await self._bind(connection, None, session)
            yield connection

    async def _bind(self, connection: AsyncConnection, reader: Reader | None, session: UUID) -> None:
        """Act in the session. One that a failover lost would show an empty archive; it is opened anew instead.

        Raises:
            DatabaseUnavailable: the session does not stand; the next try has another.
        """
        await connection.execute(_BIND, {"session": str(session)})
        if not (await connection.execute(_STANDS)).scalar_one():
            self._opened.pop(reader, None)
            raise DatabaseUnavailable(retry_after=1)

    async def _session(self, reader: Reader | None) -> UUID:
        known = self._known(reader)
        if known is not None:
            return known
        async with self._lock:
            known = self._known(reader)
            if known is not None:
                return known
            session = await self._open(reader)
            if len(self._opened) >= MOST:
                self._opened.clear()
            self._opened[reader] = (session, self._monotonic() + KEPT)
            return session

    def _known(self, reader: Reader | None) -> UUID | None:
        found = self._opened.get(reader)
        return found[0] if found is not None and self._monotonic() < found[1] else None

    async def _open(self, reader: Reader | None) -> UUID:
        who = {
            "ceiling": int(max(Level) if reader is None else reader.ceiling),
            "fonds": [] if reader is None else sorted(reader.fonds),
            "archive": True if reader is None else reader.archive,
            "writer": reader is None,
            "seconds": LIFETIME,
        }
        async with transaction(self._engine) as connection:
            opened: UUID = (await connection.execute(_OPEN, who)).scalar_one()
        return opened
