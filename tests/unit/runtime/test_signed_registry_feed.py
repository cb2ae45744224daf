"""The copy of auth's facts: whole pages in order, never older than it may be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from uuid import UUID

import pytest

from services.kernel.identifiers import ClientId
from services.kernel.refusals.platform import RegistryStale
from services.runtime.registry_feed import MAX_AGE, Registry
from services.runtime.service_client import Answer, CallFailed

CLIENT = ClientId(UUID(int=7))


class Auth:
    """Answers pages of its facts; `failing` is raised or answered instead."""

    def __init__(self, count: int, page: int = 2) -> None:
        self.facts = [{"type": "key-revoked", "kid": f"k{number}", "seq": number} for number in range(1, count + 1)]
        self.page = page
        self.asked: list[int] = []
        self.failing: Callable[[], Answer] | None = None
        self.time = 0.0
        self.answered = asyncio.Event()

    async def request(
        self, method: str, url: str, *, body: bytes | None = None, content_type: str | None = None
    ) -> Answer:
        assert method == "GET"
        assert body is None
        assert content_type is None
        if self.failing is not None:
            return self.failing()
        address, _, after = url.partition("?after=")
        assert address == "https://auth.example/v1/registry/facts"
        self.asked.append(int(after))
        new = [fact for fact in self.facts if int(str(fact["seq"])) > int(after)][: self.page]
        self.answered.set()
        return Answer(200, {}, json.dumps({"facts": new, "last": len(self.facts)}).encode())

    def registry(self) -> Registry:
        return Registry(self, "https://auth.example", monotonic=lambda: self.time)


def away() -> Answer:
    raise CallFailed("ClientConnectorError")


async def test_every_page_is_read_before_the_copy_counts() -> None:
    auth = Auth(5)
    registry = auth.registry()
    with pytest.raises(RegistryStale):
        await registry.ready()
    await registry.poll()
    assert auth.asked == [0, 2, 4]
    assert registry.state.position == 5
    assert await registry.is_revoked("k5", CLIENT)
    assert not await registry.is_revoked("k6", CLIENT)
    auth.facts.append({"type": "client-disabled", "client_id": str(CLIENT), "seq": 6})
    await registry.poll()
    assert await registry.is_revoked("any", CLIENT)


async def test_a_copy_grows_old_and_then_lets_nobody_in() -> None:
    auth = Auth(1)
    registry = auth.registry()
    await registry.poll()
    auth.time += MAX_AGE
    await registry.ready()
    auth.time += 0.01
    for ask in (lambda: registry.is_revoked("k2", CLIENT), registry.ready):
        with pytest.raises(RegistryStale) as caught:
            await ask()
        assert caught.value.retry_after == 1


async def test_what_an_old_copy_knows_to_be_revoked_stays_revoked() -> None:
    """Otherwise a download by that key would go on while auth is away."""
    auth = Auth(1)
    registry = auth.registry()
    await registry.poll()
    auth.time += 100 * MAX_AGE
    assert await registry.is_revoked("k1", CLIENT)


@pytest.mark.parametrize(
    "failing",
    [
        away,
        lambda: Answer(503, {}, b""),
        lambda: Answer(200, {}, b"[]"),
        lambda: Answer(200, {}, b'{"facts":[{"type":"key-revoked"}],"last":9}'),
        lambda: Answer(200, {}, b'{"facts":[],"last":9}'),
        lambda: Answer(200, {}, b'{"facts":[],"facts":[],"last":1}'),
    ],
)
async def test_an_answer_that_is_no_page_leaves_the_copy_to_age(failing: Callable[[], Answer]) -> None:
    auth = Auth(1)
    registry = auth.registry()
    await registry.poll()
    auth.failing, auth.time = failing, MAX_AGE + 0.1
    with pytest.raises((CallFailed, ValueError)):
        await registry.poll()
    with pytest.raises(RegistryStale):
        await registry.ready()


async def test_an_auth_restored_to_an_earlier_point_is_believed() -> None:
    auth = Auth(5)
    registry = auth.registry()
    await registry.poll()
    del auth.facts[2:]
    await registry.poll()
    assert registry.state.position == 2
    assert not await registry.is_revoked("k5", CLIENT)


def broken() -> Answer:
    raise RuntimeError("a bug")


@pytest.mark.parametrize("failing", [away, broken])
async def test_it_polls_until_it_is_stopped_and_recovers_by_itself(failing: Callable[[], Answer]) -> None:
    auth = Auth(1)
    auth.failing = failing
    registry, stop = Registry(auth, "https://auth.example"), asyncio.Event()
    running = asyncio.create_task(registry.run(stop))
    await asyncio.sleep(0.05)
    auth.failing = None
    await asyncio.wait_for(auth.answered.wait(), 2)
    await asyncio.sleep(0.02)
    await registry.ready()
    stop.set()
    async with asyncio.timeout(1):
        await running
