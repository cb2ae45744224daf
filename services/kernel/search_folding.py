"""Vietnamese words as people type them in a search: with or without diacritics, đ or d, old or new tone placement.

A text is cut into words, and each word has two keys. `folded` is what finds: no case, no diacritics, đ as d, `ly` as
`li`, a number without leading zeros. `exact` is what ranks: no case, every diacritic, but the tone moved behind the
letters, so that `hòa` and `hoà` are one word. Words know where they stand in the text as it was given, in code points,
so a match can be shown there. A key of one kind is never a different word's key of the other kind: an `exact` that
differs from its own `folded` holds a diacritic, a final `y` or a leading zero, and no `folded` does.

Source: DESIGN 10; security notes §8 (NFC does not unify `hòa` and `hoà`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final, NamedTuple

LONGEST_WORD: Final = 64
"""Characters of a key; what is longer is cut, in texts and searches alike."""

MONTH_LENGTH: Final = len("1987-06")
"""A day's key begins with its month's."""

# A letter or digit, then also combining marks and characters that only format. The underscore separates.
_WORD: Final = re.compile(r"[^\W_](?:[^\W_]|[\u0300-\u036f\u00ad\u200b-\u200d\u2060\ufeff])*")
_TONES: Final = frozenset("\u0300\u0301\u0303\u0309\u0323")
_BARRED_D: Final = str.maketrans("ðɖ", "đđ")  # Ð and Ɖ look like Đ and stand for it in converted texts
_DOUBLE_SPELLING: Final = re.compile(r"(h|k|l|m|qu|s|t|v)y")  # lý or lí, kỹ or kĩ, quý or quí
_WRITTEN_DAY: Final = re.compile(
    r"(?<!\d)(?:(?P<d>\d{1,2})(?P<s>[/.-])(?P<m>\d{1,2})(?P=s)(?P<y>\d{4})"
    r"|(?P<Y>\d{4})(?P<S>[/.-])(?P<M>\d{1,2})(?P=S)(?P<D>\d{1,2}))(?!\d)"
)
_WRITTEN_MONTH: Final = re.compile(r"(?<![\w/.-])(?P<m>\d{1,2})[/.-](?P<y>\d{4})(?![\w/.-])")
_SPOKEN_WORDS: Final = ("thang", "nam")


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a text: its two keys, and where it stands (`text[start:end]`)."""

    folded: str
    exact: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Mention:
    """A day or a month that a text names, over the words `first` … `last` (their indexes); `key` finds it."""

    key: str
    first: int
    last: int


class _Keys(NamedTuple):
    folded: str
    exact: str


def words(text: str) -> tuple[Word, ...]:
    """The words of a text, in order."""
    return tuple(_words(text))


def fold(text: str) -> str:
    """The folded words with one blank between: `Chỉnh lý, hoà` becomes `chinh li hoa`. Folding twice changes nothing."""
    return " ".join(word.folded for word in _words(text))


def day_key(day: date) -> str:
    """The key of a day; no word has a hyphen in its keys."""
    return day.isoformat()


def month_key(day: date) -> str:
    """The key of a day's month."""
    return day.isoformat()[:MONTH_LENGTH]


def mentions(text: str, found: tuple[Word, ...]) -> tuple[Mention, ...]:
    """The days and months that a text names; `found` are its words.

    `15/06/1987`, `15-6-1987`, `15.6.1987`, `1987-06-15`, `15 tháng 6 năm 1987`; for months `6/1987`, `tháng 6 năm 1987`.
    """
    starts = {word.start: index for index, word in enumerate(found)}
    return tuple(_written(text, starts)) + tuple(_spoken(found))


def _words(text: str) -> Iterator[Word]:
    for match in _WORD.finditer(text):
        keys = _keys(match[0])
        if keys.folded:
            yield Word(keys.folded, keys.exact, match.start(), match.end())


@lru_cache(maxsize=65_536)
def _keys(word: str) -> _Keys:
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", word).casefold()).translate(_BARRED_D)
    kept = [letter for letter in letters if letter.isalnum() or unicodedata.combining(letter)]
    tones = "".join(letter for letter in kept if letter in _TONES)
    toneless = unicodedata.normalize("NFC", "".join(letter for letter in kept if letter not in _TONES))
    exact = (toneless + tones)[:LONGEST_WORD]
    plain = "".join("d" if letter == "đ" else letter for letter in kept if not unicodedata.combining(letter))
    return _Keys(_one_spelling(plain[:LONGEST_WORD]), exact)


def _one_spelling(plain: str) -> str:
    if match := _DOUBLE_SPELLING.fullmatch(plain):
        return f"{match[1]}i"
    if plain.isdecimal():
        return plain.lstrip("0") or "0"
    return plain


def _written(text: str, starts: dict[int, int]) -> Iterator[Mention]:
    for match in _WRITTEN_DAY.finditer(text):
        day = _day(match["y"] or match["Y"], match["m"] or match["M"], match["d"] or match["D"])
        if day is not None and match.start() in starts:
            first = starts[match.start()]
            yield Mention(day_key(day), first, first + 2)
    for match in _WRITTEN_MONTH.finditer(text):
        day = _day(match["y"], match["m"], "1")
        if day is not None and match.start() in starts:
            first = starts[match.start()]
            yield Mention(month_key(day), first, first + 1)


def _spoken(found: tuple[Word, ...]) -> Iterator[Mention]:
    for at in range(len(found) - 3):
        thang, month, nam, year = (word.folded for word in found[at : at + 4])
        if (thang, nam) != _SPOKEN_WORDS:
            continue
        before = found[at - 1].folded if at else ""
        if day := _day(year, month, before):
            yield Mention(day_key(day), at - 1, at + 3)
        elif day := _day(year, month, "1"):
            yield Mention(month_key(day), at, at + 3)


def _day(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day)) if len(year) == 4 else None
    except ValueError:
        return None
