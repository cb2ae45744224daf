"""What the use cases of catalog need from the world, each as a role. Adapters implement these; `main.py` joins the two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from services.catalog.domain.description import Deposit, Description
from services.catalog.domain.exports import ExportRequest, Person, Step
from services.catalog.domain.labels import Reader
from services.catalog.domain.query import Query
from services.kernel.classification.message import ClassificationChanged
from services.kernel.erasure_message import ErasedComponent
from services.kernel.hold_messages import HoldChanged
from services.kernel.identifiers import AgencyId, ClientId, ComponentId, DocumentId, FondsId, PackageId
from services.kernel.secrecy import Level


@dataclass(frozen=True, slots=True)
class Mark:
    """The last hit of a page: the next page begins behind it."""

    exact: bool
    rank: float
    document: DocumentId


@dataclass(frozen=True, slots=True)
class Search:
    """One page to find. `fonds` is a code or an id; `query` None browses by date, the newest first."""

    query: Query | None
    fonds: str | None
    since: date | None
    until: date | None
    after: Mark | None
    limit: int


@dataclass(frozen=True, slots=True)
class FoundDocument:
    """A document as a page of hits shows it; the dossier's title and code only where the reader sees the dossier."""

    document: DocumentId
    dossier: UUID
    package: PackageId
    fonds: FondsId
    fonds_code: str
    level: Level
    stub: bool
    ordinal: int
    dossier_code: str | None
    title: str | None
    subject: str | None
    issued_on: date | None
    number: str | None
    notation: str | None
    type_name: str | None
    issuer: str | None
    component_count: int


@dataclass(frozen=True, slots=True)
class Found:
    """A page of hits, and where the next page begins (None: there is none)."""

    documents: tuple[FoundDocument, ...]
    next: Mark | None


@dataclass(frozen=True, slots=True)
class ShownComponent:
    """One component as it stands in listings."""

    id: ComponentId
    name: str
    size: int
    sha256: bytes
    media_type: str
    erased_at: datetime | None


@dataclass(frozen=True, slots=True)
class ShownDocument:
    """A document with its components; `position` is its index in the manifest."""

    found: FoundDocument
    position: int
    signer: str | None
    metadata: Mapping[str, object]
    secrecy: Mapping[str, object]
    components: tuple[ShownComponent, ...]


@dataclass(frozen=True, slots=True)
class ShownDossier:
    """A dossier's own row, of its current version."""

    id: UUID
    level: Level
    dossier_code: str | None
    title: str | None
    starts_on: date | None
    ends_on: date | None
    metadata: Mapping[str, object]
    secrecy: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class ShownPackage:
    """A package's own row. `newest` is the version that stands now; another one where this was superseded."""

    id: PackageId
    newest: PackageId
    version: int
    supersedes: PackageId | None
    fonds: FondsId
    fonds_code: str
    profile: str
    transfer: str | None
    creator: str
    submitter: str
    manifest_sha256: bytes
    sealed_at: datetime


@dataclass(frozen=True, slots=True)
class ReadableComponent:
    """What a grant needs to know of a component; `restricted` by the access mode of its document or dossier."""

    id: ComponentId
    level: Level
    document: DocumentId
    fonds: FondsId
    restricted: bool


@dataclass(frozen=True, slots=True)
class KeptLabels:
    """What the newest message about a package's classifications said; `labels` as in `ClassificationChanged`."""

    package: PackageId
    chain: PackageId
    revision: int
    labels: Mapping[int, Level]


class Shelves(Protocol):
    """What one reader sees, within one read-only transaction: rows that are hidden from it do not exist here."""

    async def find(self, search: Search) -> Found: ...

    async def document(self, document: DocumentId) -> ShownDocument | None:
        """A document of a current version."""

    async def dossier(self, package: PackageId) -> ShownDossier | None:
        """The dossier that a package describes."""

    async def package(self, package: PackageId) -> ShownPackage | None: ...

    async def package_of_dossier(self, dossier: UUID) -> PackageId | None:
        """The current version of a dossier whose own row the reader sees."""

    async def documents(self, package: PackageId, *, after: int, limit: int) -> list[ShownDocument]:
        """Documents of a package whose position is beyond `after`, in order, each with its components."""

    async def component(self, component: ComponentId) -> ReadableComponent | None:
        """A component of a current version that is not erased."""


