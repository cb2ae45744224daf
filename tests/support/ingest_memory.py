"""Ingest's ports in memory: the ledger, keys, directory, rules and a clock that a test moves.

The ledger runs one transaction at a time on a copy of its rows, and keeps the copy where the block ends well.
`tests/contract/test_ledger.py` holds it to what the one in PostgreSQL does.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

from services.ingest.adapters.tables import CHAIN_STATES, LIVE_STATES, OPEN_STATES
from services.ingest.domain.erasure import Erasure, Reference
from services.ingest.domain.package import Package, PartOffer, StoredPart
from services.ingest.domain.states import State
from services.ingest.usecases.erasure_ports import Copy, PartToReplace
from services.ingest.usecases.ports import (
    Attempt,
    ComponentPlace,
    ComponentRow,
    Declaration,
    Finding,
    Judged,
    LogTicket,
    Nonce,
    PackageDescription,
    PackageKey,
    PlannedKey,
    PublishedRules,
    RefusedPackage,
    Submitter,
)
from services.kernel.ceilings import Ceiling
from services.kernel.identifiers import (
    AgencyId,
    AttemptId,
    ClientId,
    ComponentId,
    FondsId,
    PackageId,
    uuid7,
)
from services.kernel.records import OfficerKey
from services.kernel.refusals.identity import RequestReplayed
from services.kernel.refusals.platform import KmsUnavailable
from services.kernel.sealing.keys import kek_name
from services.kernel.sealing.recovery import Writing
from services.kernel.secrecy import Level


@dataclass
class Rows:
    """Everything the ledger holds. Values are immutable, so that a copy is a copy of the dictionaries."""

    nonces: dict[object, None] = field(default_factory=dict)
    packages: dict[PackageId, Package] = field(default_factory=dict)
    refused: dict[PackageId, RefusedPackage] = field(default_factory=dict)
    descriptions: dict[PackageId, PackageDescription] = field(default_factory=dict)
    manifests: dict[PackageId, bytes] = field(default_factory=dict)
    plans: dict[PackageId, bytes] = field(default_factory=dict)
    keys: dict[PackageId, tuple[PackageKey, ...]] = field(default_factory=dict)
    components: dict[PackageId, tuple[ComponentRow, ...]] = field(default_factory=dict)
    held: dict[ComponentId, None] = field(default_factory=dict)
    parts: dict[tuple[PackageId, int], StoredPart] = field(default_factory=dict)
    attempts: dict[AttemptId, tuple[Attempt, bool]] = field(default_factory=dict)
    findings: dict[PackageId, tuple[Finding, ...]] = field(default_factory=dict)
    rules: dict[int, PublishedRules] = field(default_factory=dict)
    outbox: dict[UUID, tuple[str, bytes, bool]] = field(default_factory=dict)
    events: dict[UUID, bytes] = field(default_factory=dict)
    salts: dict[UUID, bytes] = field(default_factory=dict)
    writings: dict[PackageId, Writing] = field(default_factory=dict)
    jobs: dict[tuple[str, str], None] = field(default_factory=dict)
    declarations: dict[PackageId, Declaration] = field(default_factory=dict)
    erasures: dict[UUID, Erasure] = field(default_factory=dict)
    erasure_parts: dict[tuple[UUID, PackageId, int], bool] = field(default_factory=dict)

    def copy(self) -> Rows:
        return Rows(**{entry.name: dict(getattr(self, entry.name)) for entry in fields(self)})


class MemoryLedger:
    """See `usecases.ports.Ledger`."""

    def __init__(self) -> None:
        self.rows = Rows()
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[MemoryBooks]:
        async with self._lock:
            rows = self.rows.copy()
            yield MemoryBooks(rows)
            self.rows = rows


class MemoryBooks:
    """See `usecases.ports.Books`."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    @property
    def erasures(self) -> MemoryErasures:
        return MemoryErasures(self._rows)

    async def claim(self, nonce: Nonce) -> None:
        if nonce in self._rows.nonces:
            raise RequestReplayed
        self._rows.nonces[nonce] = None

    async def keep_nonces(self, today: date) -> None:
        """Nothing is partitioned here."""

    async def package(self, package: PackageId, *, lock: bool = False) -> Package | None:
        return self._rows.packages.get(package)

    async def refused(self, package: PackageId) -> RefusedPackage | None:
        return self._rows.refused.get(package)

    async def live_package(self, agency: AgencyId, manifest_sha256: bytes) -> Package | None:
        return next(
            (
                package
                for package in self._rows.packages.values()
                if (package.agency, package.manifest_sha256) == (agency, manifest_sha256)
                and package.state in LIVE_STATES
            ),
            None,
        )

    async def open_packages(self, agency: AgencyId) -> int:
        return sum(
            package.agency == agency and package.state in OPEN_STATES for package in self._rows.packages.values()
        )

    async def packages_of(
        self, agencies: Sequence[AgencyId], *, after: PackageId | None, limit: int, state: State | None
    ) -> list[Package]:
        found = sorted(
            (
                package
                for package in self._rows.packages.values()
                if package.agency in agencies
                and (after is None or package.id > after)
                and (state is None or package.state is state)
            ),
            key=lambda package: package.id,
        )
        return found[:limit]

    async def description(self, package: PackageId) -> PackageDescription:
        return self._rows.descriptions[package]

    async def manifest(self, package: PackageId) -> bytes:
        return self._rows.manifests[package]

    async def manifest_with_digest(self, sha256: bytes) -> bytes | None:
        for package in self._rows.packages.values():
            if package.manifest_sha256 == sha256:
                return self._rows.manifests[package.id]
        return None

    async def plan(self, package: PackageId) -> bytes:
        return self._rows.plans[package]

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
        standing = await self.live_package(package.agency, package.manifest_sha256)
        version = any(
            (other.chain, other.version) == (package.chain, package.version) and other.state in CHAIN_STATES
            for other in self._rows.packages.values()
        )
        if standing is not None or version or package.id in self._rows.packages:
            return False
        self._rows.packages[package.id] = package
        self._rows.descriptions[package.id] = description
        self._rows.manifests[package.id], self._rows.plans[package.id] = manifest, plan
        self._rows.keys[package.id], self._rows.components[package.id] = tuple(keys), tuple(components)
        return True

    async def replan(self, package: Package, plan: bytes) -> None:
        self._rows.packages[package.id] = package
        self._rows.plans[package.id] = plan

    async def refuse(
        self, package: PackageId, submitter: Submitter, *, at: datetime, salt: bytes, salted: bytes, judged: Judged
    ) -> None:
        self._rows.refused[package] = RefusedPackage(
            package, submitter.agency, at, judged.rules_sha256, judged.verdicts
        )

    async def latest_of_chain(self, chain: PackageId) -> Package | None:
        return max(
            (
                package
                for package in self._rows.packages.values()
                if package.chain == chain and package.state in CHAIN_STATES
            ),
            key=lambda package: package.version,
            default=None,
        )

    async def components(self, package: PackageId) -> list[ComponentRow]:
        return list(self._rows.components.get(package, ()))

    async def planned_keys(self, package: PackageId, first: int, last: int) -> list[PlannedKey]:
        return [
            PlannedKey(row.plan_position, row.key_id, row.wrapped_key, row.level, row.size, row.sha256)
            for row in self._rows.components.get(package, ())
            if row.plan_position is not None and first <= row.plan_position <= last
        ]

    async def package_keys(self, package: PackageId) -> list[PackageKey]:
        return sorted(self._rows.keys.get(package, ()), key=lambda key: key.level)

    async def place(self, component: ComponentId) -> ComponentPlace | None:
        found = [
            (not row.wrapped_key, row.origin != package, package, row)
            for package, rows in self._rows.components.items()
            for row in rows
            if row.id == component
        ]
        if not found:
            return None
        row = min(found, key=lambda entry: entry[:3])[3]
        origin = self._rows.packages[row.origin]
        key = next(key for key in self._rows.keys[row.origin] if key.level == row.level)
        first = next(own for own in self._rows.components[row.origin] if own.id == component)
        row = replace(row, plan_position=first.plan_position)
        return ComponentPlace(row, origin, key, component in self._rows.held, erased=not row.wrapped_key)

    async def part(self, package: PackageId, number: int) -> StoredPart | None:
        return self._rows.parts.get((package, number))

    async def parts(self, package: PackageId, first: int = 0, last: int | None = None) -> list[StoredPart]:
        return [
            part
            for (owner, number), part in sorted(self._rows.parts.items(), key=lambda entry: entry[0][1])
            if owner == package and number >= first and (last is None or number <= last)
        ]

    async def part_numbers(self, package: PackageId) -> list[int]:
        return [part.number for part in await self.parts(package)]

    async def open_attempt(self, attempt: Attempt, offer: PartOffer) -> None:
        self._rows.attempts[attempt.id] = (attempt, False)

    async def win_attempt(self, attempt: AttemptId) -> bool:
        _, lost = self._rows.attempts.get(attempt, (None, True))
        if not lost:
            del self._rows.attempts[attempt]
        return not lost

    async def lose_attempt(self, attempt: AttemptId) -> None:
        if attempt in self._rows.attempts:
            self._rows.attempts[attempt] = (self._rows.attempts[attempt][0], True)

    async def has_attempts(self, package: PackageId) -> bool:
        return any(attempt.package == package for attempt, _ in self._rows.attempts.values())

    async def record_part(self, package: PackageId, part: StoredPart) -> None:
        if (package, part.number) in self._rows.parts:
            raise ValueError("the part stands already")
        self._rows.parts[package, part.number] = part

    async def withdraw_parts(self, package: PackageId, numbers: Sequence[int] | None = None) -> int:
        gone = [part for part in await self.parts(package) if numbers is None or part.number in numbers]
        for part in gone:
            del self._rows.parts[package, part.number]
            self._rows.attempts[part.attempt] = (Attempt(part.attempt, package, part.number, part.stored_at), True)
        return len(gone)

    async def set_state(
        self,
        package: PackageId,
        state: State,
        *,
        stored_parts: int | None = None,
        expires_at: datetime | None = None,
        sealed_at: datetime | None = None,
        seal_event: UUID | None = None,
    ) -> None:
        row = self._rows.packages[package]
        self._rows.packages[package] = replace(
            row,
            state=state,
            stored_parts=row.stored_parts if stored_parts is None else stored_parts,
            expires_at=expires_at or row.expires_at,
            sealed_at=sealed_at or row.sealed_at,
            seal_event=seal_event or row.seal_event,
        )

    async def mark_checked(self, package: PackageId, component: ComponentId, at: datetime) -> None:
        self._check(package, [component], at)

    async def unmark_checked(self, package: PackageId, components: Sequence[ComponentId]) -> None:
        self._check(package, components, None)

    def _check(self, package: PackageId, components: Sequence[ComponentId], at: datetime | None) -> None:
        self._rows.components[package] = tuple(
            replace(row, checked_at=at) if row.id in components else row for row in self._rows.components[package]
        )

    async def add_finding(self, package: PackageId, finding: Finding) -> None:
        self._rows.findings[package] = (*self._rows.findings.get(package, ()), finding)

    async def findings(self, package: PackageId) -> list[Finding]:
        return list(self._rows.findings.get(package, ()))

    async def lost_attempts(self, before: datetime, limit: int) -> list[Attempt]:
        for id_, (attempt, lost) in list(self._rows.attempts.items()):
            self._rows.attempts[id_] = (attempt, lost or attempt.opened_at < before)
        found = [attempt for attempt, lost in self._rows.attempts.values() if lost]
        return sorted(found, key=lambda attempt: attempt.opened_at)[:limit]

    async def forget_attempt(self, attempt: AttemptId) -> None:
        self._rows.attempts.pop(attempt, None)

    async def overdue_packages(self, now: datetime, limit: int) -> list[PackageId]:
        found = [
            package.id
            for package in self._rows.packages.values()
            if package.state in OPEN_STATES and package.expires_at < now
        ]
        return found[:limit]

    async def carry_labels(self, package: PackageId) -> None:
        """No steps are kept here, so none raised anything."""

    async def journal(self, event: bytes, ticket: LogTicket | None = None) -> UUID:
        id_ = uuid4() if ticket is None else ticket.id
        self._rows.events[id_] = event
        self._rows.salts[id_] = id_.bytes * 2 if ticket is None else ticket.salt
        return id_

    async def appended(self, event: UUID) -> tuple[bytes, bytes] | None:
        found = self._rows.events.get(event)
        return None if found is None else (self._rows.salts[event], found)

    async def writing(self, package: PackageId) -> Writing | None:
        return self._rows.writings.get(package)

    async def set_writing(self, package: PackageId, writing: Writing) -> None:
        self._rows.writings[package] = writing

    async def post(self, message: UUID, target: str, kind: str, body: bytes, at: datetime) -> None:
        self._rows.outbox[message] = (target, body, False)
        self._rows.jobs["deliver_message", str(message)] = None

    async def pending_message(self, message: UUID) -> tuple[str, bytes] | None:
        target, body, delivered = self._rows.outbox.get(message, ("", b"", True))
        return None if delivered else (target, body)

    async def delivered(self, message: UUID, at: datetime) -> None:
        target, body, _ = self._rows.outbox[message]
        self._rows.outbox[message] = (target, body, True)

    async def wake_holding(self, package: PackageId) -> None:
        self._rows.jobs["hold_parts", str(package)] = None

    async def wake_inspection(self, package: PackageId) -> None:
        self._rows.jobs["inspect_content", str(package)] = None

    async def held_contents(self, digests: Sequence[bytes]) -> frozenset[bytes]:
        return frozenset()  # holds are placed by officers, whose use cases run on PostgreSQL only

    async def held_documents(self, package: PackageId) -> frozenset[int]:
        return frozenset()

    async def unreadable(self, components: Sequence[ComponentId]) -> frozenset[ComponentId]:
        return frozenset()

    async def wake_completion(self, package: PackageId) -> None:
        self._rows.jobs["complete_package", str(package)] = None

    async def rules_in_force(self, day: date, *, below: int | None = None) -> PublishedRules | None:
        found = [
            rules
            for rules in self._rows.rules.values()
            if rules.effective_from <= day and (below is None or rules.version < below)
        ]
        return max(found, key=lambda rules: rules.version, default=None)

    async def rules_to_come(self, day: date) -> list[PublishedRules]:
        found = [rules for rules in self._rows.rules.values() if rules.effective_from > day]
        return sorted(found, key=lambda rules: rules.version)

    async def rules_of_version(self, version: int) -> PublishedRules | None:
        return self._rows.rules.get(version)

    async def newest_rules_version(self) -> int:
        return max(self._rows.rules, default=0)

    async def add_rules(self, rules: PublishedRules, by: ClientId) -> None:
        self._rows.rules[rules.version] = rules

    async def open_declaration(self, declaration: PackageId, submitter: Submitter, at: datetime) -> None:
        self._rows.declarations[declaration] = Declaration(submitter.agency, at, None)

    async def touch_declaration(self, declaration: PackageId, at: datetime) -> None:
        if declaration in self._rows.declarations:
            self._rows.declarations[declaration] = replace(self._rows.declarations[declaration], seen_at=at)

    async def close_declaration(self, declaration: PackageId, outcome: Mapping[str, object] | None) -> None:
        if outcome is None:
            self._rows.declarations.pop(declaration, None)
        elif declaration in self._rows.declarations:
            self._rows.declarations[declaration] = replace(self._rows.declarations[declaration], outcome=dict(outcome))

    async def declaration(self, declaration: PackageId) -> Declaration | None:
        return self._rows.declarations.get(declaration)

    async def forget_declarations(self, before: datetime) -> None:
        for id_ in [id_ for id_, entry in self._rows.declarations.items() if entry.seen_at < before]:
            del self._rows.declarations[id_]


