"""Reading an .xlsx as the clerk sees it: values with their cell, number format, and formulas that have no value.

openpyxl's read-only mode is fast enough for 10,000 rows, but silently turns a formula that was never calculated into
nothing and forgets which rows are hidden. Both are found in the sheet's own XML, which is only searched.

Source: measured faults of .xlsx files, usability notes B.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import openpyxl
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

MAX_UNPACKED: Final = 1024 * 1024 * 1024  # bytes; a larger workbook is a bomb, not an inventory
MAX_COLUMNS: Final = 512
_HIDDEN_ROW: Final = re.compile(rb'<row\b[^>]*?\br="(\d+)"[^>]*?\bhidden="(?:1|true)"')
_FORMULA_CELL: Final = re.compile(
    rb'<c\b[^>]*?\br="([A-Z]+\d+)"[^>]*>\s*<f\b(?:[^>]*/>|.*?</f>)\s*(<v\s*/>|<v></v>|</c>)'
)


class WorkbookError(ValueError):
    """The file is not a readable .xlsx; `reason` is one of not-xlsx, encrypted, too-large, damaged."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell with its place; `uncached` marks a formula that has no stored value."""

    sheet: str
    row: int
    column: str
    value: object = None
    number_format: str = "General"
    uncached: bool = False

    @property
    def empty(self) -> bool:
        return not self.uncached and (self.value is None or (isinstance(self.value, str) and not self.value.strip()))


@dataclass(frozen=True, slots=True)
class Sheet:
    """A worksheet's non-empty rows (Excel's numbers), each a list of cells from column A on."""

    name: str
    rows: list[tuple[int, list[Cell]]]
    hidden_rows: frozenset[int]


def read_workbook(path: Path) -> list[Sheet]:
    """The visible worksheets in their order.

    Raises:
        WorkbookError: not an .xlsx, protected by a password, damaged, or too large when unpacked.
        OSError: the file cannot be opened.
    """
    _examine(path)
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, TypeError, SyntaxError) as error:
        raise WorkbookError("damaged") from error
    try:
        sheets: list[Sheet] = []
        with zipfile.ZipFile(path) as archive:
            for worksheet in book.worksheets:
                if worksheet.sheet_state != "visible":
                    continue
                part = getattr(worksheet, "_worksheet_path", "")
                xml = archive.read(part) if part in archive.namelist() else b""
                uncached = (
                    frozenset(match[1].decode() for match in _FORMULA_CELL.finditer(xml))
                    if b"<f" in xml
                    else frozenset()
                )
                hidden = frozenset(int(row) for row in _HIDDEN_ROW.findall(xml)) if b"hidden=" in xml else frozenset()
                worksheet.reset_dimensions()  # the stated dimension is often wrong and would cut columns off
                sheets.append(Sheet(worksheet.title, list(_rows(worksheet, uncached)), hidden))
        return sheets
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, SyntaxError) as error:
        raise WorkbookError("damaged") from error
    finally:
        book.close()


def _examine(path: Path) -> None:
    with path.open("rb") as stream:
        head = stream.read(8)
    if head.startswith(b"\xd0\xcf\x11\xe0"):  # OLE: an old .xls under a new name, or an encrypted .xlsx
        raise WorkbookError("encrypted" if path.suffix.lower() == ".xlsx" and _has_encryption(path) else "not-xlsx")
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_UNPACKED:
                raise WorkbookError("too-large")
            if "[Content_Types].xml" not in archive.namelist():
                raise WorkbookError("not-xlsx")
    except zipfile.BadZipFile as error:
        raise WorkbookError("not-xlsx") from error


def _has_encryption(path: Path) -> bool:
    return "EncryptedPackage".encode("utf-16-le") in path.read_bytes()


def _rows(worksheet: object, uncached: frozenset[str]) -> Iterator[tuple[int, list[Cell]]]:
    name = worksheet.title  # type: ignore[attr-defined]  # ReadOnlyWorksheet has no useful type
    letters = [get_column_letter(number) for number in range(1, MAX_COLUMNS + 1)]
    for number, row in enumerate(worksheet.iter_rows(), 1):  # type: ignore[attr-defined]
        cells: list[Cell] = []
        filled = False
        for position, raw in enumerate(row[:MAX_COLUMNS]):
            letter = letters[position]
            value = raw.value
            bare = bool(uncached) and value is None and f"{letter}{number}" in uncached
            if value is None and not bare:
                cells.append(Cell(name, number, letter))
                continue
            filled = True
            # The format tells only what a number was shown as; looking it up is the slow part of a cell.
            shown = raw.number_format if isinstance(value, int | float) and not isinstance(value, bool) else "General"
            cells.append(Cell(name, number, letter, value, shown, bare))
        if filled:
            yield number, cells
