"""Hide what ingest tells is held, and show again what no hold covers any more.

Ingest takes the answer for the confirmation that the item is hidden: it is given once the rows are hidden and no reader's
transaction that began before is still at work.

Source: DESIGN 10 ("reported as hidden once catalog has confirmed"), DECISION-0020.
"""

from __future__ import annotations

from services.catalog.usecases.ports import Ledger
from services.kernel.hold_messages import HoldChanged


async def take_hold(message: HoldChanged, *, ledger: Ledger) -> None:
    """Make the rows agree with the hold. Safe to repeat; a hold that was lifted stays lifted, whatever comes later.

    Raises:
        DatabaseUnavailable: readers that may still see the item are at work; to be told again.
    """
    async with ledger.keeping() as desk:
        for chain in sorted({item.chain for item in message.items}):
            await desk.alone_with(chain)
        await desk.take_hold(message)
        for package in sorted({item.package for item in message.items}):
            await desk.settle_holds(package)
    if not message.lifted:
        await ledger.readers_gone()
