"""The golden vectors of LTE1 and of the plan, for whoever writes a reader of their own.

`python -m tests.support.lte1_vectors` writes `tests/vectors/lte1/` anew. Every message has a salt drawn inside the
library, so a second run gives other files that are as good; the committed ones stay. `README.md` beside them says what
each member means.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from uuid import UUID

from services.kernel.identifiers import AttemptId, ComponentId, FondsId, KeyId, PackageId
from services.kernel.layout import MIB, Plan, PlannedComponent, Segment
from services.kernel.sealing.header import CHUNK, HEADER_LENGTH, PREFIX_LENGTH, TAG, SealContext, SegmentHeader
from services.kernel.sealing.seal import SegmentSealer

FOLDER: Final = Path(__file__).parents[1] / "vectors" / "lte1"
BODY: Final = HEADER_LENGTH + PREFIX_LENGTH
STEP: Final = CHUNK + TAG

CONTEXT: Final = SealContext(
    PackageId(UUID("01900000-0000-7000-8000-0000000000a1")), FondsId(UUID("01900000-0000-7000-8000-0000000000f1")), 1
)
ATTEMPT: Final = AttemptId(UUID("01900000-0000-7000-8000-0000000000e1"))
OTHER: Final = UUID("01900000-0000-7000-8000-00000000dead")

ONE: Final = (100,)
CHUNKS: Final = (2 * CHUNK + 100,)
TWINS: Final = (500, 500)
PLANS: Final[dict[str, tuple[int, tuple[int, ...]]]] = {
    "empty": (MIB, ()),
    "only-empty-components": (MIB, (0, 0)),
    "one-byte": (MIB, (1,)),
    "exactly-one-part": (MIB, (MIB,)),
    "one-byte-more": (MIB, (MIB + 1,)),
    "empty-between": (MIB, (0, 10, 0, MIB - 10, 0, 1, 0)),
    "chunk-edges": (MIB, (CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK)),
    "begins-and-ends-inside": (MIB, (600_000, 3 * MIB, 600_000)),
    "ends-on-the-edge": (2 * MIB, (MIB, MIB, 2 * MIB, 5)),
    "largest-part": (16 * MIB, (40 * MIB + 7, 3)),
}


def component_id(position: int) -> ComponentId:
    """The id of the component at a place in the plan."""
    return ComponentId(UUID(int=(0x0190000000007000 << 64) + (0x8000000000000C00 + position)))


def key_id(position: int) -> KeyId:
    """The id of its key."""
    return KeyId(UUID(int=(0x0190000000004000 << 64) + (0x8000000000000B00 + position)))


def key_of(position: int) -> bytes:
    """Its key."""
    return hashlib.sha256(b"nopluu lte1 vector key %d" % position).digest()


def plaintext_of(position: int, length: int) -> bytes:
    """Its bytes: SHAKE-256 of a fixed text."""
    return hashlib.shake_256(b"nopluu lte1 vector %d" % position).digest(length)


def plan_of(lengths: tuple[int, ...], part_size: int = MIB) -> Plan:
    return Plan(part_size, [PlannedComponent(component_id(at), length) for at, length in enumerate(lengths)])


def header_of(segment: Segment) -> SegmentHeader:
    return SegmentHeader(segment.component, key_id(segment.position), segment.index, segment.is_last, ATTEMPT)


def plain_of(plan: Plan, segment: Segment) -> bytes:
    whole = plaintext_of(segment.position, plan.components[segment.position].length)
    return whole[segment.component_offset :][: segment.length]


def sealed(plain: bytes, header: SegmentHeader, *, key: bytes, context: SealContext = CONTEXT) -> bytes:
    """One segment as stored."""
    sealer = SegmentSealer(key, header, context)
    return sealer.prefix + sealer.update(plain) + sealer.finalize()


@dataclass(frozen=True, slots=True)
class Vector:
    """A stored part, or its end from segment `first` on, and what a correct reader makes of it.

    `released`: all that may have been given out when the fault is found; None where there is none to find.
    `seen_by_ranges`: whether a reader that fetches by the plan's offsets alone meets the fault.
    """

    name: str
    reason: str
    lengths: tuple[int, ...]
    stored: bytes
    released: bytes | None = None
    part: int = 0
    first: int = 0
    seen_by_ranges: bool = True

    def json(self) -> dict[str, object]:
        plan = plan_of(self.lengths)
        segments = plan.segments(self.part)[self.first :]
        told: dict[str, object] = {
            "reason": self.reason,
            "valid": self.released is None,
            "plan": plan.canonical().decode(),
            "plan_sha256": plan.digest().hex(),
            "part": self.part,
            "first_segment": self.first,
            "package": str(CONTEXT.package),
            "fonds": str(CONTEXT.fonds),
            "version": CONTEXT.version,
            "attempt": str(ATTEMPT),
            "object": f"{self.name}.bin",
            "object_sha256": hashlib.sha256(self.stored).hexdigest(),
            "segments": [
                {
                    "component": str(segment.component),
                    "key_id": str(key_id(segment.position)),
                    "key": key_of(segment.position).hex(),
                    "context": CONTEXT.bind(header_of(segment).pack()).hex(),
                    "plaintext_length": segment.length,
                    "plaintext_sha256": hashlib.sha256(plain_of(plan, segment)).hexdigest(),
                }
                for segment in segments
            ],
        }
        if self.released is not None:
            told["released_at_most"] = {
                "length": len(self.released),
                "sha256": hashlib.sha256(self.released).hexdigest(),
            }
            told["seen_by_ranges"] = self.seen_by_ranges
        return told


def vectors() -> Iterator[Vector]:
    yield from _valid()
    yield from _wrong_headers()
    yield from _substituted()
    yield from _cut()
    yield from _shuffled()


def _segments(lengths: tuple[int, ...], part: int = 0) -> list[bytes]:
    """The part's segments as stored, one after another."""
    plan = plan_of(lengths)
    return [
        sealed(plain_of(plan, segment), header_of(segment), key=key_of(segment.position))
        for segment in plan.segments(part)
    ]


