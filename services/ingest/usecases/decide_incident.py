"""Decide an incident: one officer proposes, another confirms, what was ordered is done, then it is closed.

Nothing is undone except by another step; every step is a row that is only inserted and an event of the log.

Source: DESIGN 4 (only an officer's decision lifts a hold), 9 "incident"; DECISION-0020.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from services.ingest.domain.incidents import (
    LIFTS_AT_ONCE,
    NEEDS_INSTRUMENT,
    REMEDIES,
    Decision,
    State,
    may_stay,
)
from services.ingest.domain.states import Event, transition
from services.ingest.usecases.complete_package import CATALOG
from services.ingest.usecases.incident_ports import (
    Actor,
    Incident,
    IncidentBooks,
    IncidentLedger,
    RunningClock,
    Step,
)
from services.ingest.usecases.ports import World
from services.kernel.canonical import canonical, rfc3339
from services.kernel.hold_messages import HoldChanged
from services.kernel.officers import same_person
from services.kernel.refusals.incidents import (
    CorrectionCannotStay,
    CorrectionEmpty,
    CorrectionNotDone,
    DecisionIncomplete,
    ExpulsionNotDone,
    IncidentProposalChanged,
    IncidentSameOfficer,
    IncidentStepImpossible,
    IncidentUnfinished,
    IncidentUnknown,
    RemedyUnknown,
)
from services.kernel.secrecy import DeploymentProfile, Level

PROPOSED: Final = "proposed"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What an officer proposes; `instrument` is the number of the paper it rests on, `due_on` the last day to do it."""

    decision: Decision
    instrument: str | None
    level: Level | None
    due_on: date | None


async def propose_decision(
    incident_id: UUID,
    proposal: Proposal,
    by: Actor,
    *,
    ledger: IncidentLedger,
    world: World,
    deployment: DeploymentProfile,
) -> int:
    """Put a proposal on the trail, in place of an earlier one; the number of its step, which is to be confirmed.

    Raises:
        IncidentUnknown, IncidentStepImpossible: it is decided already.
        DecisionIncomplete: the instrument, or the new level, is missing.
        CorrectionEmpty: the record has that level, and nobody changed it since the opening.
        CorrectionCannotStay: with that level its files may not be here: it is to be expelled.
    """
    needs_level = proposal.decision is Decision.CORRECT_LEVEL and proposal.level is None
    if needs_level or (proposal.decision in NEEDS_INSTRUMENT and not proposal.instrument):
        raise DecisionIncomplete(decision=proposal.decision.value)
    async with ledger.transaction() as books:
        incident = await _incident(books, incident_id, State.OPEN, State.PROPOSED)
        if proposal.decision is Decision.CORRECT_LEVEL and proposal.level is not None:
            if not await _may_stay(books, incident, proposal.level, deployment):
                raise CorrectionCannotStay(level=proposal.level.wire)
            await _require_correction(books, incident, proposal.level)
        now = world.now()
        await books.change_incident(
            incident.id,
            state=State.PROPOSED,
            decision=proposal.decision,
            level=proposal.level,
            due_on=proposal.due_on,
        )
        facts = {
            "decision": proposal.decision.value,
            "instrument": proposal.instrument,
            "level": None if proposal.level is None else proposal.level.wire,
            "due_on": None if proposal.due_on is None else proposal.due_on.isoformat(),
        }
        step = await _step(books, incident, PROPOSED, by, now, facts)
        await books.journal(_event(step))
    return step.number


async def confirm_decision(
    incident_id: UUID, step_number: int, by: Actor, *, ledger: IncidentLedger, world: World
) -> None:
    """Make the proposal of step `step_number` the decision. A release lifts the hold; the rest is ordered.

    Raises:
        IncidentUnknown, IncidentStepImpossible: nothing is proposed.
        IncidentProposalChanged: another proposal stands.
        IncidentSameOfficer: the officer or the client that proposed.
    """
    async with ledger.transaction() as books:
        incident = await _incident(books, incident_id, State.PROPOSED)
        proposed = [step for step in await books.steps(incident.id) if step.kind == PROPOSED][-1]
        if proposed.number != step_number:
            raise IncidentProposalChanged(step=proposed.number)
        if proposed.by is None or same_person(proposed.by, by):
            raise IncidentSameOfficer
        if incident.decision is None:
            raise IncidentStepImpossible(state=incident.state.value)
        now = world.now()
        await books.change_incident(incident.id, state=State.DECIDED)
        facts = {"decision": incident.decision.value, "proposal": proposed.number}
        step = await _step(books, incident, "confirmed", by, now, facts)
        await books.journal(_event(step))
        if incident.decision in LIFTS_AT_ONCE:
            await _lift(books, incident, now, world)
        if incident.decision in REMEDIES:
            due_on = incident.due_on or world.today()
            await books.add_clock(RunningClock(incident.id, incident.decision.value, due_on, None))
        if incident.decision is Decision.EXPEL:
            await books.wake_expulsion(incident.id)


