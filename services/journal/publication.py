"""The log in the object store: tiles, entry bundles, and the checkpoint, under `log/`.

A tile's content follows from its name, so writing one twice does no harm. Partial tiles are removed once the full one
is there and a checkpoint covers it; of the checkpoint, and of the cosigned one, only the newest version is kept.

Source: C2SP tlog-tiles.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from services.kernel.refusals.platform import StoreUnavailable
from services.kernel.tlog.tiles import WIDTH, Bundle, Tile
from services.runtime.journal import CHECKPOINT, COSIGNED, PREFIX
from services.runtime.logging import logger
from services.runtime.object_store.port import ObjectMissing, ObjectStore

Resource = tuple[Tile | Bundle, bytes]

_AT_ONCE = 8


class Publication:
    """What is written stays known, so that an unchanged partial tile is not written again."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._partial: set[Tile | Bundle] = set()  # written by this process, or compared
        self._left: set[Tile | Bundle] = set()  # by an earlier one: only to be removed
        self._versions: dict[str, str] = {}  # of the notes that this process wrote last

    async def checkpoint(self) -> str | None:
        """The note that is published; None where there is none."""
        return await self._note(CHECKPOINT)

    async def cosigned(self) -> str | None:
        """The newest note that enough witnesses cosigned; None where there is none."""
        return await self._note(COSIGNED)

    async def missing(self, resources: Sequence[Resource]) -> list[Resource]:
        """Those that the store lacks, or holds with other bytes; the rest is remembered as written."""
        found = await asyncio.gather(*(self._stands(resource) for resource in resources))
        for place, _ in resources:
            self._left |= await self._narrower(place)
        self._partial |= {
            resource[0]
            for resource, stands in zip(resources, found, strict=True)
            if stands and resource[0].width < WIDTH
        }
        return [resource for resource, stands in zip(resources, found, strict=True) if not stands]

    async def write(self, resources: Iterable[Resource]) -> None:
        """Write tiles and bundles; all are durable when this returns.

        Raises:
            StoreUnavailable: some may be missing; write them again.
        """
        fresh = [(place, data) for place, data in resources if place not in self._partial]
        outcomes = await asyncio.gather(
            *(self._put(PREFIX + place.path, data) for place, data in fresh), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        self._partial |= {place for place, _ in fresh if place.width < WIDTH}

    async def write_checkpoint(self, note: str) -> None:
        """Publish a checkpoint whose tiles are all written."""
        await self._write_note(CHECKPOINT, note)

    async def write_cosigned(self, note: str) -> None:
        """Publish a checkpoint that enough witnesses cosigned: receipts that it covers are built from it."""
        await self._write_note(COSIGNED, note)

    async def tidy(self, size: int, most: int = 1000) -> None:
        """Remove some of the partial tiles whose full tile the published tree of this size contains."""
        passed = [place for place in self._partial | self._left if _end(place) <= size]
        for place in passed[:most]:
            await self._discard(PREFIX + place.path, None)
            self._partial.discard(place)
            self._left.discard(place)

    async def _note(self, name: str) -> str | None:
        try:
            return (await self._store.get(name)).decode("utf-8", "replace")
        except ObjectMissing:
            return None

    async def _write_note(self, name: str, note: str) -> None:
        earlier = self._versions.get(name)
        self._versions[name] = (await self._store.put(name, note.encode())).version_id
        if earlier is not None:
            await self._discard(name, earlier)

    async def _put(self, name: str, data: bytes) -> None:
        async with self._slots:
            await self._store.put(name, data)

    async def _narrower(self, place: Tile | Bundle) -> set[Tile | Bundle]:
        """What stands in the store of this tile with fewer hashes."""
        prefix = f"{PREFIX}{place._replace(width=WIDTH).path}.p/"
        widths = [entry.name.removeprefix(prefix) async for entry in self._store.list(prefix)]
        return {place._replace(width=int(width)) for width in widths if width.isdigit() and int(width) < place.width}

    async def _stands(self, resource: Resource) -> bool:
        place, data = resource
        try:
            async with self._slots:
                return await self._store.get(PREFIX + place.path) == data
        except ObjectMissing:
            return False

    async def _discard(self, name: str, version: str | None) -> None:
        """What is no longer needed may stay where the store fails: it costs room and harms nothing."""
        try:
            await self._store.delete(name, version_id=version)
        except StoreUnavailable:
            logger().warning("log-object-not-removed")


def _end(place: Tile | Bundle) -> int:
    """The size of the smallest tree in which the tile is full."""
    level = place.level if isinstance(place, Tile) else 0
    return place.number + 1 << 8 * (level + 1)
