"""The act book: every change of an officer's rows, page after page, in the store that also holds the records.

An *act* is one row as a change left it: a rule bundle, a step of an incident, a hold, an order of erasure. A *page* is the
acts of some whole transactions, sealed under a key of its own and never written again. With the recovery records the pages
are all that ingest's rows are made of anew (DECISION-0022).

A page, before sealing, is canonical JSON:

    {"format": "nopluu/acts1",
     "book": id, "secret": base64,                 of the book; the same on every page
     "number": n,                                  from 1, and only growing
     "before": {"number", "sha256"} | null,        the page that this one follows, by the digest of its plaintext
     "sealed_at": time,
     "acts": [[id, table, removed, row], …]}

An act's `id` only grows for each row of a table, and of all acts about one row the greatest id holds, on whatever page it
stands. `row` is the text of a JSON object: the whole row by its columns' names, in PostgreSQL's JSON form (binary as
`\\x` and hex, times with offset), or the members of its primary key alone where `removed`.

Each page is in the log: `page_event` with the salt that `page_salt` derives from the book's secret. Whoever holds any page
can ask the public log whether there is a later one; that there is a book at all, `book_event` tells everybody.

A page as stored, under `acts/` and its number in 12 digits:

    0   4  "NLA1"
    4  16  book
    20  8  number, u64be
    28  2  length k of the KEK's name, u16be        30      k  the name (ASCII)
    …   2  length w of the wrapped key, u16be       …       w  the page's key as the KMS wrapped it
    …      one Cobblestone-256 message; context = "nopluu/acts1\\0" ‖ all bytes before the message

The key is fresh for each page, 32 random bytes from the KMS under the KEK of the acts of that year.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Self
from uuid import UUID

from services.kernel.canonical import b64, canonical, parse_rfc3339, rfc3339, unb64
from services.kernel.sealing.one_message import open_message, pack_key, seal_message, unpack_key
from services.kernel.strict_json import StrictJsonError, parse

FORMAT: Final = "nopluu/acts1"
PREFIX: Final = "acts/"
MAX_PAGE: Final = 256 * 1024 * 1024
"""Bytes of a page before sealing; one act alone may be large (a rule bundle, the verdicts of a refused manifest)."""

_MAGIC: Final = b"NLA1"
_HEAD: Final = struct.Struct(">4s16sQ")
_LABEL: Final = FORMAT.encode() + b"\0"
_TABLE: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_KEK: Final = re.compile(r"acts/[0-9]{4}")
_NAME: Final = re.compile(r"acts/([0-9]{12})")


class PageInvalid(ValueError):
    """The bytes are no page of this format; the reason never quotes them."""


@dataclass(frozen=True, slots=True)
class Act:
    """A row of `table` as a change left it; `row` is JSON text, of the key alone where the row was `removed`."""

    id: int
    table: str
    removed: bool
    row: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Book:
    """One deployment's book: its id, and the 32 secret bytes that salt its pages' events."""

    id: UUID
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PageRef:
    """A page by its number and the SHA-256 of its plaintext."""

    number: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class ActPage:
    """Some acts, and where in the book they stand. `before` is None on the first page."""

    book: Book
    number: int
    before: PageRef | None
    sealed_at: datetime
    acts: Sequence[Act]

    def build(self) -> bytes:
        """The canonical bytes."""
        before = self.before
        return canonical(
            {
                "format": FORMAT,
                "book": str(self.book.id),
                "secret": b64(self.book.secret),
                "number": self.number,
                "before": None if before is None else {"number": before.number, "sha256": before.sha256.hex()},
                "sealed_at": rfc3339(self.sealed_at),
                "acts": [[act.id, act.table, act.removed, act.row] for act in self.acts],
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Raises PageInvalid; also where the bytes are not their own canonical form."""
        try:
            match parse(data, max_bytes=MAX_PAGE):
                case {
                    "format": "nopluu/acts1",
                    "book": str(book),
                    "secret": str(secret),
                    "number": number,
                    "before": before,
                    "sealed_at": str(sealed_at),
                    "acts": list(acts),
                }:
                    page = cls(
                        book=Book(UUID(book), unb64(secret)),
                        number=_number(number),
                        before=None if before is None else _ref(before),
                        sealed_at=parse_rfc3339(sealed_at),
                        acts=tuple(_act(entry) for entry in acts),
                    )
                case _:
                    raise PageInvalid("form")
        except StrictJsonError as error:
            raise PageInvalid(error.reason) from error
        except (ValueError, KeyError) as error:
            raise PageInvalid("form") from error
        if len(page.book.secret) != 32 or (page.before is not None and page.before.number >= page.number):
            raise PageInvalid("form")
        if page.build() != data:
            raise PageInvalid("not canonical")
        return page


