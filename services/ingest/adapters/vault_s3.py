"""The vault on an S3 store: one object a part attempt, named by the attempt's random id alone."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from functools import partial

from services.ingest.adapters.sealing_stream import SealingStream
from services.ingest.domain.package import StoredPart
from services.ingest.usecases.ports import Attempt, ComponentPlace, PartToSeal, SealedPart, StoredPartMissing
from services.kernel.identifiers import AttemptId, KeyId, PackageId
from services.kernel.layout import Plan, Segment
from services.kernel.sealing.header import SealContext, SegmentHeader
from services.kernel.sealing.keys import unwrap_component_key
from services.kernel.sealing.open import SealBroken
from services.kernel.sealing.ranges import SegmentRange
from services.kernel.sealing.segment_heads import NEAR, head_of
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
        self._heads = _Heads()

    async def seal_part(self, part: PartToSeal, body: AsyncIterator[bytes]) -> SealedPart:
        stored_size = sum(segment.stored_length for segment in part.segments)
        stream = SealingStream(part, body)
        stored = await self._store.put_stream(part_key(part.attempt), stored_size, aiter(stream))
        return SealedPart(stored_size, stream.ciphertext_digest, stored.version_id, stream.heads)

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
            version = stored.object_version
            proof = partial(
                wanted.open, component_key, key_id=component.key_id, attempt=stored.attempt, context=context
            )
            held = self._heads.get((stored.attempt, version, wanted.header_start))
            distance = wanted.body_start - wanted.header_start
            reader = None
            if distance == wanted.header_length or (held is None and distance <= NEAR):
                both = self._range(name, wanted.header_start, distance + wanted.body_length, version)
                header, body = await _split(both, wanted.header_length, distance)
            else:
                body = self._range(name, wanted.body_start, wanted.body_length, version)
                header = held or _recorded(stored, piece.segment, component.key_id)
                with suppress(SealBroken):  # what the row has wrong costs a request, never an answer
                    reader = proof(header)
                if reader is None:
                    header = await _joined(self._range(name, wanted.header_start, wanted.header_length, version))
            reader = reader or proof(header)
            async for plaintext in reader.decrypt(body):
                self._heads.put((stored.attempt, version, wanted.header_start), header)
                yield plaintext

    async def _range(self, name: str, start: int, length: int, version: str) -> AsyncIterator[bytes]:
        """Raises StoredPartMissing; StoreUnavailable."""
        try:
            async for chunk in self._store.get_range(name, start, length, version_id=version):
                yield chunk
        except ObjectMissing as error:
            raise StoredPartMissing from error

    async def put_record(self, package: PackageId, sealed: bytes) -> None:
        stored = await self._store.put(record_key(package), sealed)
        await self._store.keep_only(record_key(package), stored.version_id)  # an older one may hold an erased key

    async def discard(self, attempt: Attempt) -> None:
        await self._store.delete(part_key(attempt.id))


class _Heads:
    """The first bytes of segments that were read lately: a reader who goes on in one needs no second request for them.

    Kept only once a chunk behind them was authenticated, and judged with the key again at every use.
    """

    def __init__(self, most: int = 4096) -> None:
        self._most = most
        self._held: OrderedDict[tuple[AttemptId, str, int], bytes] = OrderedDict()

    def get(self, segment: tuple[AttemptId, str, int]) -> bytes | None:
        return self._held.get(segment)

    def put(self, segment: tuple[AttemptId, str, int], head: bytes) -> None:
        if segment not in self._held:
            self._held[segment] = head
            if len(self._held) > self._most:
                self._held.popitem(last=False)


async def _joined(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


def _recorded(stored: StoredPart, segment: Segment, key_id: KeyId) -> bytes:
    """The first bytes of a segment as the part's row has them; too few where it has none."""
    header = SegmentHeader(segment.component, key_id, segment.index, segment.is_last, stored.attempt)
    return header.pack() + (head_of(segment, stored.heads) or b"")


async def _split(chunks: AsyncIterator[bytes], length: int, skip: int) -> tuple[bytes, AsyncIterator[bytes]]:
    """The first `length` bytes, and what comes after the first `skip`, as it comes."""
    held = b""
    async for chunk in chunks:
        held += chunk
        if len(held) >= skip:
            break

    async def rest() -> AsyncIterator[bytes]:
        yield held[skip:]
        async for chunk in chunks:
            yield chunk

    return held[:length], rest()
