"""The yearly report on state secrets: 15 December to 14 December, counts only.

Source: NĐ 26/2020/NĐ-CP art. 8 (rule 27); NĐ 63/2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from services.ingest.domain.incidents import Decision, Kind, Source
from services.kernel.identifiers import AgencyId
from services.kernel.secrecy import Level


@dataclass(frozen=True, slots=True)
class Period:
    """From a day until (and with) another."""

    first: date
    last: date

    @classmethod
    def of_year(cls, year: int) -> Period:
        """What the report of a year counts."""
        return cls(date(year - 1, 12, 15), date(year, 12, 14))

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


class Clock(StrEnum):
    """What the law, or a decision, wants done by a day; the value is the word on the wire."""

    NOTICE = "classification-notice"
    REMEDY = "inspection-remedy"
    DECISION = "declassification-decision"
    INCIDENT_REPORT = "incident-report"
    INCIDENT_RAISED = "incident-raised-level"
    INCIDENT_REMEDY = "incident-remedy"


@dataclass(frozen=True, slots=True)
class Overdue:
    """One clock that has run out. `subject` is the id of the step, inspection, package or incident."""

    clock: Clock
    agency: AgencyId
    subject: str
    number: int | None
    due_on: date


@dataclass(frozen=True, slots=True, order=True)
class IncidentCase:
    """What incidents are counted by; as of the last day, on which there may be no decision yet."""

    source: Source
    kind: Kind
    decision: Decision | None
    closed: bool


@dataclass(frozen=True, slots=True)
class AgencyCounts:
    """Everything counted of one agency.

    `held` counts records by label on the last day that is known, `steps` by (kind, level before, level after),
    `refused` by rule, `incidents` those opened in the period, `violations` by kind as (found, remedied, overdue).
    """

    agency: AgencyId
    held: Mapping[Level, int]
    steps: Mapping[tuple[str, Level, Level], int]
    refused: Mapping[str, int]
    refused_packages: int
    incidents: Mapping[IncidentCase, int]
    inspections: int
    violations: Mapping[str, tuple[int, int, int]]
    overdue: Mapping[Clock, int]


@dataclass(frozen=True, slots=True)
class SecretsReport:
    """The report of one year as of a day; the period is not over where `as_of` lies in it."""

    year: int
    period: Period
    as_of: date
    agencies: tuple[AgencyCounts, ...]
