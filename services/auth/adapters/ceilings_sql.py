"""The rows of decisions on agencies' ceilings: a proposal, and beside it how it was settled."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.auth.adapters import tables as t
from services.auth.domain.ceilings import CeilingDecision, CeilingTerms, Officer, Outcome, Settlement
from services.kernel.identifiers import AgencyId, ClientId
from services.kernel.secrecy import Level

_DECISIONS: Final = (
    select(
        t.ceiling,
        t.ceiling_settlement.c.outcome,
        t.ceiling_settlement.c.settled_by,
        t.ceiling_settlement.c.officer,
        t.ceiling_settlement.c.settled_at,
    )
    .join(t.ceiling_settlement, t.ceiling_settlement.c.ceiling == t.ceiling.c.id, isouter=True)
    .order_by(t.ceiling.c.id)
)


async def ceiling(connection: AsyncConnection, decision: UUID) -> CeilingDecision | None:
    """One decision by its id."""
    found = await connection.execute(_DECISIONS.where(t.ceiling.c.id == decision))
    return next((_decision(row) for row in found), None)


async def ceilings(
    connection: AsyncConnection, *, agency: AgencyId | None, after: UUID | None, limit: int | None
) -> list[CeilingDecision]:
    """A page of decisions in the order of their ids, which is that of their proposal."""
    query = _DECISIONS.limit(limit)
    if agency is not None:
        query = query.where(t.ceiling.c.agency == agency)
    if after is not None:
        query = query.where(t.ceiling.c.id > after)
    return [_decision(row) for row in await connection.execute(query)]


async def add(connection: AsyncConnection, decision: CeilingDecision) -> None:
    """A proposal."""
    terms = decision.terms
    await connection.execute(
        insert(t.ceiling).values(
            id=decision.id,
            agency=terms.agency,
            level=terms.level.wire,
            valid_from=terms.valid_from,
            valid_to=terms.valid_to,
            number=terms.number,
            decided_on=terms.decided_on,
            authority=terms.authority,
            author=decision.author.client,
            author_officer=decision.author.name,
            proposed_at=decision.proposed_at,
        )
    )


async def settle(connection: AsyncConnection, decision: CeilingDecision) -> None:
    """How a proposal was settled. A second settlement of one is the database's own error."""
    settled = decision.settled
    if settled is None:
        raise ValueError("not settled")
    await connection.execute(
        insert(t.ceiling_settlement).values(
            ceiling=decision.id,
            outcome=settled.outcome.value,
            settled_by=settled.by.client,
            officer=settled.by.name,
            settled_at=settled.at,
        )
    )


def _decision(row: Row[Any]) -> CeilingDecision:
    terms = CeilingTerms(
        agency=AgencyId(row.agency),
        level=Level.from_wire(row.level),
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        number=row.number,
        decided_on=row.decided_on,
        authority=row.authority,
    )
    settled = None
    if row.outcome is not None:
        settled = Settlement(Outcome(row.outcome), Officer(ClientId(row.settled_by), row.officer), row.settled_at)
    author = Officer(ClientId(row.author), row.author_officer)
    return CeilingDecision(row.id, terms, author, row.proposed_at, settled)
