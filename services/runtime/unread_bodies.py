"""Refusing a request whose body has not been read.

A client that waits for `100 Continue` never gets it and never uploads a byte; from any other the body is read and
forgotten first, so that a client which sends before it reads still learns why.

Source: DESIGN 5.3 ("Early answers honour Expect: 100-continue, else drain the part").
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from starlette.types import Receive, Scope, Send

from services.kernel.refusals import Refusal
from services.runtime.problems import drain, send_problem

CLOSE = (b"connection", b"close")


async def refuse_unread(
    scope: Scope,
    receive: Receive,
    send: Send,
    refusal: Refusal,
    *,
    limit: int,
    seconds: float,
    headers: Iterable[tuple[bytes, bytes]] = (),
    members: Mapping[str, object] | None = None,
) -> None:
    """Answer; at most `limit` bytes of body are waited for, at most so many seconds, and none is kept."""
    told = list(headers)
    if _waits_to_send(scope) or not await _drained(receive, limit, seconds):
        told.append(CLOSE)  # what follows on the connection is no request
    await send_problem(scope, send, refusal, headers=told, members=members)


async def _drained(receive: Receive, limit: int, seconds: float) -> bool:
    """Read and forget a refused body; False where it is not over in time or within the limit."""
    try:
        async with asyncio.timeout(seconds):
            return await drain(receive, limit)
    except TimeoutError:
        return False


def _waits_to_send(scope: Scope) -> bool:
    return any(name == b"expect" and value.strip().lower() == b"100-continue" for name, value in scope["headers"])
