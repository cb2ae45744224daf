"""The code lists of a profile, by the words people write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.kernel.folding import fold


@dataclass(frozen=True, slots=True)
class CodeList:
    """A closed list: labels and codes, folded, to what goes on the wire; and the labels to choose from."""

    wire: Mapping[str, str]
    choices: tuple[str, ...]

    def find(self, written: str) -> str | None:
        """The wire form of a label or code, None where the list has no such entry."""
        return self.wire.get(fold(written))


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Code lists and greatest lengths of a profile, by (dossier or document, wire name)."""

    lists: Mapping[tuple[str, str], CodeList] = field(default_factory=dict)
    lengths: Mapping[tuple[str, str], int] = field(default_factory=dict)
