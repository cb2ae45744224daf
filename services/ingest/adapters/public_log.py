"""The log's checkpoint and tiles as they lie in the store, for anybody."""

from __future__ import annotations

from services.runtime import journal
from services.runtime.object_store.port import ObjectMissing, ObjectStore


class StoredLog:
    """See `usecases.ports.PublicLog`."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def read(self, path: str) -> bytes | None:
        try:
            return await self._store.get(journal.PREFIX + path)
        except ObjectMissing:
            return None
