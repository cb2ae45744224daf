"""What no request may look like is refused before anything inside sees it."""

from __future__ import annotations

import pytest
from starlette.types import Receive, Scope, Send

from services.runtime.guard import MAX_HEADER_BYTES, MAX_HEADERS, Guard
from tests.support.asgi import ask, call, http_scope


class Inside:
    """Remembers whether it was reached."""

    def __init__(self) -> None:
        self.reached = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.reached = True
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})


@pytest.mark.parametrize(
    ("target", "headers", "code"),
    [
        ("/v1/a", [("host", "gateway")], "host-unknown"),  # a second one
        ("/v1/a", [("x-n", "1")] * MAX_HEADERS, "headers-too-large"),
        ("/v1/a", [("x-n", "1" * MAX_HEADER_BYTES)], "headers-too-large"),
        ("/v1/a", [("content-encoding", "gzip")], "content-encoding-refused"),
        ("/v1/a", [("content-encoding", "identity")], "content-encoding-refused"),
        ("/v1/a", [("content-length", "3"), ("transfer-encoding", "chunked")], "body-framing-ambiguous"),
        ("/v1/a", [("content-length", "3"), ("content-length", "3")], "body-framing-ambiguous"),
        ("/v1/a", [("content-length", "3, 3")], "body-framing-ambiguous"),
        ("/v1/a", [("content-length", "+3")], "body-framing-ambiguous"),
        ("/v1/a", [("content-length", "-1")], "body-framing-ambiguous"),
        ("/v1/a", [("content-length", "")], "body-framing-ambiguous"),
        ("/v1/a", [("transfer-encoding", "gzip, chunked")], "body-framing-ambiguous"),
        ("/v1/a", [("transfer-encoding", "identity")], "body-framing-ambiguous"),
        ("/v1/a%2fb", [], "path-ambiguous"),
        ("/v1/a%2Fb", [], "path-ambiguous"),
        ("/v1/a%5cb", [], "path-ambiguous"),
        ("/v1/a\\b", [], "path-ambiguous"),
        ("/v1/../a", [], "path-ambiguous"),
        ("/v1/./a", [], "path-ambiguous"),
        ("/v1/..", [], "path-ambiguous"),
        ("/v1/%2e%2e/a", [], "path-ambiguous"),
        ("/v1/.%2E/a", [], "path-ambiguous"),
        ("/v1/%252fa", [], "path-ambiguous"),
        ("/v1/%00", [], "path-ambiguous"),
        ("/v1/%zz", [], "path-ambiguous"),
        ("/v1/%2", [], "path-ambiguous"),
        ("//v1/a", [], "path-ambiguous"),
        ("/v1//a", [], "path-ambiguous"),
        ("/v1/\xe9", [], "path-ambiguous"),
        ("*", [], "path-ambiguous"),
        ("http://other/v1", [], "path-ambiguous"),
    ],
)
async def test_it_is_refused_outside(target: str, headers: list[tuple[str, str]], code: str) -> None:
    inside = Inside()
    reply = await ask(Guard(inside, ["gateway"]), "POST", target, headers=headers)
    assert reply.json()["code"] == code
    assert reply.headers["connection"] == "close"
    assert not inside.reached


@pytest.mark.parametrize("host", ["", "other", "gateway:444", "gateway.", "gateway,gateway", "gateway "])
async def test_another_host_is_refused(host: str) -> None:
    inside = Inside()
    reply = await call(Guard(inside, ["gateway", "gateway:443"]), http_scope("GET", "/v1/a", host=host))
    assert reply.json()["code"] == "host-unknown"
    assert not inside.reached


async def test_no_host_is_refused() -> None:
    scope = http_scope("GET", "/v1/a")
    scope["headers"] = []
    assert (await call(Guard(Inside(), ["gateway"]), scope)).status == 421


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/", []),
        ("/v1/a", [("x-n", "1")] * (MAX_HEADERS - 1)),
        ("/v1/a", [("content-length", "0")]),
        ("/v1/a", [("transfer-encoding", "Chunked")]),
        ("/v1/packages:check?part_size=1", []),
        ("/v1/a%20b/c%C3%A9", []),
        ("/v1/a..b/...", []),
        ("/.well-known/nopluu", []),
        ("/v1/search?q=%2F..%5c", []),
    ],
)
async def test_an_honest_request_passes(target: str, headers: list[tuple[str, str]]) -> None:
    inside = Inside()
    assert (await ask(Guard(inside, ["gateway"]), "GET", target, headers=headers)).status == 204
    assert inside.reached


async def test_the_name_of_the_host_is_read_without_regard_to_case() -> None:
    assert (await call(Guard(Inside(), ["Gateway"]), http_scope("GET", "/", host="GATEWAY"))).status == 204
