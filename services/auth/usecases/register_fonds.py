"""Register a fonds under the agency whose records formed it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.auth.domain.agencies import Fonds
from services.auth.domain.facts import fonds_fact, log_event
from services.auth.usecases.ports import Ledger, Registrar, World
from services.auth.usecases.register_agency import known_agency
from services.kernel.identifiers import AgencyId, FondsId
from services.kernel.refusals.identity import FondsCodeTaken


@dataclass(frozen=True, slots=True)
class FondsOffer:
    """A fonds as the registrar describes it."""

    code: str
    name: str
    creator: AgencyId
    custodian: AgencyId
    deposit_source: str | None


async def register_fonds(offer: FondsOffer, registrar: Registrar, *, ledger: Ledger, world: World) -> Fonds:
    """Add a fonds; its id and code never change. It closes, by itself, on the day its creator ceases.

    Raises:
        AgencyUnknown: creator or custodian is not registered.
        FondsCodeTaken: the creator has a fonds with this code.
    """
    now = world.now()
    fonds = Fonds(FondsId(world.new_id()), offer.code, offer.name, offer.creator, offer.custodian, offer.deposit_source)
    async with ledger.transaction() as records:
        await records.alone()
        creator = await known_agency(records, fonds.creator)
        await known_agency(records, fonds.custodian)
        if not await records.add_fonds(fonds, now):
            raise FondsCodeTaken
        fact = fonds_fact(fonds)
        await records.publish(fact, now)
        await records.journal(log_event("fonds-registered", by=registrar.client, at=now, row=fact, fonds=str(fonds.id)))
    return replace(fonds, closed_on=creator.valid_to)
