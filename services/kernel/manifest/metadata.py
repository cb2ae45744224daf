"""Metadata against the fields of their profile. What the profile does not know is kept, as long as it is safe text.

Source: domain notes §1; DESIGN 5.1, 10.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from typing import Final

from services.kernel.folding import fold
from services.kernel.manifest.findings import Findings, member
from services.kernel.manifest.reading import UNSAFE_TEXT
from services.kernel.profiles import Field, FieldKind, Part
from services.kernel.profiles.model import filled

_DATE: Final = re.compile(r"(\d{2})/(\d{2})/(\d{4})", re.ASCII)
_DIGITS: Final = re.compile(r"[0-9]+")
_FLAGS: Final = frozenset({"0", "1", "true", "false"})
_SEPARATORS: Final = re.compile(r"[,;]")
_MOST_CODES: Final = 50


def check_metadata(
    metadata: Mapping[str, object], part: Part, pointer: str, findings: Findings, *, stub: bool = False
) -> None:
    """Report every member that its field does not allow, and every field that is demanded and missing.

    Nothing is demanded of a stub; whether it says more than it may is for the rules to judge.
    """
    for wire, value in metadata.items():
        field = part.by_wire.get(wire)
        if field is None or not filled(value):
            if not _safe(value) or UNSAFE_TEXT.search(wire):
                findings.error(member(pointer, wire), "text-unsafe")
        else:
            fault = _CHECKS[field.kind](value, field)
            if fault is not None:
                findings.error(f"{pointer}/{wire}", fault, field.length or 0)
    for field in part.fields:
        if not stub and field.demanded(metadata) and not filled(metadata.get(field.wire)):
            findings.error(f"{pointer}/{field.wire}", "required-missing")
    start, end = (_day_of(part.value(metadata, name)) for name in ("start_date", "end_date"))
    if start is not None and end is not None and start > end:
        findings.error(f"{pointer}/{part.wire('start_date')}", "dates-reversed")


def number_of(value: object) -> int | None:
    """A whole number, or the one that a string of digits writes."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return int(value) if isinstance(value, str) and len(value) < 20 and _DIGITS.fullmatch(value) else None


def _text(value: object, field: Field) -> str | None:
    if not isinstance(value, str):
        return "text-expected"
    if field.length is not None and len(value) > field.length:
        return "text-too-long"
    if UNSAFE_TEXT.search(value):
        return "text-unsafe"
    if field.pattern is not None and not re.fullmatch(field.pattern, fold(value)):
        return "retention-unknown"
    return None


def _number(value: object, field: Field) -> str | None:
    number = number_of(value)
    if number is None:
        return "number-expected"
    return "number-too-long" if field.length is not None and len(str(number)) > field.length else None


def _date(value: object, field: Field) -> str | None:
    return None if isinstance(value, str) and _day(value) is not None else "date-invalid"


def _code(value: object, field: Field) -> str | None:
    if not isinstance(value, str):
        return "text-expected"
    return None if value in field.codes else "code-unknown"


def _codes(value: object, field: Field) -> str | None:
    if isinstance(value, str):
        written: list[object] = [code.strip() for code in _SEPARATORS.split(value)]
    elif isinstance(value, list):
        written = value
    else:
        return "text-expected"
    known = len(written) <= _MOST_CODES and all(isinstance(code, str) and code in field.codes for code in written)
    return None if known else "code-unknown"


def _flag(value: object, field: Field) -> str | None:
    return None if isinstance(value, bool) or value in _FLAGS else "flag-expected"


_CHECKS: Final[Mapping[FieldKind, Callable[[object, Field], str | None]]] = {
    FieldKind.TEXT: _text,
    FieldKind.NUMBER: _number,
    FieldKind.DATE: _date,
    FieldKind.CODE: _code,
    FieldKind.CODES: _codes,
    FieldKind.FLAG: _flag,
}


def _day_of(value: object) -> date | None:
    return _day(value) if isinstance(value, str) else None


@lru_cache(maxsize=4096)
def _day(text: str) -> date | None:
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    try:
        return date(int(match[3]), int(match[2]), int(match[1]))
    except ValueError:
        return None


def _safe(value: object) -> bool:
    """Whether a value of any shape has no control character and no broken Unicode, in its names either."""
    if isinstance(value, str):
        return UNSAFE_TEXT.search(value) is None
    if isinstance(value, list):
        return all(_safe(entry) for entry in value)
    if isinstance(value, dict):
        return all(UNSAFE_TEXT.search(name) is None and _safe(entry) for name, entry in value.items())
    return True
