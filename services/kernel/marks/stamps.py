"""Which text of a page looks like a mark of secrecy, and not like a sentence about secrets.

"mật" is an ordinary word (bảo mật, mật khẩu, mật ong), so what counts is layout: a stamp stands alone in its line or in
a cell of it (cells are parted by two blanks, a tab or a bar) and in capitals. A scan's text layer is noisy: letters are
spaced out, accents are missing or of another kind, O is 0 and I is 1. TUYỆT MẬT and TỐI MẬT are taken with any
accents, for nothing else is written so; MẬT alone only with its own accent or nearly so, and bare MAT, MẮT, MẶT, MẤT
(eye, face, lost) only below a letterhead of the State or the Party, where the stamp has its place. Old fonts (TCVN3, VNI)
are read as they show.

Time is linear in the text: it is cut into cells first, and no cell longer than a stamp is looked at twice.

Source: domain notes §3 rule 23 and "Facts" (red marks, envelopes A/B/C, "Chỉ người có tên mới được bóc bì").
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from services.kernel.refusals.registry import Text


class Mark(StrEnum):
    """What was seen; the value is the word on the wire."""

    TUYET_MAT = "stamp-tuyet-mat"
    TOI_MAT = "stamp-toi-mat"
    MAT = "stamp-mat"
    COPY_NUMBER = "copy-number"
    ENVELOPE_LETTER = "envelope-letter"
    NAMED_OPENER = "named-opener"


WORDS: Final[Mapping[Mark, Text]] = MappingProxyType(
    {
        Mark.TUYET_MAT: Text("dấu TUYỆT MẬT", "the stamp TUYỆT MẬT"),
        Mark.TOI_MAT: Text("dấu TỐI MẬT", "the stamp TỐI MẬT"),
        Mark.MAT: Text("dấu MẬT", "the stamp MẬT"),
        Mark.COPY_NUMBER: Text("«Bản số»", "a copy's number"),
        Mark.ENVELOPE_LETTER: Text("ký hiệu A, B, C trên bì", "an envelope's letter"),
        Mark.NAMED_OPENER: Text("«Chỉ người có tên mới được bóc bì»", "who alone may open the envelope"),
    }
)
"""What a mark is called to people."""

_LONGEST: Final = 80  # characters of a cell that can be a mark: the longest one has 39, and spacing doubles it
_ENVELOPE_LINES: Final = 14  # a page with more text is no envelope
_CELLS: Final = re.compile(r" {2,}|[\t|│┃¦\u2003]+")
_EDGES: Final = " \u00a0.,:;!*'\"`´’‘“”«»()[]{}<>_=~-–—•·/\\"
_LOOKALIKE: Final = str.maketrans("01!", "OII")
_LEVELS: Final = {"TUYETMAT": Mark.TUYET_MAT, "TOIMAT": Mark.TOI_MAT}
_SINGLE: Final = frozenset({"MẬT", "MÂT", "MẠT"})  # the stamp, and the stamp without its dot or its hat
_OLD_FONTS: Final = {
    text.casefold(): mark
    for mark, texts in {
        Mark.TUYET_MAT: ("tuyÖtmËt", "TUYEÄTMAÄT"),
        Mark.TOI_MAT: ("tèimËt", "TOÁIMAÄT"),
        Mark.MAT: ("mËt", "MAÄT"),
    }.items()
    for text in texts
}
_STATED: Final = re.compile(r"(?:DO|MUCDO)MAT[:.]?(TUYETMAT|TOIMAT|MAT)")
_COPY: Final = re.compile(r"BAN ?SO ?[:.]? ?(?:[0-9]{1,3}|[._… ]{0,40})")
_OPENER: Final = "CHINGUOICOTENMOIDUOCBOCBI"
_LETTERHEADS: Final = ("CONGHOAXAHOICHUNGHIAVIETNAM", "DANGCONGSANVIETNAM")
_ADDRESSEE: Final = ("KINHGUI", "NOINHAN", "NGUOINHAN", "GUI:")
_LETTERS: Final = frozenset("ABC")
_BEFORE: Final = frozenset({"BAO", "BI", "CO", "CAN", "NOI", "THAN", "TRUY"})  # bảo mật, bí mật, cơ mật, thân mật …
_AFTER: Final = frozenset({"DO", "KHAU", "MA", "NGU", "ONG", "THIET", "VU"})  # mật độ, mật khẩu, mật mã, mật ong …


def marks_on(page: str) -> frozenset[Mark]:
    """The marks on one page's text."""
    lines = [line for raw in page.splitlines() if (line := raw.strip())]
    below = False
    found: set[Mark] = set()
    letter, addressed = False, False
    for line in lines:
        cells = tuple(_cells(line))
        for at, cell in enumerate(cells):
            mark = _stamp(cell, below_letterhead=below) or _words(cell)
            if mark is not None and not (mark is Mark.MAT and _is_half(cells, at)):
                found.add(mark)
            letter |= cell.strip(_EDGES) in _LETTERS
            key = _key(cell)
            addressed |= key.startswith(_ADDRESSEE)
            below |= any(head in key for head in _LETTERHEADS)
    if letter and addressed and len(lines) <= _ENVELOPE_LINES:
        found.add(Mark.ENVELOPE_LETTER)
    return frozenset(found)


