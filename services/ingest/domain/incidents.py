"""Incidents: why an item is held, what officers may decide, and by when the law wants what done.

A hold is placed when an incident opens and only the decision of two officers lifts it. The unit of a hold is a document
or a whole package, because secrecy is a property of documents; a hold on one component holds its document.

Source: DESIGN 4 (hold), 9 "incident"; domain §3, rules 21, 23, 24, 26, 28, 29, 31; DECISION-0020.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from services.ingest.domain.states import State as PackageState
from services.kernel.refusals.registry import Text
from services.kernel.secrecy import DeploymentProfile, Level

WHOLE_PACKAGE: Final = -1
"""In place of a document's index, where all of a package is held."""

HOLDABLE: Final = frozenset(PackageState) - {PackageState.REFUSED, PackageState.EXPIRED, PackageState.ABANDONED}
"""Package states that may have bytes."""


class Source(StrEnum):
    """Who found it."""

    RULE = "rule"
    INSPECTION = "inspection"
    ARCHIVIST = "archivist"
    OFFICER = "officer"


class Kind(StrEnum):
    """What was found; a closed set of words, because free text would name what is secret."""

    CONTENT = "secret-content"
    METADATA = "secret-metadata"
    RULES_CHANGED = "rules-changed"
    LEVEL_RAISED = "level-raised"
    STAMP_FOUND = "stamp-found"
    READ_OUTSIDE_ENCLAVE = "read-outside-enclave"
    LEAK = "leak"
    EXPORT_UNAPPROVED = "export-unapproved"
    MEDIUM_REUSED = "medium-reused"
    ACCESS_CONTRADICTION = "access-contradiction"


class State(StrEnum):
    """Where an incident stands."""

    OPEN = "open"
    PROPOSED = "proposed"
    DECIDED = "decided"
    CLOSED = "closed"


class Decision(StrEnum):
    """What two officers may decide."""

    RELEASE = "release"
    DECLASSIFIED_ELSEWHERE = "declassified-elsewhere"
    EXPEL = "expel"
    CORRECT_LEVEL = "correct-level"


LIFTS_AT_ONCE: Final = frozenset({Decision.RELEASE, Decision.DECLASSIFIED_ELSEWHERE})
NEEDS_INSTRUMENT: Final = frozenset({Decision.DECLASSIFIED_ELSEWHERE, Decision.CORRECT_LEVEL})


@dataclass(frozen=True, slots=True)
class Clock:
    """What must be done within `days` of the opening (0: that very day), and why; `confirmed` against the law's text."""

    kind: str
    days: int
    basis: str
    confirmed: bool
    what: Text


_REPORT: Final = Clock(
    "report-police",
    0,
    "NĐ 26/2020/NĐ-CP, Điều 8",
    True,
    Text("Báo cáo ngay cho Công an tỉnh", "Report to the provincial police at once"),
)
_RAISED: Final = Clock(
    "act-on-raised-level",
    15,
    "Luật 29/2018/QH14, Điều 21",
    True,
    Text("Thu hồi, xử lý bản đã lưu và thông báo nơi nhận", "Act on every copy and tell whoever received one"),
)
_CLOCKS: Final[Mapping[Kind, tuple[Clock, ...]]] = MappingProxyType(
    {
        Kind.CONTENT: (_REPORT,),
        Kind.METADATA: (_REPORT,),
        Kind.RULES_CHANGED: (),
        Kind.LEVEL_RAISED: (_REPORT, _RAISED),
        Kind.STAMP_FOUND: (_REPORT,),
        Kind.READ_OUTSIDE_ENCLAVE: (_REPORT,),
        Kind.LEAK: (_REPORT,),
        Kind.EXPORT_UNAPPROVED: (),
        Kind.MEDIUM_REUSED: (_REPORT,),
        Kind.ACCESS_CONTRADICTION: (),
    }
)
REMEDIES: Final[Mapping[Decision, Text]] = MappingProxyType(
    {
        Decision.EXPEL: Text("đã lệnh xóa, chờ người giữ kho", "ordered, waiting for the custodian"),
        Decision.CORRECT_LEVEL: Text("đã lệnh sửa độ mật, chờ bước phân loại", "ordered, waiting for the level's step"),
    }
)
"""Decisions that leave something to be done, and how that stands until it is."""


def may_stay(level: Level, deployment: DeploymentProfile, *, has_files: bool) -> bool:
    """Whether what was corrected to a level may stay here: a stub may, TUYỆT MẬT is never digitised, `open` has no secret."""
    if level is Level.NONE or not has_files:
        return True
    return deployment is DeploymentProfile.INDEPENDENT_LAN and level is not Level.TUYET_MAT


RULES: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        Kind.LEVEL_RAISED: "21",
        Kind.STAMP_FOUND: "23",
        Kind.READ_OUTSIDE_ENCLAVE: "24",
        Kind.LEAK: "26",
        Kind.EXPORT_UNAPPROVED: "28",
        Kind.MEDIUM_REUSED: "29",
        Kind.ACCESS_CONTRADICTION: "31",
    }
)
"""The rule that a kind of incident is a case of; of the other kinds whoever opens it says which, if any."""


def rules_of(kind: Kind) -> tuple[str, ...]:
    """The rules that an incident of this kind rests on, where nobody named them."""
    return (RULES[kind],) if kind in RULES else ()


def clocks_of(kind: Kind) -> tuple[Clock, ...]:
    """The legal clocks that start when an incident of this kind opens."""
    return _CLOCKS[kind]


def clock(kind: str) -> Clock | None:
    """A legal clock by its name; None for a remedy, whose day the officers set."""
    return next((entry for entry in (_REPORT, _RAISED) if entry.kind == kind), None)


def due(entry: Clock, opened_on: date) -> date:
    """The last day on which it is still in time; the day of the opening is not counted."""
    return opened_on + timedelta(days=entry.days)
