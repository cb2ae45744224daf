"""Incidents, their steps, clocks and holds in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, LargeBinary, Row, and_, any_, bindparam, exists, func, insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.ingest.adapters import tables as t
from services.ingest.adapters.ledger_sql import HOLDS_LOCK, SqlBooks
from services.ingest.domain.incidents import HOLDABLE, WHOLE_PACKAGE, Decision, Kind, Source, State
from services.ingest.usecases.incident_ports import (
    Actor,
    Covered,
    Hold,
    Incident,
    RunningClock,
    Step,
    Violation,
)
from services.kernel.classification.message import DOSSIER
from services.kernel.hold_messages import HeldItem
from services.kernel.identifiers import AgencyId, ClientId, ComponentId, FondsId, PackageId
from services.kernel.secrecy import Level
from services.runtime.database import transaction
from services.runtime.jobs import Tasks

RENEW: Final = "renew_record"
EXPEL: Final = "expel_held"
_ALONE: Final = text(f"SELECT pg_advisory_xact_lock({HOLDS_LOCK})")
_WITH_HOLDABLE: Final = [state.value for state in HOLDABLE]

# Rows under an active hold, for the packages of one hold; `held` is what it should be, so that a repeat changes nothing.
_COMPONENTS: Final = text(
    "UPDATE ingest.component c SET held = s.held FROM ("
    " SELECT c.package, c.position, EXISTS (SELECT FROM ingest.hold_item i JOIN ingest.hold h ON h.id = i.hold"
    "   WHERE h.lifted_at IS NULL AND i.package = c.package AND i.document IN (c.document, -1)) AS held"
    " FROM ingest.component c WHERE c.package IN (SELECT package FROM ingest.hold_item WHERE hold = :hold)) s"
    " WHERE c.package = s.package AND c.position = s.position AND c.held <> s.held"
)
_PACKAGES: Final = text(
    "UPDATE ingest.package p SET held = EXISTS (SELECT FROM ingest.hold_item i JOIN ingest.hold h ON h.id = i.hold"
    "  WHERE h.lifted_at IS NULL AND i.package = p.id AND i.document = -1)"
    " WHERE p.id IN (SELECT package FROM ingest.hold_item WHERE hold = :hold)"
)
_KEYED: Final = text(
    "SELECT DISTINCT c.id FROM ingest.component c JOIN ingest.hold_item i"
    " ON i.package = c.package AND i.document IN (c.document, -1) JOIN ingest.hold h ON h.id = i.hold"
    " WHERE h.incident = :incident AND c.package = :package AND c.wrapped_key IS NOT NULL"
)
_KEYS_LEFT: Final = text(
    "SELECT count(DISTINCT c.id) FROM ingest.component c JOIN ingest.hold_item i"
    " ON i.package = c.package AND i.document IN (c.document, -1) WHERE i.hold = :hold AND c.wrapped_key IS NOT NULL"
)


class SqlIncidentLedger:
    """See `usecases.incident_ports.IncidentLedger`; `tasks` defers jobs inside transactions."""

    def __init__(self, engine: AsyncEngine, tasks: Tasks) -> None:
        self._engine = engine
        self._tasks = tasks

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqlIncidentBooks]:
        async with transaction(self._engine) as connection:
            yield SqlIncidentBooks(connection, self._tasks)


class SqlIncidentBooks(SqlBooks):
    """See `usecases.incident_ports.IncidentBooks`."""

    def __init__(self, connection: AsyncConnection, tasks: Tasks) -> None:
        super().__init__(connection, tasks)
        self._on = connection
        self._jobs = tasks

    async def alone_with_holds(self) -> None:
        await self._on.execute(_ALONE)

    async def document_of(self, package: PackageId, component: ComponentId) -> int | None:
        columns = t.component.c
        query = select(columns.document).where(columns.package == package, columns.id == component)
        found: int | None = (await self._on.execute(query)).scalar_one_or_none()
        return found

    async def has_document(self, package: PackageId, document: int) -> bool:
        columns = t.component.c
        query = select(columns.id).where(columns.package == package, columns.document == document).limit(1)
        return (await self._on.execute(query)).one_or_none() is not None

    async def coverage(self, package: PackageId, document: int | None, component: ComponentId | None) -> Covered:
        chain = (await self._on.execute(select(t.package.c.chain).where(t.package.c.id == package))).scalar_one()
        columns = t.component.c
        if document is None:
            packages = select(t.package.c.id).where(t.package.c.chain == chain, t.package.c.state.in_(_WITH_HOLDABLE))
            ids = list((await self._on.execute(packages)).scalars())
            contents = select(columns.sha256).where(columns.package.in_(ids), columns.size > 0).distinct()
            found = {bytes(digest) for digest in (await self._on.execute(contents)).scalars()}
            return Covered(
                tuple(HeldItem(PackageId(chain), PackageId(id_), None) for id_ in ids),
                tuple(sorted(found - await self._common(found, chain))),
            )
        own = select(columns.sha256).where(columns.package == package, columns.document == document, columns.size > 0)
        named = own.where(columns.id == component) if component is not None else own
        digests = {bytes(digest) for digest in (await self._on.execute(named)).scalars()}
        same = (
            select(t.package.c.chain, columns.package, columns.document)
            .join(t.package, t.package.c.id == columns.package)
            .where(
                columns.sha256 == any_(bindparam("digests", sorted(digests), type_=ARRAY(LargeBinary))),
                t.package.c.state.in_(_WITH_HOLDABLE),
            )
            .distinct()
        )
        if component is None:  # a cover or a blank page may stand in many dossiers: only a named file is sought in all
            same = same.where(t.package.c.chain == chain)
        rows = (await self._on.execute(same)).all() if digests else []
        items = {HeldItem(PackageId(row.chain), PackageId(row.package), row.document) for row in rows}
        items.add(HeldItem(PackageId(chain), package, document))
        if component is None:
            digests -= await self._common(digests, chain)
        return Covered(tuple(sorted(items, key=lambda item: (item.package, item.document))), tuple(sorted(digests)))

    async def _common(self, digests: set[bytes], chain: UUID) -> set[bytes]:
        """Those that other dossiers have, too: a cover or a blank page, which says nothing of this one."""
        columns = t.component.c
        asked = bindparam("digests", sorted(digests), type_=ARRAY(LargeBinary))
        query = (
            select(columns.sha256)
            .join(t.package, t.package.c.id == columns.package)
            .where(columns.sha256 == any_(asked), t.package.c.chain != chain)
            .distinct()
        )
        return {bytes(digest) for digest in (await self._on.execute(query)).scalars()}

    async def incident_of_rule(
        self, package: PackageId, document: int | None, cause: bytes, again_for: Sequence[str] | None
    ) -> UUID | None:
        columns = t.incident.c
        alike = columns.bundle_sha256 == cause
        if again_for is not None:
            alike = or_(
                alike,
                and_(
                    columns.source == Source.RULE.value,
                    columns.kind == Kind.RULES_CHANGED.value,
                    columns.rules == list(again_for),
                ),
            )
        query = (
            select(columns.id)
            .where(columns.package == package, columns.document.is_not_distinct_from(document), alike)
            .order_by(columns.id)
        )
        found: UUID | None = (await self._on.execute(query.limit(1))).scalar_one_or_none()
        return found

    async def label(self, package: PackageId, document: int | None) -> Level:
        record, columns = DOSSIER if document is None else document, t.classification.c
        query = select(columns.level).where(columns.package == package, columns.document == record)
        found: int | None = (await self._on.execute(query)).scalar_one_or_none()
        if found is not None:
            return Level(found)
        return dict((await self.description(package)).levels).get(record, Level.NONE)

    async def classified_since(self, package: PackageId, document: int | None, since: datetime) -> bool:
        columns = t.classification_step.c
        query = select(columns.id).where(
            columns.package == package,
            columns.document == (DOSSIER if document is None else document),
            columns.recorded_at >= since,
        )
        return (await self._on.execute(query.limit(1))).one_or_none() is not None

    async def add_incident(self, incident: Incident) -> None:
        await self._on.execute(
            insert(t.incident).values(
                id=incident.id,
                source=incident.source.value,
                kind=incident.kind.value,
                rules=list(incident.rules),
                bundle_sha256=incident.bundle_sha256,
                package=incident.package,
                document=incident.document,
                component=incident.component,
                agency=incident.agency,
                fonds=incident.fonds,
                state=incident.state.value,
                opened_at=incident.opened_at,
            )
        )

    async def incident(self, incident: UUID, *, lock: bool = False) -> Incident | None:
        query = select(t.incident).where(t.incident.c.id == incident)
        row = (await self._on.execute(query.with_for_update() if lock else query)).one_or_none()
        return None if row is None else _incident(row)

    async def incidents(
        self, *, after: UUID | None, limit: int, state: State | None, overdue_on: date | None
    ) -> list[Incident]:
        columns = t.incident.c
        query = select(t.incident).order_by(columns.id).limit(limit)
        if after is not None:
            query = query.where(columns.id > after)
        if state is not None:
            query = query.where(columns.state == state.value)
        if overdue_on is not None:
            late = t.incident_clock.c
            query = query.where(
                exists().where(late.incident == columns.id, late.met_at.is_(None), late.due_on < overdue_on)
            )
        return [_incident(row) for row in await self._on.execute(query)]

    async def incidents_of(self, agencies: Sequence[AgencyId], *, after: UUID | None, limit: int) -> list[Incident]:
        columns = t.incident.c
        query = (
            select(t.incident)
            .where(
                columns.agency.in_(agencies),
                or_(columns.state != State.CLOSED.value, columns.decision == Decision.EXPEL.value),
            )
            .order_by(columns.id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(columns.id > after)
        return [_incident(row) for row in await self._on.execute(query)]

    async def change_incident(
        self,
        incident: UUID,
        *,
        state: State,
        decision: Decision | None = None,
        level: Level | None = None,
        due_on: date | None = None,
        closed_at: datetime | None = None,
    ) -> None:
        changed: dict[str, object] = {"state": state.value}
        if decision is not None:  # a new proposal replaces all of the one before
            changed |= {"decision": decision.value, "level": None if level is None else int(level), "due_on": due_on}
        if closed_at is not None:
            changed["closed_at"] = closed_at
        await self._on.execute(update(t.incident).where(t.incident.c.id == incident).values(changed))

    async def add_step(self, step: Step) -> None:
        await self._on.execute(
            insert(t.incident_step).values(
                incident=step.incident,
                number=step.number,
                kind=step.kind,
                at=step.at,
                client=None if step.by is None else step.by.client,
                officer=None if step.by is None else step.by.officer,
                facts=dict(step.facts),
            )
        )

    async def steps(self, incident: UUID) -> list[Step]:
        columns = t.incident_step.c
        query = select(t.incident_step).where(columns.incident == incident).order_by(columns.number)
        return [
            Step(
                row.incident,
                row.number,
                row.kind,
                row.at,
                None if row.client is None else Actor(ClientId(row.client), row.officer),
                row.facts,
            )
            for row in await self._on.execute(query)
        ]

    async def add_clock(self, clock: RunningClock) -> None:
        await self._on.execute(
            insert(t.incident_clock).values(
                incident=clock.incident, kind=clock.kind, due_on=clock.due_on, met_at=clock.met_at
            )
        )

    async def meet_clock(self, incident: UUID, kind: str, at: datetime) -> bool:
        columns = t.incident_clock.c
        met = (
            update(t.incident_clock)
            .where(columns.incident == incident, columns.kind == kind, columns.met_at.is_(None))
            .values(met_at=at)
        )
        return (await self._on.execute(met)).rowcount == 1

    async def clocks(self, incident: UUID) -> list[RunningClock]:
        columns = t.incident_clock.c
        query = select(t.incident_clock).where(columns.incident == incident).order_by(columns.due_on, columns.kind)
        return [RunningClock(row.incident, row.kind, row.due_on, row.met_at) for row in await self._on.execute(query)]

    async def place_hold(self, hold: Hold, covered: Covered) -> None:
        await self._on.execute(insert(t.hold).values(id=hold.id, incident=hold.incident, placed_at=hold.placed_at))
        rows = [
            {
                "hold": hold.id,
                "chain": item.chain,
                "package": item.package,
                "document": WHOLE_PACKAGE if item.document is None else item.document,
            }
            for item in covered.items
        ]
        await self._on.execute(insert(t.hold_item), rows)
        if covered.contents:
            await self._on.execute(
                insert(t.hold_content), [{"hold": hold.id, "sha256": digest} for digest in covered.contents]
            )
        await self._settle(hold.id)

    async def lift_hold(self, hold: UUID, at: datetime) -> None:
        await self._on.execute(update(t.hold).where(t.hold.c.id == hold).values(lifted_at=at))
        await self._settle(hold)

    async def _settle(self, hold: UUID) -> None:
        for statement in (_COMPONENTS, _PACKAGES):
            await self._on.execute(statement, {"hold": hold})

    async def wake_passed_over(self, package: PackageId) -> None:
        passed = select(t.content_passed_over.c.component).where(t.content_passed_over.c.package == package)
        if (await self._on.execute(passed.limit(1))).first() is not None:
            await self.wake_inspection(package)

    async def holds(self, incident: UUID) -> list[Hold]:
        query = select(t.hold).where(t.hold.c.incident == incident).order_by(t.hold.c.id)
        return [
            Hold(row.id, row.incident, row.placed_at, row.hidden_at, row.lifted_at)
            for row in await self._on.execute(query)
        ]

    async def items(self, hold: UUID) -> list[HeldItem]:
        columns = t.hold_item.c
        query = select(t.hold_item).where(columns.hold == hold).order_by(columns.package, columns.document)
        return [
            HeldItem(
                PackageId(row.chain), PackageId(row.package), None if row.document == WHOLE_PACKAGE else row.document
            )
            for row in await self._on.execute(query)
        ]

    async def hold_hidden(self, hold: UUID, at: datetime) -> UUID | None:
        columns = t.hold.c
        confirmed = (
            update(t.hold)
            .where(columns.id == hold, columns.hidden_at.is_(None))
            .values(hidden_at=at)
            .returning(columns.incident)
        )
        incident: UUID | None = (await self._on.execute(confirmed)).scalar_one_or_none()
        if incident is not None:
            await self._on.execute(update(t.incident).where(t.incident.c.id == incident).values(hidden_at=at))
        return incident

    async def keys_left(self, hold: UUID) -> int:
        return int((await self._on.execute(_KEYS_LEFT, {"hold": hold})).scalar_one())

    async def keyed_components(self, incident: UUID, package: PackageId) -> frozenset[ComponentId]:
        found = await self._on.execute(_KEYED, {"incident": incident, "package": package})
        return frozenset(ComponentId(component) for component in found.scalars())

    async def wake_expulsion(self, incident: UUID) -> None:
        await self._jobs.defer(self._on, EXPEL, incident=str(incident))

    async def wake_record(self, package: PackageId) -> None:
        await self._jobs.defer(self._on, RENEW, package=str(package))

    async def violations(self, since: datetime, until: datetime) -> list[Violation]:
        columns, packages = t.incident.c, t.package.c
        found = (
            select(columns.agency, columns.kind, func.count().label("count"))
            .where(columns.opened_at >= since, columns.opened_at < until)
            .group_by(columns.agency, columns.kind)
        )
        refused = (
            select(packages.agency, func.count().label("count"))
            .where(packages.state == "refused", packages.declared_at >= since, packages.declared_at < until)
            .group_by(packages.agency)
        )
        steps = t.inspection_step.c
        inspected = (
            select(steps.agency, steps.violation, func.count().label("count"))
            .where(steps.kind == "found", steps.on_day.between(since.date(), until.date()))
            .group_by(steps.agency, steps.violation)
        )
        counts = [
            Violation(AgencyId(row.agency), "incident", row.kind, row[2]) for row in await self._on.execute(found)
        ]
        counts += [
            Violation(AgencyId(row.agency), "inspection", row.violation, row[2])
            for row in await self._on.execute(inspected)
        ]
        counts += [
            Violation(AgencyId(row.agency), "refused", "refused-by-rules", row[1])
            for row in await self._on.execute(refused)
        ]
        return sorted(counts, key=lambda entry: (entry.agency, entry.found, entry.kind))

    async def open_counts(self, today: date) -> tuple[int, int]:
        still = select(func.count()).where(t.incident.c.state != State.CLOSED.value)
        late = select(func.count()).where(t.incident_clock.c.met_at.is_(None), t.incident_clock.c.due_on < today)
        return (
            int((await self._on.execute(still)).scalar_one()),
            int((await self._on.execute(late)).scalar_one()),
        )


def _incident(row: Row[Any]) -> Incident:
    return Incident(
        id=row.id,
        source=Source(row.source),
        kind=Kind(row.kind),
        rules=tuple(row.rules),
        bundle_sha256=None if row.bundle_sha256 is None else bytes(row.bundle_sha256),
        package=PackageId(row.package),
        document=row.document,
        component=None if row.component is None else ComponentId(row.component),
        agency=AgencyId(row.agency),
        fonds=FondsId(row.fonds),
        state=State(row.state),
        decision=None if row.decision is None else Decision(row.decision),
        level=None if row.level is None else Level(row.level),
        due_on=row.due_on,
        opened_at=row.opened_at,
        hidden_at=row.hidden_at,
        closed_at=row.closed_at,
    )