def _cells(line: str) -> Iterator[str]:
    """The line where it is short, then its cells: a spaced-out stamp is parted by blanks, too."""
    parts = _CELLS.split(line)
    if len(line) <= _LONGEST:
        yield unicodedata.normalize("NFC", line)
        if len(parts) == 1:
            return
    for part in parts:
        if 0 < len(part) <= _LONGEST:
            yield unicodedata.normalize("NFC", part)


def _stamp(cell: str, *, below_letterhead: bool) -> Mark | None:
    written = "".join(cell.strip(_EDGES).split())
    if not 3 <= len(written) <= len("TUYETMAT") + 4:
        return None
    if (mark := _OLD_FONTS.get(written.casefold())) is not None:
        return mark
    if not _in_capitals(written):
        return None
    key = _plain(written).translate(_LOOKALIKE)
    if (mark := _LEVELS.get(key)) is not None:
        return mark
    if key == "MAT" and (below_letterhead or written.upper() in _SINGLE):
        return Mark.MAT
    return None


def _is_half(cells: tuple[str, ...], at: int) -> bool:
    """Whether MẬT is half of an ordinary word, whose halves a wide setting has driven apart."""
    before = _key(cells[at - 1].rpartition(" ")[2]) if at else ""
    after = _key(cells[at + 1].partition(" ")[0]) if at + 1 < len(cells) else ""
    return before in _BEFORE or after in _AFTER


def _words(cell: str) -> Mark | None:
    """A mark that is a phrase: the level stated in words, the number of a copy, who may open the envelope."""
    key = _key(cell)
    if (stated := _STATED.fullmatch(key.strip(_EDGES))) is not None:
        return _LEVELS.get(stated[1], Mark.MAT)
    if key.strip(_EDGES) == _OPENER:
        return Mark.NAMED_OPENER
    told = cell.strip(_EDGES + "….")
    if _COPY.fullmatch(_plain(cell.strip())) and told[:1] == "B" and (":" in cell or _in_capitals(told)):
        return Mark.COPY_NUMBER
    return None


def _in_capitals(written: str) -> bool:
    """Whether it is in capitals, but for a third of its letters that a scan took for small ones."""
    letters = [character for character in written if character.isalpha()]
    small = sum(character.islower() for character in letters)
    return bool(letters) and letters[0].isupper() and small * 3 <= len(letters)


def _key(cell: str) -> str:
    return "".join(_plain(cell).split())


def _plain(text: str) -> str:
    """Capitals without accents; đ counts as D."""
    decomposed = unicodedata.normalize("NFD", text.upper().replace("Đ", "D"))
    return "".join(character for character in decomposed if not unicodedata.combining(character))
