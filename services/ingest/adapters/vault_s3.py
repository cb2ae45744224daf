"""The vault on an S3 store: one object a part attempt, named by the attempt's random id alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from services.ingest.adapters.sealing_stream import SealingStream
from services.ingest.domain.package import StoredPart
from services.ingest.usecases.ports import Attempt, ComponentPlace, PartToSeal, SealedPart, StoredPartMissing
from services.kernel.identifiers import AttemptId, PackageId
from services.kernel.layout import Plan
from services.kernel.sealing.header import SealContext
from services.kernel.sealing.keys import unwrap_component_key
from services.kernel.sealing.ranges import SegmentRange
from services.runtime.object_store.port import ObjectMissing, ObjectStore


def part_key(attempt: AttemptId) -> str:
    """The object name of a part attempt."""
    return f"parts/{attempt.hex[-2:]}/{attempt}"  # the tail of a UUIDv7 is random: it spreads over 256 prefixes


def record_key(package: PackageId) -> str:
    """The object name of a package's recovery record."""
    return f"recovery/{package}"


class S3Vault:
    """See `usecases.ports.Vault`."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def seal_part(self, part: PartToSeal, body: AsyncIterator[bytes]) -> SealedPart:
        stored_size = sum(segment.stored_length for segment in part.segments)
        stream = SealingStream(part, body)
        stored = await self._store.put_stream(part_key(part.attempt), stored_size, aiter(stream))
        return SealedPart(stored_size, stream.ciphertext_sha256, stored.version_id)

    async def read(
        self, place: ComponentPlace, plan: Plan, parts: Mapping[int, StoredPart], key: bytes, start: int, end: int
    ) -> AsyncIterator[bytes]:
        component, origin = place.component, place.origin
        if component.plan_position is None or start == end:
            return
        component_key = unwrap_component_key(key, component.wrapped_key)
        context = SealContext(origin.id, origin.fonds, origin.version)
        for piece in plan.locate(component.plan_position, start, end):
            if piece.part not in parts:
                raise StoredPartMissing
            stored = parts[piece.part]
            wanted = SegmentRange(piece.segment, piece.start, piece.end)
            name = part_key(stored.attempt)
            header = await self._bytes(name, wanted.header_start, wanted.header_length, stored.object_version)
            reader = wanted.open(component_key, header, component.key_id, stored.attempt, context)
            chunks = self._range(name, wanted.body_start, wanted.body_length, stored.object_version)
            async for plaintext in reader.decrypt(chunks):
                yield plaintext

    async def _bytes(self, name: str, start: int, length: int, version: str) -> bytes:
        return b"".join([chunk async for chunk in self._range(name, start, length, version)])

    async def _range(self, name: str, start: int, length: int, version: str) -> AsyncIterator[bytes]:
        """Raises StoredPartMissing; StoreUnavailable."""
        try:
            async for chunk in self._store.get_range(name, start, length, version_id=version):
                yield chunk
        except ObjectMissing as error:
            raise StoredPartMissing from error

    async def put_record(self, package: PackageId, sealed: bytes) -> None:
        await self._store.put(record_key(package), sealed)

    async def discard(self, attempt: Attempt) -> None:
        await self._store.delete(part_key(attempt.id))
