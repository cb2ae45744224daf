"""Record what a decision did to agencies: which ended, and which follow them."""

from __future__ import annotations

from services.auth.domain.agencies import Agency, End, Reorganisation, Succession, closes_a_circle
from services.auth.domain.facts import log_event, succession_fact
from services.auth.usecases.close_agency import end_agency
from services.auth.usecases.ports import Ledger, Records, Registrar, World
from services.auth.usecases.register_agency import known_agency
from services.kernel.refusals.identity import (
    AgencyDatesInvalid,
    SuccessionInvalid,
    SuccessionPartiesInvalid,
    SuccessionTaken,
)


async def record_succession(event: Reorganisation, registrar: Registrar, *, ledger: Ledger, world: World) -> None:
    """One event, whole or not at all; safe to repeat.

    Predecessors of a merger, a split or a dissolution end on its day, unless their end is recorded already; from that
    day on the successors submit for their fonds and follow their packages. A detached part follows nothing.

    Raises:
        AgencyUnknown: a party is not registered.
        SuccessionPartiesInvalid: too many or too few on a side.
        SuccessionInvalid: an agency would come before itself.
        SuccessionTaken: recorded for that day with another kind or instrument.
        AgencyDatesInvalid: a successor is not there on that day, or a predecessor not before it.
    """
    parties = [*event.predecessors, *event.successors]
    if len(set(parties)) != len(parties) or not event.kind.takes(len(event.predecessors), len(event.successors)):
        raise SuccessionPartiesInvalid
    async with ledger.transaction() as records:
        await records.alone()
        predecessors = [await known_agency(records, agency) for agency in event.predecessors]
        successors = [await known_agency(records, agency) for agency in event.successors]
        known = await records.successions()
        new = [entry for entry in event.successions() if entry not in known]
        for entry in new:
            _demand_place(entry, known)
        if not new:
            return
        if not all(agency.exists_on(event.effective_on) for agency in successors):
            raise AgencyDatesInvalid(day=event.effective_on.isoformat())
        for agency in predecessors:
            await _close(records, agency, event, registrar, world)
        for entry in new:
            await _add(records, entry, registrar, world)


def _demand_place(entry: Succession, known: list[Succession]) -> None:
    parties = (entry.predecessor, entry.successor, entry.effective_on)
    if any((other.predecessor, other.successor, other.effective_on) == parties for other in known):
        raise SuccessionTaken
    if entry.kind.ends_the_predecessor and closes_a_circle(entry.predecessor, entry.successor, known):
        raise SuccessionInvalid


async def _close(records: Records, agency: Agency, event: Reorganisation, registrar: Registrar, world: World) -> None:
    """End a predecessor with the event; one that ended before may be followed later, none is followed before its end."""
    if not agency.valid_from < event.effective_on:
        raise AgencyDatesInvalid(day=event.effective_on.isoformat())
    if not event.kind.ends_the_predecessor:
        if not agency.exists_on(event.effective_on):
            raise AgencyDatesInvalid(day=event.effective_on.isoformat())
    elif agency.end is None:
        await end_agency(records, agency, End(event.effective_on, event.instrument), registrar, world)
    elif event.effective_on < agency.end.on:
        raise AgencyDatesInvalid(day=event.effective_on.isoformat())


async def _add(records: Records, entry: Succession, registrar: Registrar, world: World) -> None:
    now = world.now()
    await records.add_succession(entry, now)
    fact = succession_fact(entry)
    await records.publish(fact, now)
    await records.journal(
        log_event(
            "succession-recorded",
            by=registrar.client,
            at=now,
            row=fact,
            predecessor=str(entry.predecessor),
            successor=str(entry.successor),
        )
    )
