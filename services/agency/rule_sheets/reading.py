"""From an officer's workbook back to the rows of a bundle, with every problem at its cell.

Nothing is calculated and nothing hidden is read: a formula, a hidden row or column, a merged cell is a fault.
"""

from __future__ import annotations

import unicodedata
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Final

import openpyxl
from openpyxl.cell.cell import Cell, MergedCell
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet.worksheet import Worksheet

from services.agency.errors import Fault, RejectedError, UsageError
from services.agency.rule_sheets.cells import COUNT, DAY, CellFault, Kind, folded
from services.agency.rule_sheets.columns import (
    COVER,
    EXAMPLE_COLUMNS,
    EXAMPLES,
    FIRST_DAY,
    IGNORED,
    KIND_OF_EXAMPLE,
    MATCHES,
    REST,
    RULE_COLUMNS,
    RULE_OF_EXAMPLE,
    RULES,
    SITUATION_COLUMNS,
    VERSION,
    Column,
)
from services.agency.rule_sheets.faults import fault, places_to_mend
from services.agency.rule_sheets.members import put
from services.kernel.refusals.registry import Text
from services.kernel.rules.model import FORMAT

MAX_UNPACKED: Final = 128 * 1024 * 1024  # bytes; the largest bundle there may be is far below
MAX_ROWS: Final = 60_000
MAX_COLUMNS: Final = 200
_OPTIONAL: Final = frozenset({"note"})
_INVISIBLE: Final = ";;;"  # the number format that shows nothing
_DAMAGE: Final = (
    *(InvalidFileException, zipfile.BadZipFile, zlib.error, LookupError, ArithmeticError, AttributeError),
    *(ValueError, TypeError, SyntaxError, OSError, EOFError, RuntimeError),
)  # what the library raises of a file that no spreadsheet wrote
_ACTIVE: Final = ("xl/vbaProject", "xl/externalLinks/", "xl/embeddings/", "xl/activeX/", "xl/connections")


@dataclass(frozen=True, slots=True)
class ImportedRules:
    """A bundle as it would stand on the wire, not judged yet; `places` tells where what a pointer names was written."""

    value: Mapping[str, object]
    places: Mapping[str, str]

    def place(self, pointer: str) -> str:
        """The cell of what a pointer names, or of the nearest thing around it; the pointer where there is none."""
        at = pointer
        while at and at not in self.places:
            at = at.rpartition("/")[0]
        return self.places.get(at, pointer)


def read_rules(data: bytes, name: str) -> ImportedRules:
    """The rules in a workbook that people know as `name`.

    Raises:
        UsageError: no workbook, too large, or with macros or links to other files in it.
        RejectedError: cells that cannot be what they are for; `faults` say which.
    """
    _examine(data, name)
    try:
        with warnings.catch_warnings(action="ignore"):  # of a date that is none: its cell is then told as an error
            book = openpyxl.load_workbook(BytesIO(data), data_only=False, keep_links=False)
    except _DAMAGE as error:
        raise _unusable(name, "hỏng", "damaged") from error
    try:
        return _Reading({unicodedata.normalize("NFC", sheet.title): sheet for sheet in book.worksheets}).rules()
    finally:
        book.close()


def _examine(data: bytes, name: str) -> None:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError) as error:
        raise _unusable(name, "không phải .xlsx", "not an .xlsx") from error
    if sum(entry.file_size for entry in entries) > MAX_UNPACKED:
        raise _unusable(name, "quá lớn", "too large")
    if any(entry.filename.startswith(_ACTIVE) for entry in entries):
        raise _unusable(name, "có macro hoặc liên kết ra ngoài", "it holds macros or links to other files")


@dataclass(slots=True)
class _Row:
    """One row of a sheet: its values by column, and where each stands."""

    number: int
    values: dict[Column, object]
    places: dict[Column, str]
    first: str


