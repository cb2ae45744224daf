"""Entries and queries in PostgreSQL's own notation. Keys hold letters, digits, marks and, for days, hyphens: nothing to
escape, and a test holds them to it.

The application does what a text-search configuration would do; the words are what `simple` would make of folded texts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from services.catalog.domain.query import Query, Term, Wanted
from services.catalog.domain.words import Entry


def tsvector(entries: Sequence[Entry]) -> str:
    """`'chinh':3A 'li':4A …`."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for entry in entries:
        places[entry.key].append(f"{entry.place}{entry.weight}")
    return " ".join(f"'{key}':{','.join(found)}" for key, found in places.items())


def folded_query(query: Query) -> str:
    """The tsquery that finds, whatever the spelling."""
    return " & ".join(_term(term, exact=False) for term in query.terms)


def exact_query(query: Query) -> str | None:
    """The tsquery for the very spelling; None where the query's spelling distinguishes nothing."""
    return " & ".join(_term(term, exact=True) for term in query.terms) if query.distinguishes else None


def _term(term: Term, *, exact: bool) -> str:
    phrase = " <-> ".join(_word(word, exact=exact) for word in term.words)
    if term.day is not None:
        return f"('{term.day}' | ({phrase}))"
    return f"({phrase})" if len(term.words) > 1 else phrase


def _word(word: Wanted, *, exact: bool) -> str:
    return f"'{word.exact if exact else word.folded}'{':*' if word.prefix else ''}"