class Exports(Protocol):
    """Requests to take restricted documents out, in the transaction of the `Counter` that gave them."""

    async def add(self, request: ExportRequest) -> None: ...

    async def add_step(self, request: UUID, number: int, step: Step, by: Person, at: datetime) -> None: ...

    async def find(self, request: UUID, *, lock: bool = False) -> ExportRequest | None: ...

    async def page(self, *, after: UUID | None, limit: int) -> list[ExportRequest]:
        """Requests in the order of their asking."""

    async def of_reader(self, reader: ClientId, document: DocumentId, today: date) -> list[ExportRequest]:
        """A client's requests for a document whose last day is not past, whatever became of them."""


class Counter(Protocol):
    """What is taken in while a request waits, within one transaction; it sees and writes no description."""

    @property
    def exports(self) -> Exports: ...

    async def receive(self, message: UUID, kind: str, body: bytes, at: datetime) -> None:
        """Keep a message and have it worked on once this transaction has committed; nothing where it is known."""

    async def journal(self, event: bytes) -> UUID:
        """Append to the log in this transaction."""


class Desk(Protocol):
    """The catalog's rows for those who keep it, within one transaction: committed when the block ends."""

    async def open_message(self, message: UUID) -> bytes | None:
        """The body of a message that is not done."""

    async def close_message(self, message: UUID, at: datetime) -> None: ...

    async def wake_open_messages(self) -> int:
        """Have every message that is not done worked on again; how many there were."""

    async def alone_with(self, chain: PackageId) -> None:
        """Wait until no other transaction works on this chain of versions."""

    async def has_package(self, package: PackageId) -> bool: ...

    async def registered(self, packages: Sequence[PackageId]) -> frozenset[PackageId]:
        """Those of the packages that are registered."""

    async def shelve(self, description: Description, at: datetime) -> None:
        """Insert a package's rows. The newest version of its chain becomes the current one, and the one that is found."""

    async def take_labels(self, message: ClassificationChanged, body: bytes, at: datetime) -> None:
        """Keep the message and have it worked on; rows whose label rises by it have the new one at once.

        Nothing where the message, or a later one of the package, is known. Waits for others that work on the chain.
        """

    async def labels(self, package: PackageId) -> Mapping[int, Level]:
        """The labels of the last message about the package's classifications; none where there was none."""

    async def relabel(self, description: Description, documents: Sequence[int]) -> None:
        """Describe these documents and the dossier of a registered package anew, with their labels; holds stay."""

    async def clear(self, package: PackageId) -> None:
        """Remove a package's rows, to be shelved again."""

    async def keep_labels(self, kept: Sequence[KeptLabels], at: datetime) -> None:
        """Keep labels of packages that have none and are not registered."""

    async def take_hold(self, message: HoldChanged) -> None:
        """Keep a hold and what it covers, or that it is lifted; the latter for ever."""

    async def take_erased(self, components: Sequence[ErasedComponent]) -> None:
        """Keep for ever that these are erased, and settle every registered package that has one of them.

        The caller is alone with their chain.
        """

    async def settle_holds(self, package: PackageId) -> None:
        """Hide of a package's rows what holds cover or was expelled, mark what is erased, show the rest.

        Nothing where it is not registered.
        """

    async def packages(self, *, after: PackageId | None, limit: int) -> list[PackageId]:
        """Registered packages in the order of their ids."""

    async def deposit(self, package: PackageId) -> Deposit | None:
        """What a registered package was sealed with."""


class Ledger(Protocol):
    """Opens transactions on the rows of catalog."""

    def reading(self, reader: Reader) -> AbstractAsyncContextManager[Shelves]: ...

    def counter(self) -> AbstractAsyncContextManager[Counter]: ...

    def keeping(self) -> AbstractAsyncContextManager[Desk]: ...

    async def readers_gone(self) -> None:
        """Return once no transaction that began before now is still at work.

        Raises:
            DatabaseUnavailable: some are, after a while; to be asked again.
        """


class Manifests(Protocol):
    """Manifests by their digest, from ingest."""

    async def fetch(self, sha256: bytes) -> bytes:
        """The bytes, whatever they are: the caller checks the digest.

        Raises:
            ManifestAway: ingest does not give it now.
        """


class ManifestAway(Exception):
    """Ingest did not answer with the manifest; to be tried again. Carries a status or an error's name."""


class Directory(Protocol):
    """What auth says of agencies and fonds, at most two seconds old."""

    def fonds_of(self, agency: AgencyId) -> frozenset[FondsId]:
        """Raises RegistryStale."""


class Clock(Protocol):
    """Time."""

    def now(self) -> datetime: ...


class World(Clock, Protocol):
    """Time and chance."""

    def today(self) -> date:
        """The day in Vietnam."""

    def new_id(self) -> UUID: ...

    def token(self) -> str:
        """128 random bits as text."""
