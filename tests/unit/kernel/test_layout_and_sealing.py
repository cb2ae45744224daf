"""Promise: every byte of the payload lies in exactly one segment, and a segment opens only in its own place."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kernel.identifiers import AttemptId, ComponentId, FondsId, KeyId, PackageId
from services.kernel.layout import MIB, Plan, PlanInvalid, PlannedComponent, Segment
from services.kernel.sealing.header import SealContext, SegmentHeader, sealed_length
from services.kernel.sealing.keys import KeyBroken, unwrap_component_key, wrap_component_key
from services.kernel.sealing.open import SealBroken, open_segment
from services.kernel.sealing.seal import SegmentSealer

ATTEMPT, KEY_ID = AttemptId(UUID(int=7)), KeyId(UUID(int=8))
CONTEXT = SealContext(PackageId(UUID(int=1)), FondsId(UUID(int=2)), 1)
KEY = bytes(range(32))


def plan_of(lengths: list[int]) -> Plan:
    return Plan(MIB, [PlannedComponent(ComponentId(UUID(int=n + 1)), size) for n, size in enumerate(lengths)])


@given(st.lists(st.integers(0, 3 * MIB), max_size=12))
@settings(max_examples=60, deadline=None)
def test_every_byte_lies_in_exactly_one_segment(lengths: list[int]) -> None:
    plan = plan_of(lengths)
    held = dict.fromkeys(range(len(lengths)), 0)
    indexes: dict[int, int] = {}
    for number in range(plan.part_count):
        offset = stored = 0
        for segment in plan.segments(number):
            assert (segment.part_offset, segment.stored_offset) == (offset, stored)
            assert segment.component_offset == held[segment.position]
            assert segment.index == indexes.get(segment.position, 0)
            indexes[segment.position] = segment.index + 1
            held[segment.position] += segment.length
            assert segment.is_last == (held[segment.position] == lengths[segment.position])
            offset += segment.length
            stored += segment.stored_length
        assert offset == plan.part_length(number)
    assert list(held.values()) == lengths


@given(st.lists(st.integers(0, 3 * MIB), max_size=8))
@settings(max_examples=30, deadline=None)
def test_a_plan_is_its_own_canonical_form(lengths: list[int]) -> None:
    data = plan_of(lengths).canonical()
    assert Plan.parse(data).canonical() == data
    with pytest.raises(PlanInvalid):
        Plan.parse(data + b" ")


def seal(data: bytes) -> tuple[Segment, bytes]:
    segment = plan_of([len(data)]).segments(0)[0]
    sealer = SegmentSealer(KEY, SegmentHeader(segment.component, KEY_ID, 0, True, ATTEMPT), CONTEXT)
    return segment, sealer.prefix + sealer.update(data) + sealer.finalize()


def opened(stored: bytes, segment: Segment, context: SealContext = CONTEXT, key: bytes = KEY) -> bytes:
    async def body() -> AsyncIterator[bytes]:
        for start in range(0, len(stored), 5000):
            yield stored[start : start + 5000]

    async def run() -> bytes:
        return b"".join([chunk async for chunk in open_segment(body(), segment, key, KEY_ID, ATTEMPT, context)])

    return asyncio.run(run())


@pytest.mark.parametrize("length", [1, 16383, 16384, 16385, 40000])
def test_a_sealed_segment_opens_to_the_same_bytes(length: int) -> None:
    data = os.urandom(length)
    segment, stored = seal(data)
    assert len(stored) == sealed_length(length) == segment.stored_length
    assert opened(stored, segment) == data


@given(st.integers(0, sealed_length(20000) - 1))
@settings(max_examples=80, deadline=None)
def test_a_flipped_byte_is_refused(at: int) -> None:
    segment, stored = seal(b"m" * 20000)
    broken = bytearray(stored)
    broken[at] ^= 1
    with pytest.raises(SealBroken):
        opened(bytes(broken), segment)


def test_a_segment_of_another_place_is_refused() -> None:
    segment, stored = seal(b"m" * 20000)
    for wrong in (replace(segment, index=1), replace(segment, is_last=False)):
        with pytest.raises(SealBroken):
            opened(stored, wrong)
    with pytest.raises(SealBroken):
        opened(stored, segment, context=replace(CONTEXT, version=2))
    with pytest.raises(SealBroken):
        opened(stored[:-16], segment)


def test_a_wrapped_key_opens_under_its_package_key_only() -> None:
    wrapped = wrap_component_key(KEY, b"k" * 32)
    assert len(wrapped) == 40
    assert unwrap_component_key(KEY, wrapped) == b"k" * 32
    with pytest.raises(KeyBroken):
        unwrap_component_key(b"x" * 32, wrapped)
