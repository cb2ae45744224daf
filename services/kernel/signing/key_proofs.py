"""Proof that whoever offers a public key holds its private half, and for whom the key is meant.

A compact JWS over its own key: the key stands in the header, so the proof is the whole offer, one line that an agency
mails to the registrar. It names the party (a code of the agency for a first key, the client for a further one), so that
an offer on its way cannot be handed in as somebody else's. It proves nothing about who sent the mail: the registrar
compares the key's thumbprint with the agency through another channel.

`jti` is kept nowhere: a key is enrolled once for ever, and a proof serves for its own key only.

Source: RFC 7515, RFC 7800 §3; the `typ` rule of RFC 8725 §3.11; DESIGN 6, DECISION-0013.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from services.kernel.canonical import rfc3339
from services.kernel.identifiers import AgencyCode, ClientId, parse_agency_code
from services.kernel.refusals.enrolment import (
    KeyProofAlgorithmRefused,
    KeyProofAudienceMismatch,
    KeyProofClaimInvalid,
    KeyProofDerEncoded,
    KeyProofExpired,
    KeyProofHeaderRefused,
    KeyProofInvalid,
    KeyProofIssuedAhead,
    KeyProofLifetimeWrong,
    KeyProofMalformed,
)
from services.kernel.refusals.identity import ClientKeyUnusable
from services.kernel.signing.assertions import sign_compact
from services.kernel.signing.claims import MAX_AHEAD
from services.kernel.signing.jws import MAX_TOKEN, CompactJws, JwsMalformed, parse_compact
from services.kernel.signing.keys import (
    KeyUnusable,
    PrivateKey,
    PublicKey,
    from_jwk,
    jws_algorithm,
    looks_like_der,
    to_jwk,
    verifies,
)

TYP: Final = "nopluu-key-proof+jwt"
MAX_LIFETIME: Final = 7 * 24 * 3600  # seconds from iat to exp: an offer travels by official mail
_HEADER: Final = frozenset({"alg", "typ", "jwk"})
_CLAIMS: Final = frozenset({"aud", "iat", "exp", "jti", "agency", "client_id"})
_JTI: Final = re.compile(r"[A-Za-z0-9\-_]{22,128}", re.ASCII)

Party = AgencyCode | ClientId
"""For whom a key is meant: a code of the agency whose new client it is, or the client that gets a further key."""


@dataclass(frozen=True, slots=True)
class KeyProof:
    """A key whose possession is proved until `expires`, for one party."""

    key: PublicKey
    party: Party
    jti: str
    expires: datetime


def make_key_proof(
    key: PrivateKey, party: Party, *, issuer: str, now: datetime, jti: str, lifetime: int = MAX_LIFETIME
) -> str:
    """The offer of a key to the registry whose token issuer is `issuer`; `lifetime` in seconds.

    Raises:
        ValueError: a lifetime outside 1 to `MAX_LIFETIME`.
    """
    if not 0 < lifetime <= MAX_LIFETIME:
        raise ValueError("a proof lives 1 second to 7 days")
    issued = int(now.timestamp())
    named = {"client_id": str(party)} if isinstance(party, UUID) else {"agency": str(party)}
    return sign_compact(
        {"alg": jws_algorithm(key), "typ": TYP, "jwk": to_jwk(key.public_key())},
        {"aud": issuer, **named, "iat": issued, "exp": issued + lifetime, "jti": jti},
        key,
    )


def read_key_proof(token: str, *, issuer: str, now: datetime) -> KeyProof:
    """What a proof proves. Whether its party is the right one is the caller's to ask.

    Raises, looked for in this order:
        KeyProofMalformed, KeyProofHeaderRefused, ClientKeyUnusable, KeyProofAlgorithmRefused, KeyProofDerEncoded,
        KeyProofInvalid, KeyProofAudienceMismatch, KeyProofClaimInvalid, KeyProofIssuedAhead, KeyProofExpired,
        KeyProofLifetimeWrong.
    """
    try:
        parsed = parse_compact(token)
    except JwsMalformed as error:
        raise KeyProofMalformed(limit=MAX_TOKEN) from error
    key = _offered(parsed.header)
    _demand_signature(parsed, key)
    claims = parsed.claims
    if "aud" in claims and claims["aud"] != issuer:
        raise KeyProofAudienceMismatch(issuer=issuer)
    for name in ("aud", "iat", "exp", "jti"):
        if not _right_kind(name, claims.get(name)):
            raise KeyProofClaimInvalid(claim=name)
    if claims.keys() - _CLAIMS:
        raise KeyProofClaimInvalid(claim="?")  # a stranger's word is not repeated
    party = _party(claims)
    issued, expires = _seconds(claims["iat"]), _seconds(claims["exp"])
    _judge_times(issued, expires, now)
    return KeyProof(key, party, str(claims["jti"]), datetime.fromtimestamp(expires, UTC))


def _offered(header: Mapping[str, object]) -> PublicKey:
    jwk = header.get("jwk")
    if header.keys() != _HEADER or header["typ"] != TYP or not isinstance(jwk, dict):
        raise KeyProofHeaderRefused
    try:
        return from_jwk(jwk)
    except KeyUnusable as error:
        raise ClientKeyUnusable from error


def _demand_signature(parsed: CompactJws, key: PublicKey) -> None:
    own = jws_algorithm(key)
    if parsed.header["alg"] not in ({"ES256"} if own == "ES256" else {"EdDSA", "Ed25519"}):
        raise KeyProofAlgorithmRefused
    if own == "ES256" and looks_like_der(parsed.signature):
        raise KeyProofDerEncoded
    if not verifies(key, parsed.signature, parsed.signed):
        raise KeyProofInvalid


def _right_kind(name: str, value: object) -> bool:
    if name == "aud":
        return isinstance(value, str)
    if name == "jti":
        return isinstance(value, str) and _JTI.fullmatch(value) is not None
    return type(value) is int and 0 < value < 2**40


def _party(claims: Mapping[str, object]) -> Party:
    agency, client = claims.get("agency"), claims.get("client_id")
    if (agency is None) == (client is None):
        raise KeyProofClaimInvalid(claim="agency")
    name, value = ("agency", agency) if client is None else ("client_id", client)
    if not isinstance(value, str):
        raise KeyProofClaimInvalid(claim=name)
    try:
        if name == "agency":
            return parse_agency_code(value)
        client_id = ClientId(UUID(value))
    except ValueError as error:
        raise KeyProofClaimInvalid(claim=name) from error
    if str(client_id) != value:
        raise KeyProofClaimInvalid(claim=name)
    return client_id


def _judge_times(issued: int, expires: int, now: datetime) -> None:
    clock, shown = now.timestamp(), rfc3339(now.replace(microsecond=0))
    if issued > clock + MAX_AHEAD:
        raise KeyProofIssuedAhead(skew=math.ceil(issued - clock), server_time=shown)
    if expires <= clock:
        raise KeyProofExpired(skew=math.ceil(clock - expires), server_time=shown)
    lifetime = expires - issued
    if not 0 < lifetime <= MAX_LIFETIME:
        raise KeyProofLifetimeWrong(lifetime=lifetime, limit=MAX_LIFETIME)


def _seconds(value: object) -> int:
    assert isinstance(value, int)  # noqa: S101 - proved by _right_kind
    return value
