"""Remove what lost attempts left in the store. The reaper works from attempts, never from listings."""

from __future__ import annotations

from datetime import timedelta

from services.ingest.usecases.ports import Ledger, Vault, World

ABANDONED_AFTER = timedelta(hours=6)
"""An attempt that is still open after this belonged to a process that died, or to a body that never ended."""


async def reap_attempts(*, ledger: Ledger, vault: Vault, world: World, batch: int = 200) -> int:
    """Discard the objects of lost attempts, then forget the attempts; how many were reaped. Safe to repeat.

    An attempt is marked as lost in a transaction of its own before its object goes, so that a request which is still
    sending cannot win with an object that is gone. Object first, row second: a crash in between repeats a deletion.
    """
    async with ledger.transaction() as books:
        lost = await books.lost_attempts(world.now() - ABANDONED_AFTER, batch)
    for attempt in lost:
        await vault.discard(attempt)
        async with ledger.transaction() as books:
            await books.forget_attempt(attempt.id)
    return len(lost)
