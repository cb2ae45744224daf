"""An object store in memory: passes the same contract suite as the real ones, but for what outlives a process."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

from services.runtime.object_store.port import ObjectEntry, ObjectMissing, Stored

_PIECE = 256 * 1024


class MemoryStore:
    """See `port.ObjectStore`. For tests."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[str, bytes]] = {}
        self._numbers = itertools.count(1)

    async def put_stream(self, name: str, length: int, chunks: AsyncIterator[bytes | bytearray]) -> Stored:
        received = bytearray()
        async for chunk in chunks:
            received += chunk
            if len(received) > length:
                raise ValueError("more bytes than announced")
        if len(received) != length:
            raise ValueError("fewer bytes than announced")
        return await self.put(name, bytes(received))

    async def put(self, name: str, data: bytes) -> Stored:
        version_id = f"{next(self._numbers):08x}"
        self._objects.setdefault(name, {})[version_id] = bytes(data)
        return Stored(version_id, len(data))

    async def get(self, name: str, *, version_id: str | None = None) -> bytes:
        versions = self._objects.get(name)
        if not versions:
            raise ObjectMissing
        found = versions.get(next(reversed(versions)) if version_id is None else version_id)
        if found is None:
            raise ObjectMissing
        return found

    async def get_range(
        self, name: str, start: int, length: int, *, version_id: str | None = None
    ) -> AsyncIterator[bytes]:
        if not length:
            return
        data = await self.get(name, version_id=version_id)
        if start + length > len(data):
            raise ObjectMissing
        for at in range(start, start + length, _PIECE):
            yield data[at : min(at + _PIECE, start + length)]

    async def delete(self, name: str, *, version_id: str | None = None) -> None:
        if version_id is None:
            self._objects.pop(name, None)
        else:
            self._objects.get(name, {}).pop(version_id, None)

    async def keep_only(self, name: str, version_id: str) -> None:
        versions = self._objects.get(name, {})
        self._objects[name] = {kept: data for kept, data in versions.items() if kept == version_id}

    async def list(self, prefix: str) -> AsyncIterator[ObjectEntry]:
        for name, versions in sorted(self._objects.items()):
            if versions and name.startswith(prefix):
                yield ObjectEntry(name, len(versions[next(reversed(versions))]))

    async def ready(self) -> None:
        return None
