"""What nobody has proved costs little: few at a time, small, soon; refused before a byte is read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from starlette.types import Message, Receive, Scope, Send

from services.runtime.public_posts import PublicPosts
from tests.support.asgi import Reply, call, http_scope

MAX = 1000


class Counting:
    """An application that reads the whole body, and says so once it may end."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.entered = asyncio.Semaphore(0)
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        self.bodies.append(message.get("body", b""))
        self.entered.release()
        assert not message.get("more_body", False)
        await self.may_end.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def app() -> Counting:
    return Counting()


def post(length: int | None, *headers: tuple[str, str]) -> Scope:
    stated = [] if length is None else [("content-length", str(length))]
    return http_scope("POST", "/v1/token", [*stated, *headers])


async def test_a_body_is_handed_on_whole(app: Counting) -> None:
    door = PublicPosts(app, max_body=MAX)
    assert (await call(door, post(6), [b"ab", b"", b"cdef"])).status == 200
    assert (await call(door, post(None))).status == 200
    assert (await call(door, post(MAX), b"x" * MAX)).status == 200
    assert app.bodies == [b"abcdef", b"", b"x" * MAX]


async def test_the_limit_is_judged_before_a_byte_is_read(app: Counting) -> None:
    """The refused one's body is only forgotten, so that its sender can read the answer."""
    door = PublicPosts(app, requests=2, max_body=MAX)
    app.may_end.clear()
    held = [asyncio.create_task(call(door, post(1), b"a")) for _ in range(2)]
    for _ in held:
        await app.entered.acquire()
    refused = await call(door, post(1), b"b")
    assert (refused.status, refused.json()["code"], refused.headers["retry-after"]) == (
        503, "instance-requests-limit", "1",
    )  # fmt: skip
    waiting = await untouched(door, post(1, ("expect", "100-continue")))
    assert (waiting.status, waiting.headers["connection"]) == (503, "close")
    app.may_end.set()
    assert [reply.status for reply in await asyncio.gather(*held)] == [200, 200]
    assert (await call(door, post(1), b"c")).status == 200
    assert app.bodies == [b"a", b"a", b"c"]


async def untouched(door: PublicPosts, scope: Scope) -> Reply:
    """The answer to a request whose body must not be asked for."""
    sent: list[Message] = []

    async def receive() -> Message:
        raise AssertionError("the body was read")

    async def send(message: Message) -> None:
        sent.append(message)

    await door(scope, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Reply(sent[0]["status"], headers, sent[1]["body"])


@pytest.mark.parametrize("end", ["disconnect", "too long", "late", "broken"])
async def test_a_place_is_given_back_however_a_request_ends(app: Counting, end: str) -> None:
    door = PublicPosts(app, requests=1, max_body=MAX, seconds=0.05)

    async def never() -> Message:
        await asyncio.sleep(60)
        raise AssertionError

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    async def long() -> Message:
        return {"type": "http.request", "body": b"x" * MAX, "more_body": True}

    async def broken() -> Message:
        raise RuntimeError("a bug")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    bodies: dict[str, Callable[[], Receive]] = {
        "disconnect": lambda: gone, "too long": lambda: long, "late": lambda: never, "broken": lambda: broken,
    }  # fmt: skip
    receive = bodies[end]()
    if end == "broken":
        with pytest.raises(RuntimeError):
            await door(post(1), receive, send)
    else:
        await door(post(1), receive, send)
    expected = {"too long": (413, "body-too-large"), "late": (408, "request-body-late")}.get(end)
    if expected is None:
        assert sent == []
    else:
        assert sent[0]["status"] == expected[0]
        assert expected[1].encode() in sent[1]["body"]
        assert (b"connection", b"close") in sent[0]["headers"]
    assert app.bodies == []
    assert (await call(door, post(1), b"a")).status == 200


async def test_what_has_no_length_or_too_great_a_one_is_refused_unread(app: Counting) -> None:
    door = PublicPosts(app, max_body=MAX)
    for scope, status, code in (
        (post(None, ("transfer-encoding", "chunked"), ("expect", "100-continue")), 411, "content-length-missing"),
        (post(MAX + 1, ("expect", "100-continue")), 413, "body-too-large"),
    ):
        reply = await untouched(door, scope)
        assert (reply.status, reply.json()["code"]) == (status, code)
    assert app.bodies == []


async def test_reading_is_not_counted(app: Counting) -> None:
    door = PublicPosts(app, requests=0)
    assert (await call(door, http_scope("GET", "/.well-known/jwks.json"))).status == 200
