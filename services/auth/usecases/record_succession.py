"""Record that one agency follows another."""

from __future__ import annotations

from services.auth.domain.agencies import Succession, closes_a_circle
from services.auth.domain.facts import log_event, succession_fact
from services.auth.usecases.ports import Ledger, Registrar, World
from services.kernel.refusals.identity import AgencyUnknown, SuccessionInvalid


async def record_succession(succession: Succession, registrar: Registrar, *, ledger: Ledger, world: World) -> None:
    """From now on the successor may submit for its predecessor's fonds and follow its packages. Safe to repeat.

    Raises:
        AgencyUnknown: one of the two is not registered.
        SuccessionInvalid: an agency would come before itself.
    """
    now = world.now()
    async with ledger.transaction() as records:
        await records.alone()
        for agency in (succession.predecessor, succession.successor):
            if await records.agency(agency) is None:
                raise AgencyUnknown
        if closes_a_circle(succession.predecessor, succession.successor, await records.successions()):
            raise SuccessionInvalid
        if not await records.add_succession(succession, now):
            return
        fact = succession_fact(succession)
        await records.publish(fact, now)
        await records.journal(
            log_event(
                "succession-recorded",
                by=registrar.client,
                at=now,
                row=fact,
                predecessor=str(succession.predecessor),
                successor=str(succession.successor),
            )
        )
