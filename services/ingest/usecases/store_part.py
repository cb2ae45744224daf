"""Store one part of a package's payload, once, whoever sends it and however often."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from services.ingest.domain.package import UPLOAD_WINDOW, Package, PartOffer, StoredPart
from services.ingest.domain.states import Event, State, transition
from services.ingest.usecases.plans import PlanSource, segments_of
from services.ingest.usecases.ports import (
    Attempt,
    Books,
    Keys,
    Ledger,
    Nonce,
    PackageKey,
    PartToSeal,
    PlannedKey,
    SealedPart,
    SegmentKey,
    Submitter,
    Vault,
    World,
)
from services.kernel.identifiers import AttemptId
from services.kernel.layout import Segment
from services.kernel.refusals.incidents import ContentHeld
from services.kernel.refusals.packages import PackageNotReceiving, PackageUnknown, PartNotPlanned, PartTooSlow
from services.kernel.sealing.keys import KeyBroken, unwrap_component_key
from services.kernel.secrecy import Level

_CROWDED = 5000  # segments of a part whose keys are opened beside the event loop


@dataclass(frozen=True, slots=True)
class PartStored:
    """The answer to a part: what stands, whether this request put it there, and the package's state after it."""

    part: StoredPart
    new: bool
    state: State


@dataclass(frozen=True, slots=True)
class PartAdmitted:
    """A part whose attempt is on record and whose body may now be read."""

    offer: PartOffer
    attempt: Attempt
    package: Package
    segments: Sequence[Segment]
    planned_keys: Sequence[PlannedKey]
    package_keys: Sequence[PackageKey]


async def admit_part(
    offer: PartOffer, nonce: Nonce, submitter: Submitter, *, plans: PlanSource, ledger: Ledger, world: World
) -> PartAdmitted | PartStored:
    """Transaction 1: claim the nonce and put an attempt on record, before a byte of the body is read.

    Raises:
        RequestReplayed: the nonce was used before.
        PackageUnknown, PartNotPlanned, PartSizeWrong, PartConflict, PackageNotReceiving.
        ContentHeld: an officer holds some of its documents: no more of it comes in (DECISION-0020).
    """
    async with ledger.transaction() as books:
        await books.claim(nonce)
        package = await books.package(offer.package)
        if package is None or package.held or package.agency != submitter.agency:
            raise PackageUnknown
        if earlier := package.admit(offer, await books.part(package.id, offer.number)):
            return PartStored(earlier, new=False, state=package.state)
        if await books.held_documents(package.id):
            raise ContentHeld
        plan = await plans.plan(books, package.id, package.plan_sha256)
        segments = await segments_of(plan, offer.number)
        attempt = Attempt(AttemptId(world.new_id()), package.id, offer.number, world.now())
        await books.open_attempt(attempt, offer)
        planned = await books.planned_keys(package.id, segments[0].position, segments[-1].position)
        return PartAdmitted(offer, attempt, package, segments, planned, await books.package_keys(package.id))


async def store_part(
    admitted: PartAdmitted, body: AsyncIterator[bytes], *, ledger: Ledger, vault: Vault, keys: Keys, world: World
) -> PartStored:
    """Seal one part into the vault, then record it; answer only with what is durable.

    Sizes are plaintext bytes. Attempt, object, row, in that order: a crash leaves an attempt for `reap_attempts`,
    never a row without bytes. Two clients that send the same part at once both store an object; under the package's
    lock one attempt wins, and the other is reaped.

    Raises:
        PartTruncated, PartDigestMismatch, ComponentMismatch: nothing is stored; the attempt is closed.
        PackageNotReceiving: the package was sealed or ended meanwhile; the object is the reaper's.
        PartTooSlow: the reaper has given the attempt up.

    Source: DESIGN 5.3.
    """
    try:
        sealed = await vault.seal_part(await _part_to_seal(admitted, keys), body)  # may take minutes: no transaction
        async with ledger.transaction() as books:
            return await _record(books, admitted, sealed, world)
    except BaseException:
        # Harmless where the commit did happen and only its answer was lost: a won attempt is no longer on record.
        await asyncio.shield(_lose(admitted.attempt, ledger))
        raise


async def _part_to_seal(admitted: PartAdmitted, keys: Keys) -> PartToSeal:
    opened = {key.level: await keys.open_package_key(key) for key in admitted.package_keys}
    crowded = len(admitted.segments) > _CROWDED
    try:
        segment_keys = (
            await asyncio.to_thread(_segment_keys, admitted, opened) if crowded else _segment_keys(admitted, opened)
        )
    except KeyBroken as error:
        raise keys.disown(*admitted.package_keys) from error
    return PartToSeal(
        package=admitted.package.id,
        fonds=admitted.package.fonds,
        version=admitted.package.version,
        attempt=admitted.attempt.id,
        number=admitted.offer.number,
        length=admitted.offer.length,
        sha256=admitted.offer.sha256,
        segments=admitted.segments,
        keys=segment_keys,
    )


def _segment_keys(admitted: PartAdmitted, opened: Mapping[Level, bytes]) -> list[SegmentKey]:
    """The opened key of each segment's component; empty components between them have no segment."""
    by_position = {planned.plan_position: planned for planned in admitted.planned_keys}
    rows = (by_position[segment.position] for segment in admitted.segments)
    return [
        SegmentKey(row.key_id, unwrap_component_key(opened[row.level], row.wrapped_key), row.size, row.sha256)
        for row in rows
    ]


async def _record(books: Books, admitted: PartAdmitted, sealed: SealedPart, world: World) -> PartStored:
    """Transaction 2, under the package's lock: this attempt wins, or learns that another one has."""
    offer, attempt = admitted.offer, admitted.attempt
    package = await books.package(offer.package, lock=True)
    if package is None:
        raise PackageUnknown
    now = world.now()
    if package.plan_sha256 != admitted.package.plan_sha256:  # cut anew between the two transactions
        raise PartNotPlanned(part=offer.number, parts=package.part_count)
    if earlier := package.admit(offer, await books.part(package.id, offer.number)):
        await books.lose_attempt(attempt.id)
        return PartStored(earlier, new=False, state=package.state)
    if not await books.win_attempt(attempt.id):
        raise PartTooSlow(part=offer.number)
    count = package.stored_parts + 1
    state = transition(package.state, Event.STORE_PART)
    if state is not None and count == package.part_count:
        state = transition(state, Event.COMPLETE)
    if state is None:
        raise PackageNotReceiving(state=package.state.value)
    stored = StoredPart(
        number=offer.number,
        attempt=attempt.id,
        sha256=offer.sha256,
        size=offer.length,
        stored_size=sealed.stored_size,
        ciphertext_digest=sealed.ciphertext_digest,
        object_version=sealed.object_version,
        stored_at=now,
        heads=sealed.heads,
    )
    await books.record_part(package.id, stored)
    await books.set_state(package.id, state, stored_parts=count, expires_at=now + UPLOAD_WINDOW)
    if state is State.VERIFYING:
        await books.wake_completion(package.id)
    return PartStored(stored, new=True, state=state)


async def _lose(attempt: Attempt, ledger: Ledger) -> None:
    async with ledger.transaction() as books:
        await books.lose_attempt(attempt.id)
