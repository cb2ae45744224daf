"""The lines of an OCR layer that is delivered as markup: hOCR and HTML, ALTO.

Of HTML the words between tags count, of ALTO the attribute CONTENT of each word. Only a few tags end a line or a page;
no entity is resolved from outside and no document type is read, so nothing can be fetched or blown up.
"""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Final

_LINES: Final = frozenset({"br", "div", "h1", "h2", "h3", "h4", "li", "p", "td", "th", "tr", "textline"})
_WORD: Final = "string"
_PAGE: Final = "page"
_HIDDEN: Final = frozenset({"script", "style", "title"})


def markup_pages(text: str) -> Iterator[str]:
    """The text of each page, line by line."""
    reader = _Layer()
    reader.feed(text)
    reader.close()
    return iter(reader.pages())


class _Layer(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._pages: list[list[str]] = [[]]
        self._hidden = 0

    def pages(self) -> list[str]:
        written = ["".join(page) for page in self._pages]
        return written[1:] if len(written) > 1 and not written[0].strip() else written

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        names = (given.get("class") or "").split()
        tag = _local(tag)
        if tag in _HIDDEN:
            self._hidden += 1
        if tag == _PAGE or "ocr_page" in names:
            self._pages.append([])
        if tag in _LINES or any(name in ("ocr_line", "ocr_header", "ocr_caption") for name in names):
            self._pages[-1].append("\n")
        if tag == _WORD:
            self._pages[-1].append(f"{given.get('content') or ''} ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _HIDDEN:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN and self._hidden:
            self._hidden -= 1
        if _local(tag) in _LINES:
            self._pages[-1].append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            # Between words of one line a layer breaks its own lines as it likes.
            self._pages[-1].append(" ".join(data.split("\n")))


def _local(tag: str) -> str:
    """The name without the prefix of a namespace: some engines write `alto:String`."""
    return tag.rpartition(":")[2]
