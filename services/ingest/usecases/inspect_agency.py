"""Inspections of agencies by the police: each step in the trail and in the log in one transaction.

Source: DESIGN 9 "Inspection".
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.ingest.domain.inspections import Inspection, InspectionStep
from services.ingest.usecases.inspection_ports import AgencyNames, InspectionLedger, RecordedInspectionStep
from services.ingest.usecases.ports import World
from services.kernel.canonical import canonical, rfc3339
from services.kernel.identifiers import AgencyId, ClientId
from services.kernel.refusals.inspections import InspectedAgencyUnknown, InspectionDayInvalid, InspectionUnknown


@dataclass(frozen=True, slots=True)
class Inspector:
    """The officer who records."""

    client: ClientId
    officer: str | None


@dataclass(frozen=True, slots=True)
class ShownInspection:
    """An inspection with its whole trail."""

    id: UUID
    agency: AgencyId
    inspection: Inspection
    trail: tuple[RecordedInspectionStep, ...]


async def open_inspection(
    agency: AgencyId,
    step: InspectionStep,
    facts: Mapping[str, object],
    inspector: Inspector,
    *,
    ledger: InspectionLedger,
    names: AgencyNames,
    world: World,
) -> ShownInspection:
    """Begin the trail of an inspection that took place.

    Raises:
        InspectedAgencyUnknown, InspectionDayInvalid
    """
    if step.on > world.today():
        raise InspectionDayInvalid
    if not names.agency_exists(agency, step.on):
        raise InspectedAgencyUnknown
    first = RecordedInspectionStep(
        world.new_id(), 1, agency, step, facts, inspector.client, inspector.officer, world.now()
    )
    async with ledger.transaction() as books:
        await books.add_inspection_step(first)
        await books.journal(_event(first))
    return shown([first])


async def add_step(
    inspection: UUID,
    step: InspectionStep,
    facts: Mapping[str, object],
    inspector: Inspector,
    *,
    ledger: InspectionLedger,
    world: World,
) -> ShownInspection:
    """Add a step to an inspection's trail.

    Raises:
        InspectionUnknown, InspectionStepUnfit, InspectionFindingsOpen, InspectionDayInvalid
    """
    async with ledger.transaction() as books:
        trail = await books.trail(inspection, lock=True)
        if not trail:
            raise InspectionUnknown
        shown(trail).inspection.require(step, world.today())
        recorded = RecordedInspectionStep(
            inspection, len(trail) + 1, trail[0].agency, step, facts, inspector.client, inspector.officer, world.now()
        )
        await books.add_inspection_step(recorded)
        await books.journal(_event(recorded))
    return shown([*trail, recorded])


async def read_inspection(inspection: UUID, *, ledger: InspectionLedger) -> ShownInspection:
    """Raises InspectionUnknown."""
    async with ledger.transaction() as books:
        trail = await books.trail(inspection)
    if not trail:
        raise InspectionUnknown
    return shown(trail)


async def list_inspections(
    agency: AgencyId | None, *, after: UUID | None, limit: int, ledger: InspectionLedger
) -> list[ShownInspection]:
    """A page, in the order in which they were recorded."""
    async with ledger.transaction() as books:
        return [shown(trail) for trail in await books.trails(agency, after=after, limit=limit)]


def shown(trail: Sequence[RecordedInspectionStep]) -> ShownInspection:
    """What a trail adds up to."""
    first = trail[0]
    return ShownInspection(first.inspection, first.agency, Inspection.of(entry.step for entry in trail), tuple(trail))


def _event(recorded: RecordedInspectionStep) -> bytes:
    step = recorded.step
    row = canonical(
        {
            "kind": step.kind.value,
            "on": step.on.isoformat(),
            "finding": step.finding,
            "violation": None if step.violation is None else step.violation.value,
            "due_on": None if step.due_on is None else step.due_on.isoformat(),
            "facts": dict(recorded.facts),
            "officer": recorded.officer,
        }
    )
    return canonical(
        {
            "type": "inspection_step",
            "inspection": str(recorded.inspection),
            "number": recorded.number,
            "agency": str(recorded.agency),
            "kind": step.kind.value,
            "client": str(recorded.client),
            "row_sha256": hashlib.sha256(row).hexdigest(),
            "at": rfc3339(recorded.at),
        }
    )