def _valid() -> Iterator[Vector]:
    edges = (1, CHUNK - 1, CHUNK, 0, CHUNK + 1)
    yield Vector("valid-one", "one small component", ONE, b"".join(_segments(ONE)))
    yield Vector(
        "valid-chunk-edges", "lengths about a chunk, an empty component between", edges, b"".join(_segments(edges))
    )
    yield Vector("valid-chunks", "three chunks", CHUNKS, b"".join(_segments(CHUNKS)))
    tail = (MIB - 20_000, 50_000)
    yield Vector(
        "valid-not-last", "a segment whose component goes on in the next part", tail, _segments(tail)[1], first=1
    )
    yield Vector("valid-second-part", "the rest of it, in the next part", tail, b"".join(_segments(tail, 1)), part=1)


def _wrong_headers() -> Iterator[Vector]:
    """One header field changed in what is stored."""

    def altered(name: str, reason: str, at: int, value: bytes) -> Vector:
        [stored] = _segments(ONE)
        return Vector(name, reason, ONE, stored[:at] + value + stored[at + len(value) :], b"")

    yield altered("bad-magic", "the first bytes are not LTE1", 0, b"LTE2")
    yield altered("bad-version", "another version of the format", 4, b"\x02")
    yield altered("bad-suite", "another suite", 5, b"\x01")
    yield altered("reserved-6", "bytes 6 and 7 are not zero", 6, b"\x00\x01")
    yield altered("reserved-61", "bytes 61 to 63 are not zero", 61, b"\x00\x00\x80")
    yield altered("is-last-wrong", "is_last says that more follows", 44, b"\x00")
    yield altered("is-last-two", "is_last is neither 0 nor 1", 44, b"\x02")
    yield altered("segment-index-wrong", "segment_index is 1 instead of 0", 40, (1).to_bytes(4))
    yield altered("component-altered", "the component id in the header was changed", 8, OTHER.bytes)


def _substituted() -> Iterator[Vector]:
    """A sound segment of something else, put where this one is asked for."""
    [segment] = plan_of(ONE).segments(0)
    plain, own = plaintext_of(0, 100), header_of(segment)
    headers = {
        "other-component": replace(own, component_id=ComponentId(OTHER)),
        "other-key-id": replace(own, key_id=KeyId(OTHER)),
        "other-attempt": replace(own, attempt_id=AttemptId(OTHER)),
        "other-segment-index": replace(own, segment_index=1),
        "other-is-last": replace(own, is_last=False),
    }
    for name, header in headers.items():
        yield Vector(name, "sealed soundly under another header", ONE, sealed(plain, header, key=key_of(0)), b"")
    contexts = {
        "other-package": replace(CONTEXT, package=PackageId(OTHER)),
        "other-fonds": replace(CONTEXT, fonds=FondsId(OTHER)),
        "other-version": replace(CONTEXT, version=2),
    }
    for name, context in contexts.items():
        stored = sealed(plain, own, key=key_of(0), context=context)
        yield Vector(name, "sealed soundly under another context, with this header", ONE, stored, b"")
    yield Vector("wrong-key", "sealed under another key", ONE, sealed(plain, own, key=key_of(9)), b"")


