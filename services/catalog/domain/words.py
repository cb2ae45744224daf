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
from functools import lru_cache
from typing import Final, Literal

from services.kernel.search_folding import MONTH_LENGTH, day_key, mentions, month_key, words

Weight = Literal["A", "B", "C", "D"]

LAST_PLACE: Final = 16_383
"""PostgreSQL knows no later place in a text; the words beyond it are found, but not as parts of a phrase."""
MOST_BYTES: Final = 700_000
"""Bytes of one document's entries: PostgreSQL takes 1 MiB with its own overhead. What is beyond is kept, not found."""
_ENTRY_BYTES: Final = 8  # an entry's place and what the database adds to a key
_KEPT_LENGTH: Final = 2000  # characters of a text whose keys are kept for the next document
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
        found = (_keys_of if len(passage.text) <= _KEPT_LENGTH else _keys_of.__wrapped__)(passage.text)
        if not found:
            continue
        place += _GAP
        for keys, size in found:
            left -= size
            if left < 0:
                return tuple(entries)
            at = min(place, LAST_PLACE)
            entries += [Entry(key, at, passage.weight) for key in keys]
            place += 1
    return tuple(entries)


@lru_cache(maxsize=2048)
def _keys_of(text: str) -> tuple[tuple[tuple[str, ...], int], ...]:
    """The keys at each word of a text, and their bytes in the index. A dossier's texts come with each of its documents."""
    found = words(text)
    named: defaultdict[int, set[str]] = defaultdict(set)
    for mention in mentions(text, found):
        named[mention.first] |= {mention.key, mention.key[:MONTH_LENGTH]}
    return tuple(
        (keys, sum(len(key.encode()) + _ENTRY_BYTES for key in keys))
        for keys in (tuple(sorted({word.folded, word.exact} | named.get(at, set()))) for at, word in enumerate(found))
    )
