"""The rows of package keys and of rotations in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.ingest.adapters import tables as t
from services.ingest.usecases.key_ports import KekStanding, KeyRow, Rotation
from services.kernel.identifiers import PackageId
from services.kernel.secrecy import Level
from services.runtime import journal
from services.runtime.database import transaction
from services.runtime.jobs import Tasks
from services.runtime.object_store.port import ObjectMissing, ObjectStore

REWRAP = "rewrap_keys"


class SqlKeyLedger:
    """See `usecases.key_ports.KeyLedger`; `tasks` defers the re-wrapping."""

    def __init__(self, engine: AsyncEngine, tasks: Tasks) -> None:
        self._engine = engine
        self._tasks = tasks

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqlKeyBooks]:
        async with transaction(self._engine) as connection:
            yield SqlKeyBooks(connection, self._tasks)


class SqlKeyBooks:
    """See `usecases.key_ports.KeyBooks`."""

    def __init__(self, connection: AsyncConnection, tasks: Tasks) -> None:
        self._connection = connection
        self._tasks = tasks

    async def rotation(self, kek: str) -> Rotation | None:
        query = select(t.kek_rotation).where(t.kek_rotation.c.kek == kek)
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else Rotation(*row)

    async def begin(self, kek: str, version: int, at: datetime) -> None:
        row = {"version": version, "rotated_at": at, "ended_at": None, "broken": 0}
        statement = upsert(t.kek_rotation).values(kek=kek, **row)
        await self._connection.execute(statement.on_conflict_do_update(index_elements=["kek"], set_=row))
        await self._tasks.defer(self._connection, REWRAP, kek=kek)

    async def behind(self, kek: str, version: int, after: KeyRow | None, limit: int) -> list[KeyRow]:
        values = {"kek": kek, "version": version.to_bytes(4), "limit": limit}
        if after is None:
            rows = await self._connection.execute(_BEHIND, values)
        else:
            place = {"wrapped": after.wrapped[:4], "package": after.package, "level": int(after.level)}
            rows = await self._connection.execute(_BEHIND_AFTER, values | place)
        return [KeyRow(PackageId(package), Level(level), bytes(wrapped)) for package, level, wrapped in rows]

    async def count_behind(self, kek: str, version: int) -> int:
        values = {"kek": kek, "version": version.to_bytes(4)}
        return int((await self._connection.execute(_COUNT_BEHIND, values)).scalar_one())

    async def replace(self, kek: str, rows: Sequence[KeyRow], moved: Sequence[bytes]) -> int:
        if not rows:
            return 0
        values = {
            "kek": kek,
            "packages": [row.package for row in rows],
            "levels": [int(row.level) for row in rows],
            "old": [row.wrapped for row in rows],
            "new": list(moved),
        }
        return (await self._connection.execute(_REPLACE, values)).rowcount

    async def end(self, rotation: Rotation, *, at: datetime | None, broken: int) -> None:
        columns = t.kek_rotation.c
        same = (columns.kek == rotation.kek) & (columns.version == rotation.version)
        await self._connection.execute(update(t.kek_rotation).where(same).values(ended_at=at, broken=broken))

    async def retire(self, rotation: Rotation, through: int) -> None:
        await self._connection.execute(
            update(t.kek_rotation).where(t.kek_rotation.c.kek == rotation.kek).values(retired=through)
        )

    async def sealed_packages(self, kek: str, after: PackageId | None, limit: int) -> list[PackageId]:
        fonds, _, year = kek.split("/")
        values = {"kek": kek, "fonds": fonds, "year": int(year), "after": after, "limit": limit}
        return [PackageId(id_) for (id_,) in await self._connection.execute(_SEALED, values)]

    async def standings(self) -> list[KekStanding]:
        rotations = {row.kek: Rotation(*row) for row in await self._connection.execute(select(t.kek_rotation))}
        versions: dict[str, dict[int, int]] = {kek: {} for kek in rotations}
        for kek, version, count in await self._connection.execute(_BY_VERSION):
            versions.setdefault(kek, {})[int.from_bytes(version)] = count
        return [
            KekStanding(kek, dict(sorted(found.items())), rotations.get(kek)) for kek, found in sorted(versions.items())
        ]

    async def journal(self, event: bytes) -> object:
        return await journal.append(self._connection, event)


class StoreRecords:
    """See `usecases.key_ports.StoredRecords`."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def sealed(self, package: PackageId) -> bytes | None:
        try:
            return await self._store.get(f"recovery/{package}")
        except ObjectMissing:
            return None


_BEHIND = text("""
SELECT package, level, wrapped FROM ingest.package_key
 WHERE kek = :kek AND substring(wrapped FROM 1 FOR 4) < :version
 ORDER BY substring(wrapped FROM 1 FOR 4), package, level LIMIT :limit
""")
_BEHIND_AFTER = text("""
SELECT package, level, wrapped FROM ingest.package_key
 WHERE kek = :kek AND substring(wrapped FROM 1 FOR 4) < :version
   AND (substring(wrapped FROM 1 FOR 4), package, level) > (:wrapped, :package, :level)
 ORDER BY substring(wrapped FROM 1 FOR 4), package, level LIMIT :limit
""")
_COUNT_BEHIND = text("""
SELECT count(*) FROM ingest.package_key WHERE kek = :kek AND substring(wrapped FROM 1 FOR 4) < :version
""")
_REPLACE = text("""
UPDATE ingest.package_key AS own SET wrapped = moved.new
  FROM unnest(CAST(:packages AS uuid[]), CAST(:levels AS int[]), CAST(:old AS bytea[]), CAST(:new AS bytea[]))
       AS moved (package, level, old, new)
 WHERE own.package = moved.package AND own.level = moved.level AND own.kek = :kek AND own.wrapped = moved.old
""")
# A record's own key is under the KEK of its fonds, its highest level and its year: not always one of its rows'.
_SEALED = text("""
SELECT id FROM ingest.package
 WHERE seal_event IS NOT NULL AND (CAST(:after AS uuid) IS NULL OR id > CAST(:after AS uuid))
   AND (fonds = CAST(:fonds AS uuid) AND extract(year FROM declared_at AT TIME ZONE 'UTC') = :year
        OR EXISTS (SELECT FROM ingest.package_key WHERE package = package.id AND kek = :kek))
 ORDER BY id LIMIT :limit
""")
_BY_VERSION = text("""
SELECT kek, substring(wrapped FROM 1 FOR 4), count(*) FROM ingest.package_key
 GROUP BY kek, substring(wrapped FROM 1 FOR 4)
""")
