"""The register of media in PostgreSQL. Rows are only added."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.ingest.adapters import tables as t
from services.ingest.domain.media import MediumKind, MediumStep, MediumStepKind
from services.ingest.usecases.keep_media import RecordedMediumStep, RegisteredMedium
from services.kernel.identifiers import AgencyId, ClientId
from services.kernel.secrecy import Level
from services.runtime import journal
from services.runtime.database import transaction

_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtextextended('ingest.medium ' || :medium, 0))")


class SqlMediaLedger:
    """See `usecases.keep_media.MediaLedger`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqlMediaBooks]:
        async with transaction(self._engine) as connection:
            yield SqlMediaBooks(connection)


class SqlMediaBooks:
    """See `usecases.keep_media.MediaBooks`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def medium_trail(self, medium: UUID, *, lock: bool = False) -> list[RecordedMediumStep]:
        if lock:
            await self._connection.execute(_LOCK, {"medium": str(medium)})
        columns = t.medium_step.c
        query = select(t.medium_step).where(columns.medium == medium).order_by(columns.number)
        return [_step(row) for row in await self._connection.execute(query)]

    async def media(self, agency: AgencyId | None, *, after: UUID | None, limit: int) -> list[list[RecordedMediumStep]]:
        columns = t.medium_step.c
        page = select(columns.medium).where(columns.number == 1).order_by(columns.medium).limit(limit)
        if agency is not None:
            page = page.where(columns.agency == agency)
        if after is not None:
            page = page.where(columns.medium > after)
        query = (
            select(t.medium_step)
            .where(columns.medium.in_(page.scalar_subquery()))
            .order_by(columns.medium, columns.number)
        )
        rows = [_step(row) for row in await self._connection.execute(query)]
        return [list(trail) for _, trail in groupby(rows, key=lambda entry: entry.medium.id)]

    async def add_medium_step(self, recorded: RecordedMediumStep) -> None:
        step, medium = recorded.step, recorded.medium
        await self._connection.execute(
            insert(t.medium_step).values(
                medium=medium.id,
                number=recorded.number,
                agency=medium.agency,
                kind=medium.kind.value,
                mark=medium.mark,
                step=step.kind.value,
                on_day=step.on,
                level=int(step.level),
                instrument=recorded.instrument,
                client=step.client,
                officer=step.officer,
                recorded_at=recorded.at,
            )
        )

    async def journal(self, event: bytes) -> UUID:
        return await journal.append(self._connection, event)


def _step(row: Row[Any]) -> RecordedMediumStep:
    return RecordedMediumStep(
        RegisteredMedium(row.medium, AgencyId(row.agency), MediumKind(row.kind), row.mark),
        row.number,
        MediumStep(MediumStepKind(row.step), row.on_day, ClientId(row.client), row.officer, Level(row.level)),
        row.instrument,
        row.recorded_at,
    )
