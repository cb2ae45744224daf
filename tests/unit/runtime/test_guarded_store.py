"""Promise: behind the guard a store that is away costs nobody any time, and comes back by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from services.kernel.refusals.platform import StoreUnavailable
from services.runtime.metrics import Metrics
from services.runtime.object_store import circuit, guarded
from services.runtime.object_store.circuit import FAILURES
from services.runtime.object_store.guarded import GuardedStore
from services.runtime.object_store.memory import MemoryStore
from services.runtime.object_store.port import ObjectMissing, Stored
from services.runtime.object_store.s3_answers import StoreAnswer


class Moody(MemoryStore):
    """Answers, fails with a cause, or says nothing; counts what reaches it."""

    def __init__(self) -> None:
        super().__init__()
        self.cause: Exception | None = None
        self.answers = asyncio.Event()
        self.answers.set()
        self.asked = 0
        self.full = False
        self.written: list[str] = []

    async def get(self, name: str, *, version_id: str | None = None) -> bytes:
        await self._mood()
        return await super().get(name, version_id=version_id)

    async def put(self, name: str, data: bytes) -> Stored:
        self.written.append(name)
        if self.full:
            raise StoreUnavailable from TimeoutError()
        if self.cause is not None:
            raise StoreUnavailable from self.cause
        return await super().put(name, data)

    async def ready(self) -> None:
        await self._mood()

    async def _mood(self) -> None:
        self.asked += 1
        await self.answers.wait()
        if self.cause is not None:
            raise StoreUnavailable from self.cause


@pytest.fixture
def moody() -> Moody:
    return Moody()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("test")


@pytest.fixture
async def store(moody: Moody, metrics: Metrics) -> AsyncIterator[GuardedStore]:
    async with GuardedStore(moody, metrics, most=3) as made:
        await made.put("x", b"data")
        yield made


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


async def becomes(metrics: Metrics, calls: str, wanted: float) -> None:
    """Until the circuit of these calls is so."""
    for _ in range(6000):
        if value(metrics, "nopluu_store_circuit_open", calls=calls) == wanted:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(calls)


async def answering(store: GuardedStore) -> None:
    """Until the guard lets calls through: it probes in the background."""
    async with asyncio.timeout(60):
        while True:
            try:
                assert await store.get("x") == b"data"
            except StoreUnavailable:
                await asyncio.sleep(0.05)
            else:
                return


async def test_after_silence_nobody_asks_until_the_store_answers(
    store: GuardedStore, moody: Moody, metrics: Metrics
) -> None:
    moody.cause = TimeoutError()
    with pytest.raises(StoreUnavailable):
        await store.get("x")
    asked = moody.asked
    for _ in range(100):
        with pytest.raises(StoreUnavailable) as told:
            await store.get("x")
        assert told.value.retry_after is not None
        assert told.value.retry_after >= 1
    with pytest.raises(StoreUnavailable):
        await store.ready()
    assert moody.asked == asked
    assert value(metrics, "nopluu_store_circuit_open", calls="reads") == 1
    assert value(metrics, "nopluu_store_calls_refused_total", reason="open") == 101
    moody.cause = None
    await answering(store)
    await store.ready()
    assert value(metrics, "nopluu_store_circuit_open", calls="reads") == 0


@pytest.fixture
def hasty() -> Iterator[None]:
    """Probes follow each other at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(circuit, "FIRST_PAUSE", 0.02)
        patch.setattr(circuit, "LONGEST_PAUSE", 0.1)
        yield


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("cause", [TimeoutError(), RuntimeError("unforeseen"), None])
async def test_probes_that_fail_go_on(
    store: GuardedStore, moody: Moody, monkeypatch: pytest.MonkeyPatch, cause: Exception | None
) -> None:
    monkeypatch.setattr(guarded, "PROBE_SECONDS", 0.05)
    moody.cause = TimeoutError()
    with pytest.raises(StoreUnavailable):
        await store.get("x")
    if cause is None:
        moody.answers.clear()  # the probe itself meets silence
    elif isinstance(cause, RuntimeError):
        monkeypatch.setattr(moody, "cause", None)
        monkeypatch.setattr(moody, "ready", _raising(moody, cause))
    before = moody.asked
    for _ in range(1200):
        if moody.asked >= before + 2:
            break
        await asyncio.sleep(0.05)
    assert moody.asked >= before + 2
    monkeypatch.undo()
    moody.cause = None
    moody.answers.set()
    await answering(store)


