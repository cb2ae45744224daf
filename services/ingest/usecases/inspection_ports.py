"""What inspections and the yearly report need of the rows of ingest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from services.ingest.domain.inspections import InspectionStep
from services.ingest.domain.secrets_report import IncidentCase, Overdue, Period
from services.kernel.identifiers import AgencyId, ClientId
from services.kernel.secrecy import Level


@dataclass(frozen=True, slots=True)
class RecordedInspectionStep:
    """A step with what is kept of it; `facts` are the texts of its form, never a person's name or a record's title."""

    inspection: UUID
    number: int
    agency: AgencyId
    step: InspectionStep
    facts: Mapping[str, object]
    client: ClientId
    officer: str | None
    at: datetime


class InspectionBooks(Protocol):
    """Inspections within one transaction."""

    async def trail(self, inspection: UUID, *, lock: bool = False) -> list[RecordedInspectionStep]:
        """In the order of numbers; empty where there is none. With `lock`, nobody else adds to it until the end."""

    async def trails(
        self, agency: AgencyId | None, *, after: UUID | None, limit: int
    ) -> list[list[RecordedInspectionStep]]:
        """Whole trails in the order of the inspections' ids."""

    async def add_inspection_step(self, recorded: RecordedInspectionStep) -> None: ...

    async def journal(self, event: bytes) -> UUID:
        """Append to the log in this transaction."""


class InspectionLedger(Protocol):
    """Opens transactions on inspections."""

    def transaction(self) -> AbstractAsyncContextManager[InspectionBooks]: ...


@dataclass(frozen=True, slots=True)
class SecretsFigures:
    """What the rows say of a period, by agency; see `domain.secrets_report.AgencyCounts`."""

    held: Mapping[tuple[AgencyId, Level], int]
    steps: Mapping[tuple[AgencyId, str, Level, Level], int]
    refused: Mapping[tuple[AgencyId, str], int]
    refused_packages: Mapping[AgencyId, int]
    incidents: Mapping[tuple[AgencyId, IncidentCase], int]
    overdue: Sequence[Overdue]


class SecretsCounter(Protocol):
    """Counts, in one transaction; nothing it gives out names a record."""

    async def figures(self, period: Period, today: date) -> SecretsFigures: ...

    async def overdue(self, today: date) -> Sequence[Overdue]: ...


class AgencyNames(Protocol):
    """How an agency is called."""

    def name_on(self, agency: AgencyId, day: date) -> str:
        """Its name on that day, or a code where no name is known."""

    def agency_exists(self, agency: AgencyId, day: date) -> bool: ...
