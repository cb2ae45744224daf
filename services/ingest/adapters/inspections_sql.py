"""Inspections in PostgreSQL, and the counts of the yearly report."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.ingest.adapters import tables as t
from services.ingest.domain.incidents import Decision, Kind, Source
from services.ingest.domain.inspections import InspectionStep, StepKind, Violation
from services.ingest.domain.secrets_report import Clock, IncidentCase, Overdue, Period
from services.ingest.usecases.inspection_ports import RecordedInspectionStep, SecretsFigures
from services.kernel.identifiers import AgencyId, ClientId
from services.kernel.secrecy import Level
from services.kernel.vietnam import VIETNAM
from services.runtime import journal
from services.runtime.database import transaction

_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtextextended('ingest.inspection ' || :inspection, 0))")
_NEWEST: Final = (
    "NOT EXISTS (SELECT FROM ingest.package later WHERE later.supersedes = p.id AND later.sealed_at IS NOT NULL)"
)
_HELD: Final = text(
    "SELECT p.agency, c.level, count(*) AS counted FROM ingest.classification c"  # noqa: S608 - a fixed text of this module
    f" JOIN ingest.package p ON p.id = c.package WHERE c.level > 0 AND {_NEWEST} GROUP BY p.agency, c.level"
)
_STEPS: Final = text(
    "SELECT agency, kind, level_before, level_after, count(*) AS counted FROM ingest.classification_step"
    " WHERE recorded_at >= :since AND recorded_at < :until GROUP BY agency, kind, level_before, level_after"
)
_REFUSED: Final = text(
    "SELECT p.agency, rule, count(DISTINCT p.id) AS counted FROM ingest.package p,"
    " jsonb_array_elements(p.verdicts) verdict, jsonb_array_elements_text(verdict -> 'rules') rule"
    " WHERE p.state = 'refused' AND p.declared_at >= :since AND p.declared_at < :until GROUP BY p.agency, rule"
)
_REFUSED_PACKAGES: Final = text(
    "SELECT agency, count(*) AS counted FROM ingest.package"
    " WHERE state = 'refused' AND declared_at >= :since AND declared_at < :until GROUP BY agency"
)
_INCIDENTS: Final = text(
    "SELECT i.agency, i.source, i.kind, CASE WHEN decided THEN i.decision END AS decision,"
    " coalesce(i.closed_at < :today_ends, false) AS closed, count(*) AS counted"
    " FROM ingest.incident i CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM ingest.incident_step s"
    " WHERE s.incident = i.id AND s.kind = 'confirmed' AND s.at < :today_ends)) AS confirmed (decided)"
    " WHERE i.opened_at >= :since AND i.opened_at < :until"
    " GROUP BY i.agency, i.source, i.kind, 4, 5"
)
_CLOCKS: Final = text(
    "SELECT i.agency, c.incident, c.kind, c.due_on FROM ingest.incident_clock c JOIN ingest.incident i ON i.id = c.incident"
    " WHERE c.due_on < :today AND (c.met_at IS NULL OR c.met_at >= :today_ends)"
    " ORDER BY c.due_on, c.incident, c.kind"
)
_LEGAL_CLOCKS: Final = {"report-police": Clock.INCIDENT_REPORT, "act-on-raised-level": Clock.INCIDENT_RAISED}
_NOTICES: Final = text(
    "SELECT s.id, s.agency, s.number, s.notify_by FROM ingest.classification_step s"
    " WHERE s.notify_by < :today AND NOT EXISTS"
    " (SELECT FROM ingest.classification_notice n WHERE n.step = s.id AND n.notified_on <= :today)"
    " ORDER BY s.notify_by, s.id"
)
# Nobody may read it, its term is over, and only a decision takes the label away (rule 14).
_DECISIONS: Final = text(
    "SELECT c.package, c.document, p.agency, c.ended_on FROM ingest.classification c"  # noqa: S608 - as above
    f" JOIN ingest.package p ON p.id = c.package WHERE c.ended_on < :today AND c.level > 0 AND {_NEWEST}"
    " ORDER BY c.ended_on, c.package, c.document"
)


class SqlInspectionLedger:
    """See `usecases.inspection_ports.InspectionLedger`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqlInspectionBooks]:
        async with transaction(self._engine) as connection:
            yield SqlInspectionBooks(connection)


