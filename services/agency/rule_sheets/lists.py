"""Cells that hold a list, one entry a line: the legal basis of a rule, the extensions in an example."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from services.agency.rule_sheets.cells import (
    DAY,
    JSON_MARK,
    CellFault,
    CellValue,
    Kind,
    as_json,
    from_json,
    plain,
    same,
)

_BETWEEN: Final = " | "
_BAR: Final = re.compile(r"\s*\|\s*")
_LINE: Final = re.compile(r"\r?\n")
_SINCE, _UNTIL = "từ ", "đến "
_EXTENSION: Final = re.compile(r"quyết định (\S+), đến (\S+)")


def _basis_line(entry: Mapping[str, object]) -> str:
    parts = [str(entry.get("text", "")), str(entry.get("article", ""))]
    for word, name in ((_SINCE, "from"), (_UNTIL, "until")):
        if name in entry:
            parts.append(word + _shown(str(entry[name])))
    return _BETWEEN.join(parts)


def _basis_cell(value: object) -> CellValue:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        return None
    written = "\n".join(_basis_line(entry) for entry in value)
    try:
        if plain(written) and same(_basis(written), value):
            return written
    except CellFault:
        pass
    return as_json(value)


def _basis(cell: object) -> object:
    if not isinstance(cell, str):
        raise CellFault("basis-expected")
    if cell.startswith(JSON_MARK):
        return from_json(cell)
    return [_basis_entry(line) for line in _LINE.split(cell) if line.strip()]


def _basis_entry(line: str) -> dict[str, object]:
    text, *rest = _BAR.split(line)
    entry: dict[str, object] = {"text": text, "article": ""}
    if rest and not rest[0].startswith((_SINCE, _UNTIL)):
        entry["article"] = rest.pop(0)
    for part in rest:
        for word, name in ((_SINCE, "from"), (_UNTIL, "until")):
            if part.startswith(word) and name not in entry:
                entry[name] = DAY.decode(part.removeprefix(word))
                break
        else:
            raise CellFault("basis-expected")
    return entry


def _extensions_cell(value: object) -> CellValue:
    if not isinstance(value, list):
        return None
    try:
        written = "\n".join(
            f"quyết định {_shown(str(entry['decided_on']))}, đến {_shown(str(entry['until']))}" for entry in value
        )
        if written and same(_extensions(written), value):
            return written
    except (CellFault, KeyError, TypeError):
        pass
    return None


def _extensions(cell: object) -> object:
    found: list[object] = []
    for line in _LINE.split(str(cell).strip()):
        match = _EXTENSION.fullmatch(line.strip())
        if match is None:
            raise CellFault("extensions-expected")
        found.append({"decided_on": DAY.decode(match[1]), "until": DAY.decode(match[2])})
    return found


def _shown(day: str) -> str:
    """A day as people write it; anything else as it is, and the caller finds that it is not read back."""
    year, _, rest = day.partition("-")
    month, _, of_month = rest.partition("-")
    return f"{of_month}/{month}/{year}" if of_month else day


BASIS: Final = Kind(_basis_cell, _basis)
EXTENSIONS: Final = Kind(_extensions_cell, _extensions)
