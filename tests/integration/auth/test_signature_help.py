"""An integrator learns which line of his base differs in development; in production the address is any unknown one."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.types import ASGIApp

from services.auth.main import build
from services.runtime.metrics import Metrics
from tests.integration.auth.conftest import HOST, Auth
from tests.support.asgi import Reply, call, http_scope

SENT, SIGNED = "/v1/clients?limit=5", "/v1/clients?limit=6"


@pytest.fixture
def development(auth: Auth) -> ASGIApp:
    """The same instance as a development deployment has it."""
    settings = auth.settings.model_copy(update={"environment": "development"})
    return build(settings, auth.engine, Metrics("auth"))


async def refused(auth: Auth, app: ASGIApp) -> Any:
    """The answer to a request that was signed for another address."""
    scope = auth.registrar.scope("GET", SIGNED)
    scope["query_string"] = SENT.partition("?")[2].encode()
    reply = await call(app, scope)
    assert (reply.status, reply.json()["code"]) == (401, "signature-invalid")
    return reply.json()


async def post(app: ASGIApp, target: str, body: bytes) -> Reply:
    return await call(app, http_scope("POST", target, [("content-length", str(len(body)))], host=HOST), body)


async def test_in_development_the_line_is_told_and_the_token_is_not(auth: Auth, development: ASGIApp) -> None:
    problem = await refused(auth, development)
    assert problem["signature_base"] == f"/v1/signature-bases/{problem['request_id']}"
    bearer = f'"authorization": Bearer {auth.registrar.token}'
    mine = f'"@method": GET\n"@target-uri": https://{HOST}{SIGNED}\n{bearer}\n"@signature-params": x'
    reply = await post(development, problem["signature_base"], mine.encode())
    assert reply.status == 200, reply.body
    told = reply.json()
    assert (told["equal"], told["first_difference"]) == (False, 2)
    assert told["lines"][1]["server"] == f'"@target-uri": https://{HOST}{SENT}'
    assert told["client"] == f'"@target-uri": https://{HOST}{SIGNED}'
    assert [line["same"] for line in told["lines"]] == [True, False, True, False]
    assert auth.registrar.token.encode() not in reply.body
    described = (await call(development, http_scope("GET", "/openapi.json", host=HOST))).json()
    assert "/v1/signature-bases/{request_id}" in described["paths"]


async def test_nobody_learns_of_a_request_whose_id_he_was_not_told(development: ASGIApp) -> None:
    for identifier, status in (("0" * 32, 404), ("x", 422)):
        assert (await post(development, f"/v1/signature-bases/{identifier}", b"")).status == status


async def test_other_refusals_tell_their_cause_and_keep_nothing(auth: Auth, development: ASGIApp) -> None:
    scope = auth.registrar.scope("GET", SENT)
    scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"signature"]
    reply = await call(development, scope)
    assert reply.json()["code"] == "signature-missing"
    assert "signature_base" not in reply.json()


async def test_in_production_there_is_no_such_thing(auth: Auth) -> None:
    problem = await refused(auth, auth.app)
    assert "signature_base" not in problem
    address = f"/v1/signature-bases/{problem['request_id']}"
    unsigned = [(await post(auth.app, target, b"x")) for target in (address, "/v1/no-such-address")]
    assert [(reply.status, reply.json()["code"]) for reply in unsigned] == [(401, "token-missing")] * 2
    signed = await call(auth.app, auth.registrar.scope("POST", address, b"x"), b"x")
    assert (signed.status, signed.json()["code"]) == (404, "not-found")
    described = (await call(auth.app, http_scope("GET", "/openapi.json", host=HOST))).json()
    assert not any("signature-bases" in path for path in described["paths"])
