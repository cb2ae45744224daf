"""Bring one message of the outbox to the service it is for."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from services.ingest.usecases.ports import Ledger, World


class Courier(Protocol):
    """Sends a message over signed HTTPS."""

    async def deliver(self, target: str, body: bytes) -> None:
        """Return once the receiver has committed it.

        Raises:
            MessageUndelivered: to be tried again by the queue.
        """


class MessageUndelivered(Exception):
    """The receiver did not confirm; carries its status, never its body."""

    def __init__(self, target: str, status: int) -> None:
        super().__init__(f"{target} answered {status}")


async def deliver_message(message: UUID, *, ledger: Ledger, courier: Courier, world: World) -> None:
    """Deliver and mark as delivered; the receiver is idempotent by the message's id, so a repeat is harmless."""
    async with ledger.transaction() as books:
        pending = await books.pending_message(message)
    if pending is None:
        return
    target, body = pending
    await courier.deliver(target, body)
    async with ledger.transaction() as books:
        await books.delivered(message, world.now())
