"""Access tokens and ES256 assertions through python-jose, behind a wrapper that leaves it nothing to decide.

Measured on python-jose 3.5.0: it takes HS256 forged with a public key where no algorithm is named, ignores `crit`,
duplicate members and non-canonical base64, takes any curve for ES256 and treats every claim as optional. So the token
is first parsed by `kernel.signing.jws`; then the library verifies one signature with one prebuilt key for one
algorithm; then the rules of `kernel.signing.claims` judge what it says. Its own claim checks are not used: they read
the clock themselves. It has no EdDSA: those assertions go through the same parser and `cryptography`.

Source: DESIGN 6; security register "python-jose 3.5.0 wrapper, mandatory".
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jose import jwk, jws
from jose.backends.base import Key
from jose.exceptions import JOSEError

from services.kernel import strict_json
from services.kernel.refusals.identity import (
    AssertionAlgorithmRefused,
    AssertionDerEncoded,
    AssertionSignatureInvalid,
    TokenKeysUnavailable,
    TokenKeyUnknown,
    TokenMalformed,
    TokenSignatureInvalid,
)
from services.kernel.signing.claims import (
    ACCESS_ALG,
    ACCESS_TYP,
    AccessClaims,
    JoseHeader,
    judge_access_token,
    read_token_header,
)
from services.kernel.signing.jws import CompactJws, JwsMalformed, parse_compact
from services.kernel.signing.keys import (
    KeyUnusable,
    PublicKey,
    from_jwk,
    jws_algorithm,
    looks_like_der,
    thumbprint,
    to_jwk,
    verifies,
)

MAX_JWKS: Final = 64 * 1024  # bytes
REFETCH_SECONDS: Final = 10.0  # at most one fetch for unknown kids in this time
REFRESH_SECONDS: Final = 300.0  # keys are fetched again after this time, so that a withdrawn one is forgotten


class TokenKeys(Protocol):
    """The issuer's keys that may have signed a token."""

    async def key(self, kid: str) -> Key | None:
        """A prebuilt ES256 key, or None where the issuer has none of this name.

        Raises:
            TokenKeysUnavailable: the issuer's keys are not known at all.
        """


class AccessTokens:
    """Verifies access tokens of one issuer for one audience."""

    def __init__(self, keys: TokenKeys, *, issuer: str, audience: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience

    async def verify(self, token: str, *, now: datetime) -> AccessClaims:
        """What a token says, once its form, its signature and its claims are proved, in that order.

        Raises:
            TokenMalformed, TokenAlgorithmRefused, TokenKeyUnknown, TokenKeysUnavailable, TokenSignatureInvalid,
            and those of `kernel.signing.claims.judge_access_token`.
        """
        try:
            parsed = parse_compact(token)
        except JwsMalformed as error:
            raise TokenMalformed from error
        header = read_token_header(parsed.header)
        key = await self._keys.key(header.kid)
        if key is None:
            raise TokenKeyUnknown
        if not _es256_verifies(token, key):
            raise TokenSignatureInvalid
        return judge_access_token(parsed.claims, issuer=self._issuer, audience=self._audience, now=now)


def check_assertion_signature(token: str, parsed: CompactJws, header: JoseHeader, key: PublicKey) -> None:
    """Prove that a client assertion was signed by this registered key.

    Raises:
        AssertionAlgorithmRefused: alg is not the key's own.
        AssertionDerEncoded, AssertionSignatureInvalid.
    """
    if header.alg not in ({"ES256"} if jws_algorithm(key) == "ES256" else {"EdDSA", "Ed25519"}):
        raise AssertionAlgorithmRefused
    if isinstance(key, EllipticCurvePublicKey):
        if looks_like_der(parsed.signature):
            raise AssertionDerEncoded
        valid = _es256_verifies(token, es256_key(key))
    else:
        valid = verifies(key, parsed.signature, parsed.signed)
    if not valid:
        raise AssertionSignatureInvalid


def sign_access_token(claims: Mapping[str, object], key: EllipticCurvePrivateKey, kid: str) -> str:
    """An `at+jwt` over the claims, signed by a P-256 key of the issuer."""
    prepared = jwk.construct(_pem(key), ACCESS_ALG)
    return str(jws.sign(dict(claims), prepared, headers={"typ": ACCESS_TYP, "kid": kid}, algorithm=ACCESS_ALG))


def es256_key(key: PublicKey) -> Key:
    """The library's form of a P-256 public key, bound to ES256.

    Raises:
        KeyUnusable: another kind of key.
    """
    if jws_algorithm(key) != ACCESS_ALG:
        raise KeyUnusable("a token is signed with a P-256 key")
    return jwk.construct(dict(to_jwk(key)), ACCESS_ALG)


def parse_jwks(document: bytes) -> dict[str, Key]:
    """The P-256 signing keys of a JWK set by thumbprint; other keys in it are passed over.

    Raises:
        ValueError: not strict JSON, or not a JWK set.
    """
    parsed = strict_json.parse(document, max_bytes=MAX_JWKS)
    if not isinstance(parsed, dict) or not isinstance(entries := parsed.get("keys"), list):
        raise ValueError("not a JWK set")
    found: dict[str, Key] = {}
    for entry in entries:
        try:
            if isinstance(entry, dict) and entry.get("kty") == "EC":
                public = from_jwk(entry)
                found[thumbprint(public)] = es256_key(public)
        except KeyUnusable:
            continue
    return found


class PublishedKeys:
    """The issuer's keys as it publishes them at one pinned address.

    `fetch` reads that address and raises OSError where it cannot. An unknown kid causes one fetch in `REFETCH_SECONDS`
    at most, so a forged kid cannot make us press on the issuer. A failed refresh keeps the keys known before.
    """

    def __init__(
        self, fetch: Callable[[], Awaitable[bytes]], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._keys: dict[str, Key] | None = None
        self._fetched_at = 0.0
        self._tried_at: float | None = None
        self._lock = asyncio.Lock()

    async def key(self, kid: str) -> Key | None:
        known = self._current()
        if known is None or kid not in known:
            await self._refresh(kid)
        if self._keys is None:
            raise TokenKeysUnavailable(retry_after=1)
        return self._keys.get(kid)

    def _current(self) -> dict[str, Key] | None:
        fresh = self._monotonic() - self._fetched_at < REFRESH_SECONDS
        return self._keys if fresh else None

    async def _refresh(self, kid: str) -> None:
        async with self._lock:
            known = self._current()
            if known is not None and kid in known:  # another request fetched while this one waited
                return
            wait = REFETCH_SECONDS if self._keys is not None else 1.0
            if self._tried_at is not None and self._monotonic() - self._tried_at < wait:
                return
            self._tried_at = self._monotonic()
            try:
                self._keys = parse_jwks(await self._fetch())
            except (OSError, ValueError):
                return
            self._fetched_at = self._monotonic()


def _es256_verifies(token: str, key: Key) -> bool:
    try:
        jws.verify(token, key, algorithms=[ACCESS_ALG])  # a list: a string would be searched for substrings
    except JOSEError:
        return False
    return True


def _pem(key: EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
