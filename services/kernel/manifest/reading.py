"""Reading members of a JSON object: each gives its value, or None after reporting why there is none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from services.kernel.manifest.findings import Findings, member

# C0 without tab and line ends, DEL and C1, lone surrogates: no text of a record has them, and no database takes all.
UNSAFE_TEXT: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class Members:
    """One object of a manifest, the pointer it stands at, and where its problems go."""

    __slots__ = ("_findings", "_value", "pointer")

    def __init__(self, value: Mapping[str, object], pointer: str, findings: Findings) -> None:
        self._value = value
        self.pointer = pointer
        self._findings = findings

    def only(self, known: frozenset[str]) -> None:
        """Report every member that the format does not have: a misspelt one must not be passed over."""
        if not self._value.keys() <= known:
            for name in self._value.keys() - known:
                self._findings.error(member(self.pointer, name), "member-unknown")

    def has(self, name: str) -> bool:
        """Whether the member is there and not null."""
        return self._value.get(name) is not None

    def fault(self, name: str, code: str, limit: int = 0) -> None:
        self._findings.error(f"{self.pointer}/{name}", code, limit)

    def text(self, name: str, *, limit: int, required: bool = False) -> str:
        """A string without control characters; empty where there is none."""
        value = self._value.get(name)
        if value is None or value == "":
            if required:
                self.fault(name, "required-missing")
            return ""
        if not isinstance(value, str):
            self.fault(name, "text-expected")
        elif len(value) > limit:
            self.fault(name, "text-too-long", limit)
        elif UNSAFE_TEXT.search(value):
            self.fault(name, "text-unsafe")
        elif required and not value.strip():
            self.fault(name, "required-missing")
        else:
            return value
        return ""

    def flag(self, name: str) -> bool:
        """A boolean; false where there is none."""
        value = self._value.get(name)
        if value is None or isinstance(value, bool):
            return value is True
        self.fault(name, "flag-expected")
        return False

    def number(self, name: str, *, most: int) -> int:
        """A whole number from 0 to `most`; 0 where there is none."""
        value = self._value.get(name)
        if value is None:
            return 0
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most:
            return value
        self.fault(name, "number-expected")
        return 0

    def inner(self, name: str) -> Members | None:
        """An object inside this one."""
        value = self._value.get(name)
        if isinstance(value, dict):
            return Members(value, f"{self.pointer}/{name}", self._findings)
        if value is not None:
            self.fault(name, "object-expected")
        return None

    def raw(self, name: str) -> object:
        return self._value.get(name)
