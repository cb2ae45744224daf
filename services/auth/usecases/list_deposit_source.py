"""Keep the list of deposit sources (danh mục nguồn nộp lưu): which agencies must deposit to which archive, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from services.auth.domain.agencies import DepositSource, End
from services.auth.domain.facts import deposit_source_ended_fact, deposit_source_fact, log_event
from services.auth.usecases.ports import Ledger, Records, Registrar, World
from services.auth.usecases.register_agency import known_agency
from services.kernel.identifiers import AgencyId
from services.kernel.refusals.identity import (
    AgencyDatesInvalid,
    DepositSourceEnded,
    DepositSourceTaken,
    DepositSourceUnknown,
    ValidityInvalid,
)

_ALL: Final = 100_000


@dataclass(frozen=True, slots=True)
class DepositSourceOffer:
    """An entry as the registrar gives it."""

    agency: AgencyId
    archive: AgencyId
    valid_from: date
    valid_to: date | None
    instrument: str


async def list_deposit_source(
    offer: DepositSourceOffer, registrar: Registrar, *, ledger: Ledger, world: World
) -> DepositSource:
    """Add an entry.

    Raises:
        AgencyUnknown, ValidityInvalid.
        AgencyDatesInvalid: the agency is not there on the first day, or the archive no more, or they are one.
        DepositSourceTaken: the pair is listed in that time.
    """
    if offer.valid_to is not None and offer.valid_to <= offer.valid_from:
        raise ValidityInvalid
    now = world.now()
    source = DepositSource(
        world.new_id(), offer.agency, offer.archive, offer.valid_from, offer.valid_to, offer.instrument
    )
    async with ledger.transaction() as records:
        await records.alone()
        agency = await known_agency(records, source.agency)
        archive = await known_agency(records, source.archive)
        there = agency.exists_on(source.valid_from) and (archive.end is None or source.valid_from < archive.end.on)
        if source.agency == source.archive or not there:
            raise AgencyDatesInvalid(day=source.valid_from.isoformat())
        listed = await records.deposit_sources(on=None, agency=source.agency, after=None, limit=_ALL)
        if any(other.archive == source.archive and other.overlaps(source) for other in listed):
            raise DepositSourceTaken
        await records.add_deposit_source(source, now)
        fact = deposit_source_fact(source)
        await records.publish(fact, now)
        await records.journal(
            log_event("deposit-source-listed", by=registrar.client, at=now, row=fact, source=str(source.id))
        )
        return await _known(records, source.id)


async def end_deposit_source(
    source_id: UUID, end: End, registrar: Registrar, *, ledger: Ledger, world: World
) -> DepositSource:
    """End an entry; what had to be deposited before stays owed. Safe to repeat with the same day.

    Raises:
        DepositSourceUnknown.
        DepositSourceEnded: another end is known.
        AgencyDatesInvalid: it would end before it began.
    """
    now = world.now()
    async with ledger.transaction() as records:
        await records.alone()
        before = await _known(records, source_id)
        if before.valid_to == end.on:
            return before
        if before.valid_to is not None:
            raise DepositSourceEnded(ended_on=before.valid_to.isoformat())
        if end.on <= before.valid_from:
            raise AgencyDatesInvalid(day=end.on.isoformat())
        await records.end_deposit_source(source_id, end, now)
        fact = deposit_source_ended_fact(source_id, end)
        await records.publish(fact, now)
        await records.journal(
            log_event("deposit-source-ended", by=registrar.client, at=now, row=fact, source=str(source_id))
        )
        return await _known(records, source_id)


async def _known(records: Records, source: UUID) -> DepositSource:
    found = await records.deposit_source(source)
    if found is None:
        raise DepositSourceUnknown
    return found
