"""Agencies live, merge, split and die; their codes come and go; a fonds keeps its name for ever.

Source: domain notes §5 (model, codes), DESIGN 6.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from services.kernel.identifiers import AgencyCode, AgencyId, FondsId


class CodeScheme(StrEnum):
    """Who gave an agency its code."""

    QCVN_102 = "qcvn-102"  # QCVN 102:2016/BTTTT, 13 characters, province last
    QD_20 = "qd-20"  # Decision 20/2020/QĐ-TTg, province first


class SuccessionKind(StrEnum):
    """How one agency came to follow another."""

    MERGE = "merge"
    SPLIT = "split"
    DETACH = "detach"
    DISSOLVE = "dissolve"
    RENAME = "rename"


@dataclass(frozen=True, slots=True)
class CodePeriod:
    """A code of an agency from one day on, until (not including) another where it ended."""

    code: AgencyCode
    valid_from: date
    valid_to: date | None

    @property
    def scheme(self) -> CodeScheme:
        return CodeScheme.QCVN_102 if self.code[0].isdigit() else CodeScheme.QD_20

    def overlaps(self, other: CodePeriod) -> bool:
        return (self.valid_to is None or other.valid_from < self.valid_to) and (
            other.valid_to is None or self.valid_from < other.valid_to
        )


@dataclass(frozen=True, slots=True)
class Agency:
    """A body that makes or keeps records. `codes` in the order of their beginnings."""

    id: AgencyId
    name: str
    kind: str
    level: str
    valid_from: date
    valid_to: date | None
    codes: tuple[CodePeriod, ...]


@dataclass(frozen=True, slots=True)
class Succession:
    """`successor` took over from `predecessor` on a day, by an instrument (the decision's number)."""

    predecessor: AgencyId
    successor: AgencyId
    kind: SuccessionKind
    effective_on: date
    instrument: str


@dataclass(frozen=True, slots=True)
class Fonds:
    """A fonds: whose records it holds (creator), who keeps it (custodian), which source of deposit it belongs to."""

    id: FondsId
    code: str
    name: str
    creator: AgencyId
    custodian: AgencyId
    deposit_source: str | None


def code_is_free(wanted: CodePeriod, holders: Iterable[tuple[AgencyId, CodePeriod]]) -> bool:
    """Whether nobody holds this code in that time."""
    return not any(period.code == wanted.code and period.overlaps(wanted) for _, period in holders)


def closes_a_circle(predecessor: AgencyId, successor: AgencyId, known: Sequence[Succession]) -> bool:
    """Whether the successor would, through others or at once, come before itself."""
    before: dict[AgencyId, list[AgencyId]] = {}
    for entry in known:
        before.setdefault(entry.successor, []).append(entry.predecessor)
    seen: set[AgencyId] = set()
    waiting = [predecessor]
    while waiting:
        current = waiting.pop()
        if current == successor:
            return True
        if current not in seen:
            seen.add(current)
            waiting.extend(before.get(current, ()))
    return False
