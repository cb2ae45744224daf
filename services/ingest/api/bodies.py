"""Bodies that a route reads itself: bounded in time, and drained or cut off where an answer comes first.

A client that waits for `100 Continue` gets its answer and the end of the connection, because the body it announced
will not come; any other is read to its end, so that a client which sends before it reads still learns the answer.

Source: DESIGN 5 "Early answers".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import Request, Response

from services.kernel.layout import MIB
from services.kernel.refusals import Refusal
from services.kernel.refusals.packages import PartTooSlow
from services.kernel.refusals.platform import MediaTypeUnsupported
from services.runtime.app import answer_refusal

IDLE_SECONDS = 60.0
_LONGEST_DRAIN = 17 * MIB
_CLOSE = {"connection": "close"}


class PartBody:
    """The body of one part. Iterate it, or leave it unread and ask `early` for the headers of the answer."""

    def __init__(self, request: Request, part: int, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._request = request
        self._part = part
        self._idle_seconds = idle_seconds
        self._chunks = request.stream()
        self._ended = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Raises PartTooSlow where nothing came for a minute; ClientDisconnect."""
        while True:
            try:
                async with asyncio.timeout(self._idle_seconds):  # not while the store takes its time
                    chunk = await anext(self._chunks)
            except StopAsyncIteration:
                break
            except TimeoutError:
                raise PartTooSlow(part=self._part) from None
            if chunk:
                yield chunk
        self._ended = True

    async def early(self) -> dict[str, str]:
        """Make sure that an answer can be read although the body was not; the headers it needs."""
        if self._ended:
            return {}
        if self._request.headers.get("expect", "").strip().lower() == "100-continue":
            return _CLOSE
        taken = 0
        try:
            async with asyncio.timeout(self._idle_seconds):
                async for chunk in self._chunks:
                    taken += len(chunk)
                    if taken > _LONGEST_DRAIN:
                        return _CLOSE
        except TimeoutError:
            return _CLOSE
        self._ended = True
        return {}

    async def refuse(self, refusal: Refusal) -> Response:
        """The answer that a refusal is, wherever the body stands."""
        return answer_refusal(self._request, refusal, await self.early())


def require_media_type(request: Request, *allowed: str) -> None:
    """Raises MediaTypeUnsupported unless the body's media type is one of these."""
    stated = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if stated not in allowed:
        raise MediaTypeUnsupported
