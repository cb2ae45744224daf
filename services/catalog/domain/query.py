"""What a person typed into the search, and where its matches stand in a text.

Words must all be there, in any order. `"…"` asks for a phrase; so does whatever is written without a blank, such as
`P012.001` or `12/QĐ-UBND`. `chin*` finds the beginnings of words. A day in any usual form finds the day in all of them.

Source: DESIGN 10.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from services.kernel.refusals.catalog import SearchTooLong, SearchWithoutWords
from services.kernel.search_folding import Mention, Word, mentions, words

MOST_WORDS: Final = 32
_BEFORE_DATES: Final = frozenset({"ngay", "thang"})
_BEFORE_YEARS: Final = "nam"
_PIECE: Final = re.compile(r"[\"“”]([^\"“”]*)[\"“”]?|([^\s\"“”]+)")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One word to find. Its keys are equal where the word was typed in a way that distinguishes nothing."""

    folded: str
    exact: str
    prefix: bool = False

    def matches(self, word: Word) -> bool:
        return word.folded.startswith(self.folded) if self.prefix else word.folded == self.folded


@dataclass(frozen=True, slots=True)
class Term:
    """Words that stand side by side, or the day or month that they name."""

    words: tuple[Wanted, ...]
    day: str | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """All of its terms must be found."""

    terms: tuple[Term, ...]

    @property
    def distinguishes(self) -> bool:
        """Whether some word was typed with diacritics or the like, so that texts can match it exactly or not."""
        return any(word.exact != word.folded for term in self.terms for word in term.words)


def parse(text: str) -> Query | None:
    """The query in what was typed; None for nothing but blanks.

    Raises:
        SearchWithoutWords: only signs.
        SearchTooLong: more than `MOST_WORDS` words.
    """
    if not text.strip():
        return None
    terms = tuple(_terms(text))
    if not terms:
        raise SearchWithoutWords
    if (count := sum(len(term.words) for term in terms)) > MOST_WORDS:
        raise SearchTooLong(words=count, limit=MOST_WORDS)
    return Query(terms)


def highlights(text: str, query: Query) -> list[tuple[int, int]]:
    """Where the query's terms stand in a text: (start, end) in code points, in order, apart from one another."""
    found = words(text)
    named = mentions(text, found)
    spans = sorted(
        (found[first].start, found[last].end) for term in query.terms for first, last in _places(term, found, named)
    )
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and not text[joined[-1][1] : start].strip():  # touching, overlapping or only a blank between
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _terms(text: str) -> Iterator[Term]:
    found = words(text)
    named = mentions(text, found)
    taken = set(_announcing(found, named))
    for mention in named:
        if _spoken(text, found, mention):
            covered = range(mention.first, mention.last + 1)
            taken.update(covered)
            yield Term(tuple(_wanted(found[at]) for at in covered), mention.key)
    places = {word.start: at for at, word in enumerate(found)}
    for match in _PIECE.finditer(text):
        quoted = match[1] is not None
        start, piece = (match.start(1), match[1]) if quoted else (match.start(2), match[2])
        inside = words(piece)
        kept = [word for word in inside if places.get(start + word.start) not in taken]
        if not kept:
            continue
        if not quoted and piece[kept[-1].end :].startswith("*"):
            yield Term((*(_wanted(word) for word in kept[:-1]), Wanted(kept[-1].folded, kept[-1].folded, prefix=True)))
            continue
        whole = (day.key for day in mentions(piece, inside) if day.last - day.first + 1 == len(inside))
        yield Term(tuple(_wanted(word) for word in kept), next(whole, None) if len(kept) == len(inside) else None)


def _announcing(found: Sequence[Word], named: Sequence[Mention]) -> Iterator[int]:
    """Words that only announce a date, as in `ngày 1/7/1987`, `tháng 7/1987` and `năm 1987`: a date has none of them."""
    begins = {mention.first for mention in named}
    for at, word in enumerate(found[:-1]):
        following = found[at + 1].folded
        if (word.folded in _BEFORE_DATES and at + 1 in begins) or (
            word.folded == _BEFORE_YEARS and following.isdecimal() and len(following) == 4
        ):
            yield at


def _wanted(word: Word) -> Wanted:
    """What is typed in plain letters asks for no spelling: only diacritics and leading zeros distinguish."""
    plain = word.exact.isascii() and not word.exact.isdecimal()
    return Wanted(word.folded, word.folded if plain else word.exact)


def _spoken(text: str, found: Sequence[Word], mention: Mention) -> bool:
    """Whether a day is written in several words (`15 tháng 6 năm 1987`) rather than in one piece."""
    return any(character.isspace() for character in text[found[mention.first].start : found[mention.last].end])


def _places(term: Term, found: Sequence[Word], named: Sequence[Mention]) -> Iterator[tuple[int, int]]:
    length = len(term.words)
    for first in range(len(found) - length + 1):
        if all(wanted.matches(found[first + at]) for at, wanted in enumerate(term.words)):
            yield first, first + length - 1
    if term.day is not None:
        for mention in named:
            if mention.key == term.day or mention.key.startswith(f"{term.day}-"):
                yield mention.first, mention.last
