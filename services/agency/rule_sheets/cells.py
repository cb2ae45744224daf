"""One value in one cell: how a person reads it there, and what it is in the bundle.

Every kind of cell is a pair of functions. `encoded` gives None where the value has no form that would be read back as
the very same value; the caller then keeps it as JSON.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final

from services.kernel.manifest.secrecy import iso_day

JSON_MARK: Final = "json:"
MAX_TEXT: Final = 32_000  # characters; a spreadsheet's cell holds 32,767
_FIRST_DAY: Final = date(1900, 3, 1)  # before it spreadsheets count a 29 February 1900 that never was
_LARGEST: Final = 2**53 - 1
_NOT_XML: Final = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_x[0-9A-Fa-f]{4}_")
_WRITTEN: Final = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})", re.ASCII)

CellValue = str | int | bool | date | None


class CellFault(ValueError):
    """What stands in a cell cannot be what the cell is for; `code` says why, `choices` what it may be."""

    def __init__(self, code: str, choices: tuple[str, ...] = ()) -> None:
        super().__init__(code)
        self.code = code
        self.choices = choices


@dataclass(frozen=True, slots=True)
class Kind:
    """How values of one kind stand in cells. `decode` raises CellFault; it never sees an empty cell."""

    encode: Callable[[object], CellValue]
    decode: Callable[[object], object]

    def encoded(self, value: object) -> CellValue:
        """The cell for a value; None where there is none that is read back as the same."""
        cell = self.encode(value)
        if cell is None or (isinstance(cell, str) and len(cell) > MAX_TEXT):
            return None
        try:
            again = self.decode(cell)
        except CellFault:
            return None
        return cell if same(again, value) else None


def same(one: object, other: object) -> bool:
    """Whether two JSON values are the same, a flag never being a number."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def as_json(value: object) -> str:
    """A value that no other form fits, in ASCII, so that no character of it can be lost in a spreadsheet."""
    return JSON_MARK + json.dumps(value, sort_keys=True)


def from_json(cell: str) -> object:
    """Raises CellFault where it is not JSON."""
    try:
        return json.loads(cell.removeprefix(JSON_MARK), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise CellFault("json-invalid") from None


def _no_constant(word: str) -> object:
    raise ValueError(word)


def plain(text: str) -> bool:
    """Whether a cell can show this text as it is, and give it back."""
    return bool(text.strip()) and not text.startswith(JSON_MARK) and not _NOT_XML.search(text)


def _text_cell(value: object) -> CellValue:
    if not isinstance(value, str):
        return None
    return value if plain(value) else as_json(value)


def _text(cell: object) -> object:
    if isinstance(cell, str):
        return from_json(cell) if cell.startswith(JSON_MARK) else cell
    if isinstance(cell, bool | datetime | date | time):
        raise CellFault("text-expected")
    if isinstance(cell, int):
        return str(cell)
    raise CellFault("text-expected")  # of a decimal number nobody knows which zeros were typed


def folded(cell: object) -> str:
    """A word as it is compared: without case, outer and repeated blanks, and Unicode's several forms."""
    return " ".join(unicodedata.normalize("NFC", str(cell)).casefold().split())


def _name(cell: object) -> object:
    """A name holds no blanks, so those around it were typed by accident."""
    text = _text(cell)
    return text.strip() if isinstance(text, str) else text


def _day_cell(value: object) -> CellValue:
    day = iso_day(value) if isinstance(value, str) else None
    if day is None:
        return None
    return day if day >= _FIRST_DAY else day.isoformat()


def _day(cell: object) -> object:
    if isinstance(cell, datetime):
        if cell.time() != time():
            raise CellFault("day-expected")
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if not isinstance(cell, str):
        raise CellFault("day-expected")
    written = cell.strip()
    if match := _WRITTEN.fullmatch(written):
        written = f"{match[3]}-{int(match[2]):02}-{int(match[1]):02}"
    if iso_day(written) is None:
        raise CellFault("day-expected")
    return written


def _flag_cell(value: object) -> CellValue:
    return ("có" if value else "không") if isinstance(value, bool) else None


def _flag(cell: object) -> object:
    if isinstance(cell, bool):
        return cell
    word = folded(cell) if isinstance(cell, str) else ""
    if word in ("có", "yes"):
        return True
    if word in ("không", "no"):
        return False
    raise CellFault("flag-expected")


def _count_cell(value: object) -> CellValue:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST else None


def _count(cell: object) -> object:
    if isinstance(cell, str) and re.fullmatch(r"\d{1,15}", cell.strip(), re.ASCII):
        return int(cell)
    if isinstance(cell, bool) or not isinstance(cell, int | float) or not math.isfinite(cell):
        raise CellFault("count-expected")
    if cell != int(cell) or abs(cell) > _LARGEST:
        raise CellFault("count-expected")
    return int(cell)


def words(shown: Mapping[str, str]) -> Kind:
    """Wire words that stand in the cell as people say them; any other word stands as JSON, so that a slip of the pen is none."""
    wire = {folded(name): name for name in shown} | {folded(word): name for name, word in shown.items()}

    def encode(value: object) -> CellValue:
        return shown[value] if isinstance(value, str) and value in shown else _json_cell(value)

    def decode(cell: object) -> object:
        if isinstance(cell, str) and cell.startswith(JSON_MARK):
            return from_json(cell)
        said = folded(cell)
        if said not in wire:
            raise CellFault("choice-expected", tuple(shown.values()))
        return wire[said]

    return Kind(encode, decode)


def _json_cell(value: object) -> CellValue:
    return as_json(value)


def _json(cell: object) -> object:
    if not isinstance(cell, str):
        raise CellFault("json-invalid")
    return from_json(cell.strip())


TEXT: Final = Kind(_text_cell, _text)
NAME: Final = Kind(_text_cell, _name)
DAY: Final = Kind(_day_cell, _day)
FLAG: Final = Kind(_flag_cell, _flag)
COUNT: Final = Kind(_count_cell, _count)
JSON: Final = Kind(_json_cell, _json)