@dataclass(frozen=True, slots=True)
class PageHeader:
    """What stands in clear before a sealed page: which it is, and its key as the KMS wrapped it."""

    book: UUID
    number: int
    kek: str
    wrapped: bytes

    def pack(self) -> bytes:
        return _HEAD.pack(_MAGIC, self.book.bytes, self.number) + pack_key(self.kek, self.wrapped)

    @classmethod
    def unpack(cls, sealed: bytes) -> Self:
        """The header of a sealed page. Raises PageInvalid."""
        try:
            magic, book, number = _HEAD.unpack_from(sealed)
            kek, wrapped, _ = unpack_key(sealed, _HEAD.size)
        except (struct.error, ValueError) as error:
            raise PageInvalid("header") from error
        if magic != _MAGIC:
            raise PageInvalid("header")
        return cls(UUID(bytes=book), number, kek, wrapped)


def acts_kek(year: int) -> str:
    """The KEK of the pages of a year."""
    return f"acts/{year}"


def is_acts_kek(kek: str) -> bool:
    """Whether it is a KEK of pages: its versions are needed as long as there are pages, which is for ever."""
    return _KEK.fullmatch(kek) is not None


def page_name(number: int) -> str:
    """A page's object name: its number says nothing of what is on it."""
    return f"{PREFIX}{number:012}"


def number_of(name: str) -> int:
    """The number of the page with this name. Raises PageInvalid."""
    found = _NAME.fullmatch(name)
    if found is None or not int(found[1]):
        raise PageInvalid("name")
    return int(found[1])


def seal_page(page: bytes, key: bytes, header: PageHeader) -> bytes:
    """The sealed page; `key` is the 32 bytes whose wrapped form stands in the header."""
    return seal_message(_LABEL, header.pack(), page, key)


def open_page(sealed: bytes, key: bytes) -> bytes:
    """The page's bytes; `key` is the header's wrapped key as the KMS opened it.

    Raises:
        PageInvalid: no sealed page.
        SealBroken: altered, cut, or another key.
    """
    return open_message(_LABEL, PageHeader.unpack(sealed).pack(), sealed, key)


def page_event(number: int) -> bytes:
    """The event of a page: it is fixed, and on its way into the store."""
    return canonical({"type": "acts_sealed", "number": number})


def page_salt(secret: bytes, number: int) -> bytes:
    """The salt of that event: it can be derived from any page of the book, and from nothing that is public."""
    return hmac.digest(secret, b"nopluu/acts-page1\0" + number.to_bytes(8), hashlib.sha256)


def book_event() -> bytes:
    """The event of the first page of all, by which a store that hides every page is found out."""
    return canonical({"type": "act_book_begun"})


BOOK_SALT: Final = bytes(32)
"""Its salt is known to everybody: that there is a book is no secret."""


def _ref(value: object) -> PageRef:
    match value:
        case {"number": number, "sha256": str(sha256)} if len(bytes.fromhex(sha256)) == 32:
            return PageRef(_number(number), bytes.fromhex(sha256))
    raise PageInvalid("before")


def _act(value: object) -> Act:
    match value:
        case [id_, str(table), bool(removed), str(row)] if _TABLE.fullmatch(table):
            return Act(_number(id_), table, removed, row)
    raise PageInvalid("act")


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise PageInvalid("number")
    return value
