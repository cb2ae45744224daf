"""Restore the packages of an empty database from the store's recovery records.

Officers' rows follow from the act book, holds among them, and what was under way is queued again with the end. Every
package is one transaction's work: its rows and its events' places stand together or not at all, so a killed run
is simply run again. What cannot be believed is told by its name and left out; the mark of the rebuild stays until a run
ends without any, or the operator accepts the loss.

Source: DESIGN promise 1, 7 "Recovery record"; DECISION-0016 (what is not restored, and why).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.ingest.usecases.rebuild_acts import Pages, Replaying, rebuild_acts
from services.kernel.identifiers import PackageId
from services.kernel.sealing.rebuilding import Progress, Records
from services.kernel.sealing.recovered import Placed, Refused


class LogNotRestored(Exception):
    """The database has no leaves: `journal restore` comes first."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did. `unexplained` counts leaves of the log whose event no record brought back."""

    restored: int
    present: int
    refused: tuple[Refused, ...]
    unexplained: int


class EmptyBooks(Replaying, Protocol):
    """The rows of ingest while they are brought back, with the owner's rights."""

    async def begin(self, at: datetime) -> None:
        """Mark the rebuild; go on with one that was not ended.

        Raises:
            NotEmpty, LogNotRestored.
        """

    async def present(self, packages: Sequence[PackageId]) -> Collection[PackageId]: ...

    async def restore(self, placed: Sequence[Placed]) -> Sequence[Refused]:
        """Insert packages with all their rows and attach their events; those that contradict a row are not inserted."""

    async def dangling(self) -> Sequence[Refused]:
        """What only shows once all are there: missing origins, and keys that another record says are destroyed.

        Such keys are removed here: what was erased stays erased.
        """

    async def unexplained(self) -> int: ...

    async def end(self, at: datetime) -> None:
        """The rebuild is ended, and what was under way is queued again, in one transaction."""


class StoredParts(Protocol):
    """The store's parts against the rows that name them."""

    async def lost(self) -> Sequence[Refused]:
        """Every part whose version is not there, or has another length."""


async def rebuild_packages(
    *,
    records: Records,
    pages: Pages,
    parts: StoredParts,
    books: EmptyBooks,
    now: Callable[[], datetime],
    told: Callable[[Progress], None],
    accept_losses: bool = False,
) -> Rebuilt:
    """Bring back every package whose record is believed. Safe to repeat, to kill and to run again.

    Raises:
        NotEmpty, LogNotRestored
        StoreUnavailable, KmsUnavailable, DatabaseUnavailable: run it again.
    """
    await books.begin(now())
    total = await records.count()
    restored = present = 0
    refused: list[Refused] = []
    async for batch in records.batches(books.present):
        contradicting = await books.restore(batch.placed)
        refused += [*batch.refused, *contradicting]
        restored += len(batch.placed) - len(contradicting)
        present += batch.present
        told(Progress(restored + present + len(refused), total, restored, present, len(refused)))
    refused += await books.dangling()
    refused += await parts.lost()
    refused += await rebuild_acts(pages, books)
    if not refused or accept_losses:
        await books.end(now())
    return Rebuilt(restored, present, tuple(refused), await books.unexplained())
