"""Any range of a segment is what the whole would give, and nothing unauthenticated ever comes out."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kernel.identifiers import AttemptId, ComponentId, FondsId, KeyId, PackageId
from services.kernel.layout import Segment
from services.kernel.sealing.header import CHUNK, SealContext, SegmentHeader, sealed_length
from services.kernel.sealing.open import SealBroken, open_segment
from services.kernel.sealing.ranges import SegmentRange
from services.kernel.sealing.seal import SegmentSealer

KEY = bytes(range(32))
KEY_ID = KeyId(UUID(int=3))
ATTEMPT = AttemptId(UUID(int=4))
COMPONENT = ComponentId(UUID(int=5))
CONTEXT = SealContext(PackageId(UUID(int=1)), FondsId(UUID(int=2)), 1)
OFFSET = 777  # other segments lie before this one in the part's object

LENGTHS = (1, 15, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, 3 * CHUNK + 5)


def segment_of(length: int) -> Segment:
    return Segment(COMPONENT, 0, 0, True, 0, 0, length, OFFSET, sealed_length(length))


def plaintext_of(length: int) -> bytes:
    return hashlib.shake_256(length.to_bytes(8)).digest(length)


def object_of(length: int) -> bytes:
    """A part's object: the segment with foreign bytes before and behind."""
    sealer = SegmentSealer(KEY, SegmentHeader(COMPONENT, KEY_ID, 0, True, ATTEMPT), CONTEXT)
    sealed = sealer.prefix + sealer.update(plaintext_of(length)) + sealer.finalize()
    assert len(sealed) == sealed_length(length)
    return b"\xaa" * OFFSET + sealed + b"\xbb" * 100


