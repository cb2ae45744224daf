"""What a client assertion and an access token must say, whoever checked their signatures. No clock, no I/O.

Times are compared in whole seconds: `exp` must lie after now, `iat` and `nbf` at most ten seconds ahead of it.

Source: RFC 7523 §3, draft rfc7523bis (one audience: the issuer), RFC 9068 §2, RFC 7800 §3.2, RFC 8705 §3.1; DESIGN 6.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from services.kernel.canonical import rfc3339
from services.kernel.identifiers import AgencyId, ClientId
from services.kernel.refusals.identity import (
    AssertionAlgorithmRefused,
    AssertionAudienceMismatch,
    AssertionClaimInvalid,
    AssertionExpired,
    AssertionHeaderRefused,
    AssertionIssuedAhead,
    AssertionLifetimeWrong,
    AssertionNotYetValid,
    AssertionSubjectMismatch,
    TokenAlgorithmRefused,
    TokenAudienceMismatch,
    TokenClaimInvalid,
    TokenExpired,
    TokenIssuerMismatch,
    TokenMalformed,
    TokenNotYetValid,
)
from services.kernel.signing import base64s
from services.kernel.signing.keys import KeyUnusable, PublicKey, from_jwk, to_jwk

MAX_ASSERTION_LIFETIME: Final = 300  # seconds from iat to exp
TOKEN_LIFETIME: Final = 300
MAX_AHEAD: Final = 10  # seconds that iat and nbf may lie ahead of the server's clock
ACCESS_TYP: Final = "at+jwt"
ACCESS_ALG: Final = "ES256"

_HEADER_MEMBERS: Final = frozenset({"alg", "typ", "kid"})
_ASSERTION_TYPES: Final = frozenset({"jwt", "client-authentication+jwt"})
_ASSERTION_ALGORITHMS: Final = frozenset({"EdDSA", "Ed25519", "ES256"})
_KID: Final = re.compile(r"[A-Za-z0-9\-_]{43}", re.ASCII)
_JTI: Final = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)
_SCOPE: Final = re.compile(r"[a-z]+(-[a-z]+)*( [a-z]+(-[a-z]+)*)*", re.ASCII)
_OFFICER_LENGTH: Final = 128


@dataclass(frozen=True, slots=True)
class JoseHeader:
    """The two members of a JOSE header that choose key and algorithm."""

    alg: str
    kid: str


@dataclass(frozen=True, slots=True)
class AssertionClaims:
    """An assertion in time and for us; `jti` may be used once until `expires`."""

    client: ClientId
    jti: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """Who a token speaks for, and the key that must have signed the request that carries it.

    `certificate` is the SHA-256 of the client certificate that the token is bound to, where it is bound to one.
    """

    client: ClientId
    agency: AgencyId
    scopes: frozenset[str]
    officer: str | None
    key: PublicKey
    certificate: bytes | None
    token_id: str
    issued: datetime
    expires: datetime

    def to_claims(self, *, issuer: str, audience: str) -> dict[str, object]:
        """The claims of an `at+jwt` that says this."""
        confirmation: dict[str, object] = {"jwk": to_jwk(self.key)}
        if self.certificate is not None:
            confirmation["x5t#S256"] = base64s.encode_url(self.certificate)
        claims: dict[str, object] = {
            "iss": issuer,
            "sub": str(self.client),
            "client_id": str(self.client),
            "aud": audience,
            "iat": int(self.issued.timestamp()),
            "exp": int(self.expires.timestamp()),
            "jti": self.token_id,
            "scope": write_scope(self.scopes),
            "agency": str(self.agency),
            "cnf": confirmation,
        }
        if self.officer is not None:
            claims["officer"] = self.officer
        return claims


def read_assertion_header(header: Mapping[str, object]) -> JoseHeader:
    """Which key and algorithm an assertion claims to be signed with.

    Raises:
        AssertionHeaderRefused: another member (`crit`, `jwk`, `jku`, `x5c` …), another typ, no kid.
        AssertionAlgorithmRefused: none, HS256 and every other algorithm.
    """
    alg, kid, typ = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if not isinstance(alg, str) or alg not in _ASSERTION_ALGORITHMS:
        raise AssertionAlgorithmRefused
    if header.keys() - _HEADER_MEMBERS or not isinstance(typ, str) or typ.lower() not in _ASSERTION_TYPES:
        raise AssertionHeaderRefused
    if not isinstance(kid, str) or not _KID.fullmatch(kid):
        raise AssertionHeaderRefused
    return JoseHeader(alg, kid)


def assertion_client(claims: Mapping[str, object]) -> ClientId:
    """Which client an assertion claims to be.

    Raises:
        AssertionClaimInvalid: iss or sub is no UUID as we write it.
        AssertionSubjectMismatch: they differ.
    """
    issuer, subject = claims.get("iss"), claims.get("sub")
    for name, value in (("iss", issuer), ("sub", subject)):
        if not isinstance(value, str):
            raise AssertionClaimInvalid(claim=name)
    if issuer != subject:
        raise AssertionSubjectMismatch
    client = _uuid(subject)
    if client is None:
        raise AssertionClaimInvalid(claim="sub")
    return ClientId(client)


def judge_assertion(claims: Mapping[str, object], *, issuer: str, now: datetime) -> AssertionClaims:
    """An assertion's claims, once its signature is proved; order: subject, audience, jti, iat, exp, nbf, lifetime.

    Raises:
        AssertionSubjectMismatch, AssertionClaimInvalid, AssertionAudienceMismatch, AssertionIssuedAhead,
        AssertionExpired, AssertionNotYetValid, AssertionLifetimeWrong.
    """
    client = assertion_client(claims)
    audience = claims.get("aud")
    if audience is None:
        raise AssertionClaimInvalid(claim="aud")
    if not isinstance(audience, str) or audience != issuer:
        raise AssertionAudienceMismatch(issuer=issuer)
    jti = claims.get("jti")
    if not isinstance(jti, str) or not _JTI.fullmatch(jti):
        raise AssertionClaimInvalid(claim="jti")
    issued, expires = _seconds(claims, "iat"), _seconds(claims, "exp")
    if issued is None or expires is None:
        raise AssertionClaimInvalid(claim="iat" if issued is None else "exp")
    clock, shown = now.timestamp(), _shown(now)
    if issued > clock + MAX_AHEAD:
        raise AssertionIssuedAhead(skew=math.ceil(issued - clock), server_time=shown)
    if expires <= clock:
        raise AssertionExpired(skew=math.ceil(clock - expires), server_time=shown)
    if "nbf" in claims:
        start = _seconds(claims, "nbf")
        if start is None:
            raise AssertionClaimInvalid(claim="nbf")
        if start > clock + MAX_AHEAD:
            raise AssertionNotYetValid(skew=math.ceil(start - clock), server_time=shown)
    lifetime = expires - issued
    if not 0 < lifetime <= MAX_ASSERTION_LIFETIME:
        raise AssertionLifetimeWrong(lifetime=lifetime, limit=MAX_ASSERTION_LIFETIME)
    return AssertionClaims(client, jti, datetime.fromtimestamp(expires, UTC))


def read_token_header(header: Mapping[str, object]) -> JoseHeader:
    """Which of the issuer's keys an access token claims to be signed with.

    Raises:
        TokenAlgorithmRefused: anything but ES256.
        TokenMalformed: another member, another typ, no kid.
    """
    if header.get("alg") != ACCESS_ALG:
        raise TokenAlgorithmRefused
    kid = header.get("kid")
    if header.keys() != _HEADER_MEMBERS or header.get("typ") != ACCESS_TYP:
        raise TokenMalformed
    if not isinstance(kid, str) or not _KID.fullmatch(kid):
        raise TokenMalformed
    return JoseHeader(ACCESS_ALG, kid)


def judge_access_token(claims: Mapping[str, object], *, issuer: str, audience: str, now: datetime) -> AccessClaims:
    """An access token's claims, once its signature is proved. Every claim that we issue is demanded.

    Raises:
        TokenIssuerMismatch, TokenAudienceMismatch, TokenClaimInvalid, TokenNotYetValid, TokenExpired.
    """
    if claims.get("iss") != issuer:
        raise TokenIssuerMismatch
    if claims.get("aud") != audience:
        raise TokenAudienceMismatch
    client, agency = _uuid(claims.get("sub")), _uuid(claims.get("agency"))
    if client is None or claims.get("client_id") != claims["sub"]:
        raise TokenClaimInvalid(claim="sub")
    if agency is None:
        raise TokenClaimInvalid(claim="agency")
    scope, officer, jti = claims.get("scope"), claims.get("officer"), claims.get("jti")
    if not isinstance(scope, str) or not _SCOPE.fullmatch(scope):
        raise TokenClaimInvalid(claim="scope")
    if officer is not None and not (isinstance(officer, str) and 0 < len(officer) <= _OFFICER_LENGTH):
        raise TokenClaimInvalid(claim="officer")
    if not isinstance(jti, str) or not _JTI.fullmatch(jti):
        raise TokenClaimInvalid(claim="jti")
    key, certificate = _confirmation(claims.get("cnf"))
    issued, expires = _seconds(claims, "iat"), _seconds(claims, "exp")
    if issued is None or expires is None or not 0 < expires - issued <= TOKEN_LIFETIME:
        raise TokenClaimInvalid(claim="iat" if issued is None else "exp")
    clock, shown = now.timestamp(), _shown(now)
    if issued > clock + MAX_AHEAD:
        raise TokenNotYetValid(skew=math.ceil(issued - clock), server_time=shown)
    if expires <= clock:
        raise TokenExpired(skew=math.ceil(clock - expires), server_time=shown)
    return AccessClaims(
        client=ClientId(client),
        agency=AgencyId(agency),
        scopes=frozenset(scope.split(" ")),
        officer=officer,
        key=key,
        certificate=certificate,
        token_id=jti,
        issued=datetime.fromtimestamp(issued, UTC),
        expires=datetime.fromtimestamp(expires, UTC),
    )


def parse_scope(text: str) -> frozenset[str]:
    """The names in a `scope` parameter.

    Raises:
        ValueError: not lower-case names with one space between.
    """
    if not _SCOPE.fullmatch(text):
        raise ValueError("not a scope")
    return frozenset(text.split(" "))


def write_scope(scopes: Iterable[str]) -> str:
    """The `scope` parameter that names these."""
    return " ".join(sorted(scopes))


def _confirmation(value: object) -> tuple[PublicKey, bytes | None]:
    if not isinstance(value, dict) or not isinstance(value.get("jwk"), dict):
        raise TokenClaimInvalid(claim="cnf")
    try:
        key = from_jwk(value["jwk"])
        thumb = value.get("x5t#S256")
        if thumb is None:
            return key, None
        certificate = base64s.decode_url(thumb) if isinstance(thumb, str) else b""
    except (KeyUnusable, ValueError) as error:
        raise TokenClaimInvalid(claim="cnf") from error
    if len(certificate) != 32:
        raise TokenClaimInvalid(claim="cnf")
    return key, certificate


def _seconds(claims: Mapping[str, object], name: str) -> int | None:
    value = claims.get(name)
    return value if type(value) is int and 0 < value < 2**40 else None


def _uuid(value: object) -> UUID | None:
    """A UUID in the one spelling that we write."""
    try:
        parsed = UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return parsed if parsed is not None and str(parsed) == value else None


def _shown(now: datetime) -> str:
    return rfc3339(now.replace(microsecond=0))
