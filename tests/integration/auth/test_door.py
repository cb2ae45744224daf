"""The door of a service: what passes, what does not, and that nothing passes twice."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import APIRouter, Request
from starlette.types import ASGIApp, Message, Scope

from services.auth.adapters.ledger_sql import SqlRevocations
from services.auth.adapters.signing_keys import SigningKeyFolder
from services.kernel.signing import base64s
from services.kernel.signing.assertions import sign_compact
from services.runtime import nonces
from services.runtime.app import create_app
from services.runtime.database import create_engine, transaction
from services.runtime.signed_requests import (
    Caller,
    RequestVerifier,
    RouteKind,
    SignedRequests,
    caller,
    checked_body,
    require,
)
from services.runtime.tokens import AccessTokens
from tests.integration.auth.conftest import ISSUER, Auth
from tests.support.asgi import call, http_scope
from tests.support.enrolled import Enrolled, p256
from tests.support.signatures import public_forms

HOST = "ingest.example"
LIMIT = 4096

router = APIRouter()


@router.post("/v1/things")
async def post_thing(request: Request, sender: Annotated[Caller, require("submitter")]) -> dict[str, str]:
    body = await request.body()
    request.app.state.effects.append(sender.nonce.value)
    return {"client": str(sender.client), "sha256": hashlib.sha256(body).hexdigest()}


@router.get("/v1/things")
async def get_things(sender: Annotated[Caller, require("submitter", "archivist")]) -> dict[str, str]:
    return {"keyid": sender.keyid}


@router.post("/v1/streams")
async def post_stream(request: Request, sender: Annotated[Caller, require("submitter")]) -> dict[str, int]:
    body = await checked_body(request, sender, max_bytes=LIMIT)
    request.app.state.effects.append(sender.nonce.value)
    return {"length": len(body)}


@router.put("/v1/deferred")
async def put_deferred(request: Request, sender: Annotated[Caller, require("submitter")]) -> dict[str, int]:
    async with transaction(request.app.state.engine) as connection:
        await nonces.claim(connection, sender.nonce)
    request.app.state.effects.append(sender.nonce.value)
    return {"stated": sender.content_length or 0}


@router.get("/public")
async def get_public(request: Request) -> dict[str, str]:
    return {"caller": caller(request).token_id}


def kind(method: str, path: str) -> RouteKind:
    match path:
        case "/public":
            return RouteKind.PUBLIC
        case "/v1/streams":
            return RouteKind.STREAMED
        case "/v1/deferred":
            return RouteKind.DEFERRED
        case _:
            return RouteKind.BUFFERED


class Door:
    """A small service behind its door, with what had an effect in it."""

    def __init__(self, auth: Auth) -> None:
        self.engine = create_engine(auth.settings.database_url(), application_name="test-door")
        keys = SigningKeyFolder(auth.settings.signing_keys_dir, issuer=ISSUER, audience="nopluu-test")
        api = create_app(service="things", title="t", description="d", routers=[router])
        self.effects: list[str] = []
        api.state.effects = self.effects
        api.state.engine = self.engine
        tokens = AccessTokens(keys, issuer=ISSUER, audience="nopluu-test")
        verifier = RequestVerifier(tokens, SqlRevocations(auth.engine))
        self.app: ASGIApp = SignedRequests(
            api, verifier=verifier, engine=self.engine, origin=f"https://{HOST}", kind=kind, max_body=LIMIT
        )


@pytest.fixture
async def door(auth: Auth) -> AsyncIterator[Door]:
    made = Door(auth)
    yield made
    await made.engine.dispose()


@pytest.fixture
async def client(auth: Auth) -> Enrolled:
    made = await auth.enrol("submitter")
    made.host = HOST
    return made


async def code(door: Door, scope: Scope, body: bytes = b"") -> str:
    reply = await call(door.app, scope, body)
    return str(reply.json().get("code", reply.status))


async def test_a_signed_request_reaches_its_route_with_its_body(door: Door, client: Enrolled) -> None:
    body = json.dumps({"a": 1}).encode()
    reply = await call(door.app, client.scope("POST", "/v1/things?x=1", body), [body[:3], body[3:]])
    assert reply.json() == {"client": str(client.client_id), "sha256": hashlib.sha256(body).hexdigest()}
    read = await call(door.app, client.scope("GET", "/v1/things"))
    assert read.json() == {"keyid": client.kid}
    streamed = await call(door.app, client.scope("POST", "/v1/streams", body), [b"", body])
    assert streamed.json() == {"length": len(body)}


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/things"), ("POST", "/v1/streams"), ("PUT", "/v1/deferred")])
async def test_a_request_replayed_by_many_at_once_has_one_effect(
    door: Door, client: Enrolled, method: str, path: str
) -> None:
    body = b'{"a":1}'
    scope = client.scope(method, path, body)
    replies = await asyncio.gather(*(call(door.app, {**scope, "state": {}}, body) for _ in range(200)))
    assert sorted(reply.status for reply in replies) == [200, *[409] * 199]
    assert {reply.json()["code"] for reply in replies if reply.status != 200} == {"request-replayed"}
    assert len(door.effects) == 1


async def test_a_nonce_stays_used_for_whoever_connects_next(door: Door, client: Enrolled, auth: Auth) -> None:
    """Its row is in an ordinary, logged table, in the partition of the day that was signed."""
    scope = client.scope("GET", "/v1/things")
    assert (await call(door.app, scope)).status == 200
    await door.engine.dispose()
    again = Door(auth)
    assert await code(again, {**scope, "state": {}}) == "request-replayed"
    await again.engine.dispose()
    with psycopg.connect(auth.database.admin_url) as connection:
        kinds = connection.execute("SELECT DISTINCT relpersistence FROM pg_class WHERE relname ~ '^nonce'").fetchall()
        kept = connection.execute("SELECT tableoid::regclass::text FROM auth.nonce").fetchall()
    assert kinds == [("p",)]
    assert all(name.startswith("auth.nonce_2") for (name,) in kept)  # never the default partition


async def test_a_body_that_is_not_the_signed_one_has_no_effect(door: Door, client: Enrolled) -> None:
    signed = b'{"a":1}'
    for path in ("/v1/things", "/v1/streams"):
        for body, expected in (
            (b'{"a":2}', "content-digest-mismatch"),
            (signed[:-1], "content-length-mismatch"),
            (signed + b" ", "content-length-mismatch"),
            (b"", "content-length-mismatch"),
        ):
            assert await code(door, client.scope("POST", path, signed), body) == expected
        assert await code(door, client.scope("POST", path, b"x" * (LIMIT + 1)), b"x" * (LIMIT + 1)) == "body-too-large"
    assert door.effects == []


async def test_a_body_where_none_was_signed_is_not_read_as_one(door: Door, client: Enrolled) -> None:
    assert await code(door, client.scope("POST", "/v1/things"), b'{"a":1}') == "content-length-mismatch"
    added = client.scope("POST", "/v1/things")
    added["headers"].append((b"content-length", b"7"))
    assert await code(door, added, b'{"a":1}') == "signature-component-missing"
    assert door.effects == []


def replaced(scope: Scope, name: bytes, value: bytes) -> Scope:
    headers = [(field, value if field == name else old) for field, old in scope["headers"]]
    return {**scope, "headers": headers}


async def test_each_covered_part_of_a_request_counts(door: Door, client: Enrolled) -> None:
    body = b'{"a":1}'
    other = await_token(client)
    altered: dict[str, Callable[[Scope], Scope]] = {
        "method": lambda scope: {**scope, "method": "PUT"},
        "path": lambda scope: {**scope, "path": "/v1/streams", "raw_path": b"/v1/streams"},
        "query": lambda scope: {**scope, "query_string": b"x=2"},
        "content-type": lambda scope: replaced(scope, b"content-type", b"text/plain"),
        "content-length": lambda scope: replaced(scope, b"content-length", b"8"),
        "content-digest": lambda scope: replaced(
            scope, b"content-digest", b"sha-256=:" + base64s.encode(hashlib.sha256(b"x").digest()).encode() + b":"
        ),
    }
    for name, change in altered.items():
        scope = change(client.scope("POST", "/v1/things?x=1", body))
        assert await code(door, scope, body) == "signature-invalid", name
    swapped = replaced(client.scope("POST", "/v1/things", body), b"authorization", other)
    assert await code(door, swapped, body) == "token-signature-invalid"
    assert door.effects == []


def await_token(client: Enrolled) -> bytes:
    """The client's token with its last character but one changed."""
    token = client.token
    return f"Bearer {token[:-2]}{'A' if token[-2] != 'A' else 'B'}{token[-1]}".encode()