class SqlInspectionBooks:
    """See `usecases.inspection_ports.InspectionBooks`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def trail(self, inspection: UUID, *, lock: bool = False) -> list[RecordedInspectionStep]:
        if lock:
            await self._connection.execute(_LOCK, {"inspection": str(inspection)})
        columns = t.inspection_step.c
        query = select(t.inspection_step).where(columns.inspection == inspection).order_by(columns.number)
        return [_step(row) for row in await self._connection.execute(query)]

    async def trails(
        self, agency: AgencyId | None, *, after: UUID | None, limit: int
    ) -> list[list[RecordedInspectionStep]]:
        columns = t.inspection_step.c
        page = select(columns.inspection).where(columns.number == 1).order_by(columns.inspection).limit(limit)
        if agency is not None:
            page = page.where(columns.agency == agency)
        if after is not None:
            page = page.where(columns.inspection > after)
        query = (
            select(t.inspection_step)
            .where(columns.inspection.in_(page.scalar_subquery()))
            .order_by(columns.inspection, columns.number)
        )
        rows = [_step(row) for row in await self._connection.execute(query)]
        return [list(trail) for _, trail in groupby(rows, key=lambda entry: entry.inspection)]

    async def add_inspection_step(self, recorded: RecordedInspectionStep) -> None:
        step = recorded.step
        await self._connection.execute(
            insert(t.inspection_step).values(
                inspection=recorded.inspection,
                number=recorded.number,
                agency=recorded.agency,
                kind=step.kind.value,
                on_day=step.on,
                finding=step.finding,
                violation=None if step.violation is None else step.violation.value,
                due_on=step.due_on,
                facts=dict(recorded.facts),
                client=recorded.client,
                officer=recorded.officer,
                recorded_at=recorded.at,
            )
        )

    async def journal(self, event: bytes) -> UUID:
        return await journal.append(self._connection, event)


class SqlSecretsCounter:
    """See `usecases.inspection_ports.SecretsCounter`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def figures(self, period: Period, today: date) -> SecretsFigures:
        async with transaction(self._engine) as connection:
            held = await connection.execute(_HELD)
            span = _span(period)
            steps = await connection.execute(_STEPS, span)
            refused = await connection.execute(_REFUSED, span)
            packages = await connection.execute(_REFUSED_PACKAGES, span)
            incidents = await connection.execute(_INCIDENTS, {**span, "today_ends": _end_of(today)})
            return SecretsFigures(
                held={(AgencyId(row.agency), Level(row.level)): row.counted for row in held},
                steps={
                    (AgencyId(row.agency), row.kind, Level(row.level_before), Level(row.level_after)): row.counted
                    for row in steps
                },
                refused={(AgencyId(row.agency), row.rule): row.counted for row in refused},
                refused_packages={AgencyId(row.agency): row.counted for row in packages},
                incidents={(AgencyId(row.agency), _case(row)): row.counted for row in incidents},
                overdue=await _overdue(connection, today),
            )

    async def overdue(self, today: date) -> Sequence[Overdue]:
        async with transaction(self._engine) as connection:
            return await _overdue(connection, today)


async def _overdue(connection: AsyncConnection, today: date) -> list[Overdue]:
    notices = await connection.execute(_NOTICES, {"today": today})
    found = [Overdue(Clock.NOTICE, AgencyId(row.agency), str(row.id), row.number, row.notify_by) for row in notices]
    decisions = await connection.execute(_DECISIONS, {"today": today})
    found += [
        Overdue(Clock.DECISION, AgencyId(row.agency), str(row.package), row.document, row.ended_on) for row in decisions
    ]
    clocks = await connection.execute(_CLOCKS, {"today": today, "today_ends": _end_of(today)})
    found += [
        Overdue(
            _LEGAL_CLOCKS.get(row.kind, Clock.INCIDENT_REMEDY),
            AgencyId(row.agency),
            str(row.incident),
            None,
            row.due_on,
        )
        for row in clocks
    ]
    return found


def _span(period: Period) -> Mapping[str, object]:
    """The period's days are those of Vietnam."""
    return {
        "since": datetime.combine(period.first, time(), VIETNAM),
        "until": _end_of(period.last),
    }


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), VIETNAM)


def _case(row: Row[Any]) -> IncidentCase:
    decision = None if row.decision is None else Decision(row.decision)
    return IncidentCase(Source(row.source), Kind(row.kind), decision, row.closed)


def _step(row: Row[Any]) -> RecordedInspectionStep:
    return RecordedInspectionStep(
        inspection=row.inspection,
        number=row.number,
        agency=AgencyId(row.agency),
        step=InspectionStep(
            kind=StepKind(row.kind),
            on=row.on_day,
            finding=row.finding,
            violation=None if row.violation is None else Violation(row.violation),
            due_on=row.due_on,
        ),
        facts=row.facts,
        client=ClientId(row.client),
        officer=row.officer,
        at=row.recorded_at,
    )