async def stream(data: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def keep(plaintext: AsyncIterator[bytes], released: list[bytes]) -> None:
    async for plain in plaintext:
        released.append(plain)  # noqa: PERF401 - what came before the failure must be kept


async def read(stored: bytes, wanted: SegmentRange, *, piece: int = 10_000, key: bytes = KEY) -> bytes:
    header = stored[wanted.header_start : wanted.header_start + wanted.header_length]
    reader = wanted.open(key, header, KEY_ID, ATTEMPT, CONTEXT)
    body = stored[wanted.body_start : wanted.body_start + wanted.body_length]
    return b"".join([plain async for plain in reader.decrypt(stream(body, piece))])


@settings(deadline=None)
@given(length=st.sampled_from(LENGTHS), data=st.data(), piece=st.sampled_from([1_000, CHUNK, CHUNK + 16, 10**6]))
async def test_a_range_is_the_slice_of_the_whole(length: int, data: st.DataObject, piece: int) -> None:
    start = data.draw(st.integers(0, length - 1))
    end = data.draw(st.integers(start + 1, length))
    wanted = SegmentRange(segment_of(length), start, end)
    assert await read(object_of(length), wanted, piece=piece) == plaintext_of(length)[start:end]


@pytest.mark.parametrize("length", LENGTHS)
async def test_the_whole_range_is_what_the_streaming_opener_gives(length: int) -> None:
    stored, segment = object_of(length), segment_of(length)
    sealed = stored[OFFSET : OFFSET + segment.stored_length]
    whole = [plain async for plain in open_segment(stream(sealed, 9_999), segment, KEY, KEY_ID, ATTEMPT, CONTEXT)]
    wanted = SegmentRange(segment, 0, length)
    assert (wanted.header_start, wanted.header_length) == (OFFSET, 120)
    assert wanted.body_start + wanted.body_length == OFFSET + segment.stored_length
    assert await read(stored, wanted) == b"".join(whole) == plaintext_of(length)


def test_no_more_is_fetched_than_the_chunks_of_the_range() -> None:
    wanted = SegmentRange(segment_of(10 * CHUNK), 3 * CHUNK + 1, 5 * CHUNK)
    assert wanted.body_start == OFFSET + 120 + 3 * (CHUNK + 16)
    assert wanted.body_length == 2 * (CHUNK + 16)


@pytest.mark.parametrize("length", [20, CHUNK, 2 * CHUNK + 7])
async def test_every_flipped_byte_that_is_read_is_refused(length: int) -> None:
    stored, wanted = object_of(length), SegmentRange(segment_of(length), 0, length)
    places = [*range(OFFSET, OFFSET + 160), *range(OFFSET + 160, wanted.body_start + wanted.body_length, 997)]
    for at in {*places, wanted.body_start + wanted.body_length - 1}:
        if at >= wanted.body_start + wanted.body_length:
            continue
        altered = stored[:at] + bytes([stored[at] ^ 1]) + stored[at + 1 :]
        with pytest.raises(SealBroken):
            await read(altered, wanted)


@pytest.mark.parametrize("change", [-1, 1, -16, 16, CHUNK])
async def test_a_body_cut_or_lengthened_is_refused(change: int) -> None:
    stored, wanted = object_of(2 * CHUNK), SegmentRange(segment_of(2 * CHUNK), 5, 2 * CHUNK)
    reader = wanted.open(KEY, stored[OFFSET:][:120], KEY_ID, ATTEMPT, CONTEXT)
    body = (stored + b"\0" * CHUNK)[wanted.body_start :][: wanted.body_length + change]
    with pytest.raises(SealBroken):
        assert [plain async for plain in reader.decrypt(stream(body, 5_000))]


async def test_chunks_that_changed_places_are_refused() -> None:
    stored, wanted = object_of(3 * CHUNK), SegmentRange(segment_of(3 * CHUNK), 0, 2 * CHUNK)
    reader = wanted.open(KEY, stored[OFFSET:][:120], KEY_ID, ATTEMPT, CONTEXT)
    body = stored[wanted.body_start :][: wanted.body_length]
    swapped = body[CHUNK + 16 :] + body[: CHUNK + 16]
    with pytest.raises(SealBroken):
        assert [plain async for plain in reader.decrypt(stream(swapped, 50_000))]


async def test_nothing_of_a_broken_chunk_comes_out() -> None:
    length = 4 * CHUNK
    stored, wanted = object_of(length), SegmentRange(segment_of(length), 0, length)
    at = wanted.body_start + 2 * (CHUNK + 16) + 5
    altered = stored[:at] + bytes([stored[at] ^ 1]) + stored[at + 1 :]
    reader = wanted.open(KEY, altered[OFFSET:][:120], KEY_ID, ATTEMPT, CONTEXT)
    released: list[bytes] = []
    with pytest.raises(SealBroken):
        await keep(reader.decrypt(stream(altered[wanted.body_start :][: wanted.body_length], 1_000)), released)
    assert b"".join(released) == plaintext_of(length)[: 2 * CHUNK]


def test_another_key_place_attempt_or_package_is_refused_before_any_chunk() -> None:
    stored, segment = object_of(100), segment_of(100)
    header = stored[OFFSET:][:120]
    wanted = SegmentRange(segment, 0, 100)
    other = UUID(int=99)
    for key in (bytes(32), KEY[:16], KEY + b"\0", KEY[:-1], b""):
        with pytest.raises(SealBroken):
            wanted.open(key, header, KEY_ID, ATTEMPT, CONTEXT)
    with pytest.raises(SealBroken):
        wanted.open(KEY, header, KeyId(other), ATTEMPT, CONTEXT)
    with pytest.raises(SealBroken):
        wanted.open(KEY, header, KEY_ID, AttemptId(other), CONTEXT)
    for context in (
        replace(CONTEXT, package=PackageId(other)),
        replace(CONTEXT, fonds=FondsId(other)),
        replace(CONTEXT, version=2),
    ):
        with pytest.raises(SealBroken):
            wanted.open(KEY, header, KEY_ID, ATTEMPT, context)
    for elsewhere in (
        replace(segment, index=1),
        replace(segment, is_last=False),
        replace(segment, component=ComponentId(other)),
    ):
        with pytest.raises(SealBroken):
            SegmentRange(elsewhere, 0, 100).open(KEY, header, KEY_ID, ATTEMPT, CONTEXT)
    for cut in (b"", header[:64], header[:119], header + b"\0"):
        with pytest.raises(SealBroken):
            wanted.open(KEY, cut, KEY_ID, ATTEMPT, CONTEXT)


@pytest.mark.parametrize(("start", "end"), [(0, 0), (5, 5), (6, 5), (-1, 5), (0, 101)])
def test_a_range_outside_the_segment_is_a_programming_error(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="range"):
        SegmentRange(segment_of(100), start, end)