async def record_done(
    incident_id: UUID,
    what: str,
    instrument: str | None,
    by: Actor,
    *,
    ledger: IncidentLedger,
    world: World,
    deployment: DeploymentProfile,
) -> None:
    """Record that something with a clock was done. A corrected level lifts the hold of what may stay with it.

    Raises:
        IncidentUnknown, IncidentStepImpossible: it is closed.
        RemedyUnknown: nothing of this name waits.
        ExpulsionNotDone: keys of what is to be expelled still stand.
        CorrectionNotDone: no step of the classification, recorded since the opening, has made the level decided.
    """
    async with ledger.transaction() as books:
        incident = await _incident(books, incident_id, State.OPEN, State.PROPOSED, State.DECIDED)
        now = world.now()
        if not await books.meet_clock(incident.id, what, now):
            raise RemedyUnknown
        if what == Decision.EXPEL.value:
            await _require_expelled(books, incident)
        if what == Decision.CORRECT_LEVEL.value and incident.level is not None:
            await _require_corrected(books, incident, incident.level)
        step = await _step(books, incident, "done", by, now, {"what": what, "instrument": instrument})
        await books.journal(_event(step))
        corrected = incident.level if what == Decision.CORRECT_LEVEL.value else None
        if corrected is not None and await _may_stay(books, incident, corrected, deployment):
            await _lift(books, incident, now, world)


async def close_incident(incident_id: UUID, by: Actor, *, ledger: IncidentLedger, world: World) -> None:
    """Close a decided incident. What was expelled stays held for ever; its content may not come again.

    Raises:
        IncidentUnknown, IncidentStepImpossible: it is not decided, or closed.
        IncidentUnfinished: a clock runs, or catalog has not confirmed.
    """
    async with ledger.transaction() as books:
        incident = await _incident(books, incident_id, State.DECIDED)
        waiting = sum(clock.met_at is None for clock in await books.clocks(incident.id))
        waiting += incident.hidden_at is None
        if waiting:
            raise IncidentUnfinished(open=waiting)
        now = world.now()
        await books.change_incident(incident.id, state=State.CLOSED, closed_at=now)
        step = await _step(books, incident, "closed", by, now, {})
        await books.journal(_event(step))


async def confirm_hidden(message: UUID, at: datetime, *, ledger: IncidentLedger) -> None:
    """Remember that catalog has hidden what a hold covers; `message` is the hold's id. Nothing for other messages."""
    async with ledger.transaction() as books:
        incident_id = await books.hold_hidden(message, at)
        if incident_id is None:
            return
        incident = await books.incident(incident_id, lock=True)
        if incident is None:
            raise RuntimeError("a hold without its incident")
        step = await _step(books, incident, "hidden", None, at, {"hold": str(message)})
        await books.journal(_event(step))


async def _incident(books: IncidentBooks, incident_id: UUID, *states: State) -> Incident:
    incident = await books.incident(incident_id, lock=True)
    if incident is None:
        raise IncidentUnknown
    if incident.state not in states:
        raise IncidentStepImpossible(state=incident.state.value)
    return incident


async def _step(
    books: IncidentBooks, incident: Incident, kind: str, by: Actor | None, at: datetime, facts: Mapping[str, object]
) -> Step:
    step = Step(incident.id, len(await books.steps(incident.id)) + 1, kind, at, by, facts)
    await books.add_step(step)
    return step


async def _lift(books: IncidentBooks, incident: Incident, now: datetime, world: World) -> None:
    for hold in await books.holds(incident.id):
        await books.lift_hold(hold.id, now)
        items = tuple(await books.items(hold.id))
        message = HoldChanged(world.new_id(), now, hold.id, lifted=True, items=items)
        await books.post(message.id, CATALOG, message.kind, message.to_bytes(), now)
        for package in {item.package for item in items}:
            await books.wake_record(package)
            await books.wake_passed_over(package)
    if incident.document is None:
        await _move(books, incident, Event.RELEASE)


async def _may_stay(books: IncidentBooks, incident: Incident, level: Level, deployment: DeploymentProfile) -> bool:
    has_files = incident.document is None or await books.has_document(incident.package, incident.document)
    return may_stay(level, deployment, has_files=has_files)


async def _require_correction(books: IncidentBooks, incident: Incident, level: Level) -> None:
    """A decision that no step could ever carry out would leave the incident open for ever."""
    stepped = await books.classified_since(incident.package, incident.document, incident.opened_at)
    if not stepped and await books.label(incident.package, incident.document) is level:
        raise CorrectionEmpty(level=level.wire)


async def _require_corrected(books: IncidentBooks, incident: Incident, level: Level) -> None:
    stepped = await books.classified_since(incident.package, incident.document, incident.opened_at)
    if not stepped or await books.label(incident.package, incident.document) is not level:
        raise CorrectionNotDone(level=level.wire)


async def _require_expelled(books: IncidentBooks, incident: Incident) -> None:
    left = sum([await books.keys_left(hold.id) for hold in await books.holds(incident.id)])
    if left:
        raise ExpulsionNotDone(components=left)
    if incident.document is None:
        await _move(books, incident, Event.EXPEL)
        await books.wake_record(incident.package)


async def _move(books: IncidentBooks, incident: Incident, event: Event) -> None:
    """Let the package go on, unless another hold still covers all of it."""
    package = await books.package(incident.package, lock=True)
    after = None if package is None else transition(package.state, event)
    if package is not None and after is not None and not (event is Event.RELEASE and package.held):
        await books.set_state(package.id, after)


def _event(step: Step) -> bytes:
    row = {"kind": step.kind, "facts": dict(step.facts), "officer": None if step.by is None else step.by.officer}
    return canonical(
        {
            "type": "incident_step",
            "incident": str(step.incident),
            "number": step.number,
            "step": step.kind,
            "step_sha256": hashlib.sha256(canonical(row)).hexdigest(),
            "by": None if step.by is None else str(step.by.client),
            "at": rfc3339(step.at),
        }
    )
