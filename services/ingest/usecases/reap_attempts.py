"""Remove what lost attempts left in the store. The reaper works from attempts, never from listings."""

from __future__ import annotations

from datetime import timedelta

from services.ingest.usecases.ports import Ledger, Vault, World

ABANDONED_AFTER = timedelta(hours=6)
"""An attempt that is neither won nor lost after this belonged to a process that died."""


async def reap_attempts(*, ledger: Ledger, vault: Vault, world: World, batch: int = 200) -> int:
    """Discard the objects of attempts that did not win, then forget the attempts; how many were reaped.

    Object first, row second: a crash in between only repeats a deletion.
    """
    now = world.now()
    async with ledger.transaction() as books:
        stale = await books.stale_attempts(now - ABANDONED_AFTER, batch)
    for attempt in stale:
        await vault.discard(attempt)
        async with ledger.transaction() as books:
            await books.forget_attempt(attempt.id)
    return len(stale)
