"""Describe anew, in an empty catalog, every package of which the store has a believed recovery record.

The manifest and the seal event go the way that a registration goes. What officers decided since, holds and labels, is
what ingest's rows say that it told: they come back first, and every package is shelved under them in one transaction.
Safe to kill and to run again: a package that stands is not read again.

Source: DESIGN 7 "Recovery record"; DECISION-0016, DECISION-0023.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from services.catalog.domain.description import Deposit, Description, SealUnfit, describe
from services.catalog.usecases.ports import KeptLabels
from services.kernel.erasure_message import ErasedComponent
from services.kernel.hold_messages import HoldChanged
from services.kernel.identifiers import PackageId
from services.kernel.sealing.rebuilding import Batch, Progress, Records
from services.kernel.sealing.recovered import PREFIX, Placed, Refused
from services.kernel.secrecy import Level


class IngestFirst(Exception):
    """Ingest's own rows are not back yet: `ingest rebuild` comes first."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did."""

    restored: int
    present: int
    refused: tuple[Refused, ...]


class Facts(Protocol):
    """What ingest's rows say that catalog was told before the loss."""

    async def whole(self) -> bool:
        """Whether ingest's rows stand, as they did or rebuilt to the end."""

    async def holds(self) -> Sequence[HoldChanged]:
        """Every hold that was placed, and that it was lifted."""

    async def labels(self, packages: Sequence[PackageId]) -> Mapping[PackageId, KeptLabels]:
        """The labels of those packages of which catalog was told any."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One package as it is to be shelved."""

    description: Description
    erased: Sequence[ErasedComponent]
    labels: KeptLabels | None


class EmptyShelves(Protocol):
    """The catalog's rows while they are brought back."""

    async def begin(self, at: datetime) -> None:
        """Mark the rebuild; go on with one that was not ended. Raises NotEmpty."""

    async def take_holds(self, holds: Sequence[HoldChanged]) -> None: ...

    async def present(self, packages: Sequence[PackageId]) -> Collection[PackageId]: ...

    async def shelve(self, entries: Sequence[Entry], at: datetime) -> Sequence[Refused]:
        """Insert packages with all their rows, hidden as they must be; those that contradict a row are not inserted."""

    async def end(self, at: datetime) -> None: ...


async def rebuild_catalog(
    *,
    records: Records,
    facts: Facts,
    shelves: EmptyShelves,
    now: Callable[[], datetime],
    told: Callable[[Progress], None],
    accept_losses: bool = False,
) -> Rebuilt:
    """Shelve every package whose record is believed, a batch in one transaction.

    Raises:
        NotEmpty, IngestFirst
        StoreUnavailable, KmsUnavailable, DatabaseUnavailable: run it again.
    """
    if not await facts.whole():
        raise IngestFirst
    await shelves.begin(now())
    await shelves.take_holds(await facts.holds())
    total = await records.count()
    restored = stood = 0
    refused: list[Refused] = []
    async for batch in records.batches(shelves.present):
        labels = await facts.labels([placed.believed.record.package.id for placed in batch.placed])
        entries, unfit = await asyncio.to_thread(_entries, batch, labels)
        contradicting = await shelves.shelve(entries, now())
        refused += [*batch.refused, *unfit, *contradicting]
        restored += len(entries) - len(contradicting)
        stood += batch.present
        told(Progress(restored + stood + len(refused), total, restored, stood, len(refused)))
    if not refused or accept_losses:
        await shelves.end(now())
    return Rebuilt(restored, stood, tuple(refused))


def _entries(batch: Batch, labels: Mapping[PackageId, KeptLabels]) -> tuple[list[Entry], list[Refused]]:
    entries: list[Entry] = []
    unfit: list[Refused] = []
    for placed in batch.placed:
        package = placed.believed.record.package.id
        kept = labels.get(package)
        try:
            description = _described(placed, {} if kept is None else kept.labels)
        except (SealUnfit, ValueError, TypeError) as error:
            unfit.append(Refused(f"{PREFIX}{package}", "record-inconsistent", type(error).__name__))
        else:
            entries.append(Entry(description, _erased(placed), kept))
    return entries, unfit


def _erased(placed: Placed) -> list[ErasedComponent]:
    """What the record says is gone; where another version's record tells more, that one adds it."""
    return [
        ErasedComponent(component.id, component.erasure.at, component.erasure.expelled)
        for component in placed.believed.record.components
        if component.erasure is not None
    ]


def _described(placed: Placed, labels: Mapping[int, Level]) -> Description:
    record = placed.believed.record
    facts, shown = record.package, record.description
    return describe(
        Deposit(
            package=facts.id,
            chain=facts.chain,
            version=facts.version,
            supersedes=facts.supersedes,
            agency=facts.agency,
            fonds=facts.fonds,
            fonds_code=facts.fonds_code,
            manifest_sha256=placed.believed.manifest.sha256,
            not_planned=tuple(
                str(pointer) for pointer, reason in _pairs(shown["not_planned"]) if reason != "referenced"
            ),
            levels={int(document): Level(level) for document, level in _pairs(shown["levels"])},
            components=tuple(component.id for component in record.components),
            sealed_at=facts.sealed_at,
            classified=labels,
        ),
        placed.believed.manifest,
    )


def _pairs(value: object) -> list[tuple[Any, Any]]:
    """A list of pairs. Raises ValueError, TypeError."""
    if not isinstance(value, list):
        raise TypeError("not a list")
    return [(first, second) for first, second in value]
