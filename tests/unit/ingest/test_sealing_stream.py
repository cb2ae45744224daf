"""Promise: whatever way a part's bytes arrive, the same object leaves; and never the last of it unless all is right."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.adapters.sealing_stream import SealingStream
from services.ingest.usecases.ports import PartToSeal
from services.kernel.layout import MIB
from services.kernel.refusals.packages import ComponentMismatch, PartDigestMismatch, PartTruncated
from services.kernel.sealing.header import SealContext
from services.kernel.sealing.open import open_segment
from tests.support.parts import Payload, chunked


def sealed(part: PartToSeal, chunks: AsyncIterator[bytes], given_out: list[bytes]) -> SealingStream:
    """Run the stream to its end; what it gave out by then is in `given_out`, even where it raised."""
    stream = SealingStream(part, chunks)

    async def run() -> None:
        async for piece in stream:
            given_out.append(bytes(piece))  # noqa: PERF401 - kept up to where it raises

    asyncio.run(run())
    return stream


def opened(part: PartToSeal, stored: bytes) -> bytes:
    """The part's plaintext from its object, by the kernel's own reader."""
    context = SealContext(part.package, part.fonds, part.version)

    async def run() -> bytes:
        found = b""
        for segment, key in zip(part.segments, part.keys, strict=True):
            piece = stored[segment.stored_offset : segment.stored_offset + segment.stored_length]
            plain = open_segment(chunked(piece, 7000), segment, key.key, key.key_id, part.attempt, context)
            found += b"".join([chunk async for chunk in plain])
        return found

    return asyncio.run(run())


async def cut(data: bytes, cuts: Sequence[int]) -> AsyncIterator[bytes]:
    edges = [0, *sorted(cuts), len(data)]
    for start, end in pairwise(edges):
        yield data[start:end]


SIZES = st.lists(
    st.one_of(st.integers(0, 40_000), st.sampled_from([16_384, 32_768, 1, 0, 300_000, MIB])), min_size=1, max_size=9
).filter(any)


@given(SIZES, st.data())
@settings(max_examples=60, deadline=None)
def test_any_chunking_gives_an_object_that_opens_to_the_same_bytes(sizes: list[int], data: st.DataObject) -> None:
    payload = Payload.of(MIB, sizes)
    number = data.draw(st.integers(0, payload.plan.part_count - 1))
    part, body = payload.part(number), payload.body(number)
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=12))
    pieces: list[bytes] = []
    stream = sealed(part, cut(body, cuts), pieces)
    stored = b"".join(pieces)
    assert len(stored) == sum(segment.stored_length for segment in part.segments)
    assert str(stream.ciphertext_digest) == f"blake3:{blake3(stored).hexdigest()}"
    assert opened(part, stored) == body


def test_one_byte_at_a_time_opens_too() -> None:
    payload = Payload.of(MIB, [5, 0, 17_000, 3])
    part, pieces = payload.part(0), list[bytes]()
    sealed(part, chunked(payload.body(0), 1), pieces)
    assert opened(part, b"".join(pieces)) == payload.body(0)


def test_a_large_part_leaves_while_it_arrives() -> None:
    payload = Payload.of(16 * MIB, [16 * MIB])
    part, given_out, ahead = payload.part(0), 0, 0
    arrived = 0

    async def counted() -> AsyncIterator[bytes]:
        nonlocal arrived, ahead
        async for chunk in chunked(payload.body(0)):
            ahead = max(ahead, arrived - given_out)
            arrived += len(chunk)
            yield chunk

    async def run() -> None:
        nonlocal given_out
        async for piece in SealingStream(part, counted()):
            given_out += len(piece)

    asyncio.run(run())
    assert ahead < MIB // 2


WRONG_SIZES = ([600_000], [300_000, 10, 300_000], [MIB, 3 * MIB])


@pytest.mark.parametrize("sizes", WRONG_SIZES)
@pytest.mark.parametrize("at", [0, -1])
def test_a_byte_that_differs_from_the_announced_digest_is_refused(sizes: list[int], at: int) -> None:
    payload = Payload.of(4 * MIB, sizes)
    part, body = payload.part(0), bytearray(payload.body(0))
    body[at] ^= 1
    pieces: list[bytes] = []
    with pytest.raises(PartDigestMismatch):
        sealed(part, chunked(bytes(body)), pieces)
    assert_incomplete(part, pieces)


@pytest.mark.parametrize("sizes", [[600_000], [300_000, 10, 300_000], [10, 20, 30]])
def test_a_component_that_is_not_the_manifests_is_refused(sizes: list[int]) -> None:
    """The client sends what it announced for the part, but not what the manifest promised of a component."""
    payload = Payload.of(MIB, sizes)
    whole = payload.part(0)
    keys = [replace(key, sha256=bytes(32)) if number != 1 else key for number, key in enumerate(whole.keys)]
    part, pieces = replace(whole, keys=keys), list[bytes]()
    with pytest.raises(ComponentMismatch) as caught:
        sealed(part, chunked(payload.body(0)), pieces)
    assert caught.value.facts["components"] == len([key for key in keys if key.sha256 == bytes(32)])
    assert_incomplete(part, pieces)


def test_a_component_that_spans_parts_is_left_to_the_store() -> None:
    payload = Payload.of(MIB, [3 * MIB])
    whole = payload.part(1)
    part, pieces = replace(whole, keys=[replace(whole.keys[0], sha256=bytes(32))]), list[bytes]()
    sealed(part, chunked(payload.body(1)), pieces)
    assert opened(part, b"".join(pieces)) == payload.body(1)


@pytest.mark.parametrize("missing", [1, 100_000, 600_000])
def test_a_body_that_ends_early_is_refused(missing: int) -> None:
    payload = Payload.of(MIB, [600_000])
    part, pieces = payload.part(0), list[bytes]()
    with pytest.raises(PartTruncated) as caught:
        sealed(part, chunked(payload.body(0)[: 600_000 - missing]), pieces)
    assert caught.value.facts == {"part": 0, "received": 600_000 - missing, "planned": 600_000}
    assert_incomplete(part, pieces)


@pytest.mark.parametrize("size", [1, 64 * 1024, 700_000])
def test_a_body_that_goes_on_is_refused(size: int) -> None:
    payload = Payload.of(MIB, [600_000])
    part, pieces = payload.part(0), list[bytes]()
    with pytest.raises(PartTruncated):
        sealed(part, chunked(payload.body(0) + b"x" * size, 600_000), pieces)
    assert_incomplete(part, pieces)


def test_the_same_plaintext_never_gives_the_same_object() -> None:
    payload = Payload.of(MIB, [50_000])
    first, second = list[bytes](), list[bytes]()
    part = payload.part(0)
    sealed(part, chunked(payload.body(0)), first)
    sealed(part, chunked(payload.body(0)), second)
    assert b"".join(first)[64:] != b"".join(second)[64:]


def test_a_key_stands_in_no_repr() -> None:
    part = Payload.of(MIB, [10]).part(0)
    assert part.keys[0].key.hex() not in repr(part)
    assert repr(part.keys[0].key) not in repr(part)


def assert_incomplete(part: PartToSeal, pieces: list[bytes]) -> None:
    """The store got less than it was told to expect: it keeps nothing."""
    assert len(b"".join(pieces)) < sum(segment.stored_length for segment in part.segments)
