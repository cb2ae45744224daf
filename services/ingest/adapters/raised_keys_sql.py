"""Keys below the labels of their records, in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy import bindparam, delete, insert, text, tuple_
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.types import Integer, Uuid

from services.ingest.adapters import tables as t
from services.ingest.adapters.ledger_sql import SqlBooks
from services.ingest.usecases.ports import PackageKey
from services.ingest.usecases.raised_key_ports import KeyedBelow
from services.kernel.identifiers import ComponentId, PackageId
from services.kernel.secrecy import Level
from services.runtime.database import transaction
from services.runtime.jobs import Tasks

REKEY: Final = "rekey_raised"
"""The task that moves a dossier's keys to its records' levels."""


class SqlRaisedKeyLedger:
    """See `usecases.raised_key_ports.RaisedKeyLedger`; `tasks` defers jobs inside transactions."""

    def __init__(self, engine: AsyncEngine, tasks: Tasks) -> None:
        self._engine = engine
        self._tasks = tasks

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqlRaisedKeyBooks]:
        async with transaction(self._engine) as connection:
            yield SqlRaisedKeyBooks(connection, self._tasks)


class SqlRaisedKeyBooks(SqlBooks):
    """See `usecases.raised_key_ports.RaisedKeyBooks`."""

    async def keyed_below(self, chain: PackageId) -> list[KeyedBelow]:
        rows = await self._connection.execute(_BELOW, {"chain": chain})
        return [
            KeyedBelow(ComponentId(id_), PackageId(origin), Level(level), bytes(wrapped), Level(max(wanted, level)))
            for id_, origin, level, wrapped, wanted in rows
        ]

    async def add_package_key(self, package: PackageId, key: PackageKey) -> None:
        values = {"package": package, "level": int(key.level), "kek": key.kek, "wrapped": key.wrapped}
        await self._connection.execute(insert(t.package_key).values(values))

    async def move_keys(self, moved: Mapping[ComponentId, tuple[Level, bytes]]) -> list[PackageId]:
        values = {
            "ids": list(moved),
            "levels": [int(level) for level, _ in moved.values()],
            "keys": [wrapped for _, wrapped in moved.values()],
        }
        return sorted({PackageId(found) for found in (await self._connection.execute(_MOVE, values)).scalars()})

    async def unneeded_keys(self, chain: PackageId) -> list[tuple[PackageId, Level]]:
        rows = await self._connection.execute(_UNNEEDED, {"chain": chain})
        return [(PackageId(package), Level(level)) for package, level in rows]

    async def drop_package_keys(self, unneeded: Sequence[tuple[PackageId, Level]]) -> None:
        if unneeded:
            own = t.package_key.c
            pairs = [(package, int(level)) for package, level in unneeded]
            await self._connection.execute(delete(t.package_key).where(tuple_(own.package, own.level).in_(pairs)))

    async def packages_keyed_below(self, after: PackageId | None, limit: int) -> list[PackageId]:
        rows = await self._connection.execute(_PACKAGES, {"after": after, "limit": limit})
        return [PackageId(found) for found in rows.scalars()]

    async def wake_rekeying(self, package: PackageId) -> None:
        await self._tasks.defer(self._connection, REKEY, package=str(package))


# Of a component's rows the best protected one counts: a rebuild from records that a crash left a step apart may differ.
_BELOW: Final = text("""
WITH raised AS (
  SELECT k.id, max(c.level) AS wanted
    FROM ingest.package p
    JOIN ingest.classification c ON c.package = p.id
    JOIN ingest.component k ON k.package = p.id AND k.document = c.document
   WHERE p.chain = :chain AND p.seal_event IS NOT NULL AND c.level > k.level AND k.wrapped_key IS NOT NULL
   GROUP BY k.id)
SELECT DISTINCT ON (k.id) k.id, k.origin, k.level, k.wrapped_key, raised.wanted
  FROM raised JOIN ingest.component k ON k.id = raised.id AND k.wrapped_key IS NOT NULL
 ORDER BY k.id, k.level DESC, k.package
""")
_MOVE: Final = text("""
UPDATE ingest.component own
   SET level = moved.level, wrapped_key = CASE WHEN own.wrapped_key IS NULL THEN NULL ELSE moved.wrapped END
  FROM unnest(:ids, :levels, :keys) AS moved (id, level, wrapped)
 WHERE own.id = moved.id RETURNING own.package
""").bindparams(
    bindparam("ids", type_=ARRAY(Uuid)),
    bindparam("levels", type_=ARRAY(Integer)),
    bindparam("keys", type_=ARRAY(BYTEA)),
)
_UNNEEDED: Final = text("""
SELECT own.package, own.level
  FROM ingest.package p JOIN ingest.package_key own ON own.package = p.id
 WHERE p.chain = :chain AND p.seal_event IS NOT NULL
   AND NOT EXISTS (SELECT FROM ingest.package v JOIN ingest.component k ON k.package = v.id
                    WHERE v.chain = p.chain AND k.origin = own.package AND k.level = own.level)
 ORDER BY own.package, own.level
""")
_PACKAGES: Final = text("""
SELECT c.package FROM ingest.classification c
 WHERE c.level > 0 AND (CAST(:after AS uuid) IS NULL OR c.package > CAST(:after AS uuid))
   AND EXISTS (SELECT FROM ingest.component k
                WHERE k.package = c.package AND k.document = c.document AND k.level < c.level
                  AND k.wrapped_key IS NOT NULL)
 GROUP BY c.package ORDER BY c.package LIMIT :limit
""")
