"""Bodies that are read before anybody is proved: few at a time, small, and soon there.

Whoever sends one has shown nothing yet, so each costs a bounded piece of memory for a bounded time, and how many there
may be is judged before a byte of it is read. What all of them hold together is `REQUESTS` times `MAX_BODY`. The limit is
on requests in flight, never on requests per second: a full token endpoint answers 503 with Retry-After, and the front
waits for such a body itself (`deploy/haproxy`), so that slow senders hold no place here.

Source: DESIGN 5 ("Limits"), THREATS.
"""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.kernel.refusals import Refusal
from services.kernel.refusals.identity import ContentLengthMissing
from services.kernel.refusals.platform import BodyTooLarge, InstanceFull, RequestLate
from services.runtime.unread_bodies import refuse_unread

REQUESTS: Final = 64  # in flight on one instance, from their heads to their answers
MAX_BODY: Final = 64 * 1024  # bytes
BODY_SECONDS: Final = 10.0
_DRAIN_SECONDS: Final = 2.0


class PublicPosts:
    """Pure ASGI, before an application's public routes; requests without a body pass."""

    def __init__(
        self, app: ASGIApp, *, requests: int = REQUESTS, max_body: int = MAX_BODY, seconds: float = BODY_SECONDS
    ) -> None:
        self._app = app
        self._requests = requests
        self._max_body = max_body
        self._seconds = seconds
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        try:
            stated = _stated_length(scope)
            if stated > self._max_body:
                raise BodyTooLarge(limit=self._max_body)
            if self._in_flight >= self._requests:
                raise InstanceFull(limit=self._requests, retry_after=1)
        except Refusal as refusal:
            await refuse_unread(scope, receive, send, refusal, limit=self._max_body, seconds=_DRAIN_SECONDS)
            return
        self._in_flight += 1
        try:
            await self._pass_on(scope, receive, send)
        finally:
            self._in_flight -= 1

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                body = await self._read(receive)
        except TimeoutError:
            refusal: Refusal = RequestLate(seconds=int(self._seconds))
        except Refusal as refused:
            refusal = refused
        else:
            if body is not None:
                await self._app(scope, _replay(body, receive), send)
            return
        await refuse_unread(scope, receive, send, refusal, limit=self._max_body, seconds=0)

    async def _read(self, receive: Receive) -> bytes | None:
        """The whole body; None where the client went away."""
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return None
            body += message.get("body", b"")
            if len(body) > self._max_body:
                raise BodyTooLarge(limit=self._max_body)
            if not message.get("more_body", False):
                return bytes(body)


def _stated_length(scope: Scope) -> int:
    """What Content-Length says; 0 without one, as in HTTP/1.1. The guard has seen to its form.

    Raises:
        ContentLengthMissing: the body is chunked, so nobody knows how much will come.
    """
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    if any(name == b"transfer-encoding" for name, _ in headers):
        raise ContentLengthMissing
    return next((int(value) for name, value in headers if name == b"content-length"), 0)


def _replay(body: bytes, receive: Receive) -> Receive:
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return pending.pop() if pending else await receive()

    return receive_again