class MemoryErasures:
    """See `usecases.erasure_ports.Erasures`."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def find(self, erasure: UUID) -> Erasure | None:
        return self._rows.erasures.get(erasure)

    async def add(self, erasure: Erasure) -> None:
        self._rows.erasures[erasure.order.id] = erasure
        self._rows.jobs["finish_erasure", str(erasure.order.id)] = None

    async def finish(self, erasure: UUID, at: datetime) -> bool:
        standing = self._rows.erasures[erasure]
        if standing.finished_at is not None:
            return False
        self._rows.erasures[erasure] = replace(standing, finished_at=at)
        return True

    async def lock_chain(self, chain: PackageId) -> list[Package]:
        return sorted((row for row in self._rows.packages.values() if row.chain == chain), key=lambda row: row.id)

    async def references(self, components: Sequence[ComponentId]) -> list[Reference]:
        return [
            Reference(
                package, self._rows.packages[package].state, row.id, bool(row.wrapped_key), row.id in self._rows.held
            )
            for package, rows in self._rows.components.items()
            for row in rows
            if row.id in components
        ]

    async def forget_keys(self, rows: Sequence[tuple[PackageId, ComponentId]]) -> None:
        for package, component in rows:
            self._rows.components[package] = tuple(
                replace(row, wrapped_key=b"") if row.id == component else row for row in self._rows.components[package]
            )

    async def mark_erased(self, components: Sequence[ComponentId], at: datetime, *, expelled: bool) -> list[PackageId]:
        changed = set()
        for package, rows in self._rows.components.items():
            marked = tuple(
                replace(row, erased_at=row.erased_at or at, expelled=row.expelled or expelled)
                if row.id in components
                else row
                for row in rows
            )
            if marked != rows:
                self._rows.components[package] = marked
                changed.add(package)
        return sorted(changed)

    async def without_key(self, package: PackageId, first: int, last: int) -> frozenset[int]:
        alive = {row.id for rows in self._rows.components.values() for row in rows if row.wrapped_key}
        return frozenset(
            row.plan_position
            for row in self._rows.components[package]
            if row.plan_position is not None and first <= row.plan_position <= last and row.id not in alive
        )

    async def positions(self, components: Sequence[ComponentId]) -> list[tuple[PackageId, int]]:
        return [
            (package, row.plan_position)
            for package, rows in self._rows.components.items()
            for row in rows
            if row.id in components and row.origin == package and row.plan_position is not None
        ]

    async def add_parts(self, erasure: UUID, package: PackageId, numbers: Sequence[int]) -> None:
        self._rows.erasure_parts.update({(erasure, package, number): False for number in numbers})

    async def open_parts(self, erasure: UUID, limit: int) -> list[PartToReplace]:
        found = sorted(
            (package, number, replaced)
            for (id_, package, number), replaced in self._rows.erasure_parts.items()
            if id_ == erasure
        )
        return [PartToReplace(*entry) for entry in found[:limit]]

    async def replace_part(self, erasure: UUID, package: PackageId, number: int, copy: Copy) -> bool:
        if self._rows.erasure_parts.get((erasure, package, number), True):
            return False
        self._rows.erasure_parts[erasure, package, number] = True
        self._rows.parts[package, number] = replace(
            self._rows.parts[package, number],
            object_version=copy.object_version,
            ciphertext_digest=copy.ciphertext_digest,
        )
        return True

    async def forget_part(self, erasure: UUID, package: PackageId, number: int) -> None:
        self._rows.erasure_parts.pop((erasure, package, number), None)


@dataclass
class MovedWorld:
    """A clock that a test moves, and chance from the system."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def now(self) -> datetime:
        return self.at

    def today(self) -> date:
        return (self.at + timedelta(hours=7)).date()

    def new_id(self) -> UUID:
        return uuid7(int(self.at.timestamp() * 1000), os.urandom(10))

    def random(self, size: int) -> bytes:
        return secrets.token_bytes(size)


