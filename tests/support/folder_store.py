"""An object store in a folder, for tests in which a process dies and another one goes on: what was put stays put.

It passes the same contract as the real ones as far as the log needs it: put, get, list, delete, versions.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote, unquote

from services.runtime.object_store.port import ObjectEntry, ObjectMissing, Stored, VersionEntry


class FolderStore:
    """Each version is a file `name@number`; written beside and renamed, so that none is ever half there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    async def put(self, name: str, data: bytes) -> Stored:
        number = max(self._versions(name), default=0) + 1
        path = self._path(name, number)
        beside = path.with_name(f"{secrets.token_hex(8)}.tmp")
        beside.write_bytes(data)
        beside.replace(path)
        return Stored(str(number), len(data))

    async def put_stream(self, name: str, length: int, chunks: AsyncIterator[bytes | bytearray]) -> Stored:
        data = b"".join([bytes(chunk) async for chunk in chunks])
        if len(data) != length:
            raise ValueError("length")
        return await self.put(name, data)

    async def get(self, name: str, *, version_id: str | None = None) -> bytes:
        versions = self._versions(name)
        number = int(version_id) if version_id is not None else max(versions, default=0)
        if number not in versions:
            raise ObjectMissing(name)
        return self._path(name, number).read_bytes()

    async def get_range(
        self, name: str, start: int, length: int, *, version_id: str | None = None
    ) -> AsyncIterator[bytes]:
        data = (await self.get(name, version_id=version_id))[start : start + length]
        if len(data) != length:
            raise ObjectMissing(name)
        yield data

    async def delete(self, name: str, *, version_id: str | None = None) -> None:
        for number in self._versions(name) if version_id is None else [int(version_id)]:
            self._path(name, number).unlink(missing_ok=True)

    async def keep_only(self, name: str, version_id: str) -> None:
        for number in self._versions(name):
            if number != int(version_id):
                self._path(name, number).unlink(missing_ok=True)

    async def ready(self) -> None:
        return

    def _path(self, name: str, number: int) -> Path:
        return self._folder / f"{quote(name, safe='')}@{number}"

    def _versions(self, name: str) -> list[int]:
        prefix = f"{quote(name, safe='')}@"
        numbers = (path.name.removeprefix(prefix) for path in self._folder.iterdir() if path.name.startswith(prefix))
        return [int(number) for number in numbers if number.isdigit()]

    async def versions(self, prefix: str) -> AsyncIterator[VersionEntry]:
        async for entry in self.list(prefix):
            numbers = sorted(self._versions(entry.name))
            for number in numbers:
                size = self._path(entry.name, number).stat().st_size
                yield VersionEntry(entry.name, str(number), size, newest=number == numbers[-1], marker=False)

    async def list(self, prefix: str) -> AsyncIterator[ObjectEntry]:
        names = {unquote(path.name.rpartition("@")[0]) for path in self._folder.iterdir() if path.suffix != ".tmp"}
        for name in sorted(names):
            if name.startswith(prefix):
                yield ObjectEntry(name, len(await self.get(name)))
