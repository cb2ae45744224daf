"""Receipts from the journal's leaf and the log's tiles, and waiting for the log to grow."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from services.kernel.refusals.platform import StoreUnavailable
from services.runtime import journal
from services.runtime.database import transaction
from services.runtime.object_store.port import ObjectMissing, ObjectStore

LOOK_SECONDS = 0.1
_TILES = 512  # full tiles kept, 8 KiB each


class LogReceipts:
    """See `usecases.ports.Receipts`. One look at the checkpoint serves every request that waits for it."""

    def __init__(self, engine: AsyncEngine, store: ObjectStore) -> None:
        self._engine = engine
        self._store = ImmutableTiles(store)
        self._looking: asyncio.Task[None] | None = None
        self._grown = asyncio.Event()
        self._waiting = 0
        self._checkpoint: bytes | None = None

    async def receipt(self, event: UUID) -> bytes | None:
        async with transaction(self._engine) as connection:
            entry = await journal.entry(connection, event)
        return None if entry is None else await journal.receipt_of(entry, self._store)

    async def grown(self, seconds: float) -> bool:
        self._waiting += 1
        try:
            grown = self._grown
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look(), name="checkpoint")
            async with asyncio.timeout(seconds):
                await grown.wait()
        except TimeoutError:
            return False
        else:
            return True
        finally:
            self._waiting -= 1

    async def _look(self) -> None:
        """While anybody waits, read the checkpoint and wake everybody when it is another one."""
        while self._waiting:
            # Where the store is away, those who wait look for themselves after their time and meet the refusal.
            with suppress(ObjectMissing, StoreUnavailable):
                found = await self._store.get(journal.CHECKPOINT)
                if found != self._checkpoint:
                    self._checkpoint = found
                    woken, self._grown = self._grown, asyncio.Event()
                    woken.set()
            await asyncio.sleep(LOOK_SECONDS)


class ImmutableTiles:
    """A store of which full tiles are read once: they never change."""

    def __init__(self, store: ObjectStore, *, capacity: int = _TILES) -> None:
        self._store = store
        self._capacity = capacity
        self._kept: dict[str, bytes] = {}

    async def get(self, name: str, *, version_id: str | None = None) -> bytes:
        if not is_full_tile(name):
            return await self._store.get(name, version_id=version_id)
        kept = self._kept.pop(name, None)
        if kept is None:
            kept = await self._store.get(name, version_id=version_id)
            while len(self._kept) >= self._capacity:
                del self._kept[next(iter(self._kept))]
        self._kept[name] = kept
        return kept


def is_full_tile(name: str) -> bool:
    """Whether an object is a tile of 256 hashes."""
    return name.startswith(f"{journal.PREFIX}tile/") and ".p/" not in name
