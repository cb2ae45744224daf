"""Give up a package that is not sealed yet, at the agency's wish or because its time has run out."""

from __future__ import annotations

from services.ingest.domain.states import Event, transition
from services.ingest.usecases.ports import Books, Directory, Ledger, Submitter, World
from services.kernel.identifiers import PackageId
from services.kernel.refusals.packages import AbandonTooLate, PackageUnknown


async def abandon_package(
    package_id: PackageId, submitter: Submitter, *, ledger: Ledger, directory: Directory
) -> None:
    """End a package that has no receipt; its parts become the reaper's. Safe to repeat.

    Raises:
        PackageUnknown: none, or not the caller's.
        AbandonTooLate: all parts are stored, or the package has ended another way.
    """
    async with ledger.transaction() as books:
        package = await books.package(package_id, lock=True)
        if package is None or package.agency not in directory.agencies_followed_by(submitter.agency):
            raise PackageUnknown
        after = transition(package.state, Event.ABANDON)
        if after is None and package.state.value != "abandoned":
            raise AbandonTooLate(state=package.state.value)
        if after is not None:
            await _end(books, package_id, Event.ABANDON)


async def expire_packages(*, ledger: Ledger, world: World, batch: int = 100) -> int:
    """End packages whose 60 days since the last part are over; how many were ended. Safe to repeat."""
    async with ledger.transaction() as books:
        overdue = await books.overdue_packages(world.now(), batch)
        for package_id in overdue:
            await _end(books, package_id, Event.EXPIRE)
    return len(overdue)


async def _end(books: Books, package_id: PackageId, event: Event) -> None:
    package = await books.package(package_id, lock=True)
    if package is None:
        return
    after = transition(package.state, event)
    if after is None:
        return
    await books.withdraw_parts(package_id, await books.part_numbers(package_id))
    await books.set_state(package_id, after, stored_parts=0)
