"""Seal what officers did into the store, page after page, so that the store can give it back.

Triggers append every change of an officer's rows to the acts that wait, in the transaction of the change. From there:

1. A page is fixed: the acts of whole transactions leave the waiting ones and stand sealed in the book's row, with the page's
   event in the log; one transaction. From here on the page can only be this one.
2. It is written to the store, as often as it takes: the same bytes each time.
3. The book forgets the sealed bytes, and the next page may be fixed.

Any number of workers may do this at once, and each may be killed anywhere. While store or KMS is away acts wait; nothing
that an officer does is refused for it.

Source: DECISION-0022.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from services.ingest.usecases.ports import LogTicket, World
from services.kernel.sealing.act_book import (
    BOOK_SALT,
    Act,
    ActPage,
    Book,
    PageHeader,
    PageRef,
    acts_kek,
    book_event,
    page_event,
    page_salt,
    seal_page,
)

PAGE_ACTS: Final = 2000
PAGE_BYTES: Final = 4 * 1024 * 1024
"""Further transactions go onto the next page."""
MOST_BYTES: Final = 32 * 1024 * 1024
"""A transaction of more is continued on the next page."""


class BookForked(Exception):
    """The store has another page under this number: the database is older than the store."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The book as it stands. `before` is what the next page follows; `number` was used last, by a page or by none."""

    book: Book
    number: int
    before: PageRef | None


@dataclass(frozen=True, slots=True)
class FixedPage:
    """A page that is on its way into the store."""

    number: int
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many acts are in no page that the store has, and since when the oldest of them waits."""

    count: int
    since: datetime | None


class ActBooks(Protocol):
    """The act book's rows inside one transaction."""

    async def unstored(self) -> FixedPage | None: ...

    async def waiting(self) -> Waiting: ...

    async def lock(self, new: Book) -> Standing | None:
        """The book, begun as `new` where there is none; None while a page of it is not known to be in the store."""

    async def take(self, *, acts: int, size: int, most: int) -> tuple[Sequence[Act], datetime | None]:
        """Remove waiting acts: of whole transactions until there are `acts` or `size` bytes; at most `most` bytes of one.

        With when the oldest was done.
        """

    async def fix(self, page: PageRef, sealed: bytes, oldest_at: datetime | None) -> None: ...

    async def stored(self, number: int) -> None: ...

    async def journal(self, event: bytes, ticket: LogTicket) -> object: ...


class ActLedger(Protocol):
    """Where the act book stands."""

    def transaction(self) -> AbstractAsyncContextManager[ActBooks]: ...


class PageStore(Protocol):
    """The store's pages. Raises StoreUnavailable."""

    async def page(self, number: int) -> bytes | None: ...

    async def put_page(self, number: int, sealed: bytes) -> None:
        """Durable when this returns."""


PageKeys = Callable[[str], Awaitable[tuple[bytes, bytes]]]
"""A fresh key under a KEK: plain, and as wrapped. Raises KmsUnavailable."""


async def seal_acts(*, ledger: ActLedger, pages: PageStore, new_key: PageKeys, world: World) -> bool:
    """Fix a page of what waits and bring it into the store; False where nothing waited. Safe to repeat and to kill.

    Raises:
        KmsUnavailable, StoreUnavailable, DatabaseUnavailable: to be tried again.
        BookForked: only an operator can settle that.
    """
    async with ledger.transaction() as books:
        fixed, waiting = await books.unstored(), await books.waiting()
    if fixed is None:
        if not waiting.count:
            return False
        kek = acts_kek(world.now().year)
        plain, wrapped = await new_key(kek)  # the KMS may be slow: no lock is held yet
        fixed = await _fix(ledger, kek, plain, wrapped, world)
        if fixed is None:
            return True  # another worker was first
    known = await pages.page(fixed.number)
    if known is not None and known != fixed.sealed:
        raise BookForked
    await pages.put_page(fixed.number, fixed.sealed)
    async with ledger.transaction() as books:
        await books.stored(fixed.number)
    return True


async def _fix(ledger: ActLedger, kek: str, plain: bytes, wrapped: bytes, world: World) -> FixedPage | None:
    async with ledger.transaction() as books:
        standing = await books.lock(Book(world.new_id(), world.random(32)))
        if standing is None:
            return None
        acts, oldest_at = await books.take(acts=PAGE_ACTS, size=PAGE_BYTES, most=MOST_BYTES)
        if not acts:
            return None
        number, book = standing.number + 1, standing.book
        page = ActPage(book, number, standing.before, world.now(), acts)
        data = await asyncio.to_thread(page.build)
        header = PageHeader(book.id, number, kek, wrapped)
        sealed = await asyncio.to_thread(seal_page, data, plain, header)
        await books.fix(PageRef(number, hashlib.sha256(data).digest()), sealed, oldest_at)
        if number == 1:
            await books.journal(book_event(), LogTicket(world.new_id(), BOOK_SALT))
        await books.journal(page_event(number), LogTicket(world.new_id(), page_salt(book.secret, number)))
    return FixedPage(number, sealed)
