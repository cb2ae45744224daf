"""A part's plaintext in, its stored object out: hash, encrypt and pass on while the bytes arrive."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

from services.ingest.usecases.ports import PartToSeal
from services.kernel.refusals.packages import ComponentMismatch, PartDigestMismatch, PartTruncated
from services.kernel.sealing.ciphertext_digest import CiphertextDigest, CiphertextHash
from services.kernel.sealing.header import SealContext, SegmentHeader
from services.kernel.sealing.seal import SegmentSealer
from services.kernel.sealing.segment_heads import has_head, head_entry

_FLUSH = 256 * 1024
"""Ciphertext bytes gathered before they are handed to the store: thousands of small segments share one write."""

_TURN = 200
"""Segments sealed before other requests have a turn: a chunk may hold thousands of files of a few bytes."""


class SealingStream:
    """Iterate once to get the object's bytes; afterwards `ciphertext_digest` describes what was given out.

    The last bytes are held back until every digest has been compared, so that a store which receives less than the
    announced length keeps nothing.
    """

    def __init__(self, part: PartToSeal, body: AsyncIterator[bytes]) -> None:
        self._part = part
        self._body = body
        self._context = SealContext(part.package, part.fonds, part.version)
        self._ciphertext = CiphertextHash()
        self._heads = bytearray()

    @property
    def ciphertext_digest(self) -> CiphertextDigest:
        return self._ciphertext.digest()

    @property
    def heads(self) -> bytes:
        """Of the long segments (`segment_heads`)."""
        return bytes(self._heads)

    async def __aiter__(self) -> AsyncIterator[bytes | bytearray]:
        part = self._part
        whole = hashlib.sha256()
        received = 0
        mismatches = 0
        out = bytearray()
        cursor = _Segments(part, self._context, self._heads)
        async for chunk in self._body:
            received += len(chunk)
            if received > part.length:
                raise PartTruncated(part=part.number, received=received, planned=part.length)
            whole.update(chunk)
            rest = memoryview(chunk)
            while rest:
                rest, wrong = cursor.feed(rest, out)
                mismatches += wrong
                if len(out) >= _FLUSH and (rest or received < part.length):
                    yield self._count(out)
                    out = bytearray()
                if rest:
                    await asyncio.sleep(0)
        if received != part.length:
            raise PartTruncated(part=part.number, received=received, planned=part.length)
        digest = whole.digest()
        if digest != part.sha256:
            raise PartDigestMismatch(part=part.number)
        if cursor.only_component_sha256 not in (None, digest):
            mismatches += 1
        if mismatches:
            raise ComponentMismatch(part=part.number, components=mismatches)
        yield self._count(out)

    def _count(self, out: bytearray) -> bytearray:
        self._ciphertext.update(out)
        return out


class _Segments:
    """Walks the part's segments as plaintext comes in and appends their ciphertext."""

    def __init__(self, part: PartToSeal, context: SealContext, heads: bytearray) -> None:
        self._part = part
        self._context = context
        self._heads = heads
        self._next = 0
        self._remaining = 0
        self._first = False
        self._sealer: SegmentSealer | None = None
        self._digest: hashlib._Hash | None = None
        # A part that is one whole component has that component's digest: it need not be hashed twice.
        alone = len(part.segments) == 1 and part.segments[0].length == part.keys[0].size
        self.only_component_sha256 = part.keys[0].sha256 if alone else None

    def feed(self, data: memoryview, out: bytearray) -> tuple[memoryview, int]:
        """Seal `data` into `out`, or the first `_TURN` segments of it.

        What is left of it, and how many components ended in it with another digest than the manifest's.
        """
        mismatches, until = 0, self._next + _TURN
        while data and self._next < until:
            if self._sealer is None:
                self._open(out)
            taken = data[: self._remaining]
            data = data[len(taken) :]
            self._remaining -= len(taken)
            mismatches += self._seal(taken, out)
        return data, mismatches

    def _open(self, out: bytearray) -> None:
        segment, key = self._part.segments[self._next], self._part.keys[self._next]
        header = SegmentHeader(
            component_id=segment.component,
            key_id=key.key_id,
            segment_index=segment.index,
            is_last=segment.is_last,
            attempt_id=self._part.attempt,
        )
        self._sealer = SegmentSealer(key.key, header, self._context)
        self._remaining = segment.length
        self._first = True
        checked_here = segment.length == key.size and self.only_component_sha256 is None
        self._digest = hashlib.sha256() if checked_here else None
        out += self._sealer.prefix

    def _seal(self, taken: memoryview, out: bytearray) -> int:
        if self._sealer is None:
            raise RuntimeError("no segment is open")
        if self._digest is not None:
            self._digest.update(taken)
        sealed = self._sealer.update(taken)
        segment = self._part.segments[self._next]
        if self._first and has_head(segment):
            self._heads += head_entry(segment, sealed)
        self._first = False
        out += sealed
        if self._remaining:
            return 0
        out += self._sealer.finalize()
        wrong = self._digest is not None and self._digest.digest() != self._part.keys[self._next].sha256
        self._sealer = None
        self._next += 1
        return int(wrong)
