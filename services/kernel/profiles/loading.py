"""Reading the profiles' data. A fault in it is a fault of the build, so it fails loudly and a test reads them all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from services.kernel.folding import fold
from services.kernel.profiles.model import Condition, Field, FieldKind, Part, Profile

NAMES: Final = ("party", "tt02", "tt05")
_MEMBERS: Final = frozenset(
    {
        "name",
        "wire",
        "label",
        "kind",
        "length",
        "required",
        "required_if",
        "required_unless",
        "list",
        "pattern",
        "reveals",
        "in_stub",
        "doubtful",
    }
)


@cache
def profile(name: str) -> Profile:
    """A profile by its word in the manifest.

    Raises:
        KeyError: there is none of that name.
    """
    if name not in NAMES:
        raise KeyError(name)
    raw = json.loads((files(__package__) / f"{name}.json").read_text("utf-8"))
    lists: Mapping[str, Mapping[str, str]] = {key: dict(entry["codes"]) for key, entry in raw["lists"].items()}
    length = raw["default_length"]["value"]
    return Profile(
        id=raw["id"],
        source=raw["source"],
        dossier=_part(raw["dossier"], lists, length),
        document=_part(raw["document"], lists, length),
        access_modes=MappingProxyType({fold(word): code for word, code in raw["access_modes"].items()}),
    )


def _part(rows: list[dict[str, object]], lists: Mapping[str, Mapping[str, str]], default_length: int) -> Part:
    fields = tuple(_field(row, lists, default_length) for row in rows)
    by_wire = {field.wire: field for field in fields}
    by_name = {field.name: field for field in fields}
    if len(by_wire) != len(fields) or len(by_name) != len(fields):
        raise ValueError("a profile names a field twice")
    return Part(fields, MappingProxyType(by_wire), MappingProxyType(by_name))


def _field(row: dict[str, object], lists: Mapping[str, Mapping[str, str]], default_length: int) -> Field:
    if unknown := row.keys() - _MEMBERS:
        raise ValueError(f"a profile's row has unknown members: {unknown}")
    kind = FieldKind(str(row["kind"]))
    length = row.get("length", default_length if kind is FieldKind.TEXT else None)
    codes = row.get("list")
    if (kind in {FieldKind.CODE, FieldKind.CODES}) is (codes is None):
        raise ValueError(f"{row['wire']}: a code has a list, and nothing else has")
    pattern = row.get("pattern")
    return Field(
        name=str(row["name"]),
        wire=str(row["wire"]),
        label=str(row["label"]),
        kind=kind,
        length=length if isinstance(length, int) else None,
        required=row.get("required") is True,
        required_if=_condition(row.get("required_if")),
        required_unless=_condition(row.get("required_unless")),
        codes=MappingProxyType({} if codes is None else lists[str(codes)]),
        pattern=None if pattern is None else str(pattern),
        reveals=row.get("reveals") is True,
        in_stub=row.get("in_stub") is True,
        doubtful=str(row.get("doubtful", "")),
    )


def _condition(row: object) -> Condition | None:
    match row:
        case None:
            return None
        case {"wire": str(wire), "values": list(values)}:
            return Condition(wire, frozenset(str(value) for value in values))
        case _:
            raise ValueError("a condition names a field and its values")
