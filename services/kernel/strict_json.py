"""JSON as hostile clients send it: no duplicate member, no NaN, no BOM, bounded depth and size."""

from __future__ import annotations

import json
from typing import NoReturn

MAX_DEPTH = 16
_MAX_INTEGER = 2**53 - 1


class StrictJsonError(ValueError):
    """The bytes are not strict JSON; `reason` and `reason_vi` name the fault and never quote the input."""

    def __init__(self, reason: str, reason_vi: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.reason_vi = reason_vi


def parse(data: bytes, *, max_bytes: int) -> object:
    """The JSON value in `data`.

    Raises:
        StrictJsonError: too large, not UTF-8, not JSON, nested too deeply, a duplicate member, a number that other
            languages would read differently.
    """
    if len(data) > max_bytes:
        raise StrictJsonError(f"more than {max_bytes} bytes", f"dài quá {max_bytes} byte")
    if _depth_exceeded(data):
        raise StrictJsonError(f"nested more than {MAX_DEPTH} deep", f"lồng quá {MAX_DEPTH} tầng")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise StrictJsonError(f"not UTF-8 at byte {error.start}", f"không phải UTF-8 tại byte {error.start}") from None
    if text.startswith("\ufeff"):
        raise StrictJsonError("starts with a byte order mark", "bắt đầu bằng dấu BOM")
    try:
        return json.loads(
            text, object_pairs_hook=_unique, parse_constant=_constant, parse_float=_float, parse_int=_integer
        )
    except json.JSONDecodeError as error:
        raise StrictJsonError(
            f"not JSON at line {error.lineno}, column {error.colno}",
            f"sai cú pháp JSON tại dòng {error.lineno}, cột {error.colno}",
        ) from None
    except RecursionError:
        raise StrictJsonError(f"nested more than {MAX_DEPTH} deep", f"lồng quá {MAX_DEPTH} tầng") from None


def _depth_exceeded(data: bytes) -> bool:
    """Whether brackets nest deeper than the limit; a cheap bound first, an exact count only where it is needed."""
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return False
    depth = 0
    inside = escaped = False
    for byte in data.translate(None, _IRRELEVANT):
        if inside:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                inside = False
        elif byte == 0x22:
            inside = True
        elif byte in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif byte in b"]}":
            depth -= 1
    return False


_RELEVANT = b'"\\[]{}'
# A character after a backslash matters too, but only where it is one of the relevant ones: dropping others keeps the
# count right except for `\n` and the like, whose letter is dropped; so letters that may follow a backslash stay.
_IRRELEVANT = bytes(set(range(256)) - set(_RELEVANT + b"bfnrtu/"))


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise StrictJsonError("a member stands twice in one object", "một thành phần lặp lại trong cùng đối tượng")
    return members


def _constant(_: str) -> NoReturn:
    raise StrictJsonError("NaN and Infinity are not JSON", "NaN và Infinity không phải JSON")


def _float(_: str) -> NoReturn:
    raise StrictJsonError("numbers must be integers", "chỉ được dùng số nguyên")


def _integer(text: str) -> int:
    if len(text) > 17 or abs(value := int(text)) > _MAX_INTEGER:
        raise StrictJsonError("an integer is beyond 2^53 - 1", "số nguyên vượt quá 2^53 - 1")
    return value
