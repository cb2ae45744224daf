"""Cut the answers that are under way when an officer holds what they read.

Every instance looks, while it serves readings, every half second at which of their components are held or erased. A
chunk leaves only if the last look that succeeded began less than two seconds ago; while the database is away no chunk
leaves, and after ten seconds the reading is given up. So a hold placed at any instance stops every reader within two
seconds, without a message that could be lost.

Source: DESIGN 9, 10; DECISION-0020 (why it polls).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import Final

from services.ingest.usecases.ports import Ledger
from services.kernel.identifiers import ComponentId
from services.kernel.refusals import Refusal

LOOK_EVERY: Final = 0.5  # seconds
FRESH_FOR: Final = 2.0  # seconds
GIVEN_UP_AFTER: Final = 10.0  # seconds without a look


class ReadingCut(Exception):
    """What is being read may no longer leave; the connection is to be cut, never ended."""


class RunningReadings:
    """The readings that one instance serves now."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._running: Counter[ComponentId] = Counter()
        self._cut: frozenset[ComponentId] = frozenset()
        self._looked_at = float("-inf")
        self._looked = asyncio.Event()
        self._hurry = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None

    def moment(self) -> float:
        """Now, by the event loop's clock: to be taken before the reading's own look at the holds."""
        return asyncio.get_running_loop().time()

    async def guard(
        self, component: ComponentId, opened: float, body: AsyncIterator[bytes]
    ) -> AsyncGenerator[bytes, None]:
        """The body, as long as it may leave; `opened` is when the holds were last looked at for it.

        Raises:
            ReadingCut: held or erased meanwhile, or nobody can tell.
        """
        self._running[component] += 1
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._look_on(), name="running-readings")
        try:
            async for chunk in body:
                await self._require_free(component, opened)
                yield chunk
        finally:
            self._running[component] -= 1
            if not self._running[component]:
                del self._running[component]
            if isinstance(body, AsyncGenerator):
                await body.aclose()

    def look_soon(self) -> None:
        """Look at once: a hold was just placed here."""
        self._hurry.set()

    async def close(self) -> None:
        """End the watch."""
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch

    async def _require_free(self, component: ComponentId, opened: float) -> None:
        begun = self.moment()
        while True:
            if component in self._cut:
                raise ReadingCut
            now = self.moment()
            if now - max(opened, self._looked_at) <= FRESH_FOR:
                return
            left = begun + GIVEN_UP_AFTER - now
            if left <= 0:
                raise ReadingCut
            self._looked.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._looked.wait(), left)

    async def _look_on(self) -> None:
        while self._running:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), LOOK_EVERY)
            self._hurry.clear()
            begun = self.moment()
            with suppress(Refusal):  # the database is away: the next look may find it
                async with self._ledger.transaction() as books:
                    self._cut = await books.unreadable(list(self._running))
                self._looked_at = begun
                self._looked.set()
