"""Which byte lies where: a pure function of the plan (DESIGN 5.2, FORMATS "Plan").

The payload is the concatenation of the admitted components; it is cut every `part_size` bytes. What of one component
falls into one part is a *segment*; a part's stored object is its segments' ciphertext in order. An empty component
stands in the plan and has no segment.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Self
from uuid import UUID

from services.kernel import strict_json
from services.kernel.canonical import canonical
from services.kernel.identifiers import ComponentId
from services.kernel.sealing.header import sealed_length

MIB = 1024 * 1024
PART_SIZES = frozenset({1 * MIB, 2 * MIB, 4 * MIB, 8 * MIB, 16 * MIB})
MAX_PLAN = 64 * MIB


class PlanInvalid(ValueError):
    """Not a plan, or not its own canonical form."""


@dataclass(frozen=True, slots=True)
class PlannedComponent:
    """One admitted component: its id and its length in bytes."""

    id: ComponentId
    length: int


@dataclass(frozen=True, slots=True)
class Segment:
    """What of one component lies in one part. Offsets and lengths are bytes.

    `position` is the component's place in the plan, `index` counts its segments over all parts from 0; `stored_offset`
    is where the segment's header begins in the part's object.
    """

    component: ComponentId
    position: int
    index: int
    is_last: bool
    component_offset: int
    part_offset: int
    length: int
    stored_offset: int
    stored_length: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes `start … end - 1` of one segment's plaintext, in part `part`."""

    part: int
    segment: Segment
    start: int
    end: int


class Plan:
    """A frozen plan; cheap to build for 100,000 components."""

    __slots__ = ("_sealed", "_starts", "components", "part_size", "payload_size")

    def __init__(self, part_size: int, components: Sequence[PlannedComponent]) -> None:
        self.part_size = part_size
        self.components = tuple(components)
        starts = list(accumulate((component.length for component in self.components), initial=0))
        self.payload_size = starts.pop()
        self._starts = starts
        # _sealed[n]: stored bytes of the first n components, each as one whole segment; places a segment in its object.
        self._sealed = list(
            accumulate(
                (sealed_length(component.length) if component.length else 0 for component in self.components), initial=0
            )
        )

    @property
    def part_count(self) -> int:
        return -(-self.payload_size // self.part_size)

    def part_length(self, number: int) -> int:
        """Plaintext bytes of a part. Raises IndexError where there is no such part."""
        if not 0 <= number < self.part_count:
            raise IndexError(number)
        return min(self.part_size, self.payload_size - number * self.part_size)

    def segments(self, number: int) -> list[Segment]:
        """The part's segments in order. Raises IndexError where there is no such part."""
        end = number * self.part_size + self.part_length(number)
        position = self._first_in(number)
        found: list[Segment] = []
        while position < len(self.components) and self._starts[position] < end:
            if self.components[position].length:
                found.append(self._segment(number, position))
            position += 1
        return found

    def _first_in(self, number: int) -> int:
        """The component that holds the part's first byte."""
        return bisect_right(self._starts, number * self.part_size) - 1

    def _segment(self, number: int, position: int) -> Segment:
        """The segment of one component in one of the parts that hold bytes of it."""
        component, first = self.components[position], self._starts[position]
        start = number * self.part_size
        low = max(first, start)
        high = min(first + component.length, start + self.part_size)
        return Segment(
            component=component.id,
            position=position,
            index=number - first // self.part_size,
            is_last=high == first + component.length,
            component_offset=low - first,
            part_offset=low - start,
            length=high - low,
            stored_offset=self._stored_offset(number, position),
            stored_length=sealed_length(high - low),
        )

    def _stored_offset(self, number: int, position: int) -> int:
        leading = self._first_in(number)
        if leading == position:
            return 0
        cut = self._starts[leading] + self.components[leading].length - number * self.part_size
        return sealed_length(cut) + self._sealed[position] - self._sealed[leading + 1]

    def parts_of(self, position: int) -> range:
        """The parts that hold bytes of a component; empty for an empty one."""
        start, length = self._starts[position], self.components[position].length
        if not length:
            return range(0)
        return range(start // self.part_size, (start + length - 1) // self.part_size + 1)

    @property
    def spanning(self) -> list[int]:
        """Positions of the components that span parts: their digests cannot be checked while parts arrive."""
        size = self.part_size
        return [
            position
            for position, (start, component) in enumerate(zip(self._starts, self.components, strict=True))
            if component.length and start // size != (start + component.length - 1) // size
        ]

    def locate(self, position: int, start: int, end: int) -> list[Piece]:
        """Where bytes `start … end - 1` of a component lie, in order; what lies outside it is left out."""
        first, length = self._starts[position], self.components[position].length
        start, end = max(0, start), min(end, length)
        pieces: list[Piece] = []
        if start >= end:
            return pieces
        for number in range((first + start) // self.part_size, (first + end - 1) // self.part_size + 1):
            segment = self._segment(number, position)
            low = max(start, segment.component_offset)
            high = min(end, segment.component_offset + segment.length)
            pieces.append(Piece(number, segment, low - segment.component_offset, high - segment.component_offset))
        return pieces

    def digest(self) -> bytes:
        """The plan's SHA-256 (32 bytes)."""
        return hashlib.sha256(self.canonical()).digest()

    def canonical(self) -> bytes:
        """The bytes whose SHA-256 the receipt asserts."""
        return canonical(
            {
                "layout": 1,
                "part_size": self.part_size,
                "components": [[str(component.id), component.length] for component in self.components],
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Raises PlanInvalid."""
        try:
            match strict_json.parse(data, max_bytes=MAX_PLAN):
                case {"layout": 1, "part_size": int(part_size), "components": list(entries)} if part_size in PART_SIZES:
                    plan = cls(part_size, [_component(entry) for entry in entries])
                case _:
                    raise PlanInvalid("form")
        except PlanInvalid:
            raise
        except ValueError as error:
            raise PlanInvalid("form") from error
        if plan.canonical() != data:
            raise PlanInvalid("not canonical")
        return plan


def _component(entry: object) -> PlannedComponent:
    match entry:
        case [str(id_), int(length)] if length >= 0:
            return PlannedComponent(ComponentId(UUID(id_)), length)
        case _:
            raise PlanInvalid("component")
