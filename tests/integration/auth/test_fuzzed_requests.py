"""Mutilated requests on the real application: a problem of the 4xx kind or the whole effect, never anything between."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from itertools import count
from typing import Any, Final
from urllib.parse import urlencode

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from starlette.types import Scope

from services.kernel.refusals import registered
from services.kernel.signing.assertions import ASSERTION_TYPE
from services.runtime.database import transaction
from tests.integration.auth.conftest import HOST, Auth
from tests.support.asgi import Reply, call, http_scope
from tests.support.enrolled import FORM

NUMBERS: Final = count(1)
COVERED: Final = frozenset({b"authorization", b"content-type", b"content-length", b"content-digest"})
PIECES: Final = st.binary(max_size=6) | st.sampled_from(
    [
        b"",
        b" ",
        b"\t",
        b"\x00",
        b"\xff",
        b'"',
        b";",
        b",",
        b"=",
        b":",
        b"sig2=()",
        b";tag=x",
        b"Bearer ",
        b"=:",
        b"..",
        b"1e9",
    ]
)
FEW: Final = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), database=None)


@st.composite
def mutilations(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """Some characters of a value are replaced, put in or taken out; or it is another one altogether."""
    whole, place, cut, piece = draw(st.integers(0, 5)), draw(st.floats(0, 1)), draw(st.integers(0, 4)), draw(PIECES)

    def mutilated(value: bytes) -> bytes:
        if whole == 0:
            return piece
        at = int(place * len(value))
        return value[:at] + piece + value[at + cut :]

    return mutilated


class Asked:
    """The application as a thread without a loop asks it, and what there is in its rows."""

    def __init__(self, auth: Auth) -> None:
        self.auth = auth
        self._loop = asyncio.get_running_loop()

    def call(self, scope: Scope, body: bytes) -> Reply:
        return asyncio.run_coroutine_threadsafe(call(self.auth.app, scope, body), self._loop).result()

    def effects(self) -> dict[str, int]:
        return asyncio.run_coroutine_threadsafe(self._effects(), self._loop).result()

    async def _effects(self) -> dict[str, int]:
        tables = ("agency", "agency_code", "fact", "used_assertion")
        async with transaction(self.auth.engine) as connection:
            return {
                table: int((await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())  # noqa: S608 - the names above
                for table in tables
            }


def covered(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The fields that a signature covers; blanks around a value are none of it."""
    return [(name, value.strip(b" \t")) for name, value in headers if name in COVERED]


def require_problem(reply: Reply) -> str:
    """A refusal of the 4xx kind that is in the register; its code."""
    assert 400 <= reply.status < 500, (reply.status, reply.body)
    assert reply.headers["content-type"].startswith("application/problem+json")
    found: dict[str, Any] = reply.json()
    assert found["code"] in registered()
    assert found["status"] == reply.status
    return str(found["code"])


async def test_a_mutilated_signed_request_is_refused_whole_or_done_whole(auth: Auth) -> None:
    asked = Asked(auth)

    @FEW
    @given(
        place=st.integers(0, 30),
        change=mutilations(),
        how=st.sampled_from(["alter", "alter", "alter", "drop", "double", "add"]),
        body=st.none() | mutilations(),
        name=st.sampled_from(
            [b"transfer-encoding", b"content-encoding", b"expect", b"client-cert", b"x-forwarded-host"]
        ),
    )
    def fuzz(
        place: int, change: Callable[[bytes], bytes], how: str, body: Callable[[bytes], bytes] | None, name: bytes
    ) -> None:
        number = next(NUMBERS)
        day = "2020-01-01"
        form = {
            "name": "x",
            "kind": "x",
            "level": "x",
            "valid_from": day,
            "codes": [{"code": f"H{number % 100:02}.{number // 100:03}", "valid_from": day}],
        }
        right = json.dumps(form).encode()
        sent = right if body is None else body(right)
        scope = auth.registrar.scope("POST", "/v1/agencies", right)
        signed, headers = list(scope["headers"]), list(scope["headers"])
        at = place % len(headers)
        field, value = headers[at]
        match how:
            case "alter":
                headers[at] = (field, change(value))
            case "drop":
                del headers[at]
            case "double":
                headers.append((field, change(value)))
            case _:
                headers.append((name, change(b"100-continue")))
        scope["headers"] = headers
        before = asked.effects()
        reply = asked.call(scope, sent)
        after = asked.effects()
        if reply.status == 201:
            assert sent == right
            assert sorted(covered(headers)) == sorted(covered(signed))
            assert {table: after[table] - before[table] for table in after} == {
                "agency": 1, "agency_code": 1, "fact": 1, "used_assertion": 0,
            }  # fmt: skip
        else:
            require_problem(reply)
            assert after == before

    await asyncio.to_thread(fuzz)


async def test_a_mutilated_token_request_is_refused_whole_or_done_whole(auth: Auth) -> None:
    asked = Asked(auth)

    @FEW
    @given(
        data=st.data(),
        where=st.sampled_from(["form", "assertion", "part", "header", "member", "claim"]),
        change=mutilations(),
        strange=st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
            max_leaves=5,
        ),
    )
    def fuzz(data: st.DataObject, where: str, change: Callable[[bytes], bytes], strange: Any) -> None:
        members = {"alg", "kid", "typ", "crit", "jwk", "b64"}
        claims = {"iss", "sub", "aud", "iat", "exp", "nbf", "jti", "x"}
        member = data.draw(st.sampled_from(sorted(members if where == "member" else claims)))
        assertion = auth.registrar.assertion(
            {member: strange} if where == "member" else None, **({member: strange} if where == "claim" else {})
        )
        if where == "assertion":
            assertion = change(assertion.encode()).decode("latin-1")
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
            "scope": "registrar",
            "client_id": str(auth.registrar.client_id),
        }
        if where == "part":
            name = data.draw(st.sampled_from(sorted(form)))
            form[name] = change(form[name].encode()).decode("latin-1")
        body = urlencode(form, encoding="latin-1", errors="replace").encode()
        if where == "form":
            body = change(body)
        scope = http_scope("POST", "/v1/token", [("content-type", FORM), ("content-length", str(len(body)))], host=HOST)
        if where == "header":
            at = data.draw(st.integers(0, len(scope["headers"]) - 1))
            field, value = scope["headers"][at]
            scope["headers"][at] = (field, change(value))
        before = asked.effects()
        reply = asked.call(scope, body)
        after = asked.effects()
        used = after.pop("used_assertion") - before.pop("used_assertion")
        assert after == before
        if reply.status == 200:
            assert used == 1
        else:
            require_problem(reply)
            assert used == 0

    await asyncio.to_thread(fuzz)
