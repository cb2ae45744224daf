"""Take a message from another service: it is kept before it is acknowledged, and worked on afterwards."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from services.catalog.usecases.ports import Ledger, World
from services.catalog.usecases.take_erasures import take_erasure
from services.catalog.usecases.take_holds import take_hold
from services.kernel.classification.message import ClassificationChanged
from services.kernel.erasure_message import ComponentsErased
from services.kernel.hold_messages import HoldChanged
from services.kernel.messages import MessageInvalid, PackageSealed
from services.kernel.refusals.catalog import MessageMalformed


async def receive_message(body: bytes, *, ledger: Ledger, world: World) -> UUID:
    """Keep the message and defer its work in one transaction; its id. Repeating a message has no second effect.

    Where a label rises, rows are hidden in that same transaction: once it is acknowledged, nobody below reads them.
    A hold is not kept for later: its rows are hidden before this returns, for the answer is taken for the confirmation.
    Nor is an erasure: it takes no longer than keeping it would.

    Raises:
        MessageMalformed: of no form that catalog takes.
        DatabaseUnavailable: of a hold that must be told again.
    """
    with suppress(MessageInvalid):  # then it is of another kind
        hold = HoldChanged.parse(body)
        await take_hold(hold, ledger=ledger)
        return hold.id
    with suppress(MessageInvalid):
        erasure = ComponentsErased.parse(body)
        await take_erasure(erasure, ledger=ledger)
        return erasure.id
    try:
        message = _parsed(body)
    except MessageInvalid as error:
        raise MessageMalformed from error
    if isinstance(message, ClassificationChanged):
        async with ledger.keeping() as desk:
            await desk.take_labels(message, body, world.now())
        return message.id
    async with ledger.counter() as counter:
        await counter.receive(message.id, "package_sealed", body, world.now())
    return message.id


def _parsed(body: bytes) -> PackageSealed | ClassificationChanged:
    """Raises MessageInvalid."""
    try:
        return PackageSealed.parse(body)
    except MessageInvalid:
        return ClassificationChanged.parse(body)
