"""The token endpoint, attacked one property at a time."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import joserfc.jwk
import joserfc.jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from services.kernel.signing import base64s
from services.kernel.signing.assertions import ASSERTION_TYPE, sign_compact
from services.kernel.signing.keys import sign, to_jwk
from tests.integration.auth.conftest import HOST, ISSUER, Auth
from tests.support.asgi import Reply, call, http_scope
from tests.support.enrolled import FORM, Enrolled, offered, p256
from tests.support.signatures import public_forms


def part(value: object) -> str:
    return base64s.encode_url(value if isinstance(value, bytes) else json.dumps(value).encode())


def forged_hmac(client: Enrolled, form: str, alg: str = "HS256") -> str:
    """An HMAC whose secret is the public key, the classic confusion."""
    header, claims = client.assertion({"alg": alg}).split(".")[:2]
    mac = hmac.new(public_forms(client.key)[form], f"{header}.{claims}".encode(), "sha256").digest()
    return f"{header}.{claims}.{base64s.encode_url(mac)}"


def unsigned(client: Enrolled) -> str:
    header, claims = client.assertion({"alg": "none"}).split(".")[:2]
    return f"{header}.{claims}."


def with_duplicate_member(client: Enrolled) -> str:
    """Two `sub`: the last one counts for lenient parsers."""
    _, claims, _ = client.assertion().split(".")
    text = base64s.decode_url(claims).decode()
    doubled = text[:-1] + f',"sub":"{client.client_id}"}}'
    header = part({"alg": "EdDSA" if "Ed25519" in type(client.key).__name__ else "ES256", "kid": client.kid})
    signed = f"{header}.{part(doubled.encode())}"
    return f"{signed}.{base64s.encode_url(sign(client.key, signed.encode()))}"


def der(client: Enrolled) -> str:
    assert isinstance(client.key, ec.EllipticCurvePrivateKey)
    header, claims, _ = client.assertion().split(".")
    signature = client.key.sign(f"{header}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    return f"{header}.{claims}.{base64s.encode_url(signature)}"


def another_key(client: Enrolled) -> str:
    return Enrolled(client.client_id, p256(), client.issuer, client.host).assertion({"kid": client.kid})


def altered(client: Enrolled) -> str:
    header, claims, signature = client.assertion().split(".")
    body = json.loads(base64s.decode_url(claims))
    return f"{header}.{part({**body, 'exp': body['exp'] + 1})}.{signature}"


def stray_bits(client: Enrolled) -> str:
    """The same signature bytes in another base64url spelling."""
    token = client.assertion()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]


def now() -> int:
    return int(time.time())


WRONG: dict[str, tuple[Callable[[Enrolled], str], str]] = {
    "hs256 with the public key in PEM": (lambda c: forged_hmac(c, "pem"), "assertion-algorithm-refused"),
    "hs256 with the public key in DER": (lambda c: forged_hmac(c, "der"), "assertion-algorithm-refused"),
    "hs256 with the raw public key": (lambda c: forged_hmac(c, "raw"), "assertion-algorithm-refused"),
    "hmac under the key's own algorithm": (lambda c: forged_hmac(c, "pem", "ES256"), "assertion-signature-invalid"),
    "none": (unsigned, "assertion-algorithm-refused"),
    "RS256": (lambda c: c.assertion({"alg": "RS256"}), "assertion-algorithm-refused"),
    "the other curve's algorithm": (lambda c: c.assertion({"alg": "EdDSA"}), "assertion-algorithm-refused"),
    "crit": (lambda c: c.assertion({"crit": ["exp"]}), "assertion-header-refused"),
    "a key of its own": (lambda c: c.assertion({"jwk": to_jwk(c.key.public_key())}), "assertion-header-refused"),
    "a key elsewhere": (lambda c: c.assertion({"jku": "https://evil.example"}), "assertion-header-refused"),
    "another typ": (lambda c: c.assertion({"typ": "at+jwt"}), "assertion-header-refused"),
    "no kid": (lambda c: c.assertion({"kid": None}), "assertion-header-refused"),
    "a stranger's kid": (lambda c: c.assertion({"kid": "A" * 43}), "assertion-key-unknown"),
    "DER": (der, "assertion-signature-der-encoded"),
    "another key": (another_key, "assertion-signature-invalid"),
    "altered": (altered, "assertion-signature-invalid"),
    "stray bits": (stray_bits, "assertion-malformed"),
    "padding": (lambda c: c.assertion() + "==", "assertion-malformed"),
    "four parts": (lambda c: c.assertion() + ".", "assertion-malformed"),
    "duplicate member": (with_duplicate_member, "assertion-malformed"),
    "too long": (lambda c: c.assertion(pad="x" * 8192), "assertion-malformed"),
    "not JSON": (lambda c: f"{part(b'{}x')}.{part(b'{}')}.AA", "assertion-malformed"),
    "a list": (lambda c: f"{part([])}.{part([])}.AA", "assertion-malformed"),
    "no iss": (lambda c: c.assertion(iss=None), "assertion-claim-invalid"),
    "no sub": (lambda c: c.assertion(sub=None), "assertion-claim-invalid"),
    "iss and sub differ": (lambda c: c.assertion(iss="somebody"), "assertion-subject-mismatch"),
    "no UUID": (lambda c: c.assertion(iss="x", sub="x"), "assertion-claim-invalid"),
    "upper case UUID": (
        lambda c: c.assertion(iss=str(c.client_id).upper(), sub=str(c.client_id).upper()),
        "assertion-claim-invalid",
    ),
    "another client": (
        lambda c: c.assertion(iss="01930000-0000-7000-8000-000000000000", sub="01930000-0000-7000-8000-000000000000"),
        "assertion-key-unknown",
    ),
    "no aud": (lambda c: c.assertion(aud=None), "assertion-claim-invalid"),
    "the token endpoint": (lambda c: c.assertion(aud=f"{ISSUER}/v1/token"), "assertion-audience-mismatch"),
    "a trailing slash": (lambda c: c.assertion(aud=f"{ISSUER}/"), "assertion-audience-mismatch"),
    "a list of one": (lambda c: c.assertion(aud=[ISSUER]), "assertion-audience-mismatch"),
    "no jti": (lambda c: c.assertion(jti=None), "assertion-claim-invalid"),
    "a number as jti": (lambda c: c.assertion(jti=1), "assertion-claim-invalid"),
    "a long jti": (lambda c: c.assertion(jti="j" * 129), "assertion-claim-invalid"),
    "no iat": (lambda c: c.assertion(iat=None), "assertion-claim-invalid"),
    "no exp": (lambda c: c.assertion(exp=None), "assertion-claim-invalid"),
    "a text as exp": (lambda c: c.assertion(exp="9999999999"), "assertion-claim-invalid"),
    "true as exp": (lambda c: c.assertion(exp=True), "assertion-claim-invalid"),
    "an iat ahead": (lambda c: c.assertion(iat=now() + 15, exp=now() + 60), "assertion-issued-ahead"),
    "an nbf ahead": (lambda c: c.assertion(nbf=now() + 15), "assertion-not-yet-valid"),
    "a text as nbf": (lambda c: c.assertion(nbf="x"), "assertion-claim-invalid"),
    "expired": (lambda c: c.assertion(iat=now() - 100, exp=now() - 1), "assertion-expired"),
    "too long a life": (lambda c: c.assertion(iat=now(), exp=now() + 301), "assertion-lifetime-wrong"),
}


async def test_an_assertion_with_one_fault_gets_its_own_code(auth: Auth) -> None:
    client, got = auth.registrar, {}  # the registrar's key is P-256
    for name, (make, _) in WRONG.items():
        reply = await client.obtain(auth.app, HOST, assertion=make(client))
        assert (reply.status, reply.json()["error"]) == (401, "invalid_client"), name
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.headers["cache-control"] == "no-store"
        got[name] = reply.json()["code"]
    assert got == {name: code for name, (_, code) in WRONG.items()}


async def test_an_assertion_that_stock_clients_make_is_taken(auth: Auth) -> None:
    client = auth.registrar
    for assertion in (
        client.assertion({"typ": "client-authentication+jwt"}),
        client.assertion({"typ": None}),
        client.assertion(iat=now() + 9, exp=now() + 120),
        client.assertion(iat=now(), exp=now() + 300),
        client.assertion(iat=now() - 290, exp=now() + 10, nbf=now() - 290),
        client.assertion(nbf=now() + 9, more="ignored"),
    ):
        reply = await client.obtain(auth.app, HOST, assertion=assertion)
        assert reply.status == 200, reply.body


async def test_another_library_reads_the_token_and_finds_rfc_9068(auth: Auth) -> None:
    reply = await auth.registrar.obtain(auth.app, HOST)
    granted = reply.json()
    assert (granted["token_type"], granted["expires_in"], granted["scope"]) == ("Bearer", 300, "registrar")
    assert reply.headers["cache-control"] == "no-store"
    published = (await call(auth.app, http_scope("GET", "/.well-known/jwks.json", host=HOST))).json()
    keys = joserfc.jwk.KeySet.import_key_set(published)
    token = joserfc.jwt.decode(granted["access_token"], keys, algorithms=["ES256"])
    assert token.header["typ"] == "at+jwt"
    claims = token.claims
    assert claims["iss"] == ISSUER
    assert claims["aud"] == "nopluu-test"
    assert claims["sub"] == claims["client_id"] == str(auth.begun.registrar)
    assert claims["exp"] - claims["iat"] == 300
    assert claims["agency"] == str(auth.agency)
    assert claims["officer"] == "Nguyễn Thị Lan"
    assert claims["cnf"] == {"jwk": to_jwk(auth.registrar.key.public_key())}
    assert "d" not in published["keys"][0]


async def test_a_jti_is_used_once_even_by_many_at_once(auth: Auth) -> None:
    assertion = auth.registrar.assertion()
    replies = await asyncio.gather(*(auth.registrar.obtain(auth.app, HOST, assertion=assertion) for _ in range(50)))
    assert sorted(reply.status for reply in replies) == [200, *[401] * 49]
    assert {reply.json()["code"] for reply in replies if reply.status != 200} == {"assertion-replayed"}


async def test_a_jti_is_its_clients_own(auth: Auth) -> None:
    jti = os.urandom(8).hex()
    for client in (auth.registrar, auth.service):
        assert (await client.obtain(auth.app, HOST, assertion=client.assertion(jti=jti))).status == 200


async def test_fewer_scopes_may_be_asked_for_and_no_others(auth: Auth) -> None:
    client = await auth.enrol("archivist", "supervisor", officer="Lan")
    fewer = await client.obtain(auth.app, HOST, scope="archivist")
    assert fewer.json()["scope"] == "archivist"
    for scope in ("registrar", "archivist registrar", "", "archivist  supervisor", "Archivist"):
        reply = await client.obtain(auth.app, HOST, scope=scope)
        assert (reply.status, reply.json()["error"]) == (400, "invalid_scope")
        assert reply.json()["code"] == "oauth-scope-refused"


async def test_no_client_is_enrolled_with_scopes_that_do_not_go_together(auth: Auth) -> None:
    asked = {"agency": str(auth.agency), "name": "x", "scopes": ["service", "submitter"], "officer": None}
    reply = await auth.registrar.ask(auth.app, "POST", "/v1/clients", asked)
    assert (reply.status, reply.json()["code"]) == (422, "client-scopes-invalid")


async def form(auth: Auth, body: bytes, content_type: str = FORM) -> Reply:
    headers = [("content-type", content_type), ("content-length", str(len(body)))]
    return await call(auth.app, http_scope("POST", "/v1/token", headers, host=HOST), body)


async def test_a_form_that_is_none_is_refused_with_the_oauth_error(auth: Auth) -> None:
    right = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": auth.registrar.assertion(),
    }
    cases: list[tuple[bytes, str, int, str]] = [
        (urlencode({**right, "grant_type": "password"}).encode(), FORM, 400, "unsupported_grant_type"),
        (urlencode({**right, "client_assertion_type": "x"}).encode(), FORM, 401, "invalid_client"),
        (urlencode({**right, "client_assertion": ""}).encode(), FORM, 401, "invalid_client"),
        (urlencode([*right.items(), ("grant_type", "client_credentials")]).encode(), FORM, 400, "invalid_request"),
        (
            urlencode({name: value for name, value in right.items() if name != "grant_type"}).encode(),
            FORM,
            400,
            "invalid_request",
        ),
        (json.dumps(right).encode(), "application/json", 400, "invalid_request"),
        (b"grant_type", FORM, 400, "invalid_request"),
        ("grant_type=ạ".encode(), FORM, 400, "invalid_request"),
        (b"&".join(b"a%d=1" % number for number in range(50)), FORM, 400, "invalid_request"),
        (urlencode({**right, "client_id": "other"}).encode(), FORM, 401, "invalid_client"),
    ]
    seen: set[str] = set()
    for body, content_type, status, error in cases:
        reply = await form(auth, body, content_type)
        assert (reply.status, reply.json()["error"]) == (status, error), body
        seen.add(reply.json()["code"])
    assert {"oauth-grant-type-unsupported", "oauth-request-malformed", "assertion-missing"} <= seen
    assert (await form(auth, b"a=" + b"x" * 20_000)).json()["code"] == "body-too-large"


async def test_a_token_never_outlives_its_key(auth: Auth) -> None:
    client = await auth.enrol("submitter")
    key = p256()
    ends = datetime.now(UTC) + timedelta(seconds=60)
    material = offered(key, client.client_id, ISSUER, not_after=ends.isoformat())
    reply = await auth.registrar.ask(auth.app, "POST", f"/v1/clients/{client.client_id}/keys", material)
    assert reply.status == 201
    granted = (await auth.client(client.client_id, key).obtain(auth.app, HOST)).json()
    assert 50 < granted["expires_in"] <= 60


async def test_a_token_is_bound_to_the_certificate_that_the_front_proxy_saw(auth: Auth) -> None:
    certificate, other = os.urandom(64), os.urandom(64)

    def field(der: bytes) -> tuple[bytes, bytes]:
        return (b"client-cert", b":" + base64.b64encode(der) + b":")

    client = auth.registrar
    body = urlencode(
        {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": client.assertion(),
        }
    ).encode()
    scope = http_scope("POST", "/v1/token", [("content-type", FORM), ("content-length", str(len(body)))], host=HOST)
    scope["headers"].append(field(certificate))
    client.token = (await call(auth.app, scope, body)).json()["access_token"]
    bound = json.loads(base64s.decode_url(client.token.split(".")[1]))["cnf"]
    assert bound["x5t#S256"] == base64s.encode_url(hashlib.sha256(certificate).digest())
    for fields, status in (
        ([field(certificate)], 200),
        ([], 401),
        ([field(other)], 401),
        ([field(certificate), field(certificate)], 401),
    ):
        asked = client.scope("GET", "/v1/clients")
        asked["headers"].extend(fields)
        reply = await call(auth.app, asked)
        assert reply.status == status
        if status == 401:
            assert reply.json()["code"] == "token-certificate-mismatch"


async def test_the_issuer_states_itself(auth: Auth) -> None:
    reply = await call(auth.app, http_scope("GET", "/.well-known/oauth-authorization-server", host=HOST))
    stated: dict[str, Any] = reply.json()
    assert stated["issuer"] == ISSUER
    assert stated["token_endpoint"] == f"{ISSUER}/v1/token"
    assert stated["jwks_uri"] == f"{ISSUER}/.well-known/jwks.json"
    assert stated["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    assert set(stated["scopes_supported"]) >= {"submitter", "service"}


def test_signing_a_compact_token_is_what_the_other_library_does() -> None:
    key = p256()
    token = sign_compact({"alg": "ES256"}, {"a": 1}, key)
    imported = joserfc.jwk.ECKey.import_key({**to_jwk(key.public_key())})
    assert joserfc.jwt.decode(token, imported, algorithms=["ES256"]).claims == {"a": 1}
