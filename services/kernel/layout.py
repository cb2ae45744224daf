"""Which byte lies where: a pure function of the plan (DESIGN 5.2, FORMATS "Plan").

The payload is the concatenation of the admitted components; it is cut every `part_size` bytes. What of one component
falls into one part is a *segment*; a part's stored object is its segments' ciphertext in order. An empty component
stands in the plan and has no segment.
"""

from __future__ import annotations

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

    __slots__ = ("_starts", "components", "part_size", "payload_size")

    def __init__(self, part_size: int, components: Sequence[PlannedComponent]) -> None:
        self.part_size = part_size
        self.components = tuple(components)
        starts = list(accumulate((component.length for component in self.components), initial=0))
        self.payload_size = starts.pop()
        self._starts = starts

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
        length = self.part_length(number)
        start = number * self.part_size
        end = start + length
        found: list[Segment] = []
        stored = 0
        position = bisect_right(self._starts, start) - 1
        while position < len(self.components) and self._starts[position] < end:
            component = self.components[position]
            first, last = self._starts[position], self._starts[position] + component.length
            low, high = max(first, start), min(last, end)
            if low < high:
                size = sealed_length(high - low)
                found.append(
                    Segment(
                        component=component.id,
                        position=position,
                        index=low // self.part_size - first // self.part_size,
                        is_last=high == last,
                        component_offset=low - first,
                        part_offset=low - start,
                        length=high - low,
                        stored_offset=stored,
                        stored_length=size,
                    )
                )
                stored += size
            position += 1
        return found

    def parts_of(self, position: int) -> range:
        """The parts that hold bytes of a component; empty for an empty one."""
        start, length = self._starts[position], self.components[position].length
        if not length:
            return range(0)
        return range(start // self.part_size, (start + length - 1) // self.part_size + 1)

    def locate(self, position: int, start: int, end: int) -> list[Piece]:
        """Where bytes `start … end - 1` of a component lie, in order."""
        pieces: list[Piece] = []
        for number in self.parts_of(position):
            segment = next(entry for entry in self.segments(number) if entry.position == position)
            low = max(start, segment.component_offset)
            high = min(end, segment.component_offset + segment.length)
            if low < high:
                pieces.append(Piece(number, segment, low - segment.component_offset, high - segment.component_offset))
        return pieces

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
