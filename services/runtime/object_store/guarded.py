"""An object store behind two circuits: while it stalls, who needs it is told so at once and the rest of the process lives.

Reading and writing have a circuit each: a store whose disks are full or whose peers are gone may take nothing and still
give, and then nobody who reads is refused. Reading is probed by asking whether the store is ready, writing by a write.
Not a single call is repeated here. The number of calls at once is bounded, too: each holds a connection and a buffer.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
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

WRITE_PROBE_SECONDS: Final = 10.0
"""How long it may take over a few bytes: a busy store that still takes them is not one that stalls."""

PROBE: Final = "probe/writes"
"""The object that a probe writes and removes again; no row ever names it."""


class _Half:
    """Reading or writing: its circuit, how it is probed, and the task that does so."""

    def __init__(self, name: str, opened: Gauge, probe: Callable[[], Awaitable[None]]) -> None:
        self.name = name
        self.circuit = Circuit(random.random)
        self.opened = opened.labels(name)
        self.probe = probe
        self.probing: asyncio.Task[None] | None = None
        self.opened.set(0)


class GuardedStore:
    """See `port.ObjectStore`. To be used within one event loop, and closed there; the store itself is closed by its owner."""

    def __init__(self, store: ObjectStore, metrics: Metrics, *, most: int = MOST_CALLS) -> None:
        self._store = store
        self._most = most
        self._calls = 0
        opened = Gauge(
            "nopluu_store_circuit_open",
            "1 while the store does not answer such calls and nobody but a probe makes one.",
            ("calls",),
            registry=metrics.registry,
        )
        self._reads = _Half("reads", opened, self._ask_ready)
        self._writes = _Half("writes", opened, self._try_write)
        self._suspecting: asyncio.Task[None] | None = None
        self._refused = Counter(
            "nopluu_store_calls_refused",
            "Calls refused without asking the store: it does not answer, or too many were in flight.",
            ("reason",),
            registry=metrics.registry,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in (self._suspecting, self._reads.probing, self._writes.probing):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def put_stream(self, name: str, length: int, chunks: AsyncIterator[bytes | bytearray]) -> Stored:
        with self._call(self._writes):
            return await self._store.put_stream(name, length, chunks)

    async def put(self, name: str, data: bytes) -> Stored:
        with self._call(self._writes):
            return await self._store.put(name, data)

    async def get(self, name: str, *, version_id: str | None = None) -> bytes:
        with self._call(self._reads):
            return await self._store.get(name, version_id=version_id)

    async def get_range(
        self, name: str, start: int, length: int, *, version_id: str | None = None
    ) -> AsyncIterator[bytes]:
        with self._call(self._reads):
            async for piece in self._store.get_range(name, start, length, version_id=version_id):
                yield piece

    async def delete(self, name: str, *, version_id: str | None = None) -> None:
        with self._call(self._writes):
            await self._store.delete(name, version_id=version_id)

    async def keep_only(self, name: str, version_id: str) -> None:
        with self._call(self._writes):
            await self._store.keep_only(name, version_id)

    async def list(self, prefix: str) -> AsyncIterator[ObjectEntry]:
        with self._call(self._reads):
            async for entry in self._store.list(prefix):
                yield entry

    async def ready(self) -> None:
        """As the store says, within `PROBE_SECONDS`; checks that fail in a row open the circuit of reading without any traffic.

        A store that only takes nothing is ready: whoever reads would otherwise be refused at the front.
        """
        with self._call(self._reads):
            await self._ask_ready()

    @contextmanager
    def _call(self, half: _Half) -> Iterator[None]:
        """One call to the store, from whose end its half learns.

        Raises:
            StoreUnavailable: without asking the store.
        """
        era = self._admit(half)
        self._calls += 1
        try:
            yield
        except (ObjectMissing, ObjectHeld):
            half.circuit.answered(era)
            raise
        except StoreUnavailable as error:
            self._learn(half, era, error.__cause__)
            error.retry_after = error.retry_after or half.circuit.retry_after(_now())
            raise
        else:
            half.circuit.answered(era)
        finally:
            self._calls -= 1

    def _admit(self, half: _Half) -> Era:
        era = half.circuit.admit()
        if era is None:
            self._refused.labels("open").inc()
            raise StoreUnavailable(retry_after=half.circuit.retry_after(_now()))
        if self._calls >= self._most:
            self._refused.labels("full").inc()
            raise StoreUnavailable(retry_after=1)
        return era

    def _learn(self, half: _Half, era: Era, cause: BaseException | None) -> None:
        if isinstance(cause, StoreAnswer) and cause.final:
            half.circuit.answered(era)  # a store that refuses one request is alive
            return
        if self._fail(half, era, silent=isinstance(cause, TimeoutError)):
            other = self._reads if half is self._writes else self._writes
            if not other.circuit.open and (self._suspecting is None or self._suspecting.done()):
                self._suspecting = asyncio.create_task(self._suspect(other), name="store-suspect")

    def _fail(self, half: _Half, era: Era, *, silent: bool) -> bool:
        """Tell a half of a failure; whether that opened it. Then it is probed from now on."""
        before = half.circuit.open
        half.circuit.failed(era, _now(), silent=silent)
        if before or not half.circuit.open:
            return False
        half.opened.set(1)
        logger().warning("store-circuit-opened", calls=half.name)
        if half.probing is None or half.probing.done():
            half.probing = asyncio.create_task(self._probe(half), name="store-probe")
        return True

    async def _suspect(self, half: _Half) -> None:
        """The other half fell silent: ask this one at once, or everybody who comes would have to find out for himself."""
        era = half.circuit.admit()
        if era is None:
            return
        try:
            await half.probe()
        except Exception as error:  # noqa: BLE001 - whatever went wrong, it is the second sign
            logger().info("store-probe-failed", calls=half.name, exception=exception_names(error))
            self._fail(half, era, silent=True)

    async def _probe(self, half: _Half) -> None:
        """Ask from time to time until the store answers; the circuit is closed when this ends."""
        while (probe_at := half.circuit.probe_at) is not None:
            await asyncio.sleep(max(0.0, probe_at - _now()))
            try:
                await half.probe()
            except Exception as error:  # noqa: BLE001 - whatever went wrong, who stopped probing would never close it
                logger().info("store-probe-failed", calls=half.name, exception=exception_names(error))
                half.circuit.probed(_now(), answered=False)
            else:
                half.circuit.probed(_now(), answered=True)
        half.opened.set(0)
        logger().info("store-circuit-closed", calls=half.name)

    async def _ask_ready(self) -> None:
        """Raises StoreUnavailable, also where the answer takes longer than `PROBE_SECONDS`."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self._store.ready()
        except TimeoutError:
            # No cause: one late check under load is no proof of silence.
            raise StoreUnavailable from None

    async def _try_write(self) -> None:
        """Write a few bytes and remove them. Raises StoreUnavailable, also where that takes too long."""
        try:
            async with asyncio.timeout(WRITE_PROBE_SECONDS):
                await self._store.put(PROBE, b"?")
                await self._store.delete(PROBE)
        except TimeoutError:
            raise StoreUnavailable from None


def _now() -> float:
    return asyncio.get_running_loop().time()
