"""The rows of an inventory that are documents, and which of them belong to one dossier.

One row is one document; the dossier's columns are repeated on each. Rows make a dossier when fonds, term, inventory,
box and number agree; the title is not part of the key, so a differing title is a problem and not a second dossier.

Source: domain notes §1.6.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from openpyxl.utils import get_column_letter

from services.agency.sheets.columns import Columns, Field, Layout
from services.agency.sheets.findings import Findings
from services.agency.sheets.values import CellReader, Code
from services.agency.sheets.workbook import Cell
from services.kernel.folding import fold

_TOTALS: Final = re.compile(r"(tong cong|tong so|tong|cong|total)\b")
_DOCUMENT_SIGNS: Final = ("path", "subject", "issued_on", "type_name")


@dataclass(slots=True)
class Row:
    """A row that describes a document: its cells by field, those of unknown columns by heading, and its dossier's key."""

    sheet: str
    number: int
    cells: dict[str, Cell]
    other: Mapping[str, Cell]
    key: dict[str, Code | None] = field(default_factory=dict)

    @property
    def dossier(self) -> tuple[str, ...]:
        """What the row's dossier is known by."""
        return tuple("" if code is None else code.text for code in self.key.values())


def document_rows(columns: Columns, layout: Layout, findings: Findings) -> list[Row]:
    """The rows below the headings that are documents; totals and signature lines are told and left out."""
    sheet = columns.sheet
    for cell in columns.repeated:
        findings.at(cell, "column-twice")
    for wanted in layout.fields:
        if wanted.required and wanted.id not in columns.fields:
            findings.place(sheet.name, columns.row, None, "column-missing", name=wanted.name)
    rows: list[Row] = []
    used: set[int] = set()
    for number, cells in sheet.rows:
        if number < columns.first_data_row:
            continue
        view = {
            name: cells[position] if position < len(cells) else Cell(sheet.name, number, letter(position))
            for name, position in columns.fields.items()
        }
        if _is_no_document(cells, view, findings):
            continue
        if number in sheet.hidden_rows:
            findings.place(sheet.name, number, None, "hidden-row")
        extra = [position for position in columns.unknown if position < len(cells) and not cells[position].empty]
        used.update(extra)
        rows.append(Row(sheet.name, number, view, {columns.unknown[at]: cells[at] for at in extra}))
    for position in sorted(used):
        findings.place(sheet.name, columns.row, letter(position), "column-unknown", value=columns.unknown[position])
    return rows


def group_rows(rows: list[Row], layout: Layout, cells: CellReader, findings: Findings) -> list[list[Row]]:
    """The rows of each dossier, in order of first appearance; sets each row's `key`."""
    keys = [entry for entry in layout.fields if entry.key]
    for row in rows:
        row.key = {entry.id: _key(row.cells.get(entry.id), entry, cells) for entry in keys}
    _carry_down(rows, layout, findings)
    _restore_zeros(rows, keys, findings)
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(row.dossier, []).append(row)
    return list(groups.values())


def letter(position: int) -> str:
    """The letter of a 0-based column."""
    return get_column_letter(position + 1)


def _is_no_document(cells: list[Cell], view: Mapping[str, Cell], findings: Findings) -> bool:
    """Totals and signature lines below the table; a row with any sign of a document is one."""
    if any(not view[name].empty for name in _DOCUMENT_SIGNS if name in view):
        return False
    filled = [cell for cell in cells if not cell.empty]
    for cell in filled:
        if isinstance(cell.value, str) and _TOTALS.match(fold(cell.value)):
            findings.at(cell, "ok-total-row")
            return True
    if "dossier_number" in view and not view["dossier_number"].empty:
        return False
    findings.at(filled[0], "ok-ignored-row")
    return True


def _key(cell: Cell | None, entry: Field, cells: CellReader) -> Code | None:
    if cell is None:
        return None
    if entry.kind == "code":
        return cells.code(cell)
    text = cells.text(cell)
    return None if text is None else Code(text, bare=False)


def _carry_down(rows: list[Row], layout: Layout, findings: Findings) -> None:
    """Dossier cells merged downwards leave all but the first row empty."""
    names = [entry.id for entry in layout.fields if entry.belongs == "dossier"]
    above: Row | None = None
    for row in rows:
        present = [name for name in names if name in row.cells]
        if (
            above is not None
            and above.sheet == row.sheet
            and present
            and all(row.cells[name].empty for name in present)
        ):
            findings.place(row.sheet, row.number, row.cells[present[0]].column, "ok-carried-down")
            row.key = above.key
            row.cells |= {name: above.cells[name] for name in present}
        above = row


def _restore_zeros(rows: list[Row], keys: list[Field], findings: Findings) -> None:
    """A bare number gets the width that all written siblings of its column have; told once a dossier."""
    for name in (entry.id for entry in keys if entry.kind == "code"):
        codes = [(row, code) for row in rows if (code := row.key.get(name)) is not None]
        widths = {len(code.text) for _, code in codes if not code.bare and code.text.isdigit()}
        if len(widths) != 1:
            continue
        width = widths.pop()
        told: set[tuple[str, ...]] = set()
        for row, code in codes:
            if not code.bare or len(code.text) >= width:
                continue
            mended = code.text.zfill(width)
            row.key = row.key | {name: Code(mended, bare=False)}
            if row.dossier not in told:
                told.add(row.dossier)
                findings.at(row.cells[name], "ok-leading-zero", mended=mended)
