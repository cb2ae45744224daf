"""Requests for restricted documents and their steps, in PostgreSQL. Rows are only added."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, Row, Uuid, any_, bindparam, insert, literal, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.adapters import tables as t
from services.catalog.domain.exports import ExportRequest, ExportTerms, Person, Step
from services.kernel.identifiers import ClientId, DocumentId

_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtextextended('catalog.export ' || :request, 0))")


class SqlExports:
    """See `usecases.ports.Exports`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, request: ExportRequest) -> None:
        terms = request.terms
        await self._connection.execute(
            insert(t.export_request).values(
                id=request.id,
                documents=sorted(terms.documents),
                number=terms.number,
                decided_on=terms.decided_on,
                authority=terms.authority,
                recipient=terms.recipient,
                until=terms.until,
                client=request.asked_by.client,
                officer=request.asked_by.officer,
                asked_at=request.asked_at,
            )
        )

    async def add_step(self, request: UUID, number: int, step: Step, by: Person, at: datetime) -> None:
        await self._connection.execute(
            insert(t.export_step).values(
                request=request, number=number, step=step.value, client=by.client, officer=by.officer, at=at
            )
        )

    async def find(self, request: UUID, *, lock: bool = False) -> ExportRequest | None:
        if lock:  # the service has no right to change a row, so it cannot lock one either
            await self._connection.execute(_LOCK, {"request": str(request)})
        rows = (await self._connection.execute(select(t.export_request).where(t.export_request.c.id == request))).all()
        return next(iter(await self._with_steps(rows)), None)

    async def page(self, *, after: UUID | None, limit: int) -> list[ExportRequest]:
        columns = t.export_request.c
        query = select(t.export_request).order_by(columns.id).limit(limit)
        if after is not None:
            query = query.where(columns.id > after)
        return await self._with_steps((await self._connection.execute(query)).all())

    async def of_reader(self, reader: ClientId, document: DocumentId, today: date) -> list[ExportRequest]:
        columns = t.export_request.c
        query = select(t.export_request).where(
            columns.client == reader, literal(document, Uuid) == any_(columns.documents), columns.until >= today
        )
        return await self._with_steps((await self._connection.execute(query)).all())

    async def _with_steps(self, rows: Sequence[Row[Any]]) -> list[ExportRequest]:
        columns = t.export_step.c
        asked = any_(bindparam("requests", [row.id for row in rows], type_=ARRAY(Uuid)))
        query = select(t.export_step).where(columns.request == asked).order_by(columns.request, columns.number)
        steps: dict[UUID, list[tuple[Step, Person, datetime]]] = {}
        for row in await self._connection.execute(query):
            step = Step(row.step), Person(ClientId(row.client), row.officer), row.at
            steps.setdefault(row.request, []).append(step)
        return [_request(row, steps.get(row.id, [])) for row in rows]


def _request(row: Row[Any], steps: Sequence[tuple[Step, Person, datetime]]) -> ExportRequest:
    terms = ExportTerms(
        frozenset(DocumentId(document) for document in row.documents),
        row.number,
        row.decided_on,
        row.authority,
        row.recipient,
        row.until,
    )
    return ExportRequest(row.id, terms, Person(ClientId(row.client), row.officer), row.asked_at, tuple(steps))
