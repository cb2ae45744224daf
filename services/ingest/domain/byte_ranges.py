"""Which bytes a Range header asks for, and how many ranges are too many.

Source: RFC 9110 14.1.2, 14.2, 17.15 (many small or overlapping ranges are an attack).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from services.kernel.refusals.reading import RangesRefused

MAX_RANGES = 16

Asked = tuple[int | None, int | None]
"""First and last byte, both included: (None, n) means the last n bytes, (n, None) from n on."""

_ONE = re.compile(r"(?:(\d{1,18})-(\d{1,18})?|-(\d{1,18}))", re.ASCII)
_LONGEST = 4096  # characters of a header with more ranges than can be meant


def parse_ranges(header: str) -> tuple[Asked, ...] | None:
    """The ranges of a Range header in its order; None means the whole, as for anything that is no byte range.

    Raises:
        RangesRefused: more than `MAX_RANGES`.
    """
    unit, equals, listed = header.strip().partition("=")
    if unit.lower() != "bytes" or not equals:
        return None
    if len(listed) > _LONGEST or listed.count(",") >= MAX_RANGES:
        raise RangesRefused(most=MAX_RANGES)
    asked: list[Asked] = []
    for text in filter(None, (part.strip(" \t") for part in listed.split(","))):
        match = _ONE.fullmatch(text)
        if match is None:
            return None
        first, last, suffix = match.groups()
        if suffix is not None:
            asked.append((None, int(suffix)))
        elif last is not None and int(last) < int(first):
            return None
        else:
            asked.append((int(first), None if last is None else int(last)))
    return tuple(asked) or None


def resolve(asked: Sequence[Asked], size: int) -> tuple[tuple[int, int], ...]:
    """The ranges as `start … end - 1` in the order asked for, without those that lie outside; may be empty.

    Raises:
        RangesRefused: two of them overlap.
    """
    spans = tuple(span for span in (_span(one, size) for one in asked) if span[0] < span[1])
    ordered = sorted(spans)
    if any(before[1] > after[0] for before, after in pairwise(ordered)):
        raise RangesRefused(most=MAX_RANGES)
    return spans


def _span(asked: Asked, size: int) -> tuple[int, int]:
    first, last = asked
    if first is None:
        return max(0, size - (last or 0)), size
    return first, size if last is None else min(last + 1, size)
