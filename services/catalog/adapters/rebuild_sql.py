"""The catalog's rows brought back by its keeper, and what ingest's rows tell of them, asked with the owner's rights."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, Uuid, bindparam, insert, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.catalog.adapters import tables as t
from services.catalog.adapters.ledger_sql import SqlLedger
from services.catalog.usecases.ports import KeptLabels
from services.catalog.usecases.rebuild_catalog import Entry
from services.kernel.hold_messages import HeldItem, HoldChanged
from services.kernel.identifiers import PackageId
from services.kernel.sealing.rebuilding import NotEmpty
from services.kernel.sealing.recovered import PREFIX, Refused
from services.kernel.secrecy import Level
from services.runtime.database import transaction

_WHOLE: Final = text("SELECT ingest.is_whole()")
_HOLDS: Final = text("SELECT hold, placed_at, lifted_at, covered FROM ingest.told_holds() ORDER BY hold")
_LABELS: Final = text("SELECT package, chain, revision, labels FROM ingest.told_labels(:packages)").bindparams(
    bindparam("packages", type_=ARRAY(Uuid))
)


class OwnersFacts:
    """See `usecases.rebuild_catalog.Facts`; the engine is the owner's."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def whole(self) -> bool:
        async with transaction(self._engine) as connection:
            return bool((await connection.execute(_WHOLE)).scalar_one())

    async def holds(self) -> Sequence[HoldChanged]:
        async with transaction(self._engine) as connection:
            rows = (await connection.execute(_HOLDS)).all()
        return [change for row in rows for change in _changes(row)]

    async def labels(self, packages: Sequence[PackageId]) -> Mapping[PackageId, KeptLabels]:
        async with transaction(self._engine) as connection:
            rows = (await connection.execute(_LABELS, {"packages": list(packages)})).all()
        return {PackageId(row.package): _labels(row) for row in rows}


class SqlEmptyShelves:
    """See `usecases.rebuild_catalog.EmptyShelves`; the engine's role is the catalog's own."""

    def __init__(self, engine: AsyncEngine, ledger: SqlLedger) -> None:
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

    async def take_holds(self, holds: Sequence[HoldChanged]) -> None:
        async with self._ledger.keeping() as desk:
            for hold in holds:
                await desk.take_hold(hold)

    async def present(self, packages: Sequence[PackageId]) -> Collection[PackageId]:
        async with self._ledger.keeping() as desk:
            return await desk.registered(packages)

    async def shelve(self, entries: Sequence[Entry], at: datetime) -> Sequence[Refused]:
        if not entries:
            return []
        try:
            async with self._ledger.keeping() as desk:
                await desk.keep_labels([entry.labels for entry in entries if entry.labels is not None], at)
                for entry in entries:
                    await desk.shelve(entry.description, at)
                    await desk.take_erased(entry.erased)
                    await desk.settle_holds(entry.description.deposit.package)
        except IntegrityError as error:
            if len(entries) > 1:
                return [refused for entry in entries for refused in await self.shelve([entry], at)]
            name = f"{PREFIX}{entries[0].description.deposit.package}"
            constraint = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
            return [Refused(name, "record-conflict", str(constraint))]
        return []

    async def end(self, at: datetime) -> None:
        async with transaction(self._engine) as connection:
            await connection.execute(t.rebuild.update().values(ended_at=at))


def _changes(row: Row[Any]) -> list[HoldChanged]:
    """What ingest told of a hold: that it was placed, and that it was lifted."""
    items = tuple(
        HeldItem(PackageId(UUID(chain)), PackageId(UUID(package)), None if document < 0 else document)
        for chain, package, document in row.covered
    )
    placed = HoldChanged(row.hold, row.placed_at, row.hold, False, items)
    return [placed] if row.lifted_at is None else [placed, HoldChanged(row.hold, row.lifted_at, row.hold, True, items)]


def _labels(row: Row[Any]) -> KeptLabels:
    labels = {int(document): Level(level) for document, level in row.labels.items()}
    return KeptLabels(PackageId(row.package), PackageId(row.chain), row.revision, labels)
