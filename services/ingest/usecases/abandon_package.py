"""Give up a package that is not sealed yet, at the agency's wish or because its time has run out."""

from __future__ import annotations

from datetime import datetime

from services.ingest.domain.package import Package
from services.ingest.domain.states import Event, State, transition
from services.ingest.usecases.ports import Books, Directory, Ledger, Submitter, World
from services.kernel.canonical import canonical, rfc3339
from services.kernel.identifiers import PackageId
from services.kernel.refusals.incidents import ContentHeld
from services.kernel.refusals.packages import AbandonTooLate, PackageUnknown


async def abandon_package(
    package_id: PackageId, submitter: Submitter, *, ledger: Ledger, directory: Directory, world: World
) -> None:
    """End a package that has no receipt; its parts become the reaper's. Safe to repeat.

    Raises:
        PackageUnknown: none, held, or not the caller's (DECISION-0020).
        ContentHeld: an officer holds some of its documents: what was sent is evidence.
        AbandonTooLate: all parts are stored, or the package has ended another way.
    """
    async with ledger.transaction() as books:
        package = await books.package(package_id, lock=True)
        if package is None or package.held or package.agency not in directory.agencies_followed_by(submitter.agency):
            raise PackageUnknown
        if package.state is State.ABANDONED:
            return
        after = transition(package.state, Event.ABANDON)
        if after is None:
            raise AbandonTooLate(state=package.state.value)
        if await books.held_documents(package.id):
            raise ContentHeld
        await _end(books, package, after, world.now())


async def expire_packages(*, ledger: Ledger, world: World, batch: int = 100) -> int:
    """End packages whose 60 days since the last part are over; how many were ended. Safe to repeat.

    What an officer holds stays, whole or in part: it is evidence.
    """
    now = world.now()
    async with ledger.transaction() as books:
        overdue = await books.overdue_packages(now, batch)
    ended = 0
    for package_id in overdue:
        async with ledger.transaction() as books:
            package = await books.package(package_id, lock=True)
            # Looked at again under the lock: a part or a hold may have come meanwhile.
            after = None if package is None else transition(package.state, Event.EXPIRE)
            if package is None or package.held or await books.held_documents(package.id):
                continue
            if after is not None and package.expires_at < now:
                await _end(books, package, after, now)
                ended += 1
    return ended


async def _end(books: Books, package: Package, after: State, now: datetime) -> None:
    await books.withdraw_parts(package.id)
    await books.set_state(package.id, after, stored_parts=0)
    await books.journal(canonical({"type": after.value, "package": str(package.id), "at": rfc3339(now)}))
