"""One file's text, page by page, searched for marks of secrecy. Runs only in a child process with bounded memory and time.

A PDF's text layer, text, and the markup in which OCR engines deliver a layer of their own (hOCR, ALTO, HTML). What a
file is, its first bytes say: the type that was declared is the sender's word. A scan without a text layer has nothing to
search, and that is told, for nobody has looked at it.

Source: domain notes §3 rules 23, 24; security register §8 "PDF"; DECISION-0025.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pypdf import PageObject, PdfReader

from services.kernel.marks.markup import markup_pages
from services.kernel.marks.stamps import Mark, marks_on

MATCHER: Final = 1
"""Counts up when what counts as a mark changes: what an older one passed is looked at again."""

MAX_FILE: Final = 256 * 1024**2
"""Bytes; a larger file would not fit beside its parser into the memory of its process."""

MAX_PAGES: Final = 20_000
_PDF: Final = b"%PDF-"
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_HEAD: Final = 1024  # bytes within which a PDF must begin
_MAX_PAGE: Final = 1_000_000  # characters of a page that are searched


class Outcome(StrEnum):
    """What came of looking; the value is the word on the wire and in the database."""

    MARKED = "marked"
    CLEAN = "clean"
    NO_TEXT = "no-text"  # a scan without a text layer
    UNREADABLE = "unreadable"  # encrypted or broken, or it took too much to read
    UNSUPPORTED = "unsupported"  # no PDF and no text: an image, a film
    TOO_LARGE = "too-large"


LOOKED_AT: Final = frozenset({Outcome.MARKED, Outcome.CLEAN})


@dataclass(frozen=True, slots=True)
class Inspected:
    """`page` counts from 1 and is the first one with a mark, 0 where there is none; `textless` pages had no text."""

    outcome: Outcome
    marks: frozenset[Mark] = frozenset()
    page: int = 0
    pages: int = 0
    textless: int = 0

    def to_json(self) -> bytes:
        """What the child answers: words of closed sets and numbers."""
        value = [self.outcome.value, sorted(mark.value for mark in self.marks), self.page, self.pages, self.textless]
        return json.dumps(value).encode()

    @classmethod
    def from_json(cls, answer: bytes) -> Inspected:
        """Raises ValueError: no such answer; whoever read a hostile file is not believed with more than this."""
        match json.loads(answer):
            case [str(outcome), list(marks), int(page), int(pages), int(textless)]:
                return cls(Outcome(outcome), frozenset(Mark(mark) for mark in marks), page, pages, textless)
            case _:
                raise ValueError("not the answer of an inspection")


def inspect(file: bytes) -> Inspected:
    """Search a file. Never raises: what cannot be read is an outcome."""
    try:
        pages = _pages(file)
        return Inspected(Outcome.UNSUPPORTED) if pages is None else _searched(pages)
    except Exception:  # noqa: BLE001 - a hostile file makes a parser raise anything, and no traceback may quote it
        return Inspected(Outcome.UNREADABLE)


def worth_reading(head: bytes) -> bool:
    """Whether a file that begins so can have text: a film need not be read to its end."""
    return _PDF in head[:_HEAD] or head[:2] in _UTF16 or b"\0" not in head


def _searched(pages: Iterator[str]) -> Inspected:
    marks: set[Mark] = set()
    first = count = textless = 0
    for count, page in enumerate(pages, 1):
        if count > MAX_PAGES:
            break
        textless += not page.strip()
        found = marks_on(page[:_MAX_PAGE])
        if found and not first:
            first = count
        marks |= found
    if marks:
        return Inspected(Outcome.MARKED, frozenset(marks), first, count, textless)
    return Inspected(Outcome.NO_TEXT if count == textless else Outcome.CLEAN, frozenset(), 0, count, textless)


def _pages(file: bytes) -> Iterator[str] | None:
    if _PDF in file[:_HEAD]:
        return _of_pdf(file)
    text = _decoded(file)
    if text is None:
        return None
    return markup_pages(text) if text.lstrip()[:1] == "<" else iter(text.split("\f"))


def _of_pdf(file: bytes) -> Iterator[str]:
    reader = PdfReader(io.BytesIO(file))
    if reader.is_encrypted and not reader.decrypt(""):
        raise ValueError("encrypted")
    for page in reader.pages:
        yield _text_of(page)


def _text_of(page: PageObject) -> str:
    # As laid out, where columns stay apart, and as written, where turned text (a slanted stamp) is not left out.
    layers = [page.extract_text(), page.extract_text(extraction_mode="layout")]
    for annotation in page.annotations or ():
        contents = annotation.get_object().get("/Contents")
        if isinstance(contents, str):
            layers.append(contents)
    return "\n".join(layers)


def _decoded(file: bytes) -> str | None:
    encoding = "utf-16" if file[:2] in _UTF16 else "utf-8-sig"
    try:
        text = file.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text
