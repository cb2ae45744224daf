"""Which column of a sheet is which field: layouts as data, found by their headings wherever those stand.

A layout file names each field, the headings people give it, whether it belongs to the dossier or to the document, how
its value is read, and the wire name it gets in the manifest. Columns no layout knows are kept under their heading.

Source: domain notes §1.1, §1.2, §1.5, §1.6.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, Literal

from services.agency.sheets.workbook import Cell, Sheet
from services.kernel.folding import fold

LAYOUTS: Final = ("party-flat",)
_SEARCHED_ROWS: Final = 40
_ENOUGH: Final = 4  # known headings that make a row the heading row

Belongs = Literal["dossier", "document"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a layout; `wire` is its name in the manifest's metadata, None where it is used otherwise."""

    id: str
    headings: tuple[str, ...]
    belongs: Belongs
    kind: str
    required: bool
    key: bool
    wire: str | None

    @property
    def name(self) -> str:
        return self.headings[0]


@dataclass(frozen=True, slots=True)
class Layout:
    """A known shape of delivery: one sheet with a row a document, or two sheets joined by a key."""

    id: str
    profile: str
    sheets: Mapping[Belongs, tuple[str, ...]]
    fields: tuple[Field, ...]

    @property
    def two_sheets(self) -> bool:
        return bool(self.sheets)


@dataclass(frozen=True, slots=True)
class Columns:
    """The heading row of one sheet: the column (0-based) of each field, and the headings nobody knows."""

    sheet: Sheet
    row: int
    first_data_row: int
    fields: Mapping[str, int]
    unknown: Mapping[int, str]
    repeated: tuple[Cell, ...]


@cache
def layout(name: str) -> Layout:
    """A layout by its name.

    Raises:
        KeyError: there is none of that name.
    """
    if name not in LAYOUTS:
        raise KeyError(name)
    raw = json.loads((files(__package__) / f"{name}.json").read_text("utf-8"))
    fields = tuple(
        Field(
            id=entry["id"],
            headings=tuple(entry["headings"]),
            belongs=entry["belongs"],
            kind=entry["kind"],
            required=entry.get("required", False),
            key=entry.get("key", False),
            wire=entry.get("wire"),
        )
        for entry in raw["fields"]
    )
    sheets = {belongs: tuple(fold(name) for name in names) for belongs, names in raw.get("sheets", {}).items()}
    return Layout(raw["id"], raw["profile"], sheets, fields)


def find_columns(sheet: Sheet, fields: Iterable[Field]) -> Columns | None:
    """The heading row with the most known headings among the first rows, or None where no row has enough.

    A heading in two rows (a merged group name over the real headings) is read from both: the row below completes the
    row that knows more.
    """
    known = tuple(fields)
    names = {fold(heading) for field in known for heading in field.headings}
    candidates = [(number, cells) for number, cells in sheet.rows if number <= _SEARCHED_ROWS]
    scores = [sum(_heading(cell) in names for cell in cells) for _, cells in candidates]
    if not scores or max(scores) < min(_ENOUGH, len(names)):
        return None
    best = scores.index(max(scores))
    number, cells = candidates[best]
    headings = {position: cell for position, cell in enumerate(cells) if not cell.empty}
    last = number
    for step in (1, -1):
        beside = best + step
        if not 0 <= beside < len(candidates) or candidates[beside][0] != number + step or not scores[beside]:
            continue
        other = {
            position: cell
            for position, cell in enumerate(candidates[beside][1])
            if _heading(cell) in names and _heading(headings.get(position)) not in names
        }
        if step == 1 and len(other) < 2:  # one data cell may happen to read like a heading
            continue
        headings |= other
        last = max(last, number + step) if other else last
    return _assign(sheet, number, last + 1, headings, known)


def _assign(sheet: Sheet, row: int, first: int, headings: Mapping[int, Cell], fields: tuple[Field, ...]) -> Columns:
    taken: dict[str, int] = {}
    unknown: dict[int, str] = {}
    repeated: list[Cell] = []
    for position, cell in sorted(headings.items()):
        name = _heading(cell)
        matching = [field for field in fields if any(fold(heading) == name for heading in field.headings)]
        free = next((field for field in matching if field.id not in taken), None)
        if free is not None:
            taken[free.id] = position
        elif matching:
            repeated.append(cell)
        else:
            unknown[position] = " ".join(str(cell.value).split())
    return Columns(sheet, row, first, taken, unknown, tuple(repeated))


def _heading(cell: Cell | None) -> str:
    return fold(cell.value) if cell is not None and isinstance(cell.value, str) else ""