@pytest.mark.usefixtures("hasty")
async def test_a_store_that_takes_nothing_is_read_and_probed_by_writing(
    store: GuardedStore, moody: Moody, metrics: Metrics
) -> None:
    moody.full = True
    with pytest.raises(StoreUnavailable):
        await store.put("y", b"data")
    moody.written.clear()
    for _ in range(1200):
        assert await store.get("x") == b"data"
        await store.ready()
        with pytest.raises(StoreUnavailable):
            await store.put("y", b"data")
        if len(moody.written) >= 3:
            break
        await asyncio.sleep(0.02)
    assert len(moody.written) >= 3
    assert set(moody.written) == {guarded.PROBE}
    assert value(metrics, "nopluu_store_circuit_open", calls="writes") == 1
    assert value(metrics, "nopluu_store_circuit_open", calls="reads") == 0
    moody.full = False
    await becomes(metrics, "writes", 0)
    await store.put("y", b"data")
    assert [entry.name async for entry in store.list("")] == ["x", "y"]


async def test_who_is_silent_to_writers_is_asked_at_once_for_readers(
    store: GuardedStore, moody: Moody, metrics: Metrics
) -> None:
    moody.cause = TimeoutError()
    with pytest.raises(StoreUnavailable):
        await store.put("y", b"data")
    await becomes(metrics, "reads", 1)
    asked = moody.asked
    with pytest.raises(StoreUnavailable):
        await store.get("x")
    assert moody.asked == asked


def _raising(moody: Moody, error: Exception) -> object:
    async def ready() -> None:
        moody.asked += 1
        raise error

    return ready


async def test_answers_that_say_no_are_answers(store: GuardedStore, moody: Moody) -> None:
    moody.cause = StoreAnswer("403 AccessDenied", final=True)
    for _ in range(3 * FAILURES):
        with pytest.raises(StoreUnavailable):
            await store.get("x")
    moody.cause = None
    for _ in range(3 * FAILURES):
        with pytest.raises(ObjectMissing):
            await store.get("absent")
    assert await store.get("x") == b"data"


async def test_a_source_that_fails_says_nothing_about_the_store(store: GuardedStore) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"first"
        raise ConnectionError

    for _ in range(3 * FAILURES):
        with pytest.raises(ConnectionError):
            await store.put_stream("y", 100, broken())
    assert await store.get("x") == b"data"


@pytest.mark.usefixtures("hasty")
async def test_checks_of_readiness_alone_find_out(
    store: GuardedStore, moody: Moody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarded, "PROBE_SECONDS", 0.05)
    moody.answers.clear()
    for _ in range(FAILURES):
        with pytest.raises(StoreUnavailable):
            await store.ready()
    asked = moody.asked
    with pytest.raises(StoreUnavailable):
        await store.get("x")
    assert moody.asked == asked
    monkeypatch.undo()
    moody.answers.set()
    await answering(store)


async def test_only_so_many_wait_at_once(store: GuardedStore, moody: Moody, metrics: Metrics) -> None:
    moody.answers.clear()
    waiting = [asyncio.create_task(store.get("x")) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable) as told:
        await store.get("x")
    assert told.value.retry_after == 1
    assert value(metrics, "nopluu_store_calls_refused_total", reason="full") == 1
    waiting.pop().cancel()
    await asyncio.sleep(0)
    moody.answers.set()
    assert await store.get("x") == b"data"
    assert await asyncio.gather(*waiting) == [b"data", b"data"]


async def test_a_reader_who_leaves_gives_its_place_back(store: GuardedStore) -> None:
    for _ in range(10):
        pieces = store.get_range("x", 0, 4)
        assert await anext(pieces) == b"data"
        del pieces
        await asyncio.sleep(0)
    assert await store.get("x") == b"data"
