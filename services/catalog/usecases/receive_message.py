"""Take a message from another service: it is kept before it is acknowledged, and worked on afterwards."""

from __future__ import annotations

from uuid import UUID

from services.catalog.usecases.ports import Ledger, World
from services.kernel.messages import MessageInvalid, PackageSealed
from services.kernel.refusals.catalog import MessageMalformed


async def receive_message(body: bytes, *, ledger: Ledger, world: World) -> UUID:
    """Keep the message and defer its work in one transaction; its id. Repeating a message has no second effect.

    Raises:
        MessageMalformed: of no form that catalog takes.
    """
    try:
        message = PackageSealed.parse(body)
    except MessageInvalid as error:
        raise MessageMalformed from error
    async with ledger.counter() as counter:
        await counter.receive(message.id, "package_sealed", body, world.now())
    return message.id
