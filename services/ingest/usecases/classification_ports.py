"""What the life of a classification needs of the rows of ingest, beside what packages need."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from services.ingest.usecases.ports import Books
from services.kernel.classification import Authority, Proof, Step, Successions
from services.kernel.identifiers import AgencyId, ClientId, FondsId, PackageId
from services.kernel.secrecy import Level


@dataclass(frozen=True, slots=True)
class Classified:
    """One record: the label it was sealed with, the one catalog was told last, and the next day that changes it.

    `ended_on` is the last day of a term after which only a decision takes the label away.
    """

    sealed_as: Level
    level: Level
    due_on: date | None
    ended_on: date | None = None


@dataclass(frozen=True, slots=True)
class RecordedStep:
    """A step with everything that is kept of it. `document` counts from 0, or is `DOSSIER`.

    `before` and `after` are the labels on the day it was recorded. `client` None: the automatic step. `agency` is the
    one that handed the record in. `notify_by` is the last day for telling whoever has it; `notified_on` when that was.
    """

    package: PackageId
    document: int
    step: Step
    before: Level
    after: Level
    list_item: str
    instrument: str
    authority: Authority | None
    proof: Proof
    remarks: tuple[str, ...]
    notify_by: date | None
    agency: AgencyId
    client: ClientId | None
    officer: str | None
    at: datetime
    notified_on: date | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Whoever has the record was told of a step, on a day, by an instrument."""

    step: UUID
    notified_on: date
    instrument: str
    client: ClientId
    officer: str | None
    at: datetime


class ClassificationBooks(Books, Protocol):
    """The rows of classifications within one transaction, beside those of packages."""

    async def classified(self, package: PackageId) -> Mapping[int, Classified] | None:
        """Records that have or had a label; None where the package's manifest was not read for them yet."""

    async def note_read(self, package: PackageId) -> None: ...

    async def next_revision(self, package: PackageId) -> int:
        """How often catalog was told of the package's labels, this time included; its manifest has been read."""

    async def set_classified(
        self, package: PackageId, document: int, classified: Classified, raised_by: UUID | None = None
    ) -> None:
        """`raised_by` is the message after whose delivery the document may be read again under its higher label."""

    async def steps(self, package: PackageId) -> list[RecordedStep]:
        """By document, each in the order of numbers."""

    async def add_step(self, recorded: RecordedStep) -> None: ...

    async def step(self, step: UUID) -> RecordedStep | None: ...

    async def add_notice(self, notice: Notice) -> bool:
        """False (and nothing written) where there is a notice of this step."""

    async def hold_document(self, package: PackageId, document: int) -> int:
        """Let nobody read the document's components, wherever they are referenced; how many were not held before."""

    async def wake_incident(self, package: PackageId, document: int, step: UUID) -> None:
        """Have an incident opened for a record that a step raised, once this transaction has committed."""

    async def wake_rekeying(self, package: PackageId) -> None:
        """Have the package's keys moved to its records' levels once this transaction has committed (`rekey_raised`)."""

    async def unread(self, limit: int) -> list[PackageId]:
        """Sealed packages whose manifest was not read for labels."""

    async def due(self, today: date, limit: int) -> list[PackageId]:
        """Packages with a record whose day has come."""


class ClassificationLedger(Protocol):
    """Opens transactions on classifications."""

    def transaction(self) -> AbstractAsyncContextManager[ClassificationBooks]: ...


class Bodies(Protocol):
    """What the registry says of the bodies behind fonds; every question raises RegistryStale while its copy is old."""

    def body_of(self, fonds: FondsId) -> AgencyId | None:
        """The body whose records formed the fonds."""

    def successions(self) -> Successions: ...
