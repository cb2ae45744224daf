"""Pages of the act book out of the store, each believed or named: where `rebuild` gets officers' rows from.

Pages are read by the window, opened by the KMS by the group, and handed on as they are opened; which of them count is judged
when all were seen, for a page is known by the one that follows it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from services.kernel.sealing.act_book import PREFIX, ActPage, Book, PageHeader
from services.kernel.sealing.act_pages import (
    Judged,
    PageFacts,
    book_entry,
    book_of,
    judge_pages,
    opened_page,
    page_entry,
    page_header_of,
    page_number_of,
)
from services.kernel.sealing.keys import KeyAccess
from services.kernel.sealing.recovered import RecordFault, Refused
from services.runtime.object_store.port import ObjectStore
from services.runtime.recovered_objects import entries_indexed, fetched, leaves_of, unwrapped

WINDOW: Final = 64
_BLOCK: Final = 512  # numbers whose leaves are asked for at once; so many numbers without a leaf end the book


@dataclass(frozen=True, slots=True)
class PagesRead:
    """What the store gave: how many objects, which count, and where their events stand in the log."""

    listed: int
    judged: Judged
    refused: tuple[Refused, ...]
    leaves: dict[int, int]
    begun: int | None


@dataclass(frozen=True, slots=True)
class RecoveredActs:
    """All pages of a store; `engine` has a role that may execute `journal.leaf_of`.

    An `owner` makes an index on the log's entries meanwhile (see `entries_indexed`). Without one each window of pages costs a look at all leaves.
    """

    store: ObjectStore
    kms: KeyAccess
    engine: AsyncEngine
    owner: AsyncEngine | None = None
    admit_unlogged: bool = False

    async def read(self, take: Callable[[ActPage], Awaitable[None]]) -> PagesRead:
        """Every page that opens goes to `take`, in the order of numbers; then which of them count.

        Raises:
            StoreUnavailable, KmsUnavailable, DatabaseUnavailable
        """
        if self.owner is None:
            return await self._read(take)
        async with entries_indexed(self.owner):
            return await self._read(take)

    async def _read(self, take: Callable[[ActPage], Awaitable[None]]) -> PagesRead:
        refused: list[Refused] = []
        numbered: dict[int, str] = {}
        listed = 0
        async for entry in self.store.list(PREFIX):
            listed += 1
            try:
                numbered[page_number_of(entry.name)] = entry.name
            except RecordFault as fault:
                refused.append(Refused(entry.name, fault.code, fault.what))
        pages: dict[int, PageFacts] = {}
        logged: set[int] = set()
        names = [numbered[number] for number in sorted(numbered)]
        for at in range(0, len(names), WINDOW):
            opened = await self._window(names[at : at + WINDOW], refused)
            entries = {facts.number: page_entry(facts.book, facts.number) for _, facts in opened}
            found = await leaves_of(self.engine, list(entries.values()))
            logged |= {number for number, entry in entries.items() if entry in found}
            for page, facts in opened:
                pages[facts.number] = facts
                await take(page)
        book = book_of(pages, logged, admit_unlogged=self.admit_unlogged)
        leaves = {} if book is None else await self._numbers(book, max(numbered, default=0))
        begun = (await leaves_of(self.engine, [book_entry()])).get(book_entry())
        failed = set(numbered) - set(pages)
        judged = judge_pages(
            pages, book, leaves, begun=begun is not None, failed=failed, admit_unlogged=self.admit_unlogged
        )
        return PagesRead(listed, judged, (*refused, *judged.refused), leaves, begun)

    async def _window(self, names: Sequence[str], refused: list[Refused]) -> list[tuple[ActPage, PageFacts]]:
        sealed = await fetched(self.store, names, "acts-missing", refused)
        groups: dict[str, list[tuple[str, PageHeader]]] = defaultdict(list)
        for name, data in sealed.items():
            try:
                header = page_header_of(name, data)
            except RecordFault as fault:
                refused.append(Refused(name, fault.code, fault.what))
            else:
                groups[header.kek].append((name, header))
        opened: list[tuple[ActPage, PageFacts]] = []
        for kek, members in groups.items():
            keys = await unwrapped(self.kms, kek, [header.wrapped for _, header in members])
            for (name, header), key in zip(members, keys, strict=True):
                if key is None:
                    refused.append(Refused(name, "acts-key-refused"))
                    continue
                try:
                    opened.append(await asyncio.to_thread(opened_page, header, sealed[name], key))
                except RecordFault as fault:
                    refused.append(Refused(name, fault.code, fault.what))
        return sorted(opened, key=lambda found: found[1].number)

    async def _numbers(self, book: Book, least: int) -> dict[int, int]:
        """The leaf of every number of the book that has one: to `least` at any rate, and on until a block has none."""
        leaves: dict[int, int] = {}
        first = 1
        while True:
            entries = {page_entry(book, number): number for number in range(first, first + _BLOCK)}
            found = await leaves_of(self.engine, list(entries))
            leaves |= {entries[entry]: index for entry, index in found.items()}
            first += _BLOCK
            if not found and first > least:
                return leaves