async def test_a_stolen_token_is_worth_nothing_without_its_key(door: Door, client: Enrolled, auth: Auth) -> None:
    thief = await auth.enrol("submitter")
    thief.host = HOST
    thief.token = client.token
    assert await code(door, thief.scope("GET", "/v1/things")) == "signature-key-mismatch"
    unsigned = http_scope("GET", "/v1/things", [("authorization", f"Bearer {client.token}")], host=HOST)
    assert await code(door, unsigned) == "signature-missing"
    assert await code(door, http_scope("GET", "/v1/things", host=HOST)) == "token-missing"
    basic = http_scope("GET", "/v1/things", [("authorization", "Basic YTpi")], host=HOST)
    assert await code(door, basic) == "token-missing"
    twice = client.scope("GET", "/v1/things")
    twice["headers"].append((b"authorization", f"Bearer {client.token}".encode()))
    assert await code(door, twice) == "token-missing"


async def test_a_refusal_of_401_says_what_to_sign(door: Door) -> None:
    reply = await call(door.app, http_scope("GET", "/v1/things", host=HOST))
    assert reply.status == 401
    assert 'tag="nopluu/1"' in reply.headers["accept-signature"]
    assert reply.headers["www-authenticate"].startswith("Bearer")


async def test_a_forged_token_is_refused_whatever_its_fault(door: Door, client: Enrolled, auth: Auth) -> None:
    head, claims = (json.loads(base64s.decode_url(part)) for part in client.token.split(".")[:2])
    issuer = SigningKeyFolder(auth.settings.signing_keys_dir, issuer=ISSUER, audience="nopluu-test").signing()
    stranger = p256()
    now = int(datetime.now(UTC).timestamp())

    def signed(header: dict[str, object], payload: dict[str, object], key: object = issuer.private) -> str:
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return sign_compact(header, payload, key)

    def hs256(secret: bytes) -> str:
        text = ".".join(base64s.encode_url(json.dumps(part).encode()) for part in ({**head, "alg": "HS256"}, claims))
        return f"{text}.{base64s.encode_url(hmac.new(secret, text.encode(), 'sha256').digest())}"

    none = ".".join(base64s.encode_url(json.dumps(part).encode()) for part in ({**head, "alg": "none"}, claims))
    forged = {
        **{hs256(secret): "token-algorithm-refused" for secret in public_forms(issuer.private).values()},
        f"{none}.": "token-algorithm-refused",
        f"{none}.AA": "token-algorithm-refused",
        signed(head, claims, stranger): "token-signature-invalid",
        signed({**head, "kid": "A" * 43}, claims): "token-key-unknown",
        signed({**head, "typ": "JWT"}, claims): "token-malformed",
        signed({**head, "crit": ["exp"]}, claims): "token-malformed",
        signed({**head, "jwk": {}}, claims): "token-malformed",
        signed(head, {**claims, "iss": "https://evil.example"}): "token-issuer-mismatch",
        signed(head, {**claims, "aud": "party"}): "token-audience-mismatch",
        signed(head, {**claims, "aud": ["nopluu-test"]}): "token-audience-mismatch",
        signed(head, {**claims, "exp": now - 1, "iat": now - 100}): "token-expired",
        signed(head, {**claims, "exp": now + 100, "iat": now + 30}): "token-not-yet-valid",
        signed(head, {**claims, "exp": now + 400, "iat": now}): "token-claim-invalid",
        signed(head, {name: value for name, value in claims.items() if name != "exp"}): "token-claim-invalid",
        signed(head, {name: value for name, value in claims.items() if name != "jti"}): "token-claim-invalid",
        signed(head, {name: value for name, value in claims.items() if name != "cnf"}): "token-claim-invalid",
        signed(head, {**claims, "cnf": {"jkt": "x"}}): "token-claim-invalid",
        signed(head, {**claims, "client_id": "x"}): "token-claim-invalid",
        signed(head, {**claims, "scope": ["submitter"]}): "token-claim-invalid",
        signed(head, {**claims, "agency": "x"}): "token-claim-invalid",
    }
    for token, expected in forged.items():
        client.token = token
        assert await code(door, client.scope("GET", "/v1/things")) == expected


