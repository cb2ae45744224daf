"""Describe anew, in an empty catalog, every package of which the store has a believed recovery record.

The manifest and the seal event go the way that a registration goes; what ingest restored is not asked, so that both can
be rebuilt side by side; labels that steps gave since must stand in the catalog before. Safe to kill and to run again: a package that stands is not read again.

Source: DESIGN 7 "Recovery record"; DECISION-0016.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from services.catalog.domain.description import Deposit, Description, SealUnfit, describe
from services.catalog.usecases.ports import Ledger
from services.kernel.erasure_message import ErasedComponent
from services.kernel.identifiers import PackageId
from services.kernel.sealing.rebuilding import Progress, Records
from services.kernel.sealing.recovered import PREFIX, Placed, Refused
from services.kernel.secrecy import Level


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did."""

    restored: int
    present: int
    refused: tuple[Refused, ...]


class Mark(Protocol):
    """That the catalog is being rebuilt."""

    async def begin(self, at: datetime) -> None:
        """Go on with a rebuild that was not ended. Raises NotEmpty."""

    async def end(self, at: datetime) -> None: ...


async def rebuild_catalog(
    *,
    records: Records,
    mark: Mark,
    ledger: Ledger,
    now: Callable[[], datetime],
    told: Callable[[Progress], None],
    accept_losses: bool = False,
) -> Rebuilt:
    """Shelve every package whose record is believed, one transaction each.

    Raises:
        NotEmpty
        StoreUnavailable, KmsUnavailable, DatabaseUnavailable: run it again.
    """

    async def present(packages: Sequence[PackageId]) -> Collection[PackageId]:
        async with ledger.keeping() as desk:
            return {package for package in packages if await desk.has_package(package)}

    await mark.begin(now())
    total = await records.count()
    restored = stood = 0
    refused: list[Refused] = []
    async for batch in records.batches(present):
        refused += batch.refused
        stood += batch.present
        for placed in batch.placed:
            async with ledger.keeping() as desk:
                labels = await desk.labels(placed.believed.record.package.id)
            try:
                description = await asyncio.to_thread(_described, placed, labels)
            except (SealUnfit, ValueError, TypeError) as error:
                package = placed.believed.record.package.id
                refused.append(Refused(f"{PREFIX}{package}", "record-inconsistent", type(error).__name__))
                continue
            async with ledger.keeping() as desk:
                await desk.alone_with(description.deposit.chain)
                await desk.shelve(description, now())
                await desk.take_erased(_erased(placed))
                await desk.settle_holds(description.deposit.package)
            restored += 1
        told(Progress(restored + stood + len(refused), total, restored, stood, len(refused)))
    if not refused or accept_losses:
        await mark.end(now())
    return Rebuilt(restored, stood, tuple(refused))


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
