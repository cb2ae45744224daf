"""The kept manifests and what judging them again found, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncEngine

from services.ingest.adapters import tables as t
from services.ingest.adapters.classifications_sql import step_of
from services.ingest.domain.states import State
from services.ingest.usecases.holdings import Holding, RefusedReport, Rejudged, Rejudging
from services.ingest.usecases.recovery_records import verdict_from_json
from services.kernel.classification import Step
from services.kernel.identifiers import AgencyId, PackageId
from services.kernel.secrecy import Effect, Level
from services.runtime.database import transaction


class SqlHoldings:
    """See `usecases.holdings.Holdings`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def page(
        self, after: PackageId | None, limit: int, *, since: datetime | None = None, not_by: bytes | None = None
    ) -> list[Holding]:
        columns = t.package.c
        query = (
            select(
                columns.id,
                columns.agency,
                columns.declared_at,
                columns.verdicts,
                func.length(t.package_document.c.manifest).label("size"),
            )
            .join(t.package_document, t.package_document.c.package == columns.id)
            .order_by(columns.id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(columns.id > after)
        if since is not None:
            query = query.where(columns.declared_at >= since)
        if not_by is not None:
            query = query.where(columns.rules_sha256 != not_by)
        async with transaction(self._engine) as connection:
            return [
                Holding(
                    PackageId(row.id),
                    AgencyId(row.agency),
                    row.declared_at,
                    row.size,
                    tuple(verdict_from_json(entry) for entry in row.verdicts),
                )
                for row in await connection.execute(query)
            ]

    async def manifest(self, package: PackageId) -> bytes:
        query = select(t.package_document.c.manifest).where(t.package_document.c.package == package)
        async with transaction(self._engine) as connection:
            return bytes((await connection.execute(query)).scalar_one())

    async def labels(self, package: PackageId) -> Mapping[int, Level]:
        query = select(t.package.c.levels).where(t.package.c.id == package)
        async with transaction(self._engine) as connection:
            return {document: Level(level) for document, level in (await connection.execute(query)).scalar_one()}

    async def steps(self, package: PackageId) -> Mapping[int, Sequence[Step]]:
        columns = t.classification_step.c
        query = select(t.classification_step).where(columns.package == package).order_by(columns.number)
        found: dict[int, list[Step]] = {}
        async with transaction(self._engine) as connection:
            for row in await connection.execute(query):
                found.setdefault(row.document, []).append(step_of(row))
        return found

    async def refused_since(self, since: datetime) -> int:
        query = select(func.count()).where(t.package.c.state == State.REFUSED.value, t.package.c.declared_at >= since)
        async with transaction(self._engine) as connection:
            return int((await connection.execute(query)).scalar_one())

    async def refused(self, after: PackageId | None, limit: int) -> list[RefusedReport]:
        columns = t.package.c
        query = (
            select(
                columns.id,
                columns.agency,
                columns.declared_at,
                columns.rules_sha256,
                columns.manifest_salted,
                columns.verdicts,
            )
            .where(columns.state == State.REFUSED.value)
            .order_by(columns.id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(columns.id > after)
        async with transaction(self._engine) as connection:
            return [
                RefusedReport(
                    PackageId(row.id),
                    AgencyId(row.agency),
                    row.declared_at,
                    bytes(row.rules_sha256),
                    bytes(row.manifest_salted),
                    tuple(verdict_from_json(entry) for entry in row.verdicts),
                )
                for row in await connection.execute(query)
            ]

    async def begin(self, bundle_sha256: bytes, version: int, at: datetime) -> Rejudging:
        begun = upsert(t.rejudging).values(bundle_sha256=bundle_sha256, version=version, begun_at=at)
        query = select(t.rejudging).where(t.rejudging.c.bundle_sha256 == bundle_sha256)
        async with transaction(self._engine) as connection:
            await connection.execute(begun.on_conflict_do_nothing())
            row = (await connection.execute(query)).one()
        return Rejudging(
            bundle_sha256,
            row.version,
            row.begun_at,
            None if row.after_package is None else PackageId(row.after_package),
            row.swept_at,
            row.ended_at,
        )

    async def advance(self, standing: Rejudging, judged: int, found: Sequence[Rejudged], at: datetime) -> None:
        columns = t.rejudging.c
        moved = (
            update(t.rejudging)
            .where(columns.bundle_sha256 == standing.bundle_sha256)
            .values(
                after_package=standing.after,
                swept_at=standing.swept_at,
                ended_at=standing.ended_at,
                judged=columns.judged + judged,
            )
        )
        async with transaction(self._engine) as connection:
            for finding in found:
                kept = upsert(t.rejudged).values(
                    package=finding.package,
                    document=finding.document,
                    bundle_sha256=finding.bundle_sha256,
                    was=finding.was.wire,
                    effect=finding.effect.wire,
                    report=finding.report,
                    rules=list(finding.rules),
                    found_at=at,
                )
                await connection.execute(kept.on_conflict_do_nothing())
            await connection.execute(moved)

    async def waiting(self, limit: int) -> list[Rejudged]:
        columns = t.rejudged.c
        query = (
            select(t.rejudged)
            .where(columns.handed_on_at.is_(None))
            .order_by(columns.found_at, columns.package, columns.document)
            .limit(limit)
        )
        async with transaction(self._engine) as connection:
            return [
                Rejudged(
                    PackageId(row.package),
                    row.document,
                    bytes(row.bundle_sha256),
                    Effect.from_wire(row.was),
                    Effect.from_wire(row.effect),
                    row.report,
                    tuple(row.rules),
                )
                for row in await connection.execute(query)
            ]

    async def handed_on(self, finding: Rejudged, at: datetime) -> None:
        columns = t.rejudged.c
        done = (
            update(t.rejudged)
            .where(
                columns.package == finding.package,
                columns.document == finding.document,
                columns.bundle_sha256 == finding.bundle_sha256,
            )
            .values(handed_on_at=at)
        )
        async with transaction(self._engine) as connection:
            await connection.execute(done)
