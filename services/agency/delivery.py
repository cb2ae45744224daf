"""What an agency is about to hand over, whatever it was described in: dossiers, documents, files and where each stands.

Source: DESIGN 4; domain notes §1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from services.agency.sheets.findings import Finding
from services.agency.sheets.paths import DiskFile

PROFILES: Final = ("party", "tt02", "tt05")


@dataclass(frozen=True, slots=True)
class Origin:
    """The row that described something, and the column of each of its fields by wire name.

    For a folder's description file `sheet` is the file, `row` None and a column a JSON pointer.
    """

    sheet: str
    row: int | None
    columns: Mapping[str, str]

    def column(self, name: str) -> str | None:
        """The column of a field; None where the sheet has none for it."""
        return self.columns.get(name)


@dataclass(slots=True)
class Document:
    """One document. `secrecy` is the manifest's secrecy object; a stub has neither subject nor files."""

    ordinal: int
    metadata: dict[str, object]
    secrecy: dict[str, object]
    files: list[DiskFile]
    origin: Origin


@dataclass(slots=True)
class Dossier:
    """One dossier, which becomes one package. `label` names it to the clerk and never leaves the machine."""

    label: str
    profile: str
    fonds: str
    creator: str
    metadata: dict[str, object]
    secrecy: dict[str, object] | None
    documents: list[Document]
    origin: Origin
    rows: frozenset[tuple[str, int]] = frozenset()
    transfer: str | None = None
    supersedes: str | None = None


@dataclass(slots=True)
class Delivery:
    """Dossiers in their order, every problem found, and the folder that component names are relative to."""

    source: Path
    root: Path
    dossiers: list[Dossier]
    findings: list[Finding] = field(default_factory=list)

    @property
    def errors(self) -> list[Finding]:
        """The problems that keep a push from starting."""
        return [finding for finding in self.findings if finding.blocks]

    def broken(self, dossier: Dossier) -> bool:
        """Whether one of the dossier's own rows has such a problem."""
        return any((finding.sheet, finding.row) in dossier.rows for finding in self.errors)
