"""Assertions and tokens: each rule at its very edge."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.refusals import Refusal
from services.kernel.refusals.identity import AssertionIssuedAhead, TokenNotYetValid
from services.kernel.signing.claims import (
    judge_access_token,
    judge_assertion,
    parse_scope,
    read_assertion_header,
    read_token_header,
    write_scope,
)
from services.kernel.signing.keys import to_jwk
from tests.support.signatures import ED25519

NOW = datetime(2026, 11, 24, 5, 2, 3, 500_000, tzinfo=UTC)
SECOND = int(NOW.timestamp())
ISSUER = "https://auth.example"
CLIENT = "01930000-0000-7000-8000-000000000001"
KID = "A" * 43


def assertion(**changes: Any) -> dict[str, Any]:
    right = {"iss": CLIENT, "sub": CLIENT, "aud": ISSUER, "iat": SECOND, "exp": SECOND + 120, "jti": "j"}
    return {name: value for name, value in {**right, **changes}.items() if value is not None}


def token(**changes: Any) -> dict[str, Any]:
    right = {
        "iss": ISSUER,
        "aud": "nopluu",
        "sub": CLIENT,
        "client_id": CLIENT,
        "agency": CLIENT,
        "scope": "archivist submitter",
        "iat": SECOND,
        "exp": SECOND + 300,
        "jti": "t",
        "cnf": {"jwk": to_jwk(ED25519.public_key())},
    }
    return {name: value for name, value in {**right, **changes}.items() if value is not None}


def assertion_code(**changes: Any) -> str | None:
    try:
        judge_assertion(assertion(**changes), issuer=ISSUER, now=NOW)
    except Refusal as refusal:
        return refusal.code
    return None


def token_code(**changes: Any) -> str | None:
    try:
        judge_access_token(token(**changes), issuer=ISSUER, audience="nopluu", now=NOW)
    except Refusal as refusal:
        return refusal.code
    return None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({"iat": SECOND + 10}, None),
        ({"iat": SECOND + 11}, "assertion-issued-ahead"),
        ({"iat": SECOND + 60, "exp": SECOND + 90}, "assertion-issued-ahead"),
        ({"exp": SECOND + 1}, None),
        ({"exp": SECOND}, "assertion-expired"),  # half a second ago
        ({"exp": SECOND + 300}, None),
        ({"exp": SECOND + 301}, "assertion-lifetime-wrong"),
        ({"iat": SECOND - 300, "exp": SECOND + 1}, "assertion-lifetime-wrong"),
        ({"iat": SECOND + 5, "exp": SECOND + 5}, "assertion-lifetime-wrong"),
        ({"iat": SECOND + 5, "exp": SECOND + 1}, "assertion-lifetime-wrong"),
        ({"nbf": SECOND + 10}, None),
        ({"nbf": SECOND + 11}, "assertion-not-yet-valid"),
        ({"nbf": None, "jti": "j" * 128}, None),
        ({"jti": ""}, "assertion-claim-invalid"),
        ({"jti": "a b"}, "assertion-claim-invalid"),
        ({"aud": ISSUER.upper()}, "assertion-audience-mismatch"),
        ({"aud": ""}, "assertion-audience-mismatch"),
        ({"sub": CLIENT.replace("-", "")}, "assertion-subject-mismatch"),
        ({"iat": 0}, "assertion-claim-invalid"),
        ({"iat": 2**40, "exp": 2**40 + 1}, "assertion-claim-invalid"),
        ({"iat": -5}, "assertion-claim-invalid"),
    ],
)
def test_an_assertion_at_the_edge_of_each_rule(changes: dict[str, Any], code: str | None) -> None:
    assert assertion_code(**changes) == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({"officer": "Nguyễn Thị Lan", "more": 1}, None),
        ({"iat": SECOND + 10, "exp": SECOND + 310}, None),
        ({"iat": SECOND + 11, "exp": SECOND + 311}, "token-not-yet-valid"),
        ({"iat": SECOND - 299, "exp": SECOND + 1}, None),
        ({"iat": SECOND - 300, "exp": SECOND}, "token-expired"),
        ({"exp": SECOND + 301}, "token-claim-invalid"),
        ({"exp": SECOND}, "token-claim-invalid"),  # iat = exp
        ({"officer": ""}, "token-claim-invalid"),
        ({"officer": 1}, "token-claim-invalid"),
        ({"scope": ""}, "token-claim-invalid"),
        ({"scope": "a  b"}, "token-claim-invalid"),
        ({"scope": "a b "}, "token-claim-invalid"),
        ({"aud": ["nopluu"]}, "token-audience-mismatch"),
        ({"aud": None}, "token-audience-mismatch"),
        ({"iss": None}, "token-issuer-mismatch"),
        ({"sub": None}, "token-claim-invalid"),
        ({"client_id": None}, "token-claim-invalid"),
        ({"cnf": {"jwk": to_jwk(ED25519.public_key()), "x5t#S256": "AA"}}, "token-claim-invalid"),
        ({"cnf": {"jwk": to_jwk(ED25519.public_key()), "x5t#S256": 1}}, "token-claim-invalid"),
        ({"cnf": {"jwk": {**to_jwk(ED25519.public_key()), "d": "AA"}}}, "token-claim-invalid"),
        ({"cnf": {"jwk": "x"}}, "token-claim-invalid"),
    ],
)
def test_a_token_at_the_edge_of_each_rule(changes: dict[str, Any], code: str | None) -> None:
    assert token_code(**changes) == code


def test_a_refusal_for_time_tells_the_servers_time_and_the_skew() -> None:
    with pytest.raises(AssertionIssuedAhead) as early:
        judge_assertion(assertion(iat=SECOND + 90, exp=SECOND + 100), issuer=ISSUER, now=NOW)
    assert early.value.facts == {"skew": 90, "server_time": "2026-11-24T05:02:03Z"}
    with pytest.raises(TokenNotYetValid):
        judge_access_token(
            token(iat=SECOND + 20, exp=SECOND + 30), issuer=ISSUER, audience="nopluu", now=NOW - timedelta(seconds=1)
        )


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({"alg": "EdDSA", "kid": KID, "typ": "JWT"}, None),
        ({"alg": "Ed25519", "kid": KID, "typ": "jwt"}, None),
        ({"alg": "ES256", "kid": KID, "typ": "client-authentication+jwt"}, None),
        ({"alg": "ES256", "kid": KID}, None),
        ({"kid": KID}, "assertion-algorithm-refused"),
        ({"alg": None, "kid": KID}, "assertion-algorithm-refused"),
        ({"alg": ["ES256"], "kid": KID}, "assertion-algorithm-refused"),
        ({"alg": "es256", "kid": KID}, "assertion-algorithm-refused"),
        ({"alg": "ES384", "kid": KID}, "assertion-algorithm-refused"),
        ({"alg": "ES256", "kid": KID, "typ": "at+jwt"}, "assertion-header-refused"),
        ({"alg": "ES256", "kid": KID, "typ": 1}, "assertion-header-refused"),
        ({"alg": "ES256", "kid": KID, "b64": False}, "assertion-header-refused"),
        ({"alg": "ES256", "kid": KID, "x5c": []}, "assertion-header-refused"),
        ({"alg": "ES256", "kid": "short"}, "assertion-header-refused"),
        ({"alg": "ES256", "kid": 1}, "assertion-header-refused"),
    ],
)
def test_an_assertions_header_says_three_things_and_no_more(header: dict[str, Any], code: str | None) -> None:
    if code is None:
        assert read_assertion_header(header).kid == KID
        return
    with pytest.raises(Refusal) as caught:
        read_assertion_header(header)
    assert caught.value.code == code


@given(
    st.dictionaries(
        st.sampled_from(["alg", "typ", "kid", "crit"]),
        st.sampled_from(["ES256", "at+jwt", KID, "none", "JWT"]) | st.none() | st.integers(),
    )
)
def test_one_header_of_a_token_is_right_and_every_other_is_refused(header: dict[str, Any]) -> None:
    if header == {"alg": "ES256", "typ": "at+jwt", "kid": KID}:
        assert read_token_header(header).kid == KID
        return
    with pytest.raises(Refusal):
        read_token_header(header)


@given(st.frozensets(st.sampled_from(["submitter", "rule-author", "archivist"]), min_size=1))
def test_scopes_are_written_and_read_back(scopes: frozenset[str]) -> None:
    assert parse_scope(write_scope(scopes)) == scopes


@given(st.dictionaries(st.sampled_from(sorted(token())), st.none() | st.integers() | st.text() | st.lists(st.text())))
def test_no_claim_of_any_kind_breaks_the_judgement(changes: dict[str, Any]) -> None:
    """Whatever a claim is, the answer is a refusal of its own family or none; nothing else is raised."""
    assert (token_code(**changes) or "token-").startswith("token-")
    assert (assertion_code(**changes) or "assertion-").startswith("assertion-")
