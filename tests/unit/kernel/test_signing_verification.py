"""Signed requests: golden vectors, one fault each, and what no input may do."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import HTTPMessageSigner, HTTPSignatureKeyResolver
from http_message_signatures.algorithms import ED25519 as LIBRARY_ED25519
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.refusals import Refusal
from services.kernel.refusals import identity as refusals
from services.kernel.refusals.identity import SignatureCreatedAhead, SignatureExpired, SignatureInvalid
from services.kernel.signing import Content, sign_request, thumbprint
from services.kernel.signing.keys import from_jwk
from services.kernel.signing.requests import Message
from services.kernel.signing.verification import read_signature, verify_request
from tests.support.signatures import ED25519, FOLDER, NOW, P256, bare, cases, raw, with_body

VECTORS = [json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))]


def judge(vector: dict[str, Any]) -> tuple[str | None, str | None]:
    """(code, base) of a vector's request."""
    key, request = from_jwk(vector["key"]), vector["request"]
    known = {thumbprint(key): key}
    try:
        signed = verify_request(
            request["method"],
            request["target_uri"],
            raw((name, value) for name, value in request["headers"]),
            resolve=known.get,
            now=datetime.fromtimestamp(vector["now"], UTC),
        )
    except Refusal as refusal:
        return refusal.code, None
    return None, signed.base.decode()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_a_golden_vector_gets_its_code(vector: dict[str, Any]) -> None:
    code, base = judge(vector)
    assert code == vector["expected"].get("code")
    assert base == vector["expected"].get("base")


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_a_vector_signed_anew_gets_the_same_code(case: Any) -> None:
    assert judge(case.to_json())[0] == case.code


def test_the_files_are_the_cases() -> None:
    assert {vector["name"] for vector in VECTORS} == {case.name for case in cases()}


def test_every_refusal_of_a_signature_has_a_vector() -> None:
    shown = {vector["expected"].get("code") for vector in VECTORS}
    causes = {
        entry.code
        for entry in vars(refusals).values()
        if isinstance(entry, type)
        and issubclass(entry, Refusal)
        and getattr(entry, "code", "").startswith("signature-")
    }
    assert causes <= shown


@pytest.mark.parametrize("key", [ED25519, P256], ids=["ed25519", "p256"])
@pytest.mark.parametrize("body", [None, b"", b"content"], ids=["none", "empty", "some"])
def test_what_our_signer_signs_verifies(key: Any, body: bytes | None) -> None:
    content = None if body is None else Content(bytes(32), len(body))
    headers = sign_request(
        "PUT",
        "https://ingest.example/v1/packages/1/parts/0",
        {"authorization": "Bearer x", "content-type": "application/octet-stream"},
        content=content,
        key=key,
        now=NOW,
        nonce=bytes(16),
    )
    signed = verify_request(
        "PUT",
        "https://ingest.example/v1/packages/1/parts/0",
        raw(headers.items()),
        resolve=lambda keyid: key.public_key() if keyid == thumbprint(key.public_key()) else None,
        now=NOW,
    )
    assert signed.content == content
    assert signed.created == NOW
    assert signed.expires == NOW + timedelta(seconds=300)


class _Key(HTTPSignatureKeyResolver):
    def resolve_private_key(self, key_id: str) -> Ed25519PrivateKey:
        assert isinstance(ED25519, Ed25519PrivateKey)
        return ED25519


@given(
    method=st.sampled_from(["GET", "POST", "DELETE", "PATCH"]),
    path=st.text("abcXYZ019-._~!$&'()*+,;=:@/", max_size=30),
    query=st.lists(st.sampled_from("abc=&019-._~") | st.just("%E1"), max_size=20).map("".join),
    value=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=40),
    more=st.sampled_from([(), ("x-other",), ("@authority",), ("x-other", "@authority")]),
)
def test_the_library_signs_the_base_that_we_verify(
    method: str, path: str, query: str, value: str, more: tuple[str, ...]
) -> None:
    target = f"https://ingest.example/{path}" + (f"?{query}" if query else "")
    message = Message(method, target, {"authorization": "Bearer x", "x-other": value})
    HTTPMessageSigner(signature_algorithm=LIBRARY_ED25519, key_resolver=_Key()).sign(
        message,
        key_id=thumbprint(ED25519.public_key()),
        created=NOW,
        expires=NOW + timedelta(seconds=60),
        nonce="A" * 22,
        tag="nopluu/1",
        label="lib",
        covered_component_ids=("@method", "@target-uri", "authorization", *more),
    )
    verify_request(method, target, raw(message.headers.items()), resolve=lambda _: ED25519.public_key(), now=NOW)


@given(
    given_input=st.text(st.characters(max_codepoint=0xFF), max_size=200),
    signature=st.text(st.characters(max_codepoint=0xFF), max_size=100),
)
def test_garbage_is_refused_and_nothing_else_happens(given_input: str, signature: str) -> None:
    headers = [("authorization", "Bearer x"), ("signature-input", given_input), ("signature", signature)]
    with pytest.raises(Refusal):
        read_signature("GET", "https://ingest.example/", raw(headers), now=NOW)


def test_one_changed_character_of_the_signed_head_never_passes() -> None:
    signed = with_body()
    headers = signed.headers()
    passed = []
    for number, (name, value) in enumerate(headers):
        for position, old in enumerate(value):
            for new in {"A", "b", "0", '"', " ", ";", "="} - {old}:
                altered = list(headers)
                altered[number] = (name, value[:position] + new + value[position + 1 :])
                if _passes(altered):
                    passed.append((name, position, new))
    assert passed == []


def _passes(headers: list[tuple[str, str]]) -> bool:
    signed = with_body()
    try:
        verify_request(signed.method, signed.target, raw(headers), resolve=lambda _: ED25519.public_key(), now=NOW)
    except Refusal:
        return False
    return True


def test_a_refusal_for_time_tells_the_servers_time_and_the_skew() -> None:
    created = int(NOW.timestamp()) + 90
    early = with_body().with_parameters(created=str(created), expires=str(created + 60))
    with pytest.raises(SignatureCreatedAhead) as ahead:
        read_signature(early.method, early.target, raw(early.headers()), now=NOW)
    assert ahead.value.facts == {"skew": 90, "server_time": "2026-11-24T05:02:03Z"}
    late = bare()
    with pytest.raises(SignatureExpired) as expired:
        read_signature(late.method, late.target, raw(late.headers()), now=NOW + timedelta(seconds=345))
    assert expired.value.facts == {"skew": 45, "server_time": "2026-11-24T05:07:48Z"}


def test_a_key_that_resolves_to_another_one_is_not_taken() -> None:
    signed = replace(bare(P256), parameters=bare(ED25519).parameters)
    with pytest.raises(SignatureInvalid):
        verify_request(
            signed.method, signed.target, raw(signed.headers()), resolve=lambda _: ED25519.public_key(), now=NOW
        )
