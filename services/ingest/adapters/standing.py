"""How much of everything stands in the rows of ingest: counts for the operator, without a name in them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from services.ingest.adapters import tables as t
from services.runtime.database import transaction


@dataclass(frozen=True, slots=True)
class Standing:
    """Packages by state; attempts that are open or lost; messages that are not delivered yet."""

    packages: dict[str, int]
    attempts: dict[str, int]
    messages: int


async def standing(engine: AsyncEngine) -> Standing:
    """The counts, as one transaction sees them."""
    async with transaction(engine) as connection:
        states = await connection.execute(select(t.package.c.state, func.count()).group_by(t.package.c.state))
        attempts = await connection.execute(select(t.attempt.c.lost, func.count()).group_by(t.attempt.c.lost))
        waiting = select(func.count()).where(t.outbox.c.delivered_at.is_(None))
        found: dict[bool, int] = dict(attempts.tuples().all())
        return Standing(
            packages=dict(sorted(states.tuples().all())),
            attempts={"open": found.get(False, 0), "lost": found.get(True, 0)},
            messages=int((await connection.execute(waiting)).scalar_one()),
        )
