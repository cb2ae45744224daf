"""Find documents by what people type."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from services.catalog.domain.labels import Reader
from services.catalog.domain.query import highlights, parse
from services.catalog.usecases.ports import FoundDocument, Ledger, Mark, Search
from services.kernel.refusals.catalog import PeriodReversed

SHOWN: tuple[str, ...] = ("subject", "title", "notation", "number", "dossier_code", "issuer", "type_name")
"""The fields of a hit in which matches are shown."""


@dataclass(frozen=True, slots=True)
class Highlight:
    """A match: `field` of the hit from code point `start` up to, not including, `end`."""

    field: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Hit:
    """A document that was found and where its texts match."""

    document: FoundDocument
    highlights: tuple[Highlight, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of hits; `next` is where the following one begins."""

    hits: tuple[Hit, ...]
    next: Mark | None


async def search_documents(
    text: str,
    *,
    fonds: str | None,
    since: date | None,
    until: date | None,
    after: Mark | None,
    limit: int,
    reader: Reader,
    ledger: Ledger,
) -> Page:
    """A page of the documents that the reader may see: those with the very spelling first, then by rank.

    Without words the documents come by date, the newest first. Both days are inclusive; with either, documents without
    a date are left out.

    Raises:
        SearchWithoutWords, SearchTooLong: see `domain.query.parse`.
        PeriodReversed: `since` is after `until`.
    """
    if since is not None and until is not None and since > until:
        raise PeriodReversed
    query = parse(text)
    async with ledger.reading(reader) as shelves:
        found = await shelves.find(Search(query, fonds, since, until, after, limit))
    hits: list[Hit] = []
    for document in found.documents:
        marks: list[Highlight] = []
        if query is not None:
            for field in SHOWN:
                value = getattr(document, field)
                marks += [Highlight(field, start, end) for start, end in highlights(value or "", query)]
        hits.append(Hit(document, tuple(marks)))
    return Page(tuple(hits), found.next)
