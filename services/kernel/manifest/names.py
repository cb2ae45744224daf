"""Names of components: relative paths that mean the same on every system and cannot lead out of a folder.

Source: FORMATS "Manifest".
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_LONGEST: Final = 1024  # bytes of UTF-8
_LONGEST_PART: Final = 255
# Control characters, lone surrogates, line separators, and the controls that show a name in another order than it has.
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*")
_DRIVE: Final = re.compile(r"[A-Za-z]:")


def fault_of(name: str) -> str | None:
    """The code of the first thing wrong with a component's name, or None."""
    if len(name) <= _LONGEST_PART and _PLAIN.fullmatch(name):
        return None
    if not name:
        return "required-missing"
    if _UNSAFE.search(name):
        return "name-unsafe"
    if name.startswith("/") or "\\" in name or _DRIVE.match(name):
        return "name-not-relative"
    parts = name.split("/")
    if "" in parts:
        return "name-empty-part"
    if "." in parts or ".." in parts:
        return "name-dots"
    if not unicodedata.is_normalized("NFC", name):
        return "name-not-nfc"
    if len(name.encode()) > _LONGEST or any(len(part.encode()) > _LONGEST_PART for part in parts):
        return "name-too-long"
    return None
