"""Which pages of the act book that a store gave out may be believed, and which are missing. Pure: no I/O.

The store is hostile: it may alter a page, give one under another's name, give one of another deployment, or keep one back,
above all the newest. What authenticates a page: the seal under a key that this deployment's KMS opens; its event's leaf in
this deployment's signed log; and for every page but the newest, its digest on the page that follows it. What is missing
shows by the leaves of the numbers that no page explains.

Source: DESIGN 3 ("Every store is hostile"); DECISION-0022.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from services.kernel.sealing.act_book import (
    BOOK_SALT,
    PREFIX,
    ActPage,
    Book,
    PageHeader,
    PageInvalid,
    PageRef,
    book_event,
    is_acts_kek,
    number_of,
    open_page,
    page_event,
    page_name,
    page_salt,
)
from services.kernel.sealing.open import SealBroken
from services.kernel.sealing.recovered import RecordFault, Refused
from services.kernel.tlog.tree import entry_hash


@dataclass(frozen=True, slots=True)
class PageFacts:
    """Of an opened page what tells whether it is to be believed; `last_act` is the greatest id on it, 0 without any."""

    book: Book
    ref: PageRef
    before: PageRef | None
    last_act: int

    @property
    def number(self) -> int:
        return self.ref.number


@dataclass(frozen=True, slots=True)
class Judged:
    """The pages that count, the others with their reasons, and where the book goes on.

    `newest` is the page that the next one follows, and `highest` the last number that is known to have been used, also by
    pages that do not count: none is used twice.
    """

    book: Book | None
    believed: frozenset[int]
    refused: tuple[Refused, ...]
    newest: PageFacts | None
    highest: int


def page_header_of(name: str, sealed: bytes) -> PageHeader:
    """The header of the object `name`, before anything is asked of the KMS.

    Raises:
        RecordFault
    """
    try:
        header = PageHeader.unpack(sealed)
    except PageInvalid as error:
        raise RecordFault("acts-altered") from error
    if not is_acts_kek(header.kek):
        raise RecordFault("acts-altered")
    if header.number != page_number_of(name):
        raise RecordFault("acts-swapped", str(header.number))
    return header


def page_number_of(name: str) -> int:
    """The number of the page that has this name. Raises RecordFault."""
    try:
        return number_of(name)
    except PageInvalid as error:
        raise RecordFault("acts-name") from error


def opened_page(header: PageHeader, sealed: bytes, key: bytes) -> tuple[ActPage, PageFacts]:
    """The page behind a header.

    Raises:
        RecordFault
    """
    try:
        data = open_page(sealed, key)
        page = ActPage.parse(data)
    except (PageInvalid, SealBroken) as error:
        raise RecordFault("acts-altered") from error
    if (page.book.id, page.number) != (header.book, header.number):
        raise RecordFault("acts-altered")
    ref = PageRef(page.number, hashlib.sha256(data).digest())
    return page, PageFacts(page.book, ref, page.before, max((act.id for act in page.acts), default=0))


def page_entry(book: Book, number: int) -> bytes:
    """The log entry of a page of this book."""
    return entry_hash(page_salt(book.secret, number), page_event(number))


def book_entry() -> bytes:
    """The log entry that a book was begun."""
    return entry_hash(BOOK_SALT, book_event())


def book_of(pages: Mapping[int, PageFacts], logged: Collection[int], *, admit_unlogged: bool) -> Book | None:
    """The book of this deployment: that of the last page whose own event is in the log. None where no page has one.

    `logged` are the numbers whose page as it was given out has its leaf.
    """
    known = [number for number in pages if number in logged] or (list(pages) if admit_unlogged else [])
    return pages[max(known)].book if known else None


def judge_pages(
    pages: Mapping[int, PageFacts],
    book: Book | None,
    leaves: Collection[int],
    *,
    begun: bool,
    failed: Collection[int] = (),
    admit_unlogged: bool = False,
) -> Judged:
    """Walk from the last page to the first, each by the digest that the one after it states.

    `leaves` are all numbers of the book that have a leaf, `begun` whether the log has a book, `failed` the numbers of pages
    that were refused before they could be judged.
    """
    if book is None:
        refused = [Refused(page_name(number), "acts-unlogged") for number in sorted(pages)]
        if begun and not pages and not failed:
            refused.append(Refused(PREFIX, "acts-book-missing"))
        return Judged(None, frozenset(), tuple(refused), None, 0)
    own = {number: facts for number, facts in pages.items() if facts.book == book}
    told = dict.fromkeys(pages.keys() - own.keys(), "acts-foreign")
    believed, void = _walk(own, leaves, told)
    newest = own[max(believed)] if believed else None
    for number in sorted(own.keys() - believed - void - told.keys()):
        follows = own[number].before == (None if newest is None else newest.ref)
        if (newest is None or number > newest.number) and follows and (newest is not None or admit_unlogged):
            believed.add(number)
            newest = own[number]
        else:
            told[number] = "acts-unlogged"
    for number in set(leaves) - believed - void - told.keys() - set(failed):
        told[number] = "acts-missing"
    refused = [Refused(page_name(number), code) for number, code in sorted(told.items())]
    highest = max([*own, *leaves], default=0)
    return Judged(book, frozenset(believed), tuple(refused), newest, highest)


def _walk(own: Mapping[int, PageFacts], leaves: Collection[int], told: dict[int, str]) -> tuple[set[int], set[int]]:
    """Pages that are believed, and numbers that a believed page says were lost and given up; forks go into `told`."""
    believed, void = set[int](), set[int]()
    below = max(own, default=0) + 1
    while heads := [number for number in own if number < below and number in leaves and number not in told]:
        at: PageFacts | None = own[max(heads)]
        while at is not None:
            believed.add(at.number)
            before, below = at.before, at.number
            if before is None:
                return believed, void | set(range(1, below))
            void |= set(range(before.number + 1, below))
            below = before.number
            at = own.get(before.number)
            if at is not None and at.ref != before:
                told[at.number] = "acts-forked"
                at = None
    return believed, void
