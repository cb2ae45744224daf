"""Classifications in PostgreSQL, in the same transaction as the rows of packages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncEngine

from services.ingest.adapters import tables as t
from services.ingest.adapters.incidents_sql import RENEW
from services.ingest.adapters.ledger_sql import SqlBooks
from services.ingest.adapters.raised_keys_sql import REKEY
from services.ingest.domain.states import HAS_RECEIPT
from services.ingest.usecases.classification_ports import Classified, Notice, RecordedStep
from services.kernel.classification import Authority, Kind, Proof, Relation, Step
from services.kernel.identifiers import AgencyId, ClientId, PackageId
from services.kernel.secrecy import Level
from services.runtime.database import transaction
from services.runtime.jobs import Tasks

# A superseding version references components of an earlier one: the origin's rows are what reading looks at.
_HOLD: Final = text(
    "UPDATE ingest.component SET held = true WHERE NOT held AND id IN"
    " (SELECT id FROM ingest.component WHERE package = :package AND document = :document) RETURNING package, id"
)
_UNREAD: Final = text(
    "SELECT id FROM ingest.package p WHERE p.state = ANY (:states) AND NOT EXISTS"
    " (SELECT FROM ingest.classification_told r WHERE r.package = p.id) ORDER BY id LIMIT :limit"
)


RAISED_INCIDENT: Final = "open_raised_incident"
"""The task that hands a raised record to the officers."""


class SqlClassificationLedger:
    """See `usecases.classification_ports.ClassificationLedger`; `tasks` defers jobs inside transactions."""

    def __init__(self, engine: AsyncEngine, tasks: Tasks) -> None:
        self._engine = engine
        self._tasks = tasks

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqlClassificationBooks]:
        async with transaction(self._engine) as connection:
            yield SqlClassificationBooks(connection, self._tasks)


class SqlClassificationBooks(SqlBooks):
    """See `usecases.classification_ports.ClassificationBooks`."""

    async def classified(self, package: PackageId) -> Mapping[int, Classified] | None:
        read = select(t.classification_told.c.package).where(t.classification_told.c.package == package)
        if (await self._connection.execute(read)).one_or_none() is None:
            return None
        rows = await self._connection.execute(select(t.classification).where(t.classification.c.package == package))
        return {
            row.document: Classified(Level(row.sealed_as), Level(row.level), row.due_on, row.ended_on) for row in rows
        }

    async def note_read(self, package: PackageId) -> None:
        values = upsert(t.classification_told).values(package=package, revision=0)
        await self._connection.execute(values.on_conflict_do_nothing())

    async def next_revision(self, package: PackageId) -> int:
        columns = t.classification_told.c
        grown = (
            update(t.classification_told)
            .where(columns.package == package)
            .values(revision=columns.revision + 1)
            .returning(columns.revision)
        )
        return int((await self._connection.execute(grown)).scalar_one())

    async def set_classified(
        self, package: PackageId, document: int, classified: Classified, raised_by: UUID | None = None
    ) -> None:
        values: dict[str, object] = {
            "level": int(classified.level),
            "due_on": classified.due_on,
            "ended_on": classified.ended_on,
        }
        if raised_by is not None:
            values["raised_by"] = raised_by
        statement = upsert(t.classification).values(
            package=package, document=document, sealed_as=int(classified.sealed_as), **values
        )
        await self._connection.execute(
            statement.on_conflict_do_update(index_elements=("package", "document"), set_=values)
        )

    async def steps(self, package: PackageId) -> list[RecordedStep]:
        table, notice = t.classification_step, t.classification_notice
        query = (
            select(table, notice.c.notified_on)
            .outerjoin(notice, notice.c.step == table.c.id)
            .where(table.c.package == package)
            .order_by(table.c.document, table.c.number)
        )
        return [_step(row) for row in await self._connection.execute(query)]

    async def add_step(self, recorded: RecordedStep) -> None:
        step, authority = recorded.step, recorded.authority
        await self._connection.execute(
            insert(t.classification_step).values(
                id=step.id,
                package=recorded.package,
                document=recorded.document,
                number=step.number,
                kind=step.kind.value,
                level_before=int(recorded.before),
                level_after=int(recorded.after),
                decided_on=step.decided_on,
                effective_on=step.effective_on,
                level=None if step.level is None else int(step.level),
                until=step.until,
                annuls=step.annuls,
                list_item=recorded.list_item,
                instrument=recorded.instrument,
                authority="" if authority is None else authority.name,
                authority_agency=None if authority is None else authority.agency,
                relation=None if authority is None else authority.relation.value,
                proof=recorded.proof.value,
                remarks=list(recorded.remarks),
                notify_by=recorded.notify_by,
                agency=recorded.agency,
                client=recorded.client,
                officer=recorded.officer,
                recorded_at=recorded.at,
            )
        )

    async def step(self, step: UUID) -> RecordedStep | None:
        table, notice = t.classification_step, t.classification_notice
        query = (
            select(table, notice.c.notified_on).outerjoin(notice, notice.c.step == table.c.id).where(table.c.id == step)
        )
        found = (await self._connection.execute(query)).one_or_none()
        return None if found is None else _step(found)

    async def add_notice(self, notice: Notice) -> bool:
        statement = upsert(t.classification_notice).values(
            step=notice.step,
            notified_on=notice.notified_on,
            instrument=notice.instrument,
            client=notice.client,
            officer=notice.officer,
            recorded_at=notice.at,
        )
        added = statement.on_conflict_do_nothing().returning(t.classification_notice.c.step)
        return (await self._connection.execute(added)).one_or_none() is not None

    async def hold_document(self, package: PackageId, document: int) -> int:
        rows = (await self._connection.execute(_HOLD, {"package": package, "document": document})).all()
        for held in sorted({row.package for row in rows}):  # or a rebuild would bring the hold's absence back
            await self._tasks.defer(self._connection, RENEW, package=str(held))
        return len(rows)

    async def wake_incident(self, package: PackageId, document: int, step: UUID) -> None:
        told = {"package": str(package), "document": str(document), "step": str(step)}
        await self._tasks.defer(self._connection, RAISED_INCIDENT, **told)

    async def wake_rekeying(self, package: PackageId) -> None:
        await self._tasks.defer(self._connection, REKEY, package=str(package))

    async def unread(self, limit: int) -> list[PackageId]:
        states = [state.value for state in HAS_RECEIPT]
        rows = await self._connection.execute(_UNREAD, {"states": states, "limit": limit})
        return [PackageId(found) for found in rows.scalars()]

    async def due(self, today: date, limit: int) -> list[PackageId]:
        due_on = t.classification.c.due_on
        query = (
            select(t.classification.c.package, func.min(due_on).label("first"))
            .where(due_on.is_not(None), due_on <= today)
            .group_by(t.classification.c.package)
            .order_by("first")
            .limit(limit)
        )
        return [PackageId(row.package) for row in await self._connection.execute(query)]


def _step(row: Row[Any]) -> RecordedStep:
    return RecordedStep(
        package=PackageId(row.package),
        document=row.document,
        step=step_of(row),
        before=Level(row.level_before),
        after=Level(row.level_after),
        list_item=row.list_item,
        instrument=row.instrument,
        authority=None if row.relation is None else _authority(row),
        proof=Proof(row.proof),
        remarks=_texts(row.remarks),
        notify_by=row.notify_by,
        agency=AgencyId(row.agency),
        client=None if row.client is None else ClientId(row.client),
        officer=row.officer,
        at=row.recorded_at,
        notified_on=row.notified_on,
    )


def step_of(row: Row[Any]) -> Step:
    """The step in a row of its table."""
    return Step(
        id=row.id,
        number=row.number,
        kind=Kind(row.kind),
        decided_on=row.decided_on,
        effective_on=row.effective_on,
        level=None if row.level is None else Level(row.level),
        until=row.until,
        annuls=row.annuls,
    )


def _authority(row: Row[Any]) -> Authority:
    agency: UUID | None = row.authority_agency
    return Authority(row.authority, Relation(row.relation), None if agency is None else AgencyId(agency))


def _texts(value: Sequence[str]) -> tuple[str, ...]:
    return tuple(value)
