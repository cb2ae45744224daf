"""Searching."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query

from services.catalog.api.cursors import read_cursor, write_cursor
from services.catalog.api.schemas import HitOut, PageOut
from services.catalog.api.wiring import Reading, Wired
from services.catalog.usecases.search_documents import search_documents
from services.kernel.refusals.catalog import CursorInvalid, PeriodReversed, SearchTooLong, SearchWithoutWords
from services.kernel.refusals.identity import ScopeMissing
from services.runtime.openapi import refusing

router = APIRouter(tags=["search"])

Words = Annotated[
    str,
    Query(
        max_length=500,
        description="Words as people type them: with or without diacritics, đ or d, either tone placement. All must "
        'be there. `"…"` asks for a phrase, and so does `P012.001` or `12/QĐ-UBND`; `chin*` finds beginnings; a day in '
        "any usual form finds that day. Without words: by date, the newest first.",
        examples=["thu thap chinh ly", '"quyết định" 12/QĐ-UBND', "15/6/1987"],
    ),
]
Fonds = Annotated[str | None, Query(max_length=64, description="Only this fonds: its code or its id.")]
Since = Annotated[date | None, Query(alias="from", description="Issued on this day or later.")]
Until = Annotated[date | None, Query(alias="to", description="Issued on this day or earlier.")]
After = Annotated[str | None, Query(max_length=64, description="`next` of the page before, with the same search.")]
Limit = Annotated[int, Query(ge=1, le=200)]


@router.get(
    "/v1/search",
    response_model=PageOut,
    summary="Find documents",
    responses=refusing(SearchWithoutWords, SearchTooLong, CursorInvalid, PeriodReversed, ScopeMissing),
)
async def get_search(
    caller: Reading,
    wiring: Wired,
    q: Words = "",
    fonds: Fonds = None,
    since: Since = None,
    until: Until = None,
    after: After = None,
    limit: Limit = 20,
) -> PageOut:
    search = (q, fonds, None if since is None else since.isoformat(), None if until is None else until.isoformat())
    page = await search_documents(
        q,
        fonds=fonds,
        since=since,
        until=until,
        after=read_cursor(after, *search),
        limit=limit,
        reader=wiring.reader(caller),
        ledger=wiring.ledger,
    )
    return PageOut(
        items=[HitOut.of(hit) for hit in page.hits],
        next=None if page.next is None else write_cursor(page.next, *search),
    )
