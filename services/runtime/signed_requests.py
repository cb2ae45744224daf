"""The door of every service: a request with a token passes only if its signature, token and nonce hold.

A pure ASGI layer outside FastAPI, because a part must be refused when its head arrives, before a byte of its body is
read. Order: signature and token (`RequestVerifier`) → nonce, in a committed transaction → body, hashed while it is read
→ the route. Scopes are the routes' own (`require`). While the route runs, its caller's standing is asked for again
(`Standing`): a revoked key ends uploads and downloads too.

What is public passes `PublicPosts` instead: nobody is proved there, so little is held for anybody.

Source: DESIGN 5.3, 6; security register "Request signing" (order, checks).
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.kernel.refusals import Refusal
from services.kernel.refusals.identity import ContentDigestMismatch, ContentLengthMismatch, SignatureInvalid
from services.kernel.refusals.platform import BodyTooLarge
from services.kernel.signing import profile
from services.kernel.signing.targets import target_uri
from services.kernel.signing.verification import read_signature
from services.runtime import nonces
from services.runtime.callers import STATE_KEY, Caller, caller, require
from services.runtime.database import transaction
from services.runtime.problems import note_refusal, request_id, send_problem
from services.runtime.public_posts import PublicPosts
from services.runtime.request_verifier import RequestVerifier
from services.runtime.signature_help import RefusedBases, asks_for_help
from services.runtime.standing import AnswerCut, Revocations, Standing
from services.runtime.unread_bodies import CLOSE, refuse_unread

__all__ = [
    "Caller", "RequestVerifier", "Revocations", "RouteKind", "SignedRequests", "caller", "checked_body", "require",
]  # fmt: skip

_MIB: Final = 1024 * 1024
_LONGEST_DRAIN: Final = 64 * _MIB + 4096  # bytes: the largest body any route takes
_DRAIN_SECONDS: Final = 60.0
_ON_401: Final = (
    (b"accept-signature", profile.ACCEPT_SIGNATURE.encode("ascii")),
    (b"www-authenticate", b'Bearer error="invalid_token"'),
)


class RouteKind(StrEnum):
    """How far the door goes with a request."""

    PUBLIC = "public"  # no signature is asked for; a body is bounded (`PublicPosts`)
    BUFFERED = "buffered"  # nonce claimed; body read, checked and handed on whole
    STREAMED = "streamed"  # nonce claimed; the route reads and checks the body (`checked_body`)
    DEFERRED = "deferred"  # neither: the use case claims the nonce in its own first transaction


class SignedRequests:
    """See the module. `kind` tells a route's kind from method and path, as the router sees them; `origin` is ours."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        verifier: RequestVerifier,
        engine: AsyncEngine,
        origin: str,
        kind: Callable[[str, str], RouteKind],
        max_body: int = _MIB,
        bases: RefusedBases | None = None,
    ) -> None:
        self._app = app
        self._public = PublicPosts(app)
        self._verifier = verifier
        self._engine = engine
        self._origin = origin
        self._kind = kind
        self._max_body = max_body
        self._bases = bases

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        kind = self._kind(scope["method"], scope["path"])
        if kind is RouteKind.PUBLIC or (self._bases is not None and asks_for_help(scope["method"], scope["path"])):
            await self._public(scope, receive, send)
            return
        unread = True
        try:
            sender = await self._verify(scope)
            if kind is RouteKind.BUFFERED and (sender.content_length or 0) > self._max_body:
                raise BodyTooLarge(limit=self._max_body)
            if kind is not RouteKind.DEFERRED:
                async with transaction(self._engine) as connection:
                    await nonces.claim(connection, sender.nonce)
            if kind is RouteKind.BUFFERED:
                unread = False
                receive = _replay(await _read(_chunks(receive), sender, self._max_body), receive)
        except Refusal as refusal:
            await self._refuse(scope, receive, send, refusal, unread=unread)
            return
        scope.setdefault("state", {})[STATE_KEY] = sender
        await self._run(scope, Standing(self._verifier.revocations, sender, receive, send), send)

    async def _run(self, scope: Scope, standing: Standing, send: Send) -> None:
        try:
            await self._app(scope, standing.receive, standing.send)
        except Exception as error:
            if standing.ended is None:
                raise
            note_refusal(scope, standing.ended)
            if standing.started:
                raise AnswerCut from error
            await send_problem(scope, send, standing.ended, headers=(CLOSE,))

    async def _verify(self, scope: Scope) -> Caller:
        address = target_uri(self._origin, scope["raw_path"], scope["query_string"])
        return await self._verifier.verify(scope["method"], address, scope["headers"])

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, refusal: Refusal, *, unread: bool) -> None:
        headers = _ON_401 if refusal.status == 401 else ()
        members = self._help(scope, refusal)
        if unread:
            await refuse_unread(
                scope,
                receive,
                send,
                refusal,
                limit=_LONGEST_DRAIN,
                seconds=_DRAIN_SECONDS,
                headers=headers,
                members=members,
            )
        else:
            await send_problem(scope, send, refusal, headers=headers, members=members)

    def _help(self, scope: Scope, refusal: Refusal) -> dict[str, object]:
        """In development, where the sender of a signature that does not verify may ask why (`signature_help`)."""
        if self._bases is None or not isinstance(refusal, SignatureInvalid):
            return {}
        address = target_uri(self._origin, scope["raw_path"], scope["query_string"])
        try:
            signed = read_signature(scope["method"], address, scope["headers"], now=datetime.now(UTC))
        except Refusal:  # it expired in this very moment
            return {}
        return {"signature_base": self._bases.remember(request_id(scope), signed.base)}


async def checked_body(request: Request, sender: Caller, *, max_bytes: int) -> bytes:
    """The whole body of a STREAMED request, proved to be what was signed.

    Raises:
        BodyTooLarge: the signed length is beyond the limit; nothing was read.
        ContentLengthMismatch, ContentDigestMismatch: it is not the body that was signed.
    """
    return await _read(request.stream(), sender, max_bytes)


async def _read(chunks: AsyncIterator[bytes], sender: Caller, limit: int) -> bytes:
    stated = sender.content_length or 0
    if stated > limit:
        raise BodyTooLarge(limit=limit)
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > stated:
            raise ContentLengthMismatch(stated=stated, received=len(body))
    if len(body) != stated:
        raise ContentLengthMismatch(stated=stated, received=len(body))
    if sender.content_sha256 is not None and hashlib.sha256(body).digest() != sender.content_sha256:
        raise ContentDigestMismatch
    return bytes(body)


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    """The body as it comes; ends early where the client goes away."""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return
        if chunk := message.get("body", b""):
            yield chunk
        if not message.get("more_body", False):
            return


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once, then what the connection says."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return pending.pop() if pending else await receive()

    return receive_again
