"""What no request may look like, whatever it asks for: refused before anything reads it.

The front proxy normalises and limits too; this stands behind it, because parsers differ and the signature is over
bytes that all must read alike.

Source: security register §1 (paths), §8 (measured against uvicorn and HAProxy).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from services.kernel.refusals import Refusal
from services.kernel.refusals.platform import (
    BodyFramingAmbiguous,
    ContentEncodingRefused,
    HeadersTooLarge,
    HostUnknown,
    PathAmbiguous,
)
from services.runtime.problems import send_problem

MAX_HEADERS: Final = 64
MAX_HEADER_BYTES: Final = 32 * 1024
# An encoded slash, backslash, dot, NUL or percent sign is read differently by different layers.
_AMBIGUOUS: Final = re.compile(rb"%(?:2f|5c|2e|00|25)|\\|//|[\x00-\x20\x7f-\xff]|%(?![0-9a-f]{2})", re.IGNORECASE)
_DIGITS: Final = re.compile(rb"[0-9]{1,18}")


class Guard:
    """Pure ASGI. `hosts` are the values of Host that this service answers to (`host` or `host:port`)."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower().encode("ascii") for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            # No web sockets here; lifespan is the server's own.
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        refusal = self._judge(scope)
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            # The connection ends with the answer: what follows on it cannot be trusted to be a request.
            await send_problem(scope, send, refusal, headers=((b"connection", b"close"),))

    def _judge(self, scope: Scope) -> Refusal | None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        if len(headers) > MAX_HEADERS or sum(len(name) + len(value) + 4 for name, value in headers) > MAX_HEADER_BYTES:
            return HeadersTooLarge(count=MAX_HEADERS, limit=MAX_HEADER_BYTES)
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return HostUnknown()
        if any(name == b"content-encoding" for name, _ in headers):
            return ContentEncodingRefused()
        if not _framed_once(headers):
            return BodyFramingAmbiguous()
        if not _path_is_plain(scope["raw_path"]):
            return PathAmbiguous()
        return None


def _framed_once(headers: list[tuple[bytes, bytes]]) -> bool:
    lengths = [value for name, value in headers if name == b"content-length"]
    codings = [value for name, value in headers if name == b"transfer-encoding"]
    if len(lengths) + len(codings) > 1:
        return False
    if lengths:
        return _DIGITS.fullmatch(lengths[0]) is not None
    return not codings or codings[0].strip().lower() == b"chunked"


def _path_is_plain(raw_path: bytes) -> bool:
    if not raw_path.startswith(b"/") or _AMBIGUOUS.search(raw_path):
        return False
    return not any(segment in (b".", b"..") for segment in raw_path.split(b"/"))
