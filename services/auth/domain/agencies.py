"""Agencies live, merge, split and die; their codes come and go; a fonds keeps its name for ever.

Nothing is rewritten. An end, a new name or a succession is an entry of its own with its day and its instrument, and
"who was what on a day" is asked of all entries together. A day that ends something is the first on which it no longer
holds: a district that ceased on 1/7/2025 was there on 30/6.

Source: domain notes §5 (model, codes), DESIGN 6.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from uuid import UUID

from services.kernel.identifiers import AgencyCode, AgencyId, FondsId


class CodeScheme(StrEnum):
    """Who gave an agency its code."""

    QCVN_102 = "qcvn-102"  # QCVN 102:2016/BTTTT, 13 characters, province last
    QD_20 = "qd-20"  # Decision 20/2020/QĐ-TTg, province first


class SuccessionKind(StrEnum):
    """How one agency came to follow another. A body that only changes its name stays the same agency (`Name`)."""

    MERGE = "merge"  # sáp nhập, hợp nhất: the predecessors end in one successor
    SPLIT = "split"  # chia: the predecessor ends in several successors
    DETACH = "detach"  # tách: a part becomes a body of its own; the predecessor goes on and keeps its records
    DISSOLVE = "dissolve"  # giải thể: the predecessor ends; another body takes over what it owed

    @property
    def ends_the_predecessor(self) -> bool:
        return self is not SuccessionKind.DETACH

    def takes(self, predecessors: int, successors: int) -> bool:
        """Whether so many bodies on each side make an event of this kind."""
        match self:
            case SuccessionKind.MERGE:
                return predecessors >= 1 and successors == 1
            case SuccessionKind.SPLIT:
                return predecessors == 1 and successors >= 2
            case SuccessionKind.DETACH | SuccessionKind.DISSOLVE:
                return predecessors == 1 and successors >= 1


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

    def holds_on(self, day: date) -> bool:
        return holds(self.valid_from, self.valid_to, day)

    def until(self, end: date | None) -> CodePeriod:
        """This period, no longer than to another end; an agency's codes end with it."""
        return self if end is None else replace(self, valid_to=earlier(self.valid_to, end))


@dataclass(frozen=True, slots=True)
class Name:
    """What an agency is called from a day on, by an instrument (None: as it was registered)."""

    name: str
    valid_from: date
    instrument: str | None


@dataclass(frozen=True, slots=True)
class End:
    """The first day on which an agency is no more, and the instrument that says so (None: registered as ended)."""

    on: date
    instrument: str | None


@dataclass(frozen=True, slots=True)
class Agency:
    """A body that makes or keeps records. `names` and `codes` in the order of their beginnings.

    `instrument` is what established it, where that is known.
    """

    id: AgencyId
    kind: str
    level: str
    valid_from: date
    names: tuple[Name, ...]
    codes: tuple[CodePeriod, ...]
    instrument: str | None = None
    end: End | None = None

    @property
    def valid_to(self) -> date | None:
        return None if self.end is None else self.end.on

    def exists_on(self, day: date) -> bool:
        return holds(self.valid_from, self.valid_to, day)

    def name_on(self, day: date) -> str:
        """What it was called on a day; before its beginning, its first name."""
        return max((name for name in self.names if name.valid_from <= day), key=_begun, default=self.names[0]).name


@dataclass(frozen=True, slots=True)
class Succession:
    """`successor` took over from `predecessor` on a day, by an instrument (the decision's number)."""

    predecessor: AgencyId
    successor: AgencyId
    kind: SuccessionKind
    effective_on: date
    instrument: str


@dataclass(frozen=True, slots=True)
class Reorganisation:
    """One event of one instrument: every predecessor is followed by every successor."""

    kind: SuccessionKind
    predecessors: tuple[AgencyId, ...]
    successors: tuple[AgencyId, ...]
    effective_on: date
    instrument: str

    def successions(self) -> list[Succession]:
        return [
            Succession(predecessor, successor, self.kind, self.effective_on, self.instrument)
            for predecessor in self.predecessors
            for successor in self.successors
        ]


@dataclass(frozen=True, slots=True)
class DepositSource:
    """An entry of the list of deposit sources (nguồn nộp lưu): the agency must deposit to the archive in this time."""

    id: UUID
    agency: AgencyId
    archive: AgencyId
    valid_from: date
    valid_to: date | None
    instrument: str

    def holds_on(self, day: date) -> bool:
        return holds(self.valid_from, self.valid_to, day)

    def overlaps(self, other: DepositSource) -> bool:
        return (self.valid_to is None or other.valid_from < self.valid_to) and (
            other.valid_to is None or self.valid_from < other.valid_to
        )


@dataclass(frozen=True, slots=True)
class Fonds:
    """A fonds: whose records it holds (creator), who keeps it (custodian), which source of deposit it belongs to.

    `closed_on` is the day on which its creator ceased: what others make from then on belongs to their own fonds, and
    what is in this one stays.
    """

    id: FondsId
    code: str
    name: str
    creator: AgencyId
    custodian: AgencyId
    deposit_source: str | None
    closed_on: date | None = None


def holds(start: date, end: date | None, day: date) -> bool:
    """Whether a period holds on a day; its end is the first day after it."""
    return start <= day and (end is None or day < end)


def earlier(one: date | None, other: date | None) -> date | None:
    """The earlier of two ends, where None is no end."""
    return min((end for end in (one, other) if end is not None), default=None)


def code_is_free(wanted: CodePeriod, holders: Iterable[tuple[AgencyId, CodePeriod]]) -> bool:
    """Whether nobody holds this code in that time."""
    return not any(period.code == wanted.code and period.overlaps(wanted) for _, period in holders)


def closes_a_circle(predecessor: AgencyId, successor: AgencyId, known: Sequence[Succession]) -> bool:
    """Whether the successor would, through others or at once, come before itself.

    Only endings count: a part that was detached may be merged back.
    """
    before: dict[AgencyId, list[AgencyId]] = {}
    for entry in known:
        if entry.kind.ends_the_predecessor:
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


def _begun(name: Name) -> date:
    return name.valid_from
