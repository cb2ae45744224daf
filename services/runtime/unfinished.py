"""Nothing is served and no work is done while a rebuild of the database is unfinished.

Half an archive looks like a whole one: what is not back yet answers like what never was, and a second copy of it would be
taken in. A rebuild begins in an empty database only, with the services stopped; once a process has found none
unfinished, it asks no more.

Source: DECISION-0023.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp, Receive, Scope, Send

from services.kernel.refusals import Refusal
from services.kernel.refusals.platform import DatabaseUnavailable, RebuildUnfinished
from services.runtime.database import transaction
from services.runtime.logging import logger
from services.runtime.problems import send_problem

LOOK_SECONDS: Final = 1.0
_UNFINISHED: Final = text("SELECT journal.unfinished_rebuilds()")
_CLOSE: Final = ((b"connection", b"close"),)  # the body was not read


class Wholeness:
    """Whether the rows behind `engine` are all there."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._whole = False
        self._told = False

    async def check(self) -> None:
        """Return where no rebuild is unfinished.

        Raises:
            RebuildUnfinished, DatabaseUnavailable
        """
        if self._whole:
            return
        async with transaction(self._engine) as connection:
            found = (await connection.execute(_UNFINISHED)).scalars().all()
        if found:
            refusal = RebuildUnfinished(retry_after=60)
            if not self._told:  # once for a process: it may stand like this for hours
                self._told = True
                logger().error("rebuild-unfinished")
                said = [f"{refusal.detail.vi} {refusal.fix.vi}", f"{refusal.detail.en} {refusal.fix.en}"]
                sys.stderr.write("\n".join(said) + "\n")
            raise refusal
        self._whole = True

    async def then(self, work: Callable[[asyncio.Event], Awaitable[None]], stop: asyncio.Event) -> None:
        """Begin the work once the rows are all there; not at all where `stop` comes first."""
        while not stop.is_set():
            try:
                await self.check()
            except (RebuildUnfinished, DatabaseUnavailable):
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), LOOK_SECONDS)
            else:
                await work(stop)
                return


class OnlyWhole:
    """Pure ASGI: every request is refused until the rows behind it are all there."""

    def __init__(self, app: ASGIApp, whole: Wholeness) -> None:
        self._app = app
        self._whole = whole

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                await self._whole.check()
            except Refusal as refusal:
                await send_problem(scope, send, refusal, headers=_CLOSE)
                return
        await self._app(scope, receive, send)
