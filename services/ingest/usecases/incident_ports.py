"""What the use cases of incidents need beside `ports.Books`: rows of incidents, steps, clocks and holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol
from uuid import UUID

from services.ingest.domain.incidents import Decision, Kind, Source, State
from services.ingest.usecases.ports import Books
from services.kernel.hold_messages import HeldItem
from services.kernel.identifiers import AgencyId, ClientId, ComponentId, FondsId, PackageId
from services.kernel.secrecy import Level


@dataclass(frozen=True, slots=True)
class Actor:
    """Who takes a step; None for what a rule or a worker does."""

    client: ClientId
    officer: str | None


@dataclass(frozen=True, slots=True)
class Incident:
    """One item found secret, and where its handling stands. `document` None: the whole package."""

    id: UUID
    source: Source
    kind: Kind
    rules: tuple[str, ...]
    bundle_sha256: bytes | None
    package: PackageId
    document: int | None
    component: ComponentId | None
    agency: AgencyId
    fonds: FondsId
    state: State
    decision: Decision | None
    level: Level | None
    due_on: date | None
    opened_at: datetime
    hidden_at: datetime | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the trail; `facts` hold words of closed sets, ids, dates and the numbers of instruments."""

    incident: UUID
    number: int
    kind: str
    at: datetime
    by: Actor | None
    facts: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RunningClock:
    """Something to be done by the end of `due_on`."""

    incident: UUID
    kind: str
    due_on: date
    met_at: datetime | None


@dataclass(frozen=True, slots=True)
class Hold:
    """The hold of an incident."""

    id: UUID
    incident: UUID
    placed_at: datetime
    hidden_at: datetime | None
    lifted_at: datetime | None


@dataclass(frozen=True, slots=True)
class Covered:
    """What a hold will cover: documents or packages, and digests of which nothing new may enter."""

    items: tuple[HeldItem, ...]
    contents: tuple[bytes, ...]


Found = Literal["incident", "inspection", "refused"]
"""How something came to be counted: an incident, a finding of an inspection, a refused package."""


@dataclass(frozen=True, slots=True)
class Violation:
    """How often something of one kind was found at an agency: an incident, a finding of an inspection, a refused package."""

    agency: AgencyId
    found: Found
    kind: str
    count: int


class IncidentBooks(Books, Protocol):
    """The rows of ingest with those of incidents, in one transaction."""

    async def alone_with_holds(self) -> None:
        """Wait until no declaration is being written: it could carry in what is being held."""

    async def document_of(self, package: PackageId, component: ComponentId) -> int | None:
        """The document that a component of the package belongs to."""

    async def has_document(self, package: PackageId, document: int) -> bool:
        """Whether a component of the package belongs to that document."""

    async def coverage(self, package: PackageId, document: int | None, component: ComponentId | None) -> Covered:
        """All of the package's chain; or a document and every document of its chain with content of it; and of a named
        component, every document of the archive that has the same content. What other dossiers have, too, may come
        again, unless it was named."""

    async def incident_of_rule(
        self, package: PackageId, document: int | None, cause: bytes, again_for: Sequence[str] | None
    ) -> UUID | None:
        """The incident of this cause, or (where given) the one that changed rules opened because these very rules fired."""

    async def label(self, package: PackageId, document: int | None) -> Level:
        """The label of a document now, or of the dossier itself."""

    async def classified_since(self, package: PackageId, document: int | None, since: datetime) -> bool:
        """Whether a step of its classification was recorded at or after that moment."""

    async def add_incident(self, incident: Incident) -> None: ...

    async def incident(self, incident: UUID, *, lock: bool = False) -> Incident | None: ...

    async def incidents(
        self, *, after: UUID | None, limit: int, state: State | None, overdue_on: date | None
    ) -> list[Incident]:
        """In the order of their ids, which is that of opening."""

    async def incidents_of(self, agencies: Sequence[AgencyId], *, after: UUID | None, limit: int) -> list[Incident]:
        """Those that are not closed, and those that ended with an expulsion."""

    async def change_incident(
        self,
        incident: UUID,
        *,
        state: State,
        decision: Decision | None = None,
        level: Level | None = None,
        due_on: date | None = None,
        closed_at: datetime | None = None,
    ) -> None:
        """Set the state and whatever else is given."""

    async def add_step(self, step: Step) -> None: ...

    async def steps(self, incident: UUID) -> list[Step]: ...

    async def add_clock(self, clock: RunningClock) -> None: ...

    async def meet_clock(self, incident: UUID, kind: str, at: datetime) -> bool:
        """Whether such a clock ran."""

    async def clocks(self, incident: UUID) -> list[RunningClock]: ...

    async def place_hold(self, hold: Hold, covered: Covered) -> None:
        """Put the rows under hold; they cannot be read once this transaction has committed."""

    async def lift_hold(self, hold: UUID, at: datetime) -> None:
        """Free what no other hold covers."""

    async def holds(self, incident: UUID) -> list[Hold]: ...

    async def items(self, hold: UUID) -> list[HeldItem]: ...

    async def hold_hidden(self, hold: UUID, at: datetime) -> UUID | None:
        """Remember that catalog confirmed; the incident, None where it is no hold or was confirmed before."""

    async def keys_left(self, hold: UUID) -> int:
        """Components under the hold whose key is not destroyed."""

    async def keyed_components(self, incident: UUID, package: PackageId) -> frozenset[ComponentId]:
        """Components of the package under the incident's holds whose key is not destroyed."""

    async def wake_expulsion(self, incident: UUID) -> None:
        """Have a worker order the erasure once this transaction has committed."""

    async def wake_passed_over(self, package: PackageId) -> None:
        """Have a worker look into those files of the package that were held when it was looked into, if there are any."""

    async def wake_record(self, package: PackageId) -> None:
        """Have a worker renew the package's recovery record once this transaction has committed."""

    async def violations(self, since: datetime, until: datetime) -> list[Violation]: ...

    async def open_counts(self, today: date) -> tuple[int, int]:
        """Incidents that are not closed, and clocks that are overdue."""


class IncidentLedger(Protocol):
    """Opens transactions on the rows of ingest with those of incidents."""

    def transaction(self) -> AbstractAsyncContextManager[IncidentBooks]: ...
