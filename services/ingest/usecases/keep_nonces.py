"""Keep the partitions of single-use numbers: the coming days' made, those that cannot count any more dropped."""

from __future__ import annotations

from datetime import UTC

from services.ingest.usecases.ports import Ledger, World


async def keep_nonces(*, ledger: Ledger, world: World) -> None:
    """Safe to repeat. Partitions are UTC days of the signed `created`."""
    async with ledger.transaction() as books:
        await books.keep_nonces(world.now().astimezone(UTC).date())
