"""What a submitter may see of its own packages; everything else answers like an absent one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from services.ingest.domain.package import Package
from services.ingest.domain.ranges import missing_ranges
from services.ingest.domain.states import HAS_RECEIPT, State
from services.ingest.usecases.declare_package import kept_refusal
from services.ingest.usecases.kept_refusals import restored
from services.ingest.usecases.ports import (
    Books,
    Directory,
    Finding,
    Ledger,
    PackageDescription,
    Receipts,
    Submitter,
    World,
)
from services.kernel.identifiers import PackageId
from services.kernel.refusals import Refusal
from services.kernel.refusals.packages import DeclarationLost, PackageUnknown

LOST_AFTER = timedelta(seconds=30)
"""A declaration whose instance has given no sign of life for so long is gone."""
_LOOK_AGAIN = 1.0  # seconds between looks at a package that is still being verified


@dataclass(frozen=True, slots=True)
class PackageStatus:
    """A package, which parts it lacks (inclusive ranges), and what was found."""

    package: Package
    description: PackageDescription
    missing: list[tuple[int, int]]
    findings: list[Finding]


@dataclass(frozen=True, slots=True)
class Judging:
    """A large manifest is still being judged."""

    package: PackageId


@dataclass(frozen=True, slots=True)
class Refused:
    """A declaration that ended with a refusal."""

    package: PackageId
    refusal: Refusal


async def own_package(books: Books, package_id: PackageId, submitter: Submitter, directory: Directory) -> Package:
    """The package, where it is the caller's or a predecessor's.

    Raises:
        PackageUnknown: alike for an absent one and another agency's.
    """
    package = await books.package(package_id)
    if package is None or package.held or package.agency not in directory.agencies_followed_by(submitter.agency):
        raise PackageUnknown
    return package


async def package_status(
    package_id: PackageId, submitter: Submitter, *, ledger: Ledger, directory: Directory, world: World
) -> PackageStatus | Judging | Refused:
    """The one status address (DESIGN 5.4).

    Raises:
        PackageUnknown: none, or not the caller's.
        DeclarationLost: the instance that judged the manifest is gone.
    """
    followed = directory.agencies_followed_by(submitter.agency)
    async with ledger.transaction() as books:
        package = await books.package(package_id)
        if package is not None and not package.held and package.agency in followed:
            return await _status(books, package)
        refused = await books.refused(package_id)
        if refused is not None and refused.agency in followed:
            return Refused(package_id, kept_refusal(refused))
        declaration = await books.declaration(package_id)
        if declaration is None or declaration.agency not in followed:
            raise PackageUnknown
        match declaration.outcome:
            case {"package": str(standing)}:
                return await _status(books, await own_package(books, PackageId(UUID(standing)), submitter, directory))
            case dict(outcome):
                return Refused(package_id, restored(outcome))
        if world.now() - declaration.seen_at > LOST_AFTER:
            raise DeclarationLost
        return Judging(package_id)


async def _status(books: Books, package: Package) -> PackageStatus:
    missing: list[tuple[int, int]] = []
    if not package.complete:
        missing = missing_ranges(package.part_count, await books.part_numbers(package.id))
    description, findings = await books.description(package.id), await books.findings(package.id)
    held = await books.held_documents(package.id)
    if held:
        description, findings = (
            _without(description, held),
            [entry for entry in findings if not _of(entry.pointer, held)],
        )
    return PackageStatus(package, description, missing, findings)


def _without(description: PackageDescription, held: frozenset[int]) -> PackageDescription:
    """What may be said of the documents that no officer holds."""
    return PackageDescription(
        tuple(entry for entry in description.verdicts if not _of(entry.pointer, held)),
        tuple(entry for entry in description.not_planned if not _of(entry[0], held)),
        tuple(entry for entry in description.warnings if not _of(entry[0], held)),
        tuple(entry for entry in description.levels if entry[0] not in held),
    )


def _of(pointer: str, held: frozenset[int]) -> bool:
    """Whether a pointer into the manifest leads into one of these documents."""
    steps = pointer.split("/")
    return steps[1:2] == ["documents"] and len(steps) > 2 and steps[2].isdecimal() and int(steps[2]) in held


async def list_packages(
    submitter: Submitter,
    *,
    after: PackageId | None,
    limit: int,
    state: State | None,
    ledger: Ledger,
    directory: Directory,
) -> list[Package]:
    """The caller's packages in the order of their ids, which is the order of declaration."""
    async with ledger.transaction() as books:
        return await books.packages_of(
            directory.agencies_followed_by(submitter.agency), after=after, limit=limit, state=state
        )


async def package_document(
    package_id: PackageId, submitter: Submitter, *, manifest: bool, ledger: Ledger, directory: Directory
) -> bytes:
    """The manifest as it was declared, or the canonical plan.

    Raises:
        PackageUnknown: none, not the caller's, or an officer holds some of it.
    """
    async with ledger.transaction() as books:
        await own_package(books, package_id, submitter, directory)
        if await books.held_documents(package_id):  # neither can be shown in part: its digest is what was agreed
            raise PackageUnknown
        return await (books.manifest(package_id) if manifest else books.plan(package_id))


async def package_receipt(
    package_id: PackageId,
    submitter: Submitter,
    *,
    wait: float,
    ledger: Ledger,
    directory: Directory,
    receipts: Receipts,
    world: World,
) -> bytes | State:
    """The receipt's bytes, or after `wait` seconds the state that explains why there is none yet.

    Waits only for what comes by itself: the verification and the checkpoint. A package that lacks parts or has ended
    is told at once.

    Raises:
        PackageUnknown: none, or not the caller's.
    """
    until = world.now() + timedelta(seconds=wait)
    while True:
        async with ledger.transaction() as books:
            package = await own_package(books, package_id, submitter, directory)
        if package.state in HAS_RECEIPT and package.seal_event is not None:
            receipt = await receipts.receipt(package.seal_event)
            if receipt is not None:
                return receipt
        elif package.state is not State.VERIFYING:
            return package.state
        left = (until - world.now()).total_seconds()
        if left <= 0:
            return package.state
        await receipts.grown(min(left, _LOOK_AGAIN))