@dataclass(slots=True)
class _Reading:
    sheets: Mapping[str, Worksheet]
    faults: list[Fault] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)

    def rules(self) -> ImportedRules:
        for name in (COVER, RULES, EXAMPLES):
            if name not in self.sheets:
                self.faults.append(fault(name, "sheet-missing"))
        for name, sheet in self.sheets.items():
            if name not in (COVER, RULES, EXAMPLES) and name not in IGNORED:
                self.faults.append(fault(name, "sheet-unknown"))
            elif name not in IGNORED:
                self._in_sight(name, sheet)
        if self.faults:
            raise self._rejected()
        version, effective_from = self._cover(self.sheets[COVER])
        rows = self._rows(self.sheets[RULES])
        self._examples(self.sheets[EXAMPLES], rows)
        if self.faults:
            raise self._rejected()
        value = {"format": FORMAT, "version": version, "effective_from": effective_from, "rows": list(rows.values())}
        return ImportedRules(value, self.places)

    def _in_sight(self, name: str, sheet: Worksheet) -> None:
        if sheet.sheet_state != "visible" or sheet.sheet_format.zeroHeight:
            self.faults.append(fault(name, "hidden"))
        for number, row in sheet.row_dimensions.items():
            if row.hidden or row.height == 0:
                self.faults.append(fault(f"{name}!{number}", "hidden"))
        for letter, column in sheet.column_dimensions.items():
            if column.hidden or column.width == 0:
                self.faults.append(fault(f"{name}!{letter}", "hidden"))
        for merged in sheet.merged_cells.ranges:
            self.faults.append(fault(f"{name}!{merged.coord}", "merged"))

    def _cover(self, sheet: Worksheet) -> tuple[object, object]:
        found: dict[str, object] = {}
        for at, kind, pointer in ((VERSION, COUNT, "/version"), (FIRST_DAY, DAY, "/effective_from")):
            for number in range(1, min(sheet.max_row, 50) + 1):
                if at not in found and folded(sheet.cell(number, 1).value) == folded(at):
                    self.places[pointer] = f"{COVER}!B{number}"
                    found[at] = self._decoded(sheet.cell(number, 2), kind, self.places[pointer])
        if found.keys() != {VERSION, FIRST_DAY}:
            self.faults.append(fault(COVER, "cover-invalid"))
        return found.get(VERSION), found.get(FIRST_DAY)

    def _decoded(self, cell: Cell | MergedCell, kind: Kind, place: str) -> object:
        """What stands in a cell; where it cannot be that, the fault is told and it is taken for empty."""
        if cell.data_type == "f":
            self.faults.append(fault(place, "formula"))
        elif cell.data_type == "e":
            self.faults.append(fault(place, "cell-error"))
        elif cell.number_format == _INVISIBLE:
            self.faults.append(fault(place, "hidden"))
        else:
            try:
                return kind.decode(cell.value)
            except CellFault as wrong:
                self.faults.append(fault(place, wrong.code, wrong.choices))
        return ""

    def _rows(self, sheet: Worksheet) -> dict[str, dict[str, object]]:
        rows: dict[str, dict[str, object]] = {}
        for entry in self._read(sheet, RULES, RULE_COLUMNS):
            row: dict[str, object] = {"examples": {kind: [] for kind in MATCHES}}
            pointer = f"/rows/{len(rows)}"
            self.places[pointer] = entry.first
            for column in RULE_COLUMNS:
                if column in entry.values:
                    put(row, column.path, entry.values[column])
                elif not _OPTIONAL.intersection(column.path):
                    # Left empty: the gate for bundles says what is missing, at this cell.
                    put(row, column.path, "")
                self.places["/".join((pointer, *column.path))] = entry.places[column]
                self.places.setdefault(f"{pointer}/{column.path[0]}", entry.places[column])
            id_ = str(row["id"])
            if id_ in rows:
                self.faults.append(fault(entry.first, "rule-twice"))
            rows[id_] = row
        return rows

    def _examples(self, sheet: Worksheet, rows: Mapping[str, dict[str, object]]) -> None:
        order = {id_: at for at, id_ in enumerate(rows)}
        for entry in self._read(sheet, EXAMPLES, EXAMPLE_COLUMNS):
            id_, kind = entry.values.get(RULE_OF_EXAMPLE), entry.values.get(KIND_OF_EXAMPLE)
            if "" in (id_, kind):  # told already
                continue
            if id_ not in order:
                self.faults.append(fault(entry.places[RULE_OF_EXAMPLE], "rule-unknown"))
                continue
            if kind not in MATCHES:
                self.faults.append(fault(entry.places[KIND_OF_EXAMPLE], "match-expected"))
                continue
            rest = entry.values.get(REST, {})
            if not isinstance(rest, dict):
                self.faults.append(fault(entry.places[REST], "json-invalid"))
                continue
            for column in SITUATION_COLUMNS:
                if column in entry.values and not put(rest, column.path, entry.values[column]):
                    self.faults.append(fault(entry.places[REST], "told-twice"))
                    break
            examples = rows[str(id_)]["examples"]
            listed = examples[str(kind)] if isinstance(examples, dict) else []
            self.places[f"/rows/{order[str(id_)]}/examples/{kind}/{len(listed)}"] = entry.first
            listed.append(rest)

    def _read(self, sheet: Worksheet, name: str, columns: tuple[Column, ...]) -> Iterator[_Row]:
        headings = self._headings(sheet, name, columns)
        if sheet.max_row > MAX_ROWS or sheet.max_column > MAX_COLUMNS:
            self.faults.append(fault(name, "sheet-too-large"))
            raise self._rejected()
        for number, cells in enumerate(sheet.iter_rows(min_row=2), 2):
            values: dict[Column, object] = {}
            for position, cell in enumerate(cells, 1):
                value = cell.value
                if value is None or (isinstance(value, str) and not value.strip()):
                    continue
                place = f"{name}!{get_column_letter(position)}{number}"
                column = headings.get(position)
                if column is None:
                    self.faults.append(fault(place, "heading-empty"))
                else:
                    values[column] = self._decoded(cell, column.kind, place)
            if values:
                places = {column: f"{name}!{get_column_letter(at)}{number}" for at, column in headings.items()}
                yield _Row(number, values, places, f"{name}!A{number}")

    def _headings(self, sheet: Worksheet, name: str, columns: tuple[Column, ...]) -> dict[int, Column]:
        known = {folded(column.heading): column for column in columns}
        headings: dict[int, Column] = {}
        for position, cell in enumerate(sheet[1], 1):
            said = folded(cell.value or "")
            if not said:
                continue
            place = f"{name}!{get_column_letter(position)}1"
            if said not in known:
                self.faults.append(fault(place, "heading-unknown"))
            elif known[said] in headings.values():
                self.faults.append(fault(place, "heading-twice"))
            else:
                headings[position] = known[said]
        for column in columns:
            if column not in headings.values():
                self.faults.append(fault(f"{name}: {column.heading}", "heading-missing"))
        if self.faults:
            raise self._rejected()
        return headings

    def _rejected(self) -> RejectedError:
        return places_to_mend("rules-sheet-invalid", self.faults)


def _unusable(name: str, vi: str, en: str) -> UsageError:
    return UsageError(
        "rules-unreadable",
        Text(f"{name}: không đọc được bảng quy tắc ({vi})", f"{name}: not a workbook of rules ({en})"),
        Text("Lập bảng bằng: nopluu rules export", "Make one with: nopluu rules export"),
    )
