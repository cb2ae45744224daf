"""The strict wrapper of python-jose, and the copy of the issuer's keys."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from uuid import UUID

import joserfc.jwk
import joserfc.jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.identifiers import AgencyId, ClientId
from services.kernel.refusals import Refusal
from services.kernel.refusals.identity import TokenExpired, TokenKeysUnavailable, TokenKeyUnknown, TokenMalformed
from services.kernel.signing import base64s
from services.kernel.signing.claims import AccessClaims
from services.kernel.signing.jws import MAX_TOKEN, JwsMalformed, parse_compact
from services.kernel.signing.keys import KeyUnusable, thumbprint, to_jwk
from services.runtime.tokens import (
    REFETCH_SECONDS,
    REFRESH_SECONDS,
    AccessTokens,
    PublishedKeys,
    es256_key,
    parse_jwks,
    sign_access_token,
)
from tests.support.enrolled import ed25519, p256

NOW = datetime(2026, 11, 24, 5, 2, 3, tzinfo=UTC)
ISSUER, AUDIENCE = "https://auth.example", "nopluu"


def p256_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def claims(lifetime: int = 300) -> AccessClaims:
    return AccessClaims(
        client=ClientId(UUID(int=1)),
        agency=AgencyId(UUID(int=2)),
        scopes=frozenset({"submitter", "archivist"}),
        officer="Lan",
        key=ed25519().public_key(),
        certificate=bytes(32),
        token_id="t",
        issued=NOW,
        expires=NOW + timedelta(seconds=lifetime),
    )


def jwks(*keys: ec.EllipticCurvePrivateKey) -> bytes:
    return json.dumps({"keys": [{**to_jwk(key.public_key()), "use": "sig", "alg": "ES256"} for key in keys]}).encode()


class Issuer:
    """Publishes keys, counts how often it is asked, and can be away."""

    def __init__(self, *keys: ec.EllipticCurvePrivateKey) -> None:
        self.keys = keys
        self.asked = 0
        self.away = False
        self.time = 100.0

    async def fetch(self) -> bytes:
        self.asked += 1
        if self.away:
            raise OSError
        return jwks(*self.keys)

    def published(self) -> PublishedKeys:
        return PublishedKeys(self.fetch, monotonic=lambda: self.time)


async def test_what_is_minted_is_read_back_the_same() -> None:
    key, said = p256_key(), claims()
    issuer = Issuer(key)
    token = sign_access_token(said.to_claims(issuer=ISSUER, audience=AUDIENCE), key, thumbprint(key.public_key()))
    tokens = AccessTokens(issuer.published(), issuer=ISSUER, audience=AUDIENCE)
    assert await tokens.verify(token, now=NOW) == said
    assert await tokens.verify(token, now=NOW + timedelta(seconds=299)) == said
    with pytest.raises(TokenExpired):
        await tokens.verify(token, now=NOW + timedelta(seconds=300))
    theirs = joserfc.jwt.decode(token, joserfc.jwk.ECKey.import_key({**to_jwk(key.public_key())}), algorithms=["ES256"])
    assert theirs.header == {"alg": "ES256", "kid": thumbprint(key.public_key()), "typ": "at+jwt"}


async def test_one_spelling_of_a_token_passes_and_no_other() -> None:
    key = p256_key()
    kid = thumbprint(key.public_key())
    token = sign_access_token(claims().to_claims(issuer=ISSUER, audience=AUDIENCE), key, kid)
    tokens = AccessTokens(Issuer(key).published(), issuer=ISSUER, audience=AUDIENCE)
    passed = []
    for position in range(0, len(token), 3):
        for new in "AQgw-_.=":
            altered = token[:position] + new + token[position + 1 :]
            if altered != token:
                try:
                    await tokens.verify(altered, now=NOW)
                except Refusal:
                    continue
                passed.append(position)
    assert passed == []
    for other in (token + "=", token + "\n", " " + token, token.replace(".", "..", 1), token + "." + token):
        with pytest.raises(TokenMalformed):
            await tokens.verify(other, now=NOW)


@given(
    st.text(max_size=300) | st.binary(max_size=200).map(base64s.encode_url).map(lambda text: f"{text}.{text}.{text}")
)
def test_garbage_is_malformed_and_nothing_else(token: str) -> None:
    with pytest.raises(JwsMalformed):
        parse_compact(token)


def test_a_long_token_is_not_even_decoded() -> None:
    with pytest.raises(JwsMalformed):
        parse_compact("A" * (MAX_TOKEN + 1))


@pytest.mark.parametrize("text", ['{"a":1,"a":2}', '{"a":NaN}', '{"a":1.5}', '\ufeff{"a":1}', "[1]", '"x"', "1", "{"])
def test_a_header_that_parsers_read_differently_is_none(text: str) -> None:
    with pytest.raises(JwsMalformed):
        parse_compact(f"{base64s.encode_url(text.encode())}.{base64s.encode_url(b'{}')}.AA")


def test_only_p256_keys_of_a_set_may_sign_tokens() -> None:
    wanted = p256()
    mixed = {
        "keys": [
            {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
            {"kty": "oct", "k": "AAAA"},
            {**to_jwk(ed25519().public_key())},
            {"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"},
            {**to_jwk(p256().public_key()), "use": "enc"},
            {**to_jwk(p256().public_key()), "alg": "HS256"},
            {**to_jwk(p256().public_key()), "d": "AA"},
            "not a key",
            {**to_jwk(wanted.public_key()), "kid": "a name of its own is not used"},
        ]
    }
    assert set(parse_jwks(json.dumps(mixed).encode())) == {thumbprint(wanted.public_key())}
    for document in (b"", b"[]", b'{"keys":1}', b'{"keys":[],"keys":[]}'):
        with pytest.raises(ValueError, match=r"."):
            parse_jwks(document)
    with pytest.raises(KeyUnusable):
        es256_key(ed25519().public_key())


async def test_forged_key_names_do_not_press_on_the_issuer() -> None:
    issuer = Issuer(p256_key())
    keys = issuer.published()
    for number in range(100):
        assert await keys.key(f"{number:043}") is None
    assert issuer.asked == 1
    issuer.time += REFETCH_SECONDS
    assert await keys.key("A" * 43) is None
    assert issuer.asked == 2


async def test_a_new_key_is_found_and_a_withdrawn_one_forgotten() -> None:
    old, new = p256_key(), p256_key()
    issuer = Issuer(old)
    keys = issuer.published()
    assert await keys.key(thumbprint(old.public_key())) is not None
    issuer.keys, issuer.time = (old, new), issuer.time + REFETCH_SECONDS
    assert await keys.key(thumbprint(new.public_key())) is not None
    issuer.keys, issuer.time = (new,), issuer.time + REFRESH_SECONDS
    assert await keys.key(thumbprint(old.public_key())) is None


async def test_an_issuer_that_is_away_does_not_take_known_keys_along() -> None:
    key = p256_key()
    issuer = Issuer(key)
    issuer.away = True
    keys = issuer.published()
    with pytest.raises(TokenKeysUnavailable):
        await keys.key(thumbprint(key.public_key()))
    issuer.away, issuer.time = False, issuer.time + 1
    assert await keys.key(thumbprint(key.public_key())) is not None
    issuer.away, issuer.time = True, issuer.time + REFRESH_SECONDS * 2
    assert await keys.key(thumbprint(key.public_key())) is not None
    with pytest.raises(TokenKeyUnknown):
        await AccessTokens(keys, issuer=ISSUER, audience=AUDIENCE).verify(
            sign_access_token(claims().to_claims(issuer=ISSUER, audience=AUDIENCE), p256_key(), "B" * 43), now=NOW
        )


def test_the_ecdsa_package_is_never_imported() -> None:
    """CVE-2024-23342 is not mended there; python-jose brings it along and must not use it."""
    program = (
        "import sys, services.auth.main, services.auth.commands, services.runtime.signed_requests;"
        "from jose import jwk, jws; print('ecdsa' in sys.modules, 'rsa' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["False", "False"]
