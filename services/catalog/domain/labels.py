"""Who may see which row: a reader's ceiling and fonds against a row's label and fonds.

The rule stands twice: here, as an oracle that can be read and enumerated, and as row-level security in the database,
which is what holds. A test compares the two for every pair and every verb.

Source: DESIGN 10, promise 4; security notes §7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from services.kernel.identifiers import FondsId
from services.kernel.secrecy import Level

ARCHIVE_SCOPES: Final = frozenset({"archivist", "incident-officer"})
"""Scopes whose work is on every fonds of the deployment."""

DEFAULT_CEILINGS: Final[Mapping[str, Level]] = MappingProxyType(
    {"submitter": Level.NONE, "archivist": Level.NONE, "incident-officer": Level.NONE}
)
"""The highest level that each reading scope sees. A deployment may state others; none is raised by default."""


@dataclass(frozen=True, slots=True)
class Reader:
    """What one client may see: rows up to `ceiling`, of its `fonds`, or of every fonds where `archive`."""

    ceiling: Level
    archive: bool
    fonds: frozenset[FondsId]

    def sees(self, label: Level, fonds: FondsId) -> bool:
        return label <= self.ceiling and (self.archive or fonds in self.fonds)


def reader_of(scopes: frozenset[str], fonds: frozenset[FondsId], ceilings: Mapping[str, Level]) -> Reader:
    """What a client with these scopes may see, `fonds` being those of its agency and of the agency's predecessors.

    A ceiling counts only for the fonds that its own scope opens: a client that is both submitter and archivist does
    not see the whole archive up to the submitter's ceiling.
    """
    archive = bool(scopes & ARCHIVE_SCOPES)
    counted = scopes & ARCHIVE_SCOPES if archive else scopes
    ceiling = max((ceilings[scope] for scope in counted if scope in ceilings), default=Level.NONE)
    return Reader(ceiling, archive, frozenset() if archive else fonds)
