"""Messages to other services over signed HTTPS."""

from __future__ import annotations

from collections.abc import Mapping

from services.ingest.usecases.deliver_message import MessageUndelivered
from services.runtime.service_client import CallFailed, ServiceClient


class SignedCourier:
    """See `usecases.deliver_message.Courier`. `addresses` are the outbox's names for the services and where they listen."""

    def __init__(self, client: ServiceClient, addresses: Mapping[str, str]) -> None:
        self._client = client
        self._addresses = addresses

    async def deliver(self, target: str, body: bytes) -> None:
        try:
            answer = await self._client.request(
                "POST", self._addresses[target], body=body, content_type="application/json"
            )
        except CallFailed as error:
            raise MessageUndelivered(target, 0) from error
        if not 200 <= answer.status < 300:
            raise MessageUndelivered(target, answer.status)
