"""Record that an agency ended, or that it is called otherwise from a day on."""

from __future__ import annotations

from services.auth.domain.agencies import Agency, End, Name
from services.auth.domain.facts import agency_ended_fact, agency_renamed_fact, log_event
from services.auth.usecases.ports import Ledger, Records, Registrar, World
from services.auth.usecases.register_agency import known_agency
from services.kernel.identifiers import AgencyId
from services.kernel.refusals.identity import AgencyDatesInvalid, AgencyEnded, AgencyNameTaken


async def close_agency(agency_id: AgencyId, end: End, registrar: Registrar, *, ledger: Ledger, world: World) -> Agency:
    """From that day on the agency is no more: its codes, its fonds and its deposits end with it. Safe to repeat.

    Nobody follows it until a succession says who does.

    Raises:
        AgencyUnknown.
        AgencyEnded: another end is recorded.
        AgencyDatesInvalid: it would end before it began, or before something that is recorded of it.
    """
    async with ledger.transaction() as records:
        await records.alone()
        before = await known_agency(records, agency_id)
        if before.end == end:
            return before
        if before.end is not None:
            raise AgencyEnded(ended_on=before.end.on.isoformat())
        await end_agency(records, before, end, registrar, world)
        return await known_agency(records, agency_id)


async def end_agency(records: Records, agency: Agency, end: End, registrar: Registrar, world: World) -> None:
    """Within a change of the registry, of an agency that has no end.

    Raises:
        AgencyDatesInvalid
    """
    recorded = [agency.valid_from, *(name.valid_from for name in agency.names)]
    if end.on <= max(recorded) or await _is_needed_from(records, agency.id, end):
        raise AgencyDatesInvalid(day=end.on.isoformat())
    now = world.now()
    await records.end_agency(agency.id, end, now)
    fact = agency_ended_fact(agency.id, end)
    await records.publish(fact, now)
    await records.journal(log_event("agency-ended", by=registrar.client, at=now, row=fact, agency=str(agency.id)))


async def rename_agency(
    agency_id: AgencyId, name: Name, registrar: Registrar, *, ledger: Ledger, world: World
) -> Agency:
    """The same body under another name: its clients, codes and fonds go on. Safe to repeat.

    Raises:
        AgencyUnknown.
        AgencyDatesInvalid: it was not there on that day, or not yet the day before.
        AgencyNameTaken: another name, or another instrument, is recorded for that day.
    """
    async with ledger.transaction() as records:
        await records.alone()
        before = await known_agency(records, agency_id)
        if name in before.names:
            return before
        if any(name.valid_from == other.valid_from and other.instrument is not None for other in before.names):
            raise AgencyNameTaken
        if name.valid_from <= before.valid_from or not before.exists_on(name.valid_from):
            raise AgencyDatesInvalid(day=name.valid_from.isoformat())
        now = world.now()
        await records.add_name(agency_id, name, now)
        fact = agency_renamed_fact(agency_id, name)
        await records.publish(fact, now)
        await records.journal(log_event("agency-renamed", by=registrar.client, at=now, row=fact, agency=str(agency_id)))
        return await known_agency(records, agency_id)


async def _is_needed_from(records: Records, agency: AgencyId, end: End) -> bool:
    """Whether the agency took over from another on that day or later, or gave a part away after it."""
    return any(
        (entry.successor == agency and entry.effective_on >= end.on)
        or (entry.predecessor == agency and entry.effective_on > end.on)
        for entry in await records.successions()
    )