async def test_a_token_for_a_stolen_key_dies_with_the_key(door: Door, client: Enrolled, auth: Auth) -> None:
    assert (await call(door.app, client.scope("GET", "/v1/things"))).status == 200
    path = f"/v1/clients/{client.client_id}/keys/{client.kid}/revoke"
    assert (await auth.registrar.ask(auth.app, "POST", path)).status == 200
    assert await code(door, client.scope("GET", "/v1/things")) == "key-revoked"


async def test_a_scope_is_asked_for_by_the_route(door: Door, auth: Auth) -> None:
    archivist = await auth.enrol("archivist")
    archivist.host = HOST
    assert (await call(door.app, archivist.scope("GET", "/v1/things"))).status == 200
    assert await code(door, archivist.scope("POST", "/v1/things", b"{}"), b"{}") == "scope-missing"
    assert await code(door, http_scope("GET", "/public", host=HOST)) == "token-missing"
    assert door.effects == []


@pytest.mark.parametrize(
    ("skew", "expected"),
    [(timedelta(seconds=30), "signature-created-ahead"), (timedelta(seconds=-301), "signature-expired")],
)
async def test_a_wrong_clock_is_told_by_how_much(door: Door, client: Enrolled, skew: timedelta, expected: str) -> None:
    client.skew = skew
    reply = await call(door.app, client.scope("GET", "/v1/things"))
    assert reply.json()["code"] == expected
    assert "Z" in reply.json()["detail"]


