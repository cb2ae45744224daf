"""The words by which a document is found: its texts folded, each word with a place and a weight.

A word has one entry under its folded key and, where it differs, one under its exact key at the same place; so one index
serves searches with and without diacritics. Days and months that a text names have entries too.

Source: DESIGN 10.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from services.kernel.search_folding import MONTH_LENGTH, day_key, mentions, month_key, words

Weight = Literal["A", "B", "C", "D"]

LAST_PLACE: Final = 16_383
"""PostgreSQL knows no later place in a text; the words beyond it are found, but not as parts of a phrase."""
MOST_BYTES: Final = 700_000
"""Bytes of one document's entries: PostgreSQL takes 1 MiB with its own overhead. What is beyond is kept, not found."""
_ENTRY_BYTES: Final = 8  # an entry's place and what the database adds to a key
_GAP: Final = 2  # between two texts, so that no phrase reaches from one into the next


@dataclass(frozen=True, slots=True)
class Entry:
    """One key at one place (from 1) with its weight."""

    key: str
    place: int
    weight: Weight


@dataclass(frozen=True, slots=True)
class Passage:
    """A text to be indexed, and how much it counts."""

    text: str
    weight: Weight


def index(passages: Iterable[Passage], days: Iterable[date] = ()) -> tuple[Entry, ...]:
    """The entries of a document: its passages in order, and the days it bears with their months and years."""
    entries: list[Entry] = []
    place = 0
    for day in days:
        place += 1
        entries.extend(Entry(key, place, "A") for key in (day_key(day), month_key(day), str(day.year)))
    left = MOST_BYTES
    for passage in passages:
        found = words(passage.text)
        if not found:
            continue
        named: defaultdict[int, list[str]] = defaultdict(list)
        for mention in mentions(passage.text, found):
            named[mention.first] += {mention.key, mention.key[:MONTH_LENGTH]}
        place += _GAP
        for at, word in enumerate(found):
            keys = {word.folded, word.exact, *named[at]} if at in named else {word.folded, word.exact}
            left -= sum(len(key.encode()) + _ENTRY_BYTES for key in keys)
            if left < 0:
                return tuple(entries)
            entries.extend(Entry(key, min(place, LAST_PLACE), passage.weight) for key in sorted(keys))
            place += 1
    return tuple(entries)
