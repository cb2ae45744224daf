"""Whether a caller may go on while its request runs: a revoked key ends an upload or a download in the middle.

A part or a large component can take minutes, a receipt may be waited for half a minute. So whatever goes in or out after
a quarter of a second is asked for anew: the copy of revoked keys is at most two seconds old (`registry_feed`), and a
request that runs is cut a quarter of a second later at most, when its next bytes move. While auth is away nothing new
is let in; what runs may finish for half a minute more.

Source: DESIGN 6 ("revoked at once").
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Protocol

from starlette.types import Message, Receive, Send

from services.kernel.identifiers import ClientId
from services.kernel.refusals import Refusal
from services.kernel.refusals.identity import KeyRevoked
from services.kernel.refusals.platform import RegistryStale
from services.runtime.callers import Caller

ASK_SECONDS: Final = 0.25
STALE_SECONDS: Final = 30.0


class Revocations(Protocol):
    """Which keys and clients may no longer be used; an answer is at most two seconds old."""

    async def is_revoked(self, kid: str, client: ClientId) -> bool:
        """Raises RegistryStale where no answer of that age can be given."""


class AnswerCut(Exception):
    """The rest of an answer is withheld; the server must end the connection, and it is no bug."""


class Standing:
    """Receives and sends for one request whose caller was proved a moment ago.

    `ended` is why the caller's standing ended, None while it lasts; `started` whether an answer has begun.
    """

    def __init__(
        self,
        revocations: Revocations,
        caller: Caller,
        receive: Receive,
        send: Send,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._revocations = revocations
        self._caller = caller
        self._receive = receive
        self._send = send
        self._monotonic = monotonic
        self._asked = self._known = monotonic()
        self.ended: Refusal | None = None
        self.started = False

    async def receive(self) -> Message:
        """As the server's; raises what ended the standing instead of giving more of the body."""
        message = await self._receive()
        if message["type"] == "http.request":
            await self._demand()
        return message

    async def send(self, message: Message) -> None:
        """As the server's; raises what ended the standing instead of sending more of the answer."""
        if message["type"] in ("http.response.start", "http.response.body"):
            await self._demand()
        await self._send(message)
        self.started = True

    async def _demand(self) -> None:
        if self.ended is not None:
            raise self.ended
        now = self._monotonic()
        if now - self._asked < ASK_SECONDS:
            return
        self._asked = now
        try:
            revoked = await self._revocations.is_revoked(self._caller.keyid, self._caller.client)
        except RegistryStale as stale:
            if now - self._known > STALE_SECONDS:
                self.ended = stale
                raise
            return
        self._known = now
        if revoked:
            self.ended = KeyRevoked()
            raise self.ended
