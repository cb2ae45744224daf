"""The register of media that held state secrets: each step in the trail and in the log in one transaction.

Source: domain notes §3 rule 29; DECISION-0032.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.ingest.domain.media import Medium, MediumKind, MediumStep
from services.ingest.usecases.inspection_ports import AgencyNames
from services.ingest.usecases.ports import World
from services.kernel.canonical import canonical, rfc3339
from services.kernel.identifiers import AgencyId
from services.kernel.refusals.inspections import InspectedAgencyUnknown
from services.kernel.refusals.media import MediumDayInvalid, MediumUnknown


@dataclass(frozen=True, slots=True)
class RegisteredMedium:
    """Which medium: whose, what, and the mark by which it is found. No title of a record belongs into a mark."""

    id: UUID
    agency: AgencyId
    kind: MediumKind
    mark: str


@dataclass(frozen=True, slots=True)
class RecordedMediumStep:
    """A step with what is kept of it; `instrument` is the number of the minutes."""

    medium: RegisteredMedium
    number: int
    step: MediumStep
    instrument: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ShownMedium:
    """A medium with its whole trail."""

    registered: RegisteredMedium
    medium: Medium
    trail: tuple[RecordedMediumStep, ...]

    @classmethod
    def of(cls, trail: Sequence[RecordedMediumStep]) -> ShownMedium:
        return cls(trail[0].medium, Medium.of(entry.step for entry in trail), tuple(trail))


class MediaBooks(Protocol):
    """Media within one transaction."""

    async def medium_trail(self, medium: UUID, *, lock: bool = False) -> list[RecordedMediumStep]: ...

    async def media(self, agency: AgencyId | None, *, after: UUID | None, limit: int) -> list[list[RecordedMediumStep]]:
        """Whole trails in the order of the media's ids."""

    async def add_medium_step(self, recorded: RecordedMediumStep) -> None: ...

    async def journal(self, event: bytes) -> UUID:
        """Append to the log in this transaction."""


class MediaLedger(Protocol):
    """Opens transactions on media."""

    def transaction(self) -> AbstractAsyncContextManager[MediaBooks]: ...


async def register_medium(
    medium: RegisteredMedium,
    step: MediumStep,
    instrument: str,
    *,
    ledger: MediaLedger,
    names: AgencyNames,
    world: World,
) -> ShownMedium:
    """Begin a medium's trail.

    Raises:
        MediumDayInvalid, InspectedAgencyUnknown
    """
    if step.on > world.today():
        raise MediumDayInvalid
    if not names.agency_exists(medium.agency, step.on):
        raise InspectedAgencyUnknown
    first = RecordedMediumStep(medium, 1, step, instrument, world.now())
    async with ledger.transaction() as books:
        await books.add_medium_step(first)
        await books.journal(_event(first))
    return ShownMedium.of([first])


async def add_medium_step(
    medium: UUID, step: MediumStep, instrument: str, *, ledger: MediaLedger, world: World
) -> ShownMedium:
    """Add a step; using a medium again is refused until another person has verified that it was wiped.

    Raises:
        MediumUnknown, MediumDayInvalid, MediumStepUnfit, MediumSamePerson, MediumNotWiped
    """
    async with ledger.transaction() as books:
        trail = await books.medium_trail(medium, lock=True)
        if not trail:
            raise MediumUnknown
        shown = ShownMedium.of(trail)
        shown.medium.require(step, world.today())
        recorded = RecordedMediumStep(shown.registered, len(trail) + 1, step, instrument, world.now())
        await books.add_medium_step(recorded)
        await books.journal(_event(recorded))
    return ShownMedium.of([*trail, recorded])


async def list_media(
    agency: AgencyId | None, *, after: UUID | None, limit: int, ledger: MediaLedger
) -> list[ShownMedium]:
    """A page, in the order of registering."""
    async with ledger.transaction() as books:
        return [ShownMedium.of(trail) for trail in await books.media(agency, after=after, limit=limit)]


def _event(recorded: RecordedMediumStep) -> bytes:
    step, medium = recorded.step, recorded.medium
    row = {
        "kind": medium.kind.value,
        "mark": medium.mark,
        "on": step.on.isoformat(),
        "level": step.level.wire,
        "instrument": recorded.instrument,
        "officer": step.officer,
    }
    return canonical(
        {
            "type": "medium_step",
            "medium": str(medium.id),
            "number": recorded.number,
            "agency": str(medium.agency),
            "step": step.kind.value,
            "client": str(step.client),
            "row_sha256": hashlib.sha256(canonical(row)).hexdigest(),
            "at": rfc3339(recorded.at),
        }
    )
