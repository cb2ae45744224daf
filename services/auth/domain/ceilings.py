"""How secret a record an agency may hand in over the independent LAN: proposed by one officer of rules, approved by another.

A proposal has no effect. Approved, it is a fact for all services and stays for ever; declined, it never was one.

Source: DECISION-0024; DESIGN 9.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from services.kernel.ceilings import Ceiling
from services.kernel.identifiers import AgencyId, ClientId
from services.kernel.officers import same_person
from services.kernel.secrecy import Level


class Outcome(StrEnum):
    """What became of a proposal."""

    APPROVED = "approved"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class Officer:
    """The officer who acts, and with which client."""

    client: ClientId
    name: str

    def is_another_than(self, other: Officer) -> bool:
        """Whether these are two people at two clients."""
        return not same_person(self, other)

    @property
    def officer(self) -> str:
        """The name, as whoever counts persons asks for it."""
        return self.name


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a proposal ended, by whom and when."""

    outcome: Outcome
    by: Officer
    at: datetime


@dataclass(frozen=True, slots=True)
class CeilingTerms:
    """What the police decided of an agency, by its number, day and authority. `valid_to` is the first day without it."""

    agency: AgencyId
    level: Level
    valid_from: date
    valid_to: date | None
    number: str
    decided_on: date
    authority: str


@dataclass(frozen=True, slots=True)
class CeilingDecision:
    """A proposal and how it was settled; None while it waits."""

    id: UUID
    terms: CeilingTerms
    author: Officer
    proposed_at: datetime
    settled: Settlement | None = None

    def ceiling(self, approved_at: datetime) -> Ceiling:
        """What the services are told once it is approved."""
        terms = self.terms
        return Ceiling(
            level=terms.level,
            valid_from=terms.valid_from,
            valid_to=terms.valid_to,
            number=terms.number,
            decided_on=terms.decided_on,
            authority=terms.authority,
            recorded_at=approved_at,
        )
