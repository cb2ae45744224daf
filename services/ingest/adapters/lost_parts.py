"""Parts that rows name and the store does not have: one listing of all versions, no request a part.

A record tells of its parts truly; whether the store still has them only the store can say, and a rebuild that did not ask
would end well on an archive whose bytes are gone.

Source: DESIGN 3 ("Every store is hostile"), 7 (objects are addressed by version).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final, Protocol, runtime_checkable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.kernel.sealing.recovered import Refused
from services.runtime.database import transaction
from services.runtime.object_store.port import VersionEntry

_PAGE: Final = 1000
_LISTED: Final = text(
    "CREATE TEMPORARY TABLE listed_part (name text NOT NULL, version text NOT NULL, size bigint NOT NULL) ON COMMIT DROP"
)
_INSERT: Final = text("INSERT INTO listed_part (name, version, size) VALUES (:name, :version, :size)")
_LOST: Final = text(
    "SELECT p.name, p.object_version AS version, l.size IS NULL AS missing"
    " FROM (SELECT 'parts/' || right(attempt::text, 2) || '/' || attempt AS name, object_version, stored_size"
    "         FROM ingest.part) p"
    " LEFT JOIN listed_part l ON l.name = p.name AND l.version = p.object_version"
    " WHERE l.size IS DISTINCT FROM p.stored_size ORDER BY p.name"
)


@runtime_checkable
class Versions(Protocol):
    """A store that lists every version of what it has."""

    def versions(self, prefix: str) -> AsyncIterator[VersionEntry]: ...


class ListedParts:
    """See `usecases.rebuild_packages.StoredParts`; the engine's role may read the rows of parts."""

    def __init__(self, engine: AsyncEngine, store: Versions) -> None:
        self._engine = engine
        self._store = store

    async def lost(self) -> Sequence[Refused]:
        async with transaction(self._engine) as connection:
            await connection.execute(_LISTED)
            page: list[dict[str, object]] = []
            async for entry in self._store.versions("parts/"):
                if not entry.marker:
                    page.append({"name": entry.name, "version": entry.version_id, "size": entry.size})
                if len(page) == _PAGE:
                    await _keep(connection, page)
            await _keep(connection, page)
            rows = (await connection.execute(_LOST)).all()
        return [Refused(row.name, "part-missing" if row.missing else "part-cut", row.version) for row in rows]


async def _keep(connection: AsyncConnection, page: list[dict[str, object]]) -> None:
    if page:
        await connection.execute(_INSERT, page)
        page.clear()
