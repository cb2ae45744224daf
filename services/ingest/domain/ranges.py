"""Which parts are still missing, said shortly."""

from __future__ import annotations

from collections.abc import Iterable


def missing_ranges(part_count: int, stored: Iterable[int]) -> list[tuple[int, int]]:
    """Inclusive ranges of the part numbers in `0 … part_count - 1` that are not in `stored`."""
    ranges: list[tuple[int, int]] = []
    start = 0
    for number in sorted(set(stored)):
        if number > start:
            ranges.append((start, number - 1))
        start = number + 1
    if start < part_count:
        ranges.append((start, part_count - 1))
    return ranges
