"""The custodian's hand on the store: holds, and copies of parts in which what was erased is zeros."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence

from services.ingest.adapters.vault_s3 import part_key
from services.ingest.domain.package import StoredPart
from services.ingest.usecases.erasure_ports import Copy
from services.ingest.usecases.ports import StoredPartMissing
from services.kernel.identifiers import AttemptId
from services.kernel.sealing.ciphertext_digest import CiphertextHash
from services.runtime.object_store.port import CustodyStore, ObjectMissing


class S3Custody:
    """See `usecases.erasure_ports.Custody`; `store` is opened with the custodian's credential."""

    def __init__(self, store: CustodyStore) -> None:
        self._store = store

    async def hold(self, attempt: AttemptId, object_version: str) -> None:
        try:
            await self._store.hold(part_key(attempt), object_version)
        except ObjectMissing as error:
            raise StoredPartMissing from error

    async def zero(self, part: StoredPart, spans: Sequence[tuple[int, int]]) -> Copy:
        name = part_key(part.attempt)
        before, after, digest = hashlib.sha256(), hashlib.sha256(), CiphertextHash()

        async def zeroed() -> AsyncIterator[bytes | bytearray]:
            at = 0
            async for chunk in self._store.get_range(name, 0, part.stored_size, version_id=part.object_version):
                before.update(chunk)
                data = _with_zeros(chunk, at, spans)
                after.update(data)
                digest.update(data)
                at += len(chunk)
                yield data

        try:
            stored = await self._store.put_stream(name, part.stored_size, zeroed())
            await self._store.hold(name, stored.version_id)
        except ObjectMissing as error:
            raise StoredPartMissing from error
        return Copy(stored.version_id, before.digest(), after.digest(), digest.digest())

    async def keep_only(self, attempt: AttemptId, object_version: str) -> None:
        name = part_key(attempt)
        others = [
            entry
            async for entry in self._store.versions(name)
            if entry.name == name and entry.version_id != object_version
        ]
        for entry in others:
            if not entry.marker:
                await self._store.lift(name, entry.version_id)
            await self._store.delete(name, version_id=entry.version_id)


def _with_zeros(chunk: bytes, at: int, spans: Sequence[tuple[int, int]]) -> bytes | bytearray:
    """The bytes that stand from `at` on, those within a span as zeros."""
    touched = [(max(start - at, 0), min(end - at, len(chunk))) for start, end in spans]
    touched = [(start, end) for start, end in touched if start < end]
    if not touched:
        return chunk
    data = bytearray(chunk)
    for start, end in touched:
        data[start:end] = bytes(end - start)
    return data
