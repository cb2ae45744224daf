"""The mark of a rebuild in the catalog's schema."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from services.catalog.adapters import tables as t
from services.catalog.usecases.ports import Ledger
from services.kernel.sealing.rebuilding import NotEmpty
from services.runtime.database import transaction


class SqlMark:
    """See `usecases.rebuild_catalog.Mark`."""

    def __init__(self, engine: AsyncEngine, ledger: Ledger) -> None:
        self._engine = engine
        self._ledger = ledger

    async def begin(self, at: datetime) -> None:
        async with transaction(self._engine) as connection:
            begun = (await connection.execute(select(t.rebuild.c.ended_at))).one_or_none()
        if begun is not None and begun.ended_at is None:
            return
        async with self._ledger.keeping() as desk:
            if await desk.packages(after=None, limit=1):
                raise NotEmpty
        async with transaction(self._engine) as connection:
            if begun is None:
                await connection.execute(insert(t.rebuild).values(begun_at=at))
            else:
                await connection.execute(t.rebuild.update().values(begun_at=at, ended_at=None))

    async def end(self, at: datetime) -> None:
        async with transaction(self._engine) as connection:
            await connection.execute(t.rebuild.update().values(ended_at=at))
