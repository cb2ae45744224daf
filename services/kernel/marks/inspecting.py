"""One file's text, page by page, searched for marks of secrecy. Runs only in a child process with bounded memory and time.

A PDF's text layer, text, and the markup in which OCR engines deliver a layer of their own (hOCR, ALTO, HTML). What a
file is, its first bytes say: the type that was declared is the sender's word. A scan without a text layer has nothing to
search, and that is told, for nobody has looked at it. Reading ends at the first page with a mark, so nothing that comes
behind it in the file can take the finding back.

Source: domain notes §3 rules 23, 24; security register §8 "PDF"; DECISION-0025.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final, cast

from pypdf import PageObject, PdfReader
from pypdf.generic import DictionaryObject, EncodedStreamObject, PdfObject, StreamObject, TextStringObject

from services.kernel.marks.markup import markup_pages
from services.kernel.marks.stamps import Mark, marks_on

MATCHER: Final = 2
"""Counts up when what counts as a mark changes: what an older one passed is looked at again."""

MAX_FILE: Final = 256 * 1024**2
"""Bytes; a larger file would not fit beside its parser into the memory of its process."""

MAX_PAGES: Final = 20_000
_PDF: Final = b"%PDF-"
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_HEAD: Final = 1024  # bytes within which a PDF must begin
_BINARY: Final = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]")


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
    """`page` counts from 1 and is the first one with a mark, 0 where there is none.

    Of the `pages` that were read, `textless` ones had no text.
    """

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


@dataclass(frozen=True, slots=True)
class _Page:
    """`whole` is False where some of the page could not be read."""

    text: str
    whole: bool = True


def _searched(pages: Iterator[_Page]) -> Inspected:
    count = textless = 0
    whole = True
    for count, page in enumerate(pages, 1):
        if count > MAX_PAGES:
            return Inspected(Outcome.UNREADABLE)
        textless += not page.text.strip()
        whole &= page.whole
        if marks := marks_on(page.text):
            return Inspected(Outcome.MARKED, marks, count, count, textless)
    if not whole:
        return Inspected(Outcome.UNREADABLE)
    return Inspected(Outcome.NO_TEXT if count == textless else Outcome.CLEAN, frozenset(), 0, count, textless)


def _pages(file: bytes) -> Iterator[_Page] | None:
    if _PDF in file[:_HEAD]:
        return _of_pdf(file)
    text = _decoded(file)
    if text is None:
        return None
    return map(_Page, markup_pages(text) if text.lstrip()[:1] == "<" else text.split("\f"))


def _of_pdf(file: bytes) -> Iterator[_Page]:
    reader = PdfReader(io.BytesIO(file))
    if reader.is_encrypted and not reader.decrypt(""):
        raise ValueError("encrypted")
    for number in range(len(reader.pages)):
        yield _read(reader, number)


def _read(reader: PdfReader, number: int) -> _Page:
    """One page, as far as it can be read: what breaks one layer or one page does not hide the others."""
    texts: list[str] = []
    try:
        page = reader.pages[number]
        # As written, where turned text (a slanted stamp) is not left out, and as laid out, where columns stay apart.
        layers = (page.extract_text, partial(page.extract_text, extraction_mode="layout"), partial(_put_on, page))
    except Exception:  # noqa: BLE001 - see `inspect`
        return _Page("", whole=False)
    whole = True
    for layer in layers:
        try:
            texts.append(layer())
        except Exception:  # noqa: BLE001 - see `inspect`
            whole = False
    return _Page("\n".join(texts), whole)


def _put_on(page: PageObject) -> str:
    """What annotations show: a stamp of a PDF editor, a note, the value of a form's field."""
    texts: list[str] = []
    for reference in page.annotations or ():
        annotation = reference.get_object()
        entries = (_at(annotation, key) for key in ("/Contents", "/V"))
        texts += [written for written in entries if isinstance(written, TextStringObject)]
        shown = _at(_at(annotation, "/AP"), "/N")
        if isinstance(shown, StreamObject):
            # Typed for a stream with a filter, reads one without as well.
            texts.append(page.extract_xform_text(cast(EncodedStreamObject, shown)))
    return "\n".join(texts)


def _at(entries: PdfObject | None, key: str) -> PdfObject | None:
    """An entry with its reference followed; None where there is none."""
    found = entries.get(key) if isinstance(entries, DictionaryObject) else None
    return None if found is None else found.get_object()


def _decoded(file: bytes) -> str | None:
    """None: no text. Text of before Unicode is read as windows-1258; TCVN3 and VNI look in it as their marks are listed."""
    try:
        text = file.decode("utf-16" if file[:2] in _UTF16 else "utf-8-sig")
    except UnicodeDecodeError:
        return None if _BINARY.search(file) else file.decode("cp1258", "replace")
    return None if "\0" in text else text
