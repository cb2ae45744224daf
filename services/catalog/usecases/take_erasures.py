"""Mark what ingest tells is erased: no bytes are offered of it, and what was expelled is hidden like what is held.

Done in the request, not kept for later: ingest reads from no row that says otherwise, so nothing waits for the answer.

Source: DESIGN 3, 7; DECISION-0018.
"""

from __future__ import annotations

from services.catalog.usecases.ports import Ledger
from services.kernel.erasure_message import ComponentsErased


async def take_erasure(message: ComponentsErased, *, ledger: Ledger) -> None:
    """Make the rows agree with the erasure. Safe to repeat and in any order; packages not registered yet follow suit."""
    async with ledger.keeping() as desk:
        await desk.alone_with(message.chain)
        await desk.take_erased(message.erased)
