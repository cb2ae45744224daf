"""What the use cases of ingest need from the world, each as a role.

Adapters implement these; `main.py` joins the two. Every port has one contract suite that the memory fake and the real
adapter both pass.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from services.ingest.domain.package import Package, PartOffer, StoredPart
from services.ingest.domain.states import State
from services.ingest.usecases.erasure_ports import Erasures
from services.kernel.ceilings import Ceiling
from services.kernel.identifiers import AgencyId, AttemptId, ClientId, ComponentId, FondsId, KeyId, PackageId
from services.kernel.layout import Plan, Segment
from services.kernel.records import OfficerKey
from services.kernel.refusals.platform import KmsUnavailable
from services.kernel.rules import CompiledBundle
from services.kernel.sealing.ciphertext_digest import CiphertextDigest
from services.kernel.sealing.recovery import Writing
from services.kernel.secrecy import Level


@dataclass(frozen=True, slots=True)
class Submitter:
    """Who sends: the client, and the agency it acts for."""

    client: ClientId
    agency: AgencyId


@dataclass(frozen=True, slots=True)
class ComponentRow:
    """One component that a deposit holds.

    `plan_position` is None where an earlier version's bytes are referenced; `wrapped_key` is empty once it is erased,
    `erased_at` stands once no version has a key of it, `expelled` where that is because it may not be here.
    """

    position: int
    id: ComponentId
    key_id: KeyId
    wrapped_key: bytes
    level: Level
    document: int
    name: str
    media_type: str
    size: int
    sha256: bytes
    plan_position: int | None
    origin: PackageId
    checked_at: datetime | None = None  # when a component that spans parts was proved from the store
    held: bool = False
    erased_at: datetime | None = None
    expelled: bool = False


@dataclass(frozen=True, slots=True)
class PlannedKey:
    """What sealing needs of one component of the plan: its wrapped key, and the size and digest it must have."""

    plan_position: int
    key_id: KeyId
    wrapped_key: bytes
    level: Level
    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class PackageKey:
    """A package key as the KMS wrapped it: one for each package × level."""

    level: Level
    kek: str
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on one document that is not plainly admitted, ready to be shown and stored."""

    pointer: str
    effect: str
    report: bool
    rules: tuple[str, ...]
    relevant_date: date | None
    messages: tuple[tuple[str, str], ...]  # (vi, en)


@dataclass(frozen=True, slots=True)
class JudgedComponent:
    """One admitted component in manifest order."""

    document: int
    index: int
    name: str
    media_type: str
    size: int
    sha256: bytes
    level: Level


@dataclass(frozen=True, slots=True)
class Judged:
    """A manifest after parsing and judging: everything that a declaration stores, and nothing of the manifest's text."""

    manifest_sha256: bytes
    rules_sha256: bytes
    profile: str
    fonds: str
    creator: str
    submitter: str
    supersedes: PackageId | None
    components: tuple[JudgedComponent, ...]
    not_planned: tuple[tuple[str, str], ...]  # (pointer, reason)
    verdicts: tuple[Verdict, ...]
    refused: bool
    warnings: tuple[tuple[str, str, str, str], ...]  # (pointer, code, vi, en)
    levels: tuple[tuple[int, Level], ...]  # (document index, level), only above NONE


