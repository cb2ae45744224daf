"""The store's listing against ingest's rows: what is missing, what nobody knows, what hides what is there.

Source: DESIGN 3 ("Every store is hostile"), 7 (objects are addressed by version).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.runtime.database import transaction
from services.runtime.object_store.port import CustodyStore, VersionEntry

SAMPLES: Final = 20  # names of each kind that a report shows


@dataclass(frozen=True, slots=True)
class Finding:
    """How many of a kind, and the names of some: opaque ids, never a document's."""

    count: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """`parts` rows were compared.

    `missing`: a part's or record's version that the store does not list, or lists with another length. `foreign`: other
    versions under a part's name, such as strays of a killed erasure. `unexpected`: objects that no row and no open
    attempt names. `markers`: delete markers, which hide a name and touch no version.
    """

    parts: int
    missing: Finding
    foreign: Finding
    unexpected: Finding
    markers: Finding

    @property
    def clean(self) -> bool:
        return not (self.missing.count or self.foreign.count or self.unexpected.count or self.markers.count)


async def reconcile(engine: AsyncEngine, store: CustodyStore) -> Reconciliation:
    """Compare everything under `parts/` and `recovery/`. What is written meanwhile is not counted as wrong.

    Raises:
        StoreUnavailable, DatabaseUnavailable
    """
    async with transaction(engine) as connection:
        await connection.execute(text(_LISTED))
        begun = (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()
        for prefix in ("parts/", "recovery/"):
            async for page in _pages(store.versions(prefix)):
                rows = [
                    {
                        "name": entry.name,
                        "id": _id_of(entry.name),
                        "version": entry.version_id,
                        "size": entry.size,
                        "marker": entry.marker,
                    }
                    for entry in page
                ]
                await connection.execute(text(_INSERT), rows)
        parts = (await connection.execute(text("SELECT count(*) FROM ingest.part"))).scalar_one()
        found = {
            kind: list((await connection.execute(text(query), {"begun": begun})).scalars())
            for kind, query in _FINDINGS.items()
        }
    # What was reaped while the listing ran is no longer there by now.
    found["unexpected"] = [name for name in found["unexpected"] if await _stands(store, name)]
    return Reconciliation(
        int(parts), **{kind: Finding(len(names), tuple(sorted(names)[:SAMPLES])) for kind, names in found.items()}
    )


async def _stands(store: CustodyStore, name: str) -> bool:
    async for entry in store.versions(name):
        if entry.name == name and not entry.marker:
            return True
    return False


async def _pages(entries: AsyncIterator[VersionEntry], size: int = 1000) -> AsyncIterator[list[VersionEntry]]:
    page: list[VersionEntry] = []
    async for entry in entries:
        page.append(entry)
        if len(page) == size:
            yield page
            page = []
    if page:
        yield page


def _id_of(name: str) -> UUID | None:
    """The id that ends a name; None where it is none of ours."""
    try:
        return UUID(name.rpartition("/")[2])
    except ValueError:
        return None


_LISTED: Final = """
CREATE TEMPORARY TABLE listed (name text NOT NULL, id uuid, version text NOT NULL, size bigint NOT NULL,
                               marker boolean NOT NULL) ON COMMIT DROP
"""
_INSERT: Final = "INSERT INTO listed (name, id, version, size, marker) VALUES (:name, :id, :version, :size, :marker)"
_PART_NAME: Final = "'parts/' || right(part.attempt::text, 2) || '/' || part.attempt"
_FINDINGS: Final = {
    "missing": f"""
SELECT {_PART_NAME} FROM ingest.part
 WHERE part.stored_at < :begun AND NOT EXISTS (
    SELECT 1 FROM listed WHERE listed.name = {_PART_NAME} AND listed.version = part.object_version
                           AND listed.size = part.stored_size AND NOT listed.marker)
UNION ALL
SELECT 'recovery/' || package.id FROM ingest.package
 WHERE package.sealed_at < :begun AND NOT EXISTS (
    SELECT 1 FROM listed WHERE listed.name = 'recovery/' || package.id AND NOT listed.marker)
""",  # noqa: S608 - of these constants only
    "foreign": f"""
SELECT listed.name FROM listed JOIN ingest.part ON part.attempt = listed.id AND listed.name = {_PART_NAME}
 WHERE NOT listed.marker AND listed.version <> part.object_version
""",  # noqa: S608 - of these constants only
    "unexpected": f"""
SELECT DISTINCT listed.name FROM listed
 WHERE NOT listed.marker
   AND NOT EXISTS (SELECT 1 FROM ingest.part WHERE part.attempt = listed.id AND listed.name = {_PART_NAME})
   AND NOT EXISTS (SELECT 1 FROM ingest.attempt WHERE attempt.id = listed.id AND listed.name LIKE 'parts/%')
   AND NOT EXISTS (SELECT 1 FROM ingest.package
                    WHERE package.id = listed.id AND listed.name = 'recovery/' || package.id)
""",  # noqa: S608 - of these constants only
    "markers": "SELECT DISTINCT name FROM listed WHERE marker",
}
