"""Being the one active sequencer: wait for the lock, open the log, number and publish until told to stop.

The database or the store may go away at any time: the duty then begins again from the lock, or publishes later. What it
refuses (`LogRefused`) ends the process: only an operator can settle that.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from prometheus_client import Gauge
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.journal.log_rows import LogRows
from services.journal.publication import Publication
from services.journal.sequencer import BATCH, Sequencer
from services.journal.witnesses import Contradicted, Witnesses
from services.kernel.refusals.platform import DatabaseUnavailable, StoreUnavailable
from services.runtime.database import is_passing, unavailable_as_refusal
from services.runtime.logging import logger
from services.runtime.metrics import Metrics

POLL_SECONDS: Final = 0.1
"""Between two looks at the pending events. Appending does not notify: DECISION-0005."""

PUBLISH_SECONDS: Final = 0.2
"""Least time between two checkpoints: under load many leaves share one, and still none waits a second."""

_RETRY_SECONDS: Final = 1.0
_UPKEEP_SECONDS: Final = 6 * 3600.0
_COUNT_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 5.0
_TIDIED_AT_ONCE: Final = 8  # so that removing hundreds of partial tiles keeps no event waiting
_MONTHS_AHEAD: Final = 3


class Duty:
    """The life of a sequencer process. `ready` raises unless it stands by, or is active and keeps up."""

    def __init__(
        self,
        engine: AsyncEngine,
        sequencer: Sequencer,
        publication: Publication,
        *,
        metrics: Metrics,
        witnesses: Witnesses | None = None,
    ) -> None:
        self._engine = engine
        self._sequencer = sequencer
        self._publication = publication
        self._witnesses = witnesses
        self._trouble: DatabaseUnavailable | StoreUnavailable | None = None
        self._published_at = self._looked_at = self._upkept_at = self._counted_at = float("-inf")
        registry = metrics.registry
        self._active = Gauge("nopluu_log_active", "1 in the sequencer that holds the lock.", registry=registry)
        self._size = Gauge("nopluu_log_size", "Leaves of the log.", registry=registry)
        self._pending = Gauge("nopluu_log_pending", "Events that wait for their leaf.", registry=registry)
        self._signed = Gauge(
            "nopluu_audit_last_signed_timestamp_seconds", "When the last checkpoint was published.", registry=registry
        )

    async def ready(self) -> None:
        """Raises the trouble that keeps the log from growing, if there is any."""
        if self._trouble is not None:
            raise self._trouble

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`.

        Raises:
            LogRefused: the log does not continue what was signed.
        """
        while not stop.is_set():
            try:
                with unavailable_as_refusal():
                    async with self._engine.connect() as connection:
                        await self._serve(connection, stop)
            except (DatabaseUnavailable, StoreUnavailable) as error:
                self._trouble = error
                logger().warning("log-waits", code=error.code)
                await _pause(stop, _RETRY_SECONDS)
            finally:
                self._active.set(0)

    async def _serve(self, connection: AsyncConnection, stop: asyncio.Event) -> None:
        rows = LogRows(connection)
        try:
            while not await rows.lock():
                self._trouble = None  # standing by is being ready
                await _pause(stop, _RETRY_SECONDS)
                if stop.is_set():
                    return
            shown = [] if self._witnesses is None else await self._witnesses.evidence(self._sequencer.origin)
            await self._sequencer.open(rows, shown)
            self._active.set(1)
            logger().info("log-opened", size=self._sequencer.size)
            while not stop.is_set():
                await self._turn(rows, stop)
        finally:
            # The lock goes with the session; a pooled connection would keep it.
            await connection.invalidate()

    async def _turn(self, rows: LogRows, stop: asyncio.Event) -> None:
        await self._upkeep(rows)
        numbered = 0 if self._sequencer.clogged else await self._sequencer.number(rows)
        try:
            await self._publish(rows)
            await self._be_cosigned(rows)
        except StoreUnavailable as error:
            self._trouble = error
            logger().warning("log-waits", code=error.code)
            await _pause(stop, _RETRY_SECONDS)
            return
        if not self._sequencer.behind:
            self._trouble = None
        if numbered < BATCH:
            await _pause(stop, POLL_SECONDS)

    async def _publish(self, rows: LogRows) -> None:
        now = time.monotonic()
        if not self._sequencer.behind and now - self._looked_at >= _LOOK_SECONDS:
            self._looked_at = now
            await self._sequencer.look_again()
        if self._sequencer.behind and now - self._published_at >= PUBLISH_SECONDS:
            checkpoint = await self._sequencer.publish(rows)
            self._published_at = self._looked_at = time.monotonic()
            self._size.set(checkpoint.size)
            self._signed.set_to_current_time()
        elif not self._sequencer.behind:
            await self._publication.tidy(self._sequencer.size, _TIDIED_AT_ONCE)

    async def _be_cosigned(self, rows: LogRows) -> None:
        """Take what witnesses answered since, and ask those that are due. Waits for none of them."""
        if self._witnesses is None:
            return
        for answer in self._witnesses.answers():
            if isinstance(answer, Contradicted):
                await self._sequencer.open(rows, [answer.evidence])
            else:
                await self._sequencer.cosign(rows, answer.note, answer.lines)
        if self._sequencer.note is not None and not self._sequencer.behind:
            self._witnesses.ask(self._sequencer.note)

    async def _upkeep(self, rows: LogRows) -> None:
        now = time.monotonic()
        if now - self._counted_at >= _COUNT_SECONDS:
            self._counted_at = now
            self._pending.set(await rows.pending())
        if now - self._upkept_at >= _UPKEEP_SECONDS:
            self._upkept_at = now
            try:
                await rows.keep_months(_MONTHS_AHEAD)
            except DBAPIError as error:
                if not is_passing(error) or error.connection_invalidated:
                    raise
                logger().warning("log-months-not-made")  # the default partition takes the events meanwhile


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
