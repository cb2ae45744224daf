"""Reading one cell: what the clerk meant, or a finding that says why it cannot be known. Never a guess.

Source: domain notes §1.6; measured faults of .xlsx files, usability notes B.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final

from openpyxl.utils.datetime import from_excel

from services.agency.sheets.findings import Findings, shown
from services.agency.sheets.legacy_fonts import recognise
from services.agency.sheets.workbook import Cell
from services.kernel.folding import fold

_ERRORS: Final = frozenset({"#REF!", "#N/A", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!", "#CALC!"})
_BLANKS: Final = re.compile(r"[\s\u00a0\u2000-\u200a\u202f\u205f\u3000]+")
_INVISIBLE: Final = re.compile(r"[\u200b-\u200f\u2060\ufeff]|_x000[dD]_")
_BROKEN: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]")
_DATE: Final = re.compile(r"(\d{1,2})\s?[/.\-]\s?(\d{1,2})\s?[/.\-]\s?(\d{4})")
_DATE_WORDS: Final = re.compile(r"(?:ngay )?(\d{1,2}) thang (\d{1,2}) nam (\d{4})")
_ISO: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]00:00:00)?")
_ZEROS: Final = re.compile(r"0+")
_PRECISE: Final = 10**15  # Excel keeps fifteen digits
_YEARS: Final = range(1800, 2200)
_SERIALS: Final = range(2200, 80_000)  # 1906 to 2119
_LEVELS: Final = {
    "khong": "none", "khong mat": "none", "thuong": "none", "none": "none",
    "mat": "mat", "toi mat": "toi_mat", "tuyet mat": "tuyet_mat",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Code:
    """A code as text; `bare` says that it was a number without a format, so leading zeros may be lost."""

    text: str
    bare: bool


class CellReader:
    """Reads cells by kind and reports what is wrong with them; every method gives None for empty and unreadable."""

    def __init__(self, findings: Findings, *, today: date) -> None:
        self._findings = findings
        self._today = today

    def usable(self, cell: Cell) -> bool:
        """Whether the cell has a value at all; reports Excel errors and formulas without one."""
        if cell.uncached:
            self._findings.at(cell, "formula-uncached")
            return False
        if isinstance(cell.value, str) and cell.value.strip() in _ERRORS:
            self._findings.at(cell, "cell-error")
            return False
        return not cell.empty

    def text(self, cell: Cell) -> str | None:
        """Free text: NFC, no stray blanks."""
        if not self.usable(cell):
            return None
        value = cell.value
        if isinstance(value, str):
            return self._clean(cell, value)
        if isinstance(value, datetime | date | time):
            return shown(value)
        return self._number_text(cell)

    def code(self, cell: Cell) -> Code | None:
        """A number-like code, with the zeros that its format shows."""
        if not self.usable(cell):
            return None
        value = cell.value
        if isinstance(value, str):
            text = self._clean(cell, value)
            return None if text is None else Code(text, bare=False)
        if isinstance(value, datetime | date | time):
            self._findings.at(cell, "number-turned-date")
            return None
        text = self._number_text(cell)
        if text is None:
            return None
        if _ZEROS.fullmatch(cell.number_format) and len(cell.number_format) > 1:
            return Code(text.zfill(len(cell.number_format)), bare=False)
        return Code(text, bare=text.isdigit())

    def number(self, cell: Cell) -> int | None:
        """A whole number of zero or more."""
        if not self.usable(cell):
            return None
        value = cell.value
        if isinstance(value, str):
            text = _plain(value)
            if text.isascii() and text.isdigit() and len(text) < 10:
                return int(text)
        elif isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 and value == int(value):
            return int(value)
        self._findings.at(cell, "not-a-number")
        return None

    def day(self, cell: Cell) -> date | None:
        """A date: a true one, text dd/mm/yyyy, or a serial number; a bare year is none."""
        if not self.usable(cell):
            return None
        value = cell.value
        found: date | None = None
        if isinstance(value, datetime | date):
            found = value.date() if isinstance(value, datetime) else value
            serial = (found - date(1899, 12, 30)).days
            if serial in _YEARS:  # a year typed into a cell that is formatted as a date
                self._findings.at(cell, "date-year-only", value=serial)
                return None
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found = self._serial(cell, value)
        elif isinstance(value, str):
            found = self._written(cell, _plain(value))
        else:
            self._findings.at(cell, "date-invalid")
        if found is not None and found > self._today:
            self._findings.at(cell, "date-future", value=shown(found))
        return found

    def level(self, cell: Cell) -> str | None:
        """The level's word on the wire."""
        text = self.text(cell)
        if text is None:
            return None
        word = _LEVELS.get(fold(text))
        if word is None:
            self._findings.at(cell, "secrecy-unknown")
        return word

    def _serial(self, cell: Cell, value: float) -> date | None:
        if value in _YEARS:
            self._findings.at(cell, "date-year-only", value=int(value))
        elif int(value) in _SERIALS:
            moment = from_excel(value)
            found = moment.date() if isinstance(moment, datetime) else None
            if found is not None:
                self._findings.at(cell, "ok-date-serial", date=shown(found))
                return found
        else:
            self._findings.at(cell, "date-invalid")
        return None

    def _written(self, cell: Cell, text: str) -> date | None:
        if text.isdigit():
            return self._serial(cell, int(text)) if len(text) < 6 else self._invalid(cell)
        if match := _DATE.fullmatch(text) or _DATE_WORDS.fullmatch(fold(text)):
            day, month, year = (int(part) for part in match.groups())
        elif match := _ISO.fullmatch(text):
            year, month, day = (int(part) for part in match.groups())
        else:
            return self._invalid(cell)
        try:
            found = date(year, month, day)
        except ValueError:
            return self._invalid(cell)
        self._findings.at(cell, "ok-date-text", date=shown(found))
        return found

    def _invalid(self, cell: Cell) -> date | None:
        self._findings.at(cell, "date-invalid")
        return None

    def _number_text(self, cell: Cell) -> str | None:
        value = cell.value
        if isinstance(value, bool):
            return "TRUE" if value else "FALSE"
        if isinstance(value, int | float):
            if abs(value) >= _PRECISE:
                self._findings.at(cell, "precision-lost")
                return None
            return str(int(value)) if value == int(value) else str(value)
        return str(value)

    def _clean(self, cell: Cell, value: str) -> str | None:
        if legacy := recognise(value):
            self._findings.at(cell, "legacy-font", encoding=legacy[0], guess=_plain(legacy[1]))
            return None
        if _BROKEN.search(value):
            self._findings.at(cell, "control-character")
            return None
        text = _plain(value)
        if text != value:
            self._findings.at(cell, "ok-normalised")
        return text or None


def _plain(value: str) -> str:
    if value.isascii() and value.isalnum():
        return value
    return _BLANKS.sub(" ", _INVISIBLE.sub("", unicodedata.normalize("NFC", value))).strip()