async def test_who_waits_for_100_continue_never_uploads_a_byte(door: Door, client: Enrolled) -> None:
    body = os.urandom(1000)
    for path in ("/v1/things", "/v1/streams", "/v1/deferred"):
        scope = http_scope("POST", path, [("expect", "100-continue"), ("content-length", "1000")], host=HOST)
        assert await received(door, scope, body) == (401, 0, "close")
        patient = client.scope("POST", path, body)
        patient["headers"].append((b"expect", b"100-continue"))
        bad = replaced(patient, b"content-length", b"1001")
        assert await received(door, bad, body) == (401, 0, "close")
    sends_first = http_scope("POST", "/v1/things", [("content-length", "1000")], host=HOST)
    assert await received(door, sends_first, body) == (401, 1000, None)


async def received(door: Door, scope: Scope, body: bytes) -> tuple[int, int, str | None]:
    """(status, bytes of the body that were taken, the Connection field)."""
    taken, sent = 0, list[Message]()

    async def receive() -> Message:
        nonlocal taken
        chunk = body[taken : taken + 100]
        taken += len(chunk)
        return {"type": "http.request", "body": chunk, "more_body": taken < len(body)}

    async def send(message: Message) -> None:
        sent.append(message)

    await door.app(scope, receive, send)
    fields = {name: value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], taken, fields.get(b"connection")


async def test_a_target_that_layers_read_differently_is_refused(door: Door, client: Enrolled) -> None:
    for target in ("/v1/a%2fb", "/v1/a%5Cb", "/v1/../things", "/v1/%2e%2e/things", "/v1/things?a=1&a=2"):
        assert await code(door, client.scope("GET", target)) == "target-uri-refused", target


async def test_an_unknown_curve_is_no_key(door: Door, client: Enrolled, auth: Auth) -> None:
    """Even if a token stated a P-384 key, no request could be signed with it."""
    issuer = SigningKeyFolder(auth.settings.signing_keys_dir, issuer=ISSUER, audience="nopluu-test").signing()
    head, claims = (json.loads(base64s.decode_url(part)) for part in client.token.split(".")[:2])
    jwk = {**claims["cnf"]["jwk"], "kty": "EC", "crv": "P-384", "x": "A" * 64, "y": "A" * 64}
    client.token = sign_compact(head, {**claims, "cnf": {"jwk": jwk}}, issuer.private)
    assert await code(door, client.scope("GET", "/v1/things")) == "token-claim-invalid"
