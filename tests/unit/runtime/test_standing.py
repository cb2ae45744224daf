"""A key that is revoked while its request runs: no more bytes in, no more out, and no whole-looking answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from starlette.types import Message

from services.kernel.identifiers import AgencyId, ClientId
from services.kernel.refusals import Refusal
from services.kernel.refusals.platform import RegistryStale
from services.runtime.callers import Caller
from services.runtime.nonces import Nonce
from services.runtime.standing import ASK_SECONDS, STALE_SECONDS, Standing

CALLER = Caller(
    client=ClientId(UUID(int=1)),
    agency=AgencyId(UUID(int=2)),
    scopes=frozenset({"submitter"}),
    officer=None,
    keyid="k" * 43,
    nonce=Nonce(date(2026, 11, 24), "k" * 43, "n" * 22, datetime(2026, 11, 24, tzinfo=UTC)),
    content_sha256=None,
    content_length=None,
    token_id="t",
)
START: Message = {"type": "http.response.start", "status": 200, "headers": []}
CHUNK: Message = {"type": "http.response.body", "body": b"x", "more_body": True}


class World:
    """A clock, a copy of the revocations, and the connection."""

    def __init__(self) -> None:
        self.now = 0.0
        self.revoked = self.stale = False
        self.asked = 0
        self.sent: list[Message] = []

    async def is_revoked(self, kid: str, client: ClientId) -> bool:
        assert (kid, client) == (CALLER.keyid, CALLER.client)
        self.asked += 1
        if self.stale:
            raise RegistryStale(retry_after=1)
        return self.revoked

    async def receive(self) -> Message:
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    def standing(self) -> Standing:
        return Standing(self, CALLER, self.receive, self.send, monotonic=lambda: self.now)


@pytest.fixture
def world() -> World:
    return World()


async def test_what_is_over_at_once_is_asked_about_once_only(world: World) -> None:
    """The door has asked a moment ago."""
    standing = world.standing()
    world.revoked = True
    for message in (START, CHUNK):
        await standing.send(message)
    await standing.receive()
    assert (world.asked, len(world.sent), standing.started) == (0, 2, True)


@pytest.mark.parametrize(
    "move",
    [
        lambda standing: standing.receive(), lambda standing: standing.send(START),
        lambda standing: standing.send(CHUNK),
    ],
    ids=["body", "start", "chunk"],
)  # fmt: skip
async def test_the_next_bytes_after_a_revocation_do_not_move(world: World, move: Callable[[Standing], object]) -> None:
    standing = world.standing()
    world.now = ASK_SECONDS
    await standing.send(CHUNK)
    world.revoked = True
    for _ in range(3):  # and never again, whatever the copy says later
        world.now += ASK_SECONDS
        with pytest.raises(Refusal, match="key-revoked"):
            await move(standing)  # type: ignore[misc]  # a lambda's coroutine
        world.revoked = False
    assert len(world.sent) == 1
    assert standing.ended is not None


async def test_a_disconnect_is_told_whatever_the_standing(world: World) -> None:
    async def gone() -> Message:
        return {"type": "http.disconnect"}

    standing = Standing(world, CALLER, gone, world.send, monotonic=lambda: world.now)
    world.now, world.revoked = 9.0, True
    assert (await standing.receive())["type"] == "http.disconnect"


async def test_while_auth_is_away_what_runs_may_finish_for_half_a_minute(world: World) -> None:
    standing = world.standing()
    world.now, world.stale = STALE_SECONDS, True
    await standing.send(CHUNK)
    world.now += ASK_SECONDS
    with pytest.raises(Refusal, match="registry-stale"):
        await standing.send(CHUNK)


async def test_a_copy_that_came_back_counts_from_then(world: World) -> None:
    standing = world.standing()
    world.now = STALE_SECONDS
    await standing.send(CHUNK)
    world.stale, world.now = True, STALE_SECONDS * 2
    await standing.send(CHUNK)
