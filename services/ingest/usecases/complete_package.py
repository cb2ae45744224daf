"""Complete a package whose parts are all stored: prove what no single part could prove, then seal it.

Order of effects: components that span parts are read back from the store and compared → under the package's lock the
sealed recovery record is written to the store → the same transaction records state, seal event and the message to
catalog. A crash before the commit leaves a package that is still `verifying` and a record that the next run replaces;
after it, everything stands. Two workers on one package do the same work twice and seal it once: the lock and the state
decide, and whoever comes second writes nothing, so that a stale record never replaces a good one.

Source: DESIGN 5.3, 7 "Recovery record", 8; FORMATS "Event".
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.ingest.domain.package import UPLOAD_WINDOW, Package, StoredPart
from services.ingest.domain.states import Event, State, transition
from services.ingest.usecases.digest_beside import sha256_beside
from services.ingest.usecases.plans import PlanSource
from services.ingest.usecases.ports import (
    Books,
    ComponentPlace,
    ComponentRow,
    Finding,
    Keys,
    Ledger,
    LogTicket,
    PackageDescription,
    PackageKey,
    StoredPartMissing,
    Vault,
    World,
)
from services.ingest.usecases.recovery_records import recovery_record
from services.ingest.usecases.renew_record import RecordKey, draw_record_key
from services.kernel.canonical import canonical, rfc3339
from services.kernel.identifiers import EventId, PackageId
from services.kernel.layout import Plan
from services.kernel.messages import PackageSealed
from services.kernel.refusals.packages import ComponentMismatch
from services.kernel.sealing.open import SealBroken
from services.kernel.sealing.recovery import SealFacts, Writing

CATALOG = "catalog"
"""The outbox's name for the service that indexes what is sealed."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A package as one transaction saw it, with everything that is sealed."""

    package: Package
    plan: Plan
    description: PackageDescription
    manifest: bytes
    plan_bytes: bytes
    rows: Sequence[ComponentRow]
    parts: Sequence[StoredPart]
    package_keys: Sequence[PackageKey]


async def complete_package(
    package_id: PackageId, *, plans: PlanSource, ledger: Ledger, vault: Vault, keys: Keys, world: World
) -> State | None:
    """Verify and seal; the state after it, None where there is nothing to complete. Safe to repeat and to run twice.

    A component that does not match makes every part that touches it missing again, with a finding at the status address.

    Raises:
        StoreUnavailable, KmsUnavailable, DatabaseUnavailable, RecordKeyStale: to be tried again by the queue.
    """
    async with ledger.transaction() as books:
        snapshot = await _snapshot(books, package_id, plans)
    if snapshot is None:
        return None
    broken = [row for row in _unproved(snapshot) if not await _proved(row, snapshot, ledger, vault, keys, world)]
    if broken:
        async with ledger.transaction() as books:
            return await _send_again(books, snapshot, broken, world.now())
    drawn = await draw_record_key(snapshot.package, snapshot.rows, keys)
    async with ledger.transaction() as books:
        await books.carry_labels(package_id)
        current = await _snapshot(books, package_id, plans, lock=True)
        if current is None or _attempts(current) != _attempts(snapshot):
            return None  # sealed or sent back by another worker; if it came round again, its own job is on its way
        now = world.now()
        ticket = LogTicket(world.new_id(), world.random(32))
        event = await asyncio.to_thread(seal_event, current.package, current.rows, now)
        seal = SealFacts(EventId(ticket.id), ticket.salt, event)
        writing = Writing(1, world.random(32))
        record = await asyncio.to_thread(_sealed_record, current, now, seal, writing, drawn)
        await vault.put_record(package_id, record)
        event_id = await books.journal(event, ticket)
        await books.set_state(package_id, State.SEALED, sealed_at=now, seal_event=event_id)
        await books.set_writing(package_id, writing)
        await books.wake_holding(package_id)
        await books.wake_inspection(package_id)
        message = _message(current, event, world.new_id(), now)
        await books.post(message.id, CATALOG, "package_sealed", message.to_bytes(), now)
    return State.SEALED


async def _snapshot(books: Books, package_id: PackageId, plans: PlanSource, *, lock: bool = False) -> Snapshot | None:
    package = await books.package(package_id, lock=lock)
    if package is None or package.state is not State.VERIFYING or not package.complete:
        return None
    return Snapshot(
        package,
        await plans.plan(books, package_id, package.plan_sha256),
        await books.description(package_id),
        await books.manifest(package_id),
        await books.plan(package_id),
        await books.components(package_id),
        await books.parts(package_id),
        await books.package_keys(package_id),
    )


def _attempts(snapshot: Snapshot) -> list[UUID]:
    return [part.attempt for part in snapshot.parts]


def _unproved(snapshot: Snapshot) -> Iterable[ComponentRow]:
    by_position = {row.plan_position: row for row in snapshot.rows if row.plan_position is not None}
    spanning = (by_position[position] for position in snapshot.plan.spanning)
    return [row for row in spanning if row.checked_at is None]


