"""The relay: looks for waiting acts several times a second and seals them, in every worker of ingest.

Nothing notifies it (as DECISION-0005 for the log): a look is one small query. What waits too long is told as an error of the
log each minute, and its age is a metric at all times, also while store, KMS or database are away.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Final

from prometheus_client import Gauge

from services.ingest.adapters.acts_sql import SqlActLedger, StoredPages
from services.ingest.usecases.ports import World
from services.ingest.usecases.seal_acts import PAGE_ACTS, BookForked, PageKeys, seal_acts
from services.kernel.refusals.platform import DatabaseUnavailable, KmsUnavailable, StoreUnavailable
from services.runtime.logging import exception_names, logger
from services.runtime.metrics import Metrics

LOOK_SECONDS: Final = 0.3
LATE_SECONDS: Final = 60.0
_PAGE_SECONDS: Final = 0.7  # after a page: what comes meanwhile shares the next one, and its event in the log
_RETRY_SECONDS: Final = 2.0


class ActRelay:
    """Serves until told to stop, whatever is away."""

    def __init__(
        self, ledger: SqlActLedger, pages: StoredPages, new_key: PageKeys, world: World, *, metrics: Metrics
    ) -> None:
        self._ledger = ledger
        self._pages = pages
        self._new_key = new_key
        self._world = world
        self._since: datetime | None = None
        self._told = float("-inf")
        self._count = Gauge("nopluu_acts_waiting", "Acts of officers in no page yet.", registry=metrics.registry)
        age = Gauge(
            "nopluu_acts_oldest_seconds",
            "Age of the oldest act that the store does not have.",
            registry=metrics.registry,
        )
        age.set_function(self._age)
        self._forked = Gauge(
            "nopluu_act_book_forked", "1 where the store has later pages than the database.", registry=metrics.registry
        )

    def _age(self) -> float:
        return 0.0 if self._since is None else max(0.0, (self._world.now() - self._since).total_seconds())

    async def run(self, stop: asyncio.Event) -> None:
        """Look, seal, wait; until `stop`."""
        while not stop.is_set():
            seconds = LOOK_SECONDS
            try:
                async with self._ledger.transaction() as books:
                    waiting = await books.waiting()
                self._count.set(waiting.count)
                self._since = waiting.since
                if await seal_acts(ledger=self._ledger, pages=self._pages, new_key=self._new_key, world=self._world):
                    seconds = 0.0 if waiting.count > PAGE_ACTS else _PAGE_SECONDS
                self._forked.set(0)
            except (DatabaseUnavailable, KmsUnavailable, StoreUnavailable) as error:
                logger().warning("acts-wait", code=error.code)
                seconds = _RETRY_SECONDS
            except BookForked:
                self._forked.set(1)
                logger().error("act-book-forked")
                seconds = LATE_SECONDS
            except Exception as error:  # noqa: BLE001 - whatever it is, the next acts must not wait for a restart
                logger().error("acts-not-sealed", exception=exception_names(error))
                seconds = _RETRY_SECONDS
            self._tell_if_late()
            await _pause(stop, seconds)

    def _tell_if_late(self) -> None:
        if self._age() > LATE_SECONDS and time.monotonic() - self._told > LATE_SECONDS:
            self._told = time.monotonic()
            logger().error("acts-late", seconds=round(self._age()))


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
