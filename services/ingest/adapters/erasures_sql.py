"""The rows of erasure in PostgreSQL, and the names of the custodian's jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Row, Uuid, and_, any_, bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.adapters import tables as t
from services.ingest.domain.erasure import Erasure, ErasureKind, ErasureOrder, Reference
from services.ingest.domain.package import Package
from services.ingest.domain.states import State
from services.ingest.usecases.erasure_ports import Copy, PartToReplace
from services.kernel.identifiers import ClientId, ComponentId, PackageId
from services.runtime.jobs import Tasks

CUSTODY_QUEUE: Final = "ingest_custody"
"""Jobs that only a worker with the custodian's credential can run."""

FINISH_ERASURE: Final = "finish_erasure"
HOLD_PARTS: Final = "hold_parts"
CUSTODY_JOBS: Final = {FINISH_ERASURE: CUSTODY_QUEUE, HOLD_PARTS: CUSTODY_QUEUE}


class SqlErasures:
    """See `usecases.erasure_ports.Erasures`."""

    def __init__(
        self,
        connection: AsyncConnection,
        tasks: Tasks,
        package_columns: Sequence[ColumnElement[Any]],
        package_of: Callable[[Row[Any]], Package],
    ) -> None:
        self._connection = connection
        self._tasks = tasks
        self._package_columns = package_columns
        self._package_of = package_of

    async def find(self, erasure: UUID) -> Erasure | None:
        row = (await self._connection.execute(select(t.erasure).where(t.erasure.c.id == erasure))).one_or_none()
        return None if row is None else _erasure(row)

    async def add(self, erasure: Erasure) -> None:
        order = erasure.order
        await self._connection.execute(
            insert(t.erasure).values(
                id=order.id,
                kind=order.kind.value,
                package=order.package,
                whole=order.components is None,
                components=list(erasure.components),
                kept=list(erasure.kept),
                instrument=order.instrument,
                client=order.client,
                officer=order.officer,
                ordered_at=erasure.ordered_at,
            )
        )
        await self._tasks.defer(self._connection, FINISH_ERASURE, erasure=str(order.id))

    async def finish(self, erasure: UUID, at: datetime) -> bool:
        columns = t.erasure.c
        ended = update(t.erasure).where(columns.id == erasure, columns.finished_at.is_(None)).values(finished_at=at)
        return bool((await self._connection.execute(ended)).rowcount)

    async def lock_chain(self, chain: PackageId) -> list[Package]:
        columns = t.package.c
        query = (
            select(*self._package_columns)
            .where(columns.chain == chain, columns.state != State.REFUSED.value)
            .order_by(columns.id)
            .with_for_update()
        )
        return [self._package_of(row) for row in await self._connection.execute(query)]

    async def references(self, components: Sequence[ComponentId]) -> list[Reference]:
        own = t.component.c
        query = (
            select(own.package, t.package.c.state, own.id, own.wrapped_key.is_not(None).label("alive"), own.held)
            .join(t.package, t.package.c.id == own.package)
            .where(own.id == _any("components", components))
        )
        return [
            Reference(PackageId(row.package), State(row.state), ComponentId(row.id), row.alive, row.held)
            for row in await self._connection.execute(query)
        ]

    async def forget_keys(self, rows: Sequence[tuple[PackageId, ComponentId]]) -> None:
        by_package: dict[PackageId, list[ComponentId]] = {}
        for package, component in rows:
            by_package.setdefault(package, []).append(component)
        for package, components in by_package.items():
            await self._connection.execute(
                update(t.component)
                .where(t.component.c.package == package, t.component.c.id == _any("components", components))
                .values(wrapped_key=None)
            )

    async def mark_erased(self, components: Sequence[ComponentId], at: datetime, *, expelled: bool) -> list[PackageId]:
        own = t.component.c
        marked = (
            update(t.component)
            .where(own.id == _any("components", components), own.erased_at.is_(None) | (~own.expelled & expelled))
            .values(erased_at=func.coalesce(own.erased_at, at), expelled=own.expelled | expelled)
            .returning(own.package)
        )
        return sorted({PackageId(package) for package in (await self._connection.execute(marked)).scalars()})

    async def without_key(self, package: PackageId, first: int, last: int) -> frozenset[int]:
        own, other = t.component.c, t.component.alias()
        living = select(other.c.id).where(other.c.id == own.id, other.c.wrapped_key.is_not(None)).exists()
        query = select(own.plan_position).where(
            own.package == package, own.plan_position.between(first, last), own.wrapped_key.is_(None), ~living
        )
        return frozenset((await self._connection.execute(query)).scalars())

    async def positions(self, components: Sequence[ComponentId]) -> list[tuple[PackageId, int]]:
        own = t.component.c
        query = select(own.package, own.plan_position).where(
            own.id == _any("components", components), own.package == own.origin, own.plan_position.is_not(None)
        )
        return [(PackageId(row.package), row.plan_position) for row in await self._connection.execute(query)]

    async def add_parts(self, erasure: UUID, package: PackageId, numbers: Sequence[int]) -> None:
        if numbers:
            rows = [{"erasure": erasure, "package": package, "part": number} for number in numbers]
            await self._connection.execute(insert(t.erasure_part), rows)

    async def open_parts(self, erasure: UUID, limit: int) -> list[PartToReplace]:
        columns = t.erasure_part.c
        query = (
            select(t.erasure_part)
            .where(columns.erasure == erasure)
            .order_by(columns.package, columns.part)
            .limit(limit)
        )
        return [
            PartToReplace(PackageId(row.package), row.part, row.replaced)
            for row in await self._connection.execute(query)
        ]

    async def replace_part(self, erasure: UUID, package: PackageId, number: int, copy: Copy) -> bool:
        columns = t.erasure_part.c
        marked = await self._connection.execute(
            update(t.erasure_part).where(_is_part(erasure, package, number), ~columns.replaced).values(replaced=True)
        )
        if not marked.rowcount:
            return False
        await self._connection.execute(
            update(t.part)
            .where(t.part.c.package == package, t.part.c.number == number)
            .values(object_version=copy.object_version, ciphertext_digest=str(copy.ciphertext_digest))
        )
        return True

    async def forget_part(self, erasure: UUID, package: PackageId, number: int) -> None:
        await self._connection.execute(delete(t.erasure_part).where(_is_part(erasure, package, number)))


def _is_part(erasure: UUID, package: PackageId, number: int) -> ColumnElement[bool]:
    columns = t.erasure_part.c
    return and_(columns.erasure == erasure, columns.package == package, columns.part == number)


def _any(name: str, ids: Sequence[UUID]) -> ColumnElement[Any]:
    """One array, for a statement takes no more than 65,535 parameters."""
    return any_(bindparam(name, list(ids), type_=ARRAY(Uuid)))


def _erasure(row: Row[Any]) -> Erasure:
    components = tuple(ComponentId(component) for component in row.components)
    kept = tuple(ComponentId(component) for component in row.kept)
    order = ErasureOrder(
        id=row.id,
        kind=ErasureKind(row.kind),
        package=PackageId(row.package),
        components=None if row.whole else frozenset((*components, *kept)),
        instrument=row.instrument,
        client=ClientId(row.client),
        officer=row.officer,
    )
    return Erasure(order, components, kept, row.ordered_at, row.finished_at)