async def _proved(
    row: ComponentRow, snapshot: Snapshot, ledger: Ledger, vault: Vault, keys: Keys, world: World
) -> bool:
    """Whether a component's stored bytes have the manifest's digest; remembered where they do."""
    package_key = next(key for key in snapshot.package_keys if key.level == row.level)
    place = ComponentPlace(row, snapshot.package, package_key, held=False, erased=False)
    parts = {part.number: part for part in snapshot.parts}
    try:
        opened = await keys.open_package_key(package_key)
        digest = await sha256_beside(vault.read(place, snapshot.plan, parts, opened, 0, row.size))
    except (SealBroken, StoredPartMissing):
        return False
    if digest != row.sha256:
        return False
    async with ledger.transaction() as books:
        # Only while these very parts stand: another worker may have sent them back meanwhile.
        package = await books.package(snapshot.package.id, lock=True)
        if package is not None and package.state is State.VERIFYING:
            touched = snapshot.plan.parts_of(row.plan_position or 0)
            standing = await books.parts(package.id, touched.start, touched.stop - 1)
            if [part.attempt for part in standing] == [parts[number].attempt for number in touched]:
                await books.mark_checked(package.id, row.id, world.now())
    return True


async def _send_again(books: Books, snapshot: Snapshot, broken: Sequence[ComponentRow], now: datetime) -> State | None:
    """Make every part missing again that holds bytes of a component which does not match."""
    package = await books.package(snapshot.package.id, lock=True)
    after = None if package is None else transition(package.state, Event.FAIL_VERIFICATION)
    if package is None or after is None:
        return None
    if [part.attempt for part in await books.parts(package.id)] != _attempts(snapshot):
        return None
    plan = snapshot.plan
    numbers = sorted({number for row in broken for number in plan.parts_of(row.plan_position or 0)})
    withdrawn = await books.withdraw_parts(package.id, numbers)
    # What another component has in these parts will come anew, so its proof is void.
    again = set(numbers)
    ids = {row.plan_position: row.id for row in snapshot.rows}
    await books.unmark_checked(
        package.id, [ids[position] for position in plan.spanning if not again.isdisjoint(plan.parts_of(position))]
    )
    pointers = component_pointers(snapshot.rows)
    for row in broken:
        first = plan.parts_of(row.plan_position or 0)[0]
        text = ComponentMismatch.detail.filled({"components": 1, "part": first})
        await books.add_finding(
            package.id, Finding(pointers[row.position], ComponentMismatch.code, text.vi, text.en, now)
        )
    await books.set_state(
        package.id, after, stored_parts=package.stored_parts - withdrawn, expires_at=now + UPLOAD_WINDOW
    )
    return after


def component_pointers(rows: Sequence[ComponentRow]) -> dict[int, str]:
    """The JSON pointer into the manifest of every row, by its position; all components of a document have rows."""
    counts: dict[int, int] = {}
    pointers: dict[int, str] = {}
    for row in rows:
        index = counts.get(row.document, 0)
        counts[row.document] = index + 1
        pointers[row.position] = f"/documents/{row.document}/components/{index}"
    return pointers


def seal_event(package: Package, rows: Sequence[ComponentRow], sealed_at: datetime) -> bytes:
    """The event that a receipt proves (FORMATS "Event")."""
    return canonical(
        {
            "type": "sealed",
            "package": str(package.id),
            "version": package.version,
            "supersedes": None if package.supersedes is None else str(package.supersedes),
            "submitter": str(package.agency),
            "fonds": str(package.fonds),
            "manifest_sha256": package.manifest_sha256.hex(),
            "plan_sha256": package.plan_sha256.hex(),
            "rules_sha256": package.rules_sha256.hex(),
            "sealed_at": rfc3339(sealed_at),
            "components": [str(row.id) for row in rows],
        }
    )


def _sealed_record(
    snapshot: Snapshot, sealed_at: datetime, seal: SealFacts, writing: Writing, drawn: RecordKey
) -> bytes:
    record = recovery_record(
        replace(snapshot.package, state=State.SEALED, sealed_at=sealed_at),
        snapshot.description,
        manifest=snapshot.manifest,
        plan=snapshot.plan_bytes,
        keys=snapshot.package_keys,
        components=snapshot.rows,
        parts=snapshot.parts,
        seal=seal,
        writing=writing,
    )
    return drawn.seal(record)


def _message(snapshot: Snapshot, event: bytes, message_id: UUID, now: datetime) -> PackageSealed:
    package, description = snapshot.package, snapshot.description
    return PackageSealed(
        id=message_id,
        at=now,
        package=package.id,
        chain=package.chain,
        version=package.version,
        supersedes=package.supersedes,
        agency=package.agency,
        fonds=package.fonds,
        fonds_code=package.fonds_code,
        manifest_sha256=package.manifest_sha256,
        event=event,
        not_planned=tuple(pointer for pointer, reason in description.not_planned if reason != "referenced"),
        levels={document: level.wire for document, level in description.levels},
    )
