"""Replace the stored copies of parts that hold erased segments: run by the custodian's worker, with its own credential.

For each part, under the package's lock: a copy with those segments zeroed is durable and on hold → its row names the
copy, in one transaction with the log event and the recovery record → under the lock again, the hold of every other
version is lifted and it is removed → the part is off the list. A crash at any point is finished by the next run: a stray
copy goes with the older versions. At no point does a row or a record name bytes that are gone.

Source: DESIGN 7; FORMATS 3 (what is zeroed); DECISION-0018.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TypeVar
from uuid import UUID

from services.ingest.domain.package import Package, StoredPart
from services.ingest.usecases.erasure_ports import Copy, Custody, PartToReplace
from services.ingest.usecases.plans import PlanSource, segments_of
from services.ingest.usecases.ports import Books, Keys, Ledger, Vault, World
from services.ingest.usecases.renew_record import draw_record_key, renew_record
from services.kernel.canonical import canonical, rfc3339
from services.kernel.identifiers import PackageId
from services.kernel.sealing.header import HEADER_LENGTH

BATCH = 8
"""Parts to one writing of a package's recovery record: that of 100,000 components takes seconds."""

_Row = TypeVar("_Row")


class AttemptsStand(Exception):
    """An upload left bytes in the store, or is under way; the reaper removes them, and then the erasure is finished."""


async def finish_erasure(
    erasure_id: UUID,
    *,
    plans: PlanSource,
    ledger: Ledger,
    custody: Custody,
    vault: Vault,
    keys: Keys,
    world: World,
) -> bool:
    """Whether there was something left to finish. Safe to repeat and to run twice.

    Raises:
        StoreUnavailable, KmsUnavailable, StoredPartMissing, RecordKeyStale, AttemptsStand: to be tried again by the queue.
    """
    async with ledger.transaction() as books:
        erasure = await books.erasures.find(erasure_id)
    if erasure is None or erasure.finished_at is not None:
        return False
    while True:
        async with ledger.transaction() as books:
            batch = await books.erasures.open_parts(erasure_id, BATCH)
        if not batch:
            break
        for package, parts in groupby(batch, key=lambda part: part.package):
            await _replace(erasure_id, package, list(parts), plans, ledger, custody, vault, keys, world)
    async with ledger.transaction() as books:
        standing = await books.erasures.find(erasure_id)
        if standing is None or standing.finished_at is not None:
            return False
        origins = {origin for origin, _ in await books.erasures.positions(standing.components)}
        if any([await books.has_attempts(package) for package in sorted({standing.order.package, *origins})]):
            raise AttemptsStand
        now = world.now()
        if not await books.erasures.finish(erasure_id, now):
            return False  # another worker was first
        await books.journal(
            canonical({"type": "erasure_finished", "erasure": str(erasure_id), "finished_at": rfc3339(now)})
        )
    return True


async def _replace(
    erasure_id: UUID,
    package_id: PackageId,
    parts: Sequence[PartToReplace],
    plans: PlanSource,
    ledger: Ledger,
    custody: Custody,
    vault: Vault,
    keys: Keys,
    world: World,
) -> None:
    """Copies and rows under the package's lock, then the removal of what is older under it again.

    A copy that no row names yet is thus never seen by a removal whose run could still have its row name it.
    """
    fresh = [part.number for part in parts if not part.replaced]
    if fresh:
        async with ledger.transaction() as books:
            package, rows = await books.package(package_id), await books.components(package_id)
        drawn = await draw_record_key(_standing(package), rows, keys)
        async with ledger.transaction() as books:
            package = _standing(await books.package(package_id, lock=True))
            for number in fresh:
                standing, spans = await _spans(books, package, number, plans)
                copy = await custody.zero(standing, spans)
                if await books.erasures.replace_part(erasure_id, package_id, number, copy):
                    await books.journal(_replaced_event(erasure_id, package_id, number, copy, rfc3339(world.now())))
            await renew_record(books, package_id, drawn, vault=vault, world=world)
    async with ledger.transaction() as books:
        await books.package(package_id, lock=True)
        for part in parts:
            row = _standing(await books.part(package_id, part.number))
            await custody.keep_only(row.attempt, row.object_version)
            await books.erasures.forget_part(erasure_id, package_id, part.number)


async def _spans(
    books: Books, package: Package, number: int, plans: PlanSource
) -> tuple[StoredPart, list[tuple[int, int]]]:
    """The part as it stands, and which bytes of its object are to be zeros: what follows the header of dead segments."""
    standing = _standing(await books.part(package.id, number))
    plan = await plans.plan(books, package.id, package.plan_sha256)
    segments = await segments_of(plan, number)
    dead = await books.erasures.without_key(package.id, segments[0].position, segments[-1].position)
    return standing, [
        (segment.stored_offset + HEADER_LENGTH, segment.stored_offset + segment.stored_length)
        for segment in segments
        if segment.position in dead
    ]


def _standing(found: _Row | None) -> _Row:
    if found is None:
        raise LookupError("a sealed package and its parts stand for ever")
    return found


def _replaced_event(erasure_id: UUID, package: PackageId, number: int, copy: Copy, at: str) -> bytes:
    return canonical(
        {
            "type": "part_replaced",
            "erasure": str(erasure_id),
            "package": str(package),
            "part": number,
            "before_sha256": copy.before.hex(),
            "after_sha256": copy.after.hex(),
            "replaced_at": at,
        }
    )