@dataclass(frozen=True, slots=True)
class PackageDescription:
    """What is kept beside a package's row and shown at its status address."""

    verdicts: tuple[Verdict, ...]
    not_planned: tuple[tuple[str, str], ...]
    warnings: tuple[tuple[str, str, str, str], ...]
    levels: tuple[tuple[int, Level], ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was found wrong after the declaration, at a pointer into the manifest."""

    pointer: str
    code: str
    vi: str
    en: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RefusedPackage:
    """All that is kept of a package that the rules refused."""

    id: PackageId
    agency: AgencyId
    at: datetime
    rules_sha256: bytes
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class PublishedRules:
    """A signed bundle as it was published."""

    version: int
    sha256: bytes
    envelope: bytes
    effective_from: date
    published_at: datetime


@dataclass(frozen=True, slots=True)
class Declaration:
    """A large manifest that an instance is judging; `seen_at` is its last sign of life.

    `outcome` stays None until it has ended with a refusal (its code, facts and pointers) or led to another package.
    """

    agency: AgencyId
    seen_at: datetime
    outcome: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at storing a part; its random id names the object and stands in every segment's header."""

    id: AttemptId
    package: PackageId
    part: int
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class PartToSeal:
    """All that sealing one part needs; `keys[i]` belongs to `segments[i]`. `key` is 32 secret bytes."""

    package: PackageId
    fonds: FondsId
    version: int
    attempt: AttemptId
    number: int
    length: int
    sha256: bytes
    segments: Sequence[Segment]
    keys: Sequence[SegmentKey]


@dataclass(frozen=True, slots=True)
class SegmentKey:
    """The key of one segment's component, and the digest its bytes must have where the part holds them all."""

    key_id: KeyId
    key: bytes
    size: int
    sha256: bytes

    def __repr__(self) -> str:
        return f"SegmentKey(key_id={self.key_id})"


@dataclass(frozen=True, slots=True)
class SealedPart:
    """A part as the store acknowledged it."""

    stored_size: int
    ciphertext_digest: CiphertextDigest
    object_version: str
    heads: bytes


@dataclass(frozen=True, slots=True)
class LogTicket:
    """The id and the 32-byte salt an event will have in the log, where the recovery record must state them before."""

    id: UUID
    salt: bytes


@dataclass(frozen=True, slots=True)
class ComponentPlace:
    """Where a component's bytes are: its own row, the package that first carried it, that package's key."""

    component: ComponentRow
    origin: Package
    package_key: PackageKey
    held: bool
    erased: bool


class Nonce(Protocol):
    """A verified request's single-use number; opaque to the use cases."""

    @property
    def keyid(self) -> str: ...


class Books(Protocol):
    """The rows of ingest within one transaction: committed when the block ends, rolled back when it raises."""

    @property
    def erasures(self) -> Erasures:
        """The rows of erasure, in the same transaction."""

    async def claim(self, nonce: Nonce) -> None:
        """Raises RequestReplayed where the nonce was used before."""

    async def package(self, package: PackageId, *, lock: bool = False) -> Package | None:
        """A declared package; refused ones are not here. With `lock`, nobody else changes it until the block ends."""

    async def refused(self, package: PackageId) -> RefusedPackage | None: ...

    async def live_package(self, agency: AgencyId, manifest_sha256: bytes) -> Package | None: ...

    async def open_packages(self, agency: AgencyId) -> int:
        """How many packages of the agency are declared and not complete."""

    async def packages_of(
        self, agencies: Sequence[AgencyId], *, after: PackageId | None, limit: int, state: State | None
    ) -> list[Package]: ...

    async def description(self, package: PackageId) -> PackageDescription: ...

    async def manifest(self, package: PackageId) -> bytes: ...

    async def manifest_with_digest(self, sha256: bytes) -> bytes | None:
        """A declared manifest by the SHA-256 of its bytes."""

    async def plan(self, package: PackageId) -> bytes: ...

    async def declare(
        self,
        package: Package,
        description: PackageDescription,
        *,
        manifest: bytes,
        plan: bytes,
        keys: Sequence[PackageKey],
        components: Sequence[ComponentRow],
    ) -> bool:
        """Insert a declared package; False (and nothing written) where the same live declaration stands already."""

    async def replan(self, package: Package, plan: bytes) -> None:
        """Replace the plan of a package whose bytes nobody has begun to send, by that of the changed `package`."""

    async def refuse(
        self, package: PackageId, submitter: Submitter, *, at: datetime, salt: bytes, salted: bytes, judged: Judged
    ) -> None:
        """Keep what may be kept of a refused package: codes, pointers and a salted digest."""

    async def latest_of_chain(self, chain: PackageId) -> Package | None: ...

    async def components(self, package: PackageId) -> list[ComponentRow]:
        """Rows in manifest order."""

    async def planned_keys(self, package: PackageId, first: int, last: int) -> list[PlannedKey]:
        """What sealing needs of the plan positions `first … last` (inclusive), in order."""

    async def package_keys(self, package: PackageId) -> list[PackageKey]: ...

    async def place(self, component: ComponentId) -> ComponentPlace | None:
        """Where a component's bytes are, by the row of any version that still has its key, the oldest first."""

    async def part(self, package: PackageId, number: int) -> StoredPart | None: ...

    async def parts(self, package: PackageId, first: int = 0, last: int | None = None) -> list[StoredPart]:
        """The stored parts `first … last` (inclusive) in order."""

    async def part_numbers(self, package: PackageId) -> list[int]: ...

    async def open_attempt(self, attempt: Attempt, offer: PartOffer) -> None: ...

    async def win_attempt(self, attempt: AttemptId) -> bool:
        """Take an open attempt off the record, for its part's row names the object from now on; False if it was lost."""

    async def lose_attempt(self, attempt: AttemptId) -> None:
        """Leave an open attempt to the reaper; nothing happens where it has won or is lost already."""

    async def has_attempts(self, package: PackageId) -> bool: ...

    async def record_part(self, package: PackageId, part: StoredPart) -> None: ...

    async def withdraw_parts(self, package: PackageId, numbers: Sequence[int] | None = None) -> int:
        """Make parts (or all) missing again and leave their objects to the reaper; how many."""

    async def set_state(
        self,
        package: PackageId,
        state: State,
        *,
        stored_parts: int | None = None,
        expires_at: datetime | None = None,
        sealed_at: datetime | None = None,
        seal_event: UUID | None = None,
    ) -> None: ...

    async def mark_checked(self, package: PackageId, component: ComponentId, at: datetime) -> None:
        """Remember that a component was proved from the store, so that it is read only once."""

    async def unmark_checked(self, package: PackageId, components: Sequence[ComponentId]) -> None: ...

    async def add_finding(self, package: PackageId, finding: Finding) -> None: ...

    async def findings(self, package: PackageId) -> list[Finding]: ...

    async def lost_attempts(self, before: datetime, limit: int) -> list[Attempt]:
        """Lost attempts; those still open that were begun before `before` are lost from now on."""

    async def forget_attempt(self, attempt: AttemptId) -> None: ...

    async def overdue_packages(self, now: datetime, limit: int) -> list[PackageId]: ...

    async def carry_labels(self, package: PackageId) -> None:
        """Give a package that supersedes another the labels to which steps raised the same content there.

        What its own manifest says may only be higher: a new version is no decision on a classification (DECISION-0021).
        """

    async def journal(self, event: bytes, ticket: LogTicket | None = None) -> UUID:
        """Append to the log in this transaction; the event's id there, which is the ticket's where one is given."""

    async def appended(self, event: UUID) -> tuple[bytes, bytes] | None:
        """Salt and bytes of an event that ingest appended, with or without its leaf; None where it was erased."""

    async def writing(self, package: PackageId) -> Writing | None:
        """Which writing of the package's recovery record stands; None before it is sealed."""

    async def set_writing(self, package: PackageId, writing: Writing) -> None: ...

    async def post(self, message: UUID, target: str, kind: str, body: bytes, at: datetime) -> None:
        """Put a message into the outbox and have it delivered once this transaction has committed."""

    async def pending_message(self, message: UUID) -> tuple[str, bytes] | None: ...

    async def delivered(self, message: UUID, at: datetime) -> None: ...

    async def wake_completion(self, package: PackageId) -> None:
        """Have a worker verify and seal the package once this transaction has committed."""

    async def wake_holding(self, package: PackageId) -> None:
        """Have the custodian's worker set the legal hold of each part once this transaction has committed."""

    async def wake_inspection(self, package: PackageId) -> None:
        """Have a worker look into the package's files once this transaction has committed."""

    async def keep_nonces(self, today: date) -> None:
        """Make the coming days' partitions of nonces and forget those that can no longer be used."""

    async def rules_in_force(self, day: date, *, below: int | None = None) -> PublishedRules | None:
        """The newest bundle that is effective on `day`; with `below`, of those of versions below it."""

    async def rules_to_come(self, day: date) -> list[PublishedRules]:
        """Bundles that are published and not effective on `day` yet, in the order of their versions."""

    async def rules_of_version(self, version: int) -> PublishedRules | None: ...

    async def newest_rules_version(self) -> int:
        """The highest version ever published, 0 before the first. Publishing waits until this block has ended."""

    async def add_rules(self, rules: PublishedRules, by: ClientId) -> None: ...

    async def held_contents(self, digests: Sequence[bytes]) -> frozenset[bytes]:
        """Those of the SHA-256 digests that an officer holds; no hold is placed until this block ends."""

    async def held_documents(self, package: PackageId) -> frozenset[int]:
        """Indexes of the package's documents under hold; -1 among them where all of it is."""

    async def unreadable(self, components: Sequence[ComponentId]) -> frozenset[ComponentId]:
        """Those of the components that are held or erased now."""

    async def open_declaration(self, declaration: PackageId, submitter: Submitter, at: datetime) -> None: ...

    async def touch_declaration(self, declaration: PackageId, at: datetime) -> None: ...

    async def close_declaration(self, declaration: PackageId, outcome: Mapping[str, object] | None) -> None:
        """End a declaration: with an outcome that its status address shows, or (None) with a package of its id."""

    async def declaration(self, declaration: PackageId) -> Declaration | None: ...

    async def forget_declarations(self, before: datetime) -> None: ...


class Ledger(Protocol):
    """Opens transactions on the rows of ingest."""

    def transaction(self) -> AbstractAsyncContextManager[Books]: ...


class StoredPartMissing(Exception):
    """A part's object, or bytes of it, are not in the store although it acknowledged them."""


class Vault(Protocol):
    """Keeps ciphertext: one object a part attempt, one sealed recovery record a package."""

    async def seal_part(self, part: PartToSeal, body: AsyncIterator[bytes]) -> SealedPart:
        """Encrypt and store a part while it arrives; durable when this returns, absent when it raises.

        Raises:
            PartTruncated: the body ended early or was longer than planned.
            PartDigestMismatch: not the declared bytes.
            ComponentMismatch: a component that lies wholly inside is not the manifest's.
            StoreUnavailable: the object store did not acknowledge.
        """

    def read(
        self, place: ComponentPlace, plan: Plan, parts: Mapping[int, StoredPart], key: bytes, start: int, end: int
    ) -> AsyncIterator[bytes]:
        """Plaintext bytes `start … end - 1` of a component; each chunk is authenticated before it is given out.

        Raises:
            SealBroken: the stored bytes are not the component's; what was given out before is authentic.
            StoredPartMissing, StoreUnavailable.
        """

    async def put_record(self, package: PackageId, sealed: bytes) -> None:
        """Write the package's recovery record, in place of an earlier one; durable when this returns."""

    async def discard(self, attempt: Attempt) -> None:
        """Remove whatever an attempt left; absent is fine."""


class Keys(Protocol):
    """Package keys through the KMS."""

    async def new_package_key(self, fonds: FondsId, level: Level, year: int) -> tuple[PackageKey, bytes]:
        """A fresh package key: as wrapped, and its 32 secret bytes."""

    async def open_package_key(self, key: PackageKey) -> bytes:
        """Its 32 secret bytes. Raises KmsUnavailable, also where the KMS does not open it."""

    def disown(self, *keys: PackageKey) -> KmsUnavailable:
        """What these were opened to opens no component's key: it is forgotten, and this is the refusal to raise."""


class Judge(Protocol):
    """Parses and judges manifests, large ones in a child process."""

    def is_large(self, manifest: bytes) -> bool: ...

    async def judge(self, manifest: bytes, rules: Rules, today: date, ceiling: Level) -> Judged:
        """`ceiling` is that of the agency that hands the manifest in.

        Raises ManifestInvalid with every problem of the manifest.
        """


@dataclass(frozen=True, slots=True)
class Rules:
    """The bundle in force: its canonical payload, what it compiles to, and the envelope and day of its publication."""

    version: int
    sha256: bytes
    payload: bytes
    compiled: CompiledBundle
    envelope: bytes = b""
    published_at: datetime | None = None


class RuleStore(Protocol):
    """The rules in force, kept current by every instance; each bundle's signatures are checked when it is taken up.

    A bundle that is altered, not signed by two officers, older than the one held or not yet in force is passed over,
    and the last good one stays.
    """

    async def current(self, *, fresh: bool = False) -> Rules:
        """At most two seconds old; with `fresh` as of now.

        Raises:
            RulesMissing: no good bundle is in force.
        """


class IncidentOpener(Protocol):
    """Puts a held document under hold and has officers decide."""

    async def open_by_rule(
        self, package: PackageId, document: int, *, rules: Sequence[str], bundle_sha256: bytes
    ) -> None:
        """Open an incident because rules published later find a held document secret.

        `document` counts the manifest's documents from 0, as `ComponentRow.document` does. Runs in a transaction of its
        own and is safe to repeat: the same document and bundle open one incident.
        """


class Ceilings(Protocol):
    """What agencies were allowed to hand in, as it was known then."""

    def ceiling_at(self, agency: AgencyId, moment: datetime) -> Level:
        """The ceiling by which a declaration of that moment was judged: later decisions do not change it.

        Raises:
            RegistryStale
        """


class Directory(Ceilings, Protocol):
    """What auth says of agencies and fonds, at most two seconds old, as it holds today."""

    def fonds_for(self, agency: AgencyId, code: str, creator: str) -> FondsId | None:
        """The fonds with this code that the agency may submit for; of several, the one whose creator had that code."""

    def agency_has_code(self, agency: AgencyId, code: str) -> bool: ...

    def agencies_followed_by(self, agency: AgencyId) -> Sequence[AgencyId]:
        """The agency itself and every predecessor whose packages it may follow; none once it has ended."""

    def ceiling(self, agency: AgencyId) -> Level:
        """How secret a record this agency may hand in over the independent LAN today."""

    def ceilings(self, agency: AgencyId) -> Sequence[Ceiling]:
        """Every decision on that, in the order of their recording."""

    def officer_key(self, kid: str) -> OfficerKey | None:
        """An officer's key that is neither revoked nor outside its window."""

    def officer_key_at(self, kid: str, moment: datetime) -> OfficerKey | None:
        """An officer's key as of a past moment: what was signed then stands, though the key is revoked since."""


class World(Protocol):
    """Time and chance."""

    def now(self) -> datetime: ...

    def today(self) -> date:
        """The day in Vietnam, by which terms of secrecy are counted."""

    def new_id(self) -> UUID:
        """A UUIDv7."""

    def random(self, size: int) -> bytes: ...


class Receipts(Protocol):
    """Builds receipts from the log."""

    async def receipt(self, event: UUID) -> bytes | None:
        """The receipt's bytes, or None while its leaf is not covered by a checkpoint."""

    async def grown(self, seconds: float) -> bool:
        """Wait until there is a newer checkpoint, for at most so long; whether there is."""


class PublicLog(Protocol):
    """The transparency log's files."""

    async def read(self, path: str) -> bytes | None:
        """`checkpoint` or `tile/…`; None where there is no such file."""
