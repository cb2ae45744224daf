"""What a submitter may see of its own packages; everything else answers like an absent one."""

from __future__ import annotations

from dataclasses import dataclass

from services.ingest.domain.package import Package
from services.ingest.domain.ranges import missing_ranges
from services.ingest.domain.states import HAS_RECEIPT, State
from services.ingest.usecases.ports import Books, Directory, Ledger, PackageDescription, Receipts, Submitter
from services.kernel.identifiers import PackageId
from services.kernel.refusals.packages import PackageUnknown


@dataclass(frozen=True, slots=True)
class PackageStatus:
    """A package, which parts it lacks (inclusive ranges), and what was found."""

    package: Package
    description: PackageDescription
    missing: list[tuple[int, int]]
    findings: list[tuple[str, str, str, str]]


async def own_package(books: Books, package_id: PackageId, submitter: Submitter, directory: Directory) -> Package:
    """The package, where it is the caller's or a predecessor's.

    Raises:
        PackageUnknown: alike for an absent one and another agency's.
    """
    package = await books.package(package_id)
    if package is None or package.agency not in directory.agencies_followed_by(submitter.agency):
        raise PackageUnknown
    return package


async def package_status(
    package_id: PackageId, submitter: Submitter, *, ledger: Ledger, directory: Directory
) -> PackageStatus:
    """The one status address (DESIGN 5.4)."""
    async with ledger.transaction() as books:
        package = await own_package(books, package_id, submitter, directory)
        return PackageStatus(
            package,
            await books.description(package_id),
            missing_ranges(package.part_count, await books.part_numbers(package_id)),
            await books.findings(package_id),
        )


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


async def package_receipt(
    package_id: PackageId, submitter: Submitter, *, ledger: Ledger, directory: Directory, receipts: Receipts
) -> bytes | State:
    """The receipt's bytes, or the state that explains why there is none yet."""
    async with ledger.transaction() as books:
        package = await own_package(books, package_id, submitter, directory)
    if package.state in HAS_RECEIPT and package.seal_event is not None:
        receipt = await receipts.receipt(package.seal_event)
        if receipt is not None:
            return receipt
    return package.state
