"""Read the registry: lists for people, facts for services."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.auth.domain.agencies import Agency, Fonds
from services.auth.usecases.enrol_client import Enrolled
from services.auth.usecases.ports import Ledger, NumberedFact
from services.kernel.identifiers import AgencyId, ClientId

FACTS_PER_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class FactPage:
    """Facts in order, and the number of the last one there is."""

    facts: list[NumberedFact]
    last: int


async def read_facts(after: int, *, ledger: Ledger) -> FactPage:
    """What follows number `after`; a reader repeats until it has the last one."""
    async with ledger.transaction() as records:
        facts, last = await records.facts(after=after, limit=FACTS_PER_PAGE)
    return FactPage(facts, last)


async def list_agencies(*, after: UUID | None, limit: int, ledger: Ledger) -> list[Agency]:
    """A page of agencies in the order of their ids."""
    async with ledger.transaction() as records:
        return await records.agencies(after=None if after is None else AgencyId(after), limit=limit)


async def list_fonds(*, after: UUID | None, limit: int, ledger: Ledger) -> list[Fonds]:
    """A page of fonds in the order of their ids."""
    async with ledger.transaction() as records:
        return await records.fonds(after=after, limit=limit)


async def list_clients(*, after: UUID | None, limit: int, ledger: Ledger) -> list[Enrolled]:
    """A page of clients with their keys, in the order of their ids."""
    async with ledger.transaction() as records:
        found = await records.clients(after=None if after is None else ClientId(after), limit=limit)
    return [Enrolled(client, keys) for client, keys in found]
