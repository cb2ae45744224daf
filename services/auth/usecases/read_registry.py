"""Read the registry: lists for people, facts for services."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from services.auth.domain.agencies import Agency, DepositSource, Fonds, Succession
from services.auth.usecases.enrol_client import Enrolled
from services.auth.usecases.ports import Ledger, NumberedFact
from services.auth.usecases.register_agency import known_agency
from services.kernel.identifiers import AgencyId, ClientId

FACTS_PER_PAGE: Final = 1000
_ALL: Final = 100_000


@dataclass(frozen=True, slots=True)
class FactPage:
    """Facts in order, and the number of the last one there is."""

    facts: list[NumberedFact]
    last: int


@dataclass(frozen=True, slots=True)
class History:
    """One agency with what it followed and what follows it, its fonds and its places in the list of sources."""

    agency: Agency
    successions: list[Succession]
    fonds: list[Fonds]
    deposit_sources: list[DepositSource]


async def read_facts(after: int, *, ledger: Ledger) -> FactPage:
    """What follows number `after`; a reader repeats until it has the last one."""
    async with ledger.transaction() as records:
        facts, last = await records.facts(after=after, limit=FACTS_PER_PAGE)
    return FactPage(facts, last)


async def list_agencies(*, on: date | None, after: UUID | None, limit: int, ledger: Ledger) -> list[Agency]:
    """A page of the agencies that there were on a day, or of all, in the order of their ids."""
    async with ledger.transaction() as records:
        return await records.agencies(on=on, after=None if after is None else AgencyId(after), limit=limit)


async def list_fonds(*, after: UUID | None, limit: int, ledger: Ledger) -> list[Fonds]:
    """A page of fonds in the order of their ids."""
    async with ledger.transaction() as records:
        return await records.fonds(creator=None, after=after, limit=limit)


async def list_deposit_sources(
    *, on: date | None, agency: UUID | None, after: UUID | None, limit: int, ledger: Ledger
) -> list[DepositSource]:
    """A page of the entries that held on a day, or of all, in the order of their ids."""
    async with ledger.transaction() as records:
        return await records.deposit_sources(
            on=on, agency=None if agency is None else AgencyId(agency), after=after, limit=limit
        )


async def agency_history(agency_id: AgencyId, *, ledger: Ledger) -> History:
    """Everything that is recorded of one agency.

    Raises:
        AgencyUnknown
    """
    async with ledger.transaction() as records:
        agency = await known_agency(records, agency_id)
        successions = [
            entry for entry in await records.successions() if agency_id in (entry.predecessor, entry.successor)
        ]
        return History(
            agency=agency,
            successions=sorted(successions, key=lambda entry: entry.effective_on),
            fonds=await records.fonds(creator=agency_id, after=None, limit=_ALL),
            deposit_sources=await records.deposit_sources(on=None, agency=agency_id, after=None, limit=_ALL),
        )


async def list_clients(*, after: UUID | None, limit: int, ledger: Ledger) -> list[Enrolled]:
    """A page of clients with their keys, in the order of their ids."""
    async with ledger.transaction() as records:
        found = await records.clients(after=None if after is None else ClientId(after), limit=limit)
    return [Enrolled(client, keys) for client, keys in found]
