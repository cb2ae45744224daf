"""Describe registered packages anew, after the folding or a profile changed, or rows were damaged."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from services.catalog.usecases.ports import Ledger, Manifests, World
from services.catalog.usecases.register_package import reindex_package
from services.kernel.identifiers import PackageId

_PAGE = 500


async def reindex_packages(
    *, ledger: Ledger, manifests: Manifests, world: World, done: Callable[[PackageId], None]
) -> int:
    """Reindex every registered package from ingest's manifests, one transaction each; how many there were.

    `done` is told each package. Readers see the old rows of a package until its new ones stand. Safe to repeat and to
    stop anywhere.

    Raises:
        ManifestAway: ingest does not answer; what was done stays done.
        SealUnfit, ManifestInvalid: a package's manifest does not fit its seal any more.
    """
    count = 0
    async for package in _packages(ledger):
        async with ledger.keeping() as desk:
            deposit = await desk.deposit(package)
        if deposit is None:
            continue
        await reindex_package(deposit, ledger=ledger, manifests=manifests, world=world)
        count += 1
        done(package)
    return count


async def _packages(ledger: Ledger) -> AsyncIterator[PackageId]:
    after: PackageId | None = None
    while True:
        async with ledger.keeping() as desk:
            page = await desk.packages(after=after, limit=_PAGE)
        for package in page:
            yield package
        if len(page) < _PAGE:
            return
        after = page[-1]