class MemoryKeys:
    """See `usecases.ports.Keys`: a wrapped key is a number under which the key is remembered."""

    def __init__(self) -> None:
        self._keys: dict[bytes, bytes] = {}

    async def new_package_key(self, fonds: FondsId, level: Level, year: int) -> tuple[PackageKey, bytes]:
        wrapped, key = secrets.token_bytes(40), secrets.token_bytes(32)
        self._keys[wrapped] = key
        return PackageKey(level, kek_name(fonds, level, year), wrapped), key

    async def open_package_key(self, key: PackageKey) -> bytes:
        return self._keys[key.wrapped]

    def disown(self, *keys: PackageKey) -> KmsUnavailable:
        return KmsUnavailable()


@dataclass(frozen=True)
class OneAgency:
    """See `usecases.ports.Directory`: one agency, which has every code and one fonds."""

    agency: AgencyId
    fonds: FondsId

    def fonds_for(self, agency: AgencyId, code: str, creator: str = "") -> FondsId | None:
        return self.fonds if agency == self.agency else None

    def agency_has_code(self, agency: AgencyId, code: str) -> bool:
        return agency == self.agency

    def agencies_followed_by(self, agency: AgencyId) -> Sequence[AgencyId]:
        return (agency,)

    def ceiling(self, agency: AgencyId) -> Level:
        return Level.NONE

    def ceilings(self, agency: AgencyId) -> Sequence[Ceiling]:
        return ()

    def ceiling_at(self, agency: AgencyId, moment: datetime) -> Level:
        return Level.NONE

    def officer_key(self, kid: str) -> OfficerKey | None:
        return None

    def officer_key_at(self, kid: str, moment: datetime) -> OfficerKey | None:
        return None
