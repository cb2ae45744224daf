"""Inspections of content in PostgreSQL: how far each package was looked at, counts, and what was found."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from sqlalchemy import TextClause, delete, exists, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from services.ingest.adapters import tables as t
from services.ingest.adapters.content_queue import INSPECT
from services.ingest.adapters.ledger_sql import SqlBooks
from services.ingest.domain.incidents import LIFTS_AT_ONCE
from services.ingest.domain.incidents import State as IncidentState
from services.ingest.usecases.content_ports import ContentFinding, PackageInspection, ToInspect
from services.kernel.identifiers import ComponentId, PackageId
from services.kernel.marks import Inspected, Outcome
from services.runtime.database import transaction
from services.runtime.jobs import Tasks

_KEPT: Final = frozenset({Outcome.MARKED, Outcome.UNREADABLE, Outcome.TOO_LARGE})
"""Outcomes whose files an officer may want to see; of the others the count is enough."""

# What an earlier version first carried was looked at there, unless it was a secret there.
_WAITING: Final = text(
    "SELECT c.id, c.position, c.document, c.size, c.sha256 FROM ingest.component c"
    " WHERE c.package = :package AND c.position >= :position AND c.level = 0 AND c.wrapped_key IS NOT NULL"
    " AND (c.origin = c.package OR EXISTS (SELECT 1 FROM ingest.component o"
    " WHERE o.package = c.origin AND o.id = c.id AND o.level > 0))"
    " ORDER BY c.position LIMIT :limit"
)
_COUNT: Final = text(
    "UPDATE ingest.content_inspection SET next_position = greatest(next_position, :next),"
    " counts = counts || jsonb_build_object(CAST(:outcome AS text),"
    " coalesce((counts ->> CAST(:outcome AS text))::int, 0) + 1)"
    " WHERE package = :package AND matcher = :matcher AND (next_position < :next OR :let_go)"
)
_LET_GO: Final = text(
    "SELECT id, position, document, size, sha256 FROM ingest.content_let_go"
    " WHERE package = :package AND position >= :position ORDER BY position LIMIT :limit"
)
_BEGUN: Final = text(
    "SELECT next_position FROM ingest.content_inspection i WHERE package = :package AND matcher = :matcher"
    " AND (finished_at IS NULL OR EXISTS (SELECT 1 FROM ingest.content_let_go l WHERE l.package = i.package))"
)
_UNINSPECTED: Final = text(
    "SELECT p.id, EXISTS (SELECT 1 FROM procrastinate_jobs j WHERE j.task_name = :task"
    " AND j.status IN ('todo', 'doing') AND j.args ->> 'package' = p.id::text) AS queued"
    " FROM ingest.package p LEFT JOIN ingest.content_inspection i ON i.package = p.id"
    " WHERE p.seal_event IS NOT NULL AND (i.package IS NULL OR i.matcher < :matcher OR i.finished_at IS NULL"
    " OR p.id IN (SELECT package FROM ingest.content_let_go))"
    " ORDER BY p.id LIMIT :limit"
)


class SqlContentLedger:
    """See `usecases.content_ports.ContentLedger`; `tasks` defers jobs inside transactions."""

    def __init__(self, engine: AsyncEngine, tasks: Tasks) -> None:
        self._engine = engine
        self._tasks = tasks

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqlContentBooks]:
        async with transaction(self._engine) as connection:
            yield SqlContentBooks(connection, self._tasks)


class SqlContentBooks(SqlBooks):
    """See `usecases.content_ports.ContentBooks`."""

    async def begin_inspection(self, package: PackageId, matcher: int) -> int | None:
        found = await self.package(package, lock=True)
        if found is None or found.seal_event is None:
            return None
        columns, fresh = t.content_inspection.c, insert(t.content_inspection).values(package=package, matcher=matcher)
        anew = {"matcher": matcher, "next_position": 0, "counts": {}, "finished_at": None}
        await self._connection.execute(
            fresh.on_conflict_do_update(
                index_elements=[columns.package], set_=anew, where=columns.matcher < fresh.excluded.matcher
            )
        )
        begun = await self._connection.execute(_BEGUN, {"package": package, "matcher": matcher})
        return begun.scalar_one_or_none()

    async def to_inspect(self, package: PackageId, position: int, limit: int) -> Sequence[ToInspect]:
        return await self._to_inspect(_WAITING, package, position, limit)

    async def let_go(self, package: PackageId, position: int, limit: int) -> Sequence[ToInspect]:
        return await self._to_inspect(_LET_GO, package, position, limit)

    async def _to_inspect(
        self, query: TextClause, package: PackageId, position: int, limit: int
    ) -> Sequence[ToInspect]:
        asked = {"package": package, "position": position, "limit": limit}
        return [
            ToInspect(ComponentId(row.id), row.position, row.document, row.size, bytes(row.sha256))
            for row in await self._connection.execute(query, asked)
        ]

    async def pass_over(self, package: PackageId, seen: ToInspect) -> None:
        fresh = insert(t.content_passed_over).values(package=package, component=seen.component)
        await self._connection.execute(fresh.on_conflict_do_nothing())

    async def released(self, cause: bytes) -> bool:
        columns = t.incident.c
        query = select(
            exists().where(
                columns.bundle_sha256 == cause,
                columns.decision.in_([decision.value for decision in LIFTS_AT_ONCE]),
                columns.state.in_([IncidentState.DECIDED.value, IncidentState.CLOSED.value]),
            )
        )
        return bool((await self._connection.execute(query)).scalar_one())

    async def note_inspected(
        self, package: PackageId, seen: ToInspect, found: Inspected, matcher: int, at: datetime
    ) -> None:
        passed = t.content_passed_over.c
        let_go = await self._connection.execute(
            delete(t.content_passed_over).where(passed.package == package, passed.component == seen.component)
        )
        counted = await self._connection.execute(
            _COUNT,
            {
                "next": seen.position + 1,
                "outcome": found.outcome.value,
                "package": package,
                "matcher": matcher,
                "let_go": bool(let_go.rowcount),
            },
        )
        if not counted.rowcount or found.outcome not in _KEPT:
            return
        values = {
            "outcome": found.outcome.value,
            "marks": sorted(mark.value for mark in found.marks),
            "page": found.page,
            "matcher": matcher,
            "inspected_at": at,
        }
        await self._connection.execute(
            insert(t.content_finding)
            .values(package=package, component=seen.component, **values)
            .on_conflict_do_update(index_elements=["package", "component"], set_=values)
        )

    async def end_inspection(self, package: PackageId, matcher: int, at: datetime) -> None:
        columns = t.content_inspection.c
        await self._connection.execute(
            update(t.content_inspection)
            .where(columns.package == package, columns.matcher == matcher, columns.finished_at.is_(None))
            .values(finished_at=at)
        )

    async def inspection(self, package: PackageId) -> PackageInspection | None:
        own, files = t.content_inspection.c, t.content_finding.c
        head = (
            await self._connection.execute(select(t.content_inspection).where(own.package == package))
        ).one_or_none()
        if head is None:
            return None
        rows = select(t.content_finding).where(files.package == package).order_by(files.component)
        findings = tuple(
            ContentFinding(ComponentId(row.component), Outcome(row.outcome), tuple(row.marks), row.page)
            for row in await self._connection.execute(rows)
        )
        return PackageInspection(head.matcher, head.finished_at, head.counts, findings)

    async def uninspected(self, matcher: int, limit: int) -> Mapping[PackageId, bool]:
        rows = await self._connection.execute(_UNINSPECTED, {"matcher": matcher, "limit": limit, "task": INSPECT})
        return {PackageId(row.id): row.queued for row in rows}
