"""An object store in memory: passes the same contract suite as the real ones, but for what outlives a process."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

from services.runtime.object_store.port import ObjectEntry, ObjectHeld, ObjectMissing, Stored, VersionEntry

_PIECE = 256 * 1024


class MemoryStore:
    """See `port.ObjectStore`. For tests."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[str, bytes]] = {}
        self._held: set[tuple[str, str]] = set()
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
        for found in list(self._objects.get(name, {})) if version_id is None else [version_id]:
            self._remove(name, found)

    async def keep_only(self, name: str, version_id: str) -> None:
        for found in list(self._objects.get(name, {})):
            if found != version_id:
                self._remove(name, found)

    def _remove(self, name: str, version_id: str) -> None:
        if (name, version_id) in self._held:
            raise ObjectHeld
        versions = self._objects.get(name, {})
        versions.pop(version_id, None)
        if not versions:
            self._objects.pop(name, None)

    async def hold(self, name: str, version_id: str) -> None:
        await self.get(name, version_id=version_id)
        self._held.add((name, version_id))

    async def lift(self, name: str, version_id: str) -> None:
        await self.get(name, version_id=version_id)
        self._held.discard((name, version_id))

    async def is_held(self, name: str, version_id: str) -> bool:
        await self.get(name, version_id=version_id)
        return (name, version_id) in self._held

    async def versions(self, prefix: str) -> AsyncIterator[VersionEntry]:
        for name, versions in sorted(self._objects.items()):
            for version_id, data in list(versions.items()) if name.startswith(prefix) else ():
                newest = version_id == next(reversed(versions))
                yield VersionEntry(name, version_id, len(data), newest, marker=False)

    async def list(self, prefix: str) -> AsyncIterator[ObjectEntry]:
        for name, versions in sorted(self._objects.items()):
            if versions and name.startswith(prefix):
                yield ObjectEntry(name, len(versions[next(reversed(versions))]))

    async def ready(self) -> None:
        return None
