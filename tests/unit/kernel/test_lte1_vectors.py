"""The golden LTE1 files: two readers that share no code agree on every one, and nothing unauthenticated comes out."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest

from services.kernel.identifiers import AttemptId, FondsId, KeyId, PackageId
from services.kernel.layout import Plan, Segment
from services.kernel.sealing.header import CHUNK, SealContext
from services.kernel.sealing.open import SealBroken, open_segment
from services.kernel.sealing.ranges import SegmentRange
from tests.support.lte1_decoder import Expected, Refused, places, read_part, sha256
from tests.support.lte1_vectors import FOLDER, plaintext_of, plans, vectors

Told = dict[str, Any]  # a vector as its JSON tells it
FILES: Final = sorted(path for path in FOLDER.glob("*.json") if path.name != "plans.json")


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def told(request: pytest.FixtureRequest) -> Told:
    path: Path = request.param
    found: Told = json.loads(path.read_text("utf-8"))
    found["stored"] = (FOLDER / found["object"]).read_bytes()
    assert sha256(found["stored"]) == found["object_sha256"]
    return found


def plain_of(told: Told) -> bytes:
    """What the segments hold in truth."""
    plan = Plan.parse(told["plan"].encode())
    wanted = plan.segments(told["part"])[told["first_segment"] :]
    plain = [
        plaintext_of(one.position, plan.components[one.position].length)[one.component_offset :][: one.length]
        for one in wanted
    ]
    assert [sha256(one) for one in plain] == [one["plaintext_sha256"] for one in told["segments"]]
    return b"".join(plain)


def judge(told: Told, released: bytes, refused: bool) -> None:
    assert refused is not told["valid"]
    plain = plain_of(told)
    if told["valid"]:
        assert released == plain
        return
    allowed = plain[: told["released_at_most"]["length"]]
    assert sha256(allowed) == told["released_at_most"]["sha256"]
    assert allowed.startswith(released)


def test_the_second_decoder_agrees(told: Told) -> None:
    keys = {one["component"]: (one["key_id"], bytes.fromhex(one["key"])) for one in told["segments"]}
    expected = Expected(told["package"], told["fonds"], told["version"], told["attempt"], keys)
    released, refused = b"", False
    try:
        for chunk in read_part(
            told["stored"], told["plan"].encode(), told["part"], expected, first=told["first_segment"]
        ):
            released += chunk
    except Refused:
        refused = True
    judge(told, released, refused)


def kernel_segments(told: Told) -> list[tuple[Segment, bytes, KeyId, bytes]]:
    """Each segment with key, key id and what a reader finds where the plan puts it; the last one to the object's end."""
    wanted = Plan.parse(told["plan"].encode()).segments(told["part"])[told["first_segment"] :]
    begin = wanted[0].stored_offset
    ends = [one.stored_offset - begin for one in wanted[1:]] + [len(told["stored"])]
    return [
        (one, bytes.fromhex(keys["key"]), KeyId(UUID(keys["key_id"])), told["stored"][one.stored_offset - begin : end])
        for one, keys, end in zip(wanted, told["segments"], ends, strict=True)
    ]


def context_of(told: Told) -> SealContext:
    return SealContext(PackageId(UUID(told["package"])), FondsId(UUID(told["fonds"])), told["version"])


async def pieces(data: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


@pytest.mark.parametrize("size", [1000, 1 << 20])
async def test_the_kernel_reads_it_whole(told: Told, size: int) -> None:
    released, refused = b"", False
    attempt = AttemptId(UUID(told["attempt"]))
    try:
        for segment, key, key_id, stored in kernel_segments(told):
            async for plain in open_segment(pieces(stored, size), segment, key, key_id, attempt, context_of(told)):
                released += plain
    except SealBroken:
        refused = True
    judge(told, released, refused)


async def test_the_kernel_reads_it_by_ranges(told: Told) -> None:
    """Any range is right or refused with a right beginning; all of them together meet the fault."""
    attempt, broken = AttemptId(UUID(told["attempt"])), 0
    true, offset = plain_of(told), 0
    for segment, key, key_id, stored in kernel_segments(told):
        own = true[offset : offset + segment.length]
        offset += segment.length
        marks = sorted({0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, segment.length - 1, segment.length})
        marks = [mark for mark in marks if 0 <= mark <= segment.length]
        for start, end in [*pairwise(marks), (0, segment.length)]:
            wanted = SegmentRange(segment, start, end)
            released, complete = b"", False
            at = segment.stored_offset
            try:
                header = stored[wanted.header_start - at :][: wanted.header_length]
                reader = wanted.open(key, header, key_id, attempt, context_of(told))
                body = stored[wanted.body_start - at :][: wanted.body_length]
                async for plain in reader.decrypt(pieces(body, 5000)):
                    released += plain
                complete = True
            except SealBroken:
                broken += 1
            assert own[start:end].startswith(released)
            assert not complete or released == own[start:end]
    assert (broken > 0) is (not told["valid"] and told["seen_by_ranges"])


def test_the_contexts_are_the_formats_own(told: Told) -> None:
    for (segment, _, key_id, _), given in zip(kernel_segments(told), told["segments"], strict=True):
        header = bytes.fromhex(given["context"])[12:76]
        assert header[8:24] == segment.component.bytes
        assert header[24:40] == key_id.bytes
        assert context_of(told).bind(header).hex() == given["context"]


def test_every_vector_of_the_generator_is_kept_and_none_besides() -> None:
    made = {vector.name: vector.json() for vector in vectors()}
    kept: dict[str, Told] = {path.stem: json.loads(path.read_text("utf-8")) for path in FILES}
    for told in (*made.values(), *kept.values()):
        told.pop("object_sha256")  # salts are random
    assert made == kept


def test_the_layout_is_the_one_kept_as_data() -> None:
    kept = json.loads((FOLDER / "plans.json").read_text("utf-8"))
    assert kept == plans()
    for one in kept:
        for number, part in enumerate(one["parts"]):
            walked = [vars(place) for place in places(one["plan"].encode(), number)]
            for place in walked:
                del place["component"]
            assert walked == part["segments"]