def _cut() -> Iterator[Vector]:
    """Three chunks, of which something was cut, changed or moved."""
    plain = plaintext_of(0, CHUNKS[0])
    third = BODY + 2 * STEP

    def flip(at: int) -> Callable[[bytes], bytes]:
        return lambda data: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]

    cases: list[tuple[str, str, Callable[[bytes], bytes], int, bool]] = [
        ("truncated-at-chunk", "cut where the last chunk would begin", lambda d: d[:third], 2 * CHUNK, True),
        ("truncated-in-chunk", "cut in the last chunk", lambda d: d[:-30], 2 * CHUNK, True),
        ("truncated-in-header", "cut in the header", lambda d: d[:40], 0, True),
        ("truncated-in-commitment", "cut in the commitment", lambda d: d[:100], 0, True),
        ("appended", "ten bytes more behind the last tag", lambda d: d + bytes(10), 2 * CHUNK, False),
        ("swapped-chunks", "the first two chunks have changed places",
         lambda d: d[:BODY] + d[BODY + STEP : third] + d[BODY : BODY + STEP] + d[third:], 0, True),
        ("dropped-chunk", "the second chunk is gone", lambda d: d[: BODY + STEP] + d[third:], CHUNK, True),
        ("changed-salt", "one bit of the salt", flip(HEADER_LENGTH), 0, True),
        ("changed-commitment", "one bit of the commitment", flip(BODY - 1), 0, True),
        ("flipped-body", "one bit in the second chunk", flip(BODY + STEP + 5), CHUNK, True),
        ("flipped-tag", "one bit of the last tag", flip(third + 100 + TAG - 1), 2 * CHUNK, True),
        ("zeroed", "everything behind the header is zero, as expulsion leaves it",
         lambda d: d[:HEADER_LENGTH] + bytes(len(d) - HEADER_LENGTH), 0, True),
    ]  # fmt: skip
    for name, reason, change, length, seen in cases:
        [stored] = _segments(CHUNKS)
        yield Vector(name, reason, CHUNKS, change(stored), plain[:length], seen_by_ranges=seen)


def _shuffled() -> Iterator[Vector]:
    """Two components of one length in a part."""
    first, second = _segments(TWINS)
    plain = plaintext_of(0, TWINS[0])
    yield Vector("swapped-segments", "the two segments have changed places", TWINS, second + first, b"")
    yield Vector("dropped-first-segment", "the first segment is gone", TWINS, second, b"")
    yield Vector("dropped-last-segment", "the last segment is gone", TWINS, first, plain)
    yield Vector("duplicated-segment", "the first segment stands twice", TWINS, first + first, plain)


def plans() -> list[dict[str, object]]:
    """The layout of every plan in `PLANS`: its bytes, and where each segment of its parts lies."""
    return [
        {
            "name": name,
            "plan": plan.canonical().decode(),
            "plan_sha256": plan.digest().hex(),
            "payload_size": plan.payload_size,
            "parts": [
                {
                    "length": plan.part_length(number),
                    "segments": [
                        {
                            "position": segment.position,
                            "index": segment.index,
                            "is_last": segment.is_last,
                            "part_offset": segment.part_offset,
                            "length": segment.length,
                            "stored_offset": segment.stored_offset,
                            "stored_length": segment.stored_length,
                        }
                        for segment in plan.segments(number)
                    ],
                }
                for number in range(plan.part_count)
            ],
        }
        for name, (part_size, lengths) in PLANS.items()
        for plan in [plan_of(lengths, part_size)]
    ]


def main() -> None:
    """Write them all."""
    FOLDER.mkdir(exist_ok=True)
    for vector in vectors():
        (FOLDER / f"{vector.name}.bin").write_bytes(vector.stored)
        (FOLDER / f"{vector.name}.json").write_text(json.dumps(vector.json(), indent=1) + "\n", "utf-8")
    (FOLDER / "plans.json").write_text(json.dumps(plans(), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
