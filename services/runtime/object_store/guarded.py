"""An object store behind a circuit: while it stalls, who needs it is told so at once and the rest of the process lives.

Not a single call is repeated here. The number of calls at once is bounded, too: each holds a connection and a buffer.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Final, Self

from prometheus_client import Counter, Gauge

from services.kernel.refusals.platform import StoreUnavailable
from services.runtime.logging import exception_names, logger
from services.runtime.metrics import Metrics
from services.runtime.object_store.circuit import Circuit, Era
from services.runtime.object_store.port import ObjectEntry, ObjectHeld, ObjectMissing, ObjectStore, Stored
from services.runtime.object_store.s3_answers import StoreAnswer

MOST_CALLS: Final = 500
"""At once, in one process: with as many clients they stay below the 1,024 descriptors that many systems give."""

PROBE_SECONDS: Final = 2.5
"""How long the store may take to say that it is ready; less than what the admin listener gives a check."""


class GuardedStore:
    """See `port.ObjectStore`. To be used within one event loop, and closed there; the store itself is closed by its owner."""

    def __init__(self, store: ObjectStore, metrics: Metrics, *, most: int = MOST_CALLS) -> None:
        self._store = store
        self._most = most
        self._calls = 0
        self._circuit = Circuit(random.random)
        self._probing: asyncio.Task[None] | None = None
        self._opened = Gauge(
            "nopluu_store_circuit_open",
            "1 while the store does not answer and nobody but a probe asks it.",
            registry=metrics.registry,
        )
        self._refused = Counter(
            "nopluu_store_calls_refused",
            "Calls refused without asking the store: it does not answer, or too many were in flight.",
            ("reason",),
            registry=metrics.registry,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._probing is not None:
            self._probing.cancel()
            with suppress(asyncio.CancelledError):
                await self._probing

    async def put_stream(self, name: str, length: int, chunks: AsyncIterator[bytes | bytearray]) -> Stored:
        with self._call():
            return await self._store.put_stream(name, length, chunks)

    async def put(self, name: str, data: bytes) -> Stored:
        with self._call():
            return await self._store.put(name, data)

    async def get(self, name: str, *, version_id: str | None = None) -> bytes:
        with self._call():
            return await self._store.get(name, version_id=version_id)

    async def get_range(
        self, name: str, start: int, length: int, *, version_id: str | None = None
    ) -> AsyncIterator[bytes]:
        with self._call():
            async for piece in self._store.get_range(name, start, length, version_id=version_id):
                yield piece

    async def delete(self, name: str, *, version_id: str | None = None) -> None:
        with self._call():
            await self._store.delete(name, version_id=version_id)

    async def keep_only(self, name: str, version_id: str) -> None:
        with self._call():
            await self._store.keep_only(name, version_id)

    async def list(self, prefix: str) -> AsyncIterator[ObjectEntry]:
        with self._call():
            async for entry in self._store.list(prefix):
                yield entry

    async def ready(self) -> None:
        """As the store says, within `PROBE_SECONDS`; checks that fail in a row open the circuit without any traffic."""
        with self._call():
            await self._ask_ready()

    @contextmanager
    def _call(self) -> Iterator[None]:
        """One call to the store, which learns from how it ends.

        Raises:
            StoreUnavailable: without asking the store.
        """
        era = self._admit()
        self._calls += 1
        try:
            yield
        except (ObjectMissing, ObjectHeld):
            self._circuit.answered(era)
            raise
        except StoreUnavailable as error:
            self._learn(era, error.__cause__)
            error.retry_after = error.retry_after or self._circuit.retry_after(_now())
            raise
        else:
            self._circuit.answered(era)
        finally:
            self._calls -= 1

    def _admit(self) -> Era:
        era = self._circuit.admit()
        if era is None:
            self._refused.labels("open").inc()
            raise StoreUnavailable(retry_after=self._circuit.retry_after(_now()))
        if self._calls >= self._most:
            self._refused.labels("full").inc()
            raise StoreUnavailable(retry_after=1)
        return era

    def _learn(self, era: Era, cause: BaseException | None) -> None:
        if isinstance(cause, StoreAnswer) and cause.final:
            self._circuit.answered(era)  # a store that refuses one request is alive
            return
        self._circuit.failed(era, _now(), silent=isinstance(cause, TimeoutError))
        if self._circuit.open and (self._probing is None or self._probing.done()):
            self._opened.set(1)
            logger().warning("store-circuit-opened")
            self._probing = asyncio.create_task(self._probe(), name="store-probe")

    async def _probe(self) -> None:
        """Ask from time to time until the store answers; the circuit is closed when this ends."""
        while (probe_at := self._circuit.probe_at) is not None:
            await asyncio.sleep(max(0.0, probe_at - _now()))
            try:
                await self._ask_ready()
            except Exception as error:  # noqa: BLE001 - whatever went wrong, who stopped probing would never close it
                logger().info("store-probe-failed", exception=exception_names(error))
                self._circuit.probed(_now(), answered=False)
            else:
                self._circuit.probed(_now(), answered=True)
        self._opened.set(0)
        logger().info("store-circuit-closed")

    async def _ask_ready(self) -> None:
        """Raises StoreUnavailable, also where the answer takes longer than `PROBE_SECONDS`."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self._store.ready()
        except TimeoutError:
            # No cause: one late check under load is no proof of silence.
            raise StoreUnavailable from None


def _now() -> float:
    return asyncio.get_running_loop().time()
