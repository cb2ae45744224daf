"""Decide how secret a record an agency may hand in over the independent LAN: one officer proposes, another approves.

Source: DECISION-0024; DESIGN 6 (author and approver are never the same), 9.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.auth.domain.ceilings import CeilingDecision, CeilingTerms, Officer, Outcome, Settlement
from services.auth.domain.facts import Fact, ceiling_fact, log_event
from services.auth.usecases.ports import Ledger, Records, World
from services.auth.usecases.register_agency import known_agency
from services.kernel.canonical import rfc3339
from services.kernel.ceilings import MOST
from services.kernel.identifiers import AgencyId
from services.kernel.refusals.ceilings import (
    CeilingDatesInvalid,
    CeilingSameOfficer,
    CeilingSettled,
    CeilingTopSecret,
    CeilingUnknown,
)
from services.kernel.vietnam import day_in_vietnam


async def propose_ceiling(terms: CeilingTerms, author: Officer, *, ledger: Ledger, world: World) -> CeilingDecision:
    """Put a decision of the police before another officer. Safe to repeat: the same proposal waits once.

    Raises:
        AgencyUnknown, CeilingTopSecret, CeilingDatesInvalid.
    """
    if terms.level > MOST:
        raise CeilingTopSecret
    async with ledger.transaction() as records:
        await records.alone()
        agency = await known_agency(records, terms.agency)
        now = world.now()
        late = terms.decided_on > min(terms.valid_from, day_in_vietnam(now))
        if (
            late
            or (terms.valid_to is not None and terms.valid_to <= terms.valid_from)
            or not agency.exists_on(terms.valid_from)
        ):
            raise CeilingDatesInvalid
        for standing in await records.ceilings(agency=terms.agency, after=None, limit=None):
            if (standing.terms, standing.author, standing.settled) == (terms, author, None):
                return standing
        proposed = CeilingDecision(world.new_id(), terms, author, now)
        await records.add_ceiling(proposed)
        await records.journal(
            log_event(
                "ceiling-proposed",
                by=author.client,
                at=now,
                row=_row(proposed),
                agency=str(terms.agency),
                ceiling=str(proposed.id),
            )
        )
    return proposed


async def approve_ceiling(decision: UUID, approver: Officer, *, ledger: Ledger, world: World) -> CeilingDecision:
    """Make a proposal hold: from its first day, at the earliest from now. Safe to repeat by the same officer.

    Raises:
        CeilingUnknown.
        CeilingSettled: it was declined, or another officer approved it.
        CeilingSameOfficer: the officer, or the client, that proposed it.
    """
    async with ledger.transaction() as records:
        await records.alone()
        proposed = await _known(records, decision)
        if _is_done(proposed, Outcome.APPROVED, approver):
            return proposed
        if not approver.is_another_than(proposed.author):
            raise CeilingSameOfficer
        now = world.now()
        settled = await _settle(records, proposed, Outcome.APPROVED, approver, now)
        fact = ceiling_fact(settled, now)
        await records.publish(fact, now)
        await records.journal(
            log_event(
                "ceiling-approved",
                by=approver.client,
                at=now,
                row=fact,
                agency=str(settled.terms.agency),
                ceiling=str(settled.id),
            )
        )
    return settled


async def decline_ceiling(decision: UUID, officer: Officer, *, ledger: Ledger, world: World) -> CeilingDecision:
    """End a proposal without effect; its author may, too. Safe to repeat by the same officer.

    Raises:
        CeilingUnknown.
        CeilingSettled: it was approved, or another officer declined it.
    """
    async with ledger.transaction() as records:
        await records.alone()
        proposed = await _known(records, decision)
        if _is_done(proposed, Outcome.DECLINED, officer):
            return proposed
        now = world.now()
        settled = await _settle(records, proposed, Outcome.DECLINED, officer, now)
        await records.journal(
            log_event(
                "ceiling-declined",
                by=officer.client,
                at=now,
                row=_row(settled),
                agency=str(settled.terms.agency),
                ceiling=str(settled.id),
            )
        )
    return settled


async def list_ceilings(
    *, agency: UUID | None, after: UUID | None, limit: int, ledger: Ledger
) -> list[CeilingDecision]:
    """A page of decisions, of one agency or of all, in the order of their proposal."""
    async with ledger.transaction() as records:
        return await records.ceilings(agency=None if agency is None else AgencyId(agency), after=after, limit=limit)


async def _known(records: Records, decision: UUID) -> CeilingDecision:
    found = await records.ceiling(decision)
    if found is None:
        raise CeilingUnknown
    return found


def _is_done(decision: CeilingDecision, outcome: Outcome, by: Officer) -> bool:
    """Raises CeilingSettled where it was settled otherwise."""
    if decision.settled is None:
        return False
    if (decision.settled.outcome, decision.settled.by) != (outcome, by):
        raise CeilingSettled
    return True


async def _settle(
    records: Records, proposed: CeilingDecision, outcome: Outcome, by: Officer, at: datetime
) -> CeilingDecision:
    settled = replace(proposed, settled=Settlement(outcome, by, at))
    await records.settle_ceiling(settled)
    return settled


def _row(decision: CeilingDecision) -> Fact:
    """A decision as its rows hold it, for the log's digest."""
    settled = decision.settled
    return {
        **ceiling_fact(decision, decision.proposed_at),
        "author": str(decision.author.client),
        "author_officer": decision.author.name,
        "settled": None
        if settled is None
        else {
            "outcome": settled.outcome.value,
            "by": str(settled.by.client),
            "officer": settled.by.name,
            "at": rfc3339(settled.at),
        },
    }
