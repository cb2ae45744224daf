"""Bring a package whose parts are all stored to its seal: prove what spans parts, keep a recovery record, log it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from uuid import UUID

from services.ingest.domain.package import UPLOAD_WINDOW, Package, StoredPart
from services.ingest.domain.states import Event, State, transition
from services.ingest.usecases.declare_package import planned_rows
from services.ingest.usecases.plans import PlanSource
from services.ingest.usecases.ports import (
    ComponentPlace,
    ComponentRow,
    Keys,
    Ledger,
    PackageKey,
    Vault,
    World,
)
from services.kernel.canonical import rfc3339
from services.kernel.identifiers import PackageId
from services.kernel.layout import Plan
from services.kernel.messages import package_sealed
from services.kernel.sealing.open import SealBroken
from services.kernel.sealing.recovery import RecoveryObject, RecoveryRecord, seal_record
from services.kernel.tlog.events import seal_event


async def complete_package(
    package_id: PackageId, *, plans: PlanSource, ledger: Ledger, vault: Vault, keys: Keys, world: World
) -> bool:
    """Verify and seal one package; True once it is sealed, False where there is nothing (more) to do.

    A component inside one part was checked as it passed. One that spans parts is read back from the store, decrypted
    and hashed here; where it is not the manifest's, every part that touches it is missing again and the package
    receives once more. Safe to repeat at any point: only the last transaction changes the state, and it looks again.

    Order of effects: proofs, recovery record in the store, then state, event and message in one transaction; so a
    receipt can only exist for a package that the store alone could restore (DESIGN promise 1).

    Raises:
        StoreUnavailable, KmsUnavailable: to be tried again by the queue.
    """
    async with ledger.transaction() as books:
        package = await books.package(package_id)
        if package is None or package.state is not State.VERIFYING:
            return False
        plan = await plans.plan(books, package_id)
        rows = await books.components(package_id)
        parts = {part.number: part for part in await books.parts(package_id)}
        package_keys = await books.package_keys(package_id)
        checked = await books.checked_components(package_id)
    opened = {key.level: await keys.open_package_key(key) for key in package_keys}
    for row in planned_rows(rows):
        if row.plan_position is None or row.id in checked or len(plan.parts_of(row.plan_position)) < 2:
            continue
        key = next(key for key in package_keys if key.level == row.level)
        place = ComponentPlace(row, package, key, held=False, erased=False)
        if not await _proved(place, plan, parts, opened[row.level], vault):
            await _take_back(package, row, plan.parts_of(row.plan_position), ledger, world)
            return False
        async with ledger.transaction() as books:
            await books.mark_checked(package_id, row.id, world.now())
    return await _seal(package, plan, rows, parts, package_keys, ledger, vault, keys, world)


async def _proved(
    place: ComponentPlace, plan: Plan, parts: Mapping[int, StoredPart], key: bytes, vault: Vault
) -> bool:
    digest = hashlib.sha256()
    try:
        async for chunk in vault.read(place, plan, parts, key, 0, place.component.size):
            digest.update(chunk)
    except SealBroken:
        return False
    return digest.digest() == place.component.sha256


async def _take_back(
    package: Package, row: ComponentRow, touching: Sequence[int], ledger: Ledger, world: World
) -> None:
    async with ledger.transaction() as books:
        current = await books.package(package.id, lock=True)
        if current is None or current.state is not State.VERIFYING:
            return
        await books.withdraw_parts(package.id, touching)
        await books.add_finding(
            package.id,
            f"/documents/{row.document}",
            "component-digest-mismatch",
            "Một tệp của văn bản này khác với bản kê; các phần chứa tệp phải gửi lại.",
            "A component of this document differs from the manifest; the parts that hold it must be sent again.",
        )
        after = transition(current.state, Event.FAIL_VERIFICATION)
        if after is not None:
            await books.set_state(
                package.id,
                after,
                stored_parts=current.stored_parts - len(touching),
                expires_at=world.now() + UPLOAD_WINDOW,
            )


async def _seal(
    package: Package,
    plan: Plan,
    rows: Sequence[ComponentRow],
    parts: Mapping[int, StoredPart],
    package_keys: Sequence[PackageKey],
    ledger: Ledger,
    vault: Vault,
    keys: Keys,
    world: World,
) -> bool:
    now = world.now()
    async with ledger.transaction() as books:
        manifest = await books.manifest(package.id)
        description = await books.description(package.id)
    event = seal_event(
        package=package.id,
        version=package.version,
        supersedes=package.supersedes,
        submitter=package.agency,
        fonds=package.fonds,
        manifest_sha256=package.manifest_sha256,
        plan_sha256=package.plan_sha256,
        rules_sha256=package.rules_sha256,
        sealed_at=now,
        components=[row.id for row in rows],
    )
    record_key, opened = await keys.new_package_key(package.fonds, package_keys[0].level, now.year)
    await vault.put_record(package.id, b"")
    raise NotImplementedError
