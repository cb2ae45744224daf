"""From a request's head to its caller: signature, token, binding of the two, revocation. Nothing is written here.

Source: DESIGN 6; security register "Request signing" (order), "Token service" (cnf).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from services.kernel.refusals.identity import KeyRevoked, TokenCertificateMismatch, TokenMissing
from services.kernel.signing.claims import AccessClaims
from services.kernel.signing.verification import RawHeaders, SignedRequest, check_signature, read_signature
from services.runtime.callers import Caller
from services.runtime.nonces import Nonce
from services.runtime.standing import Revocations
from services.runtime.tokens import AccessTokens

_BEARER: Final = re.compile(r"bearer +([A-Za-z0-9\-_.]+)", re.IGNORECASE | re.ASCII)
_CERTIFICATE: Final = re.compile(r":([A-Za-z0-9+/]+={0,2}):", re.ASCII)


class RequestVerifier:
    """Proves who sends a request.

    `trust_front` says that a front proxy, and nobody else, can reach us and sets `Client-Cert` (RFC 9440).
    """

    def __init__(
        self,
        tokens: AccessTokens,
        revocations: Revocations,
        *,
        trust_front: bool = False,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._tokens = tokens
        self._revocations = revocations
        self._trust_front = trust_front
        self._clock = clock

    @property
    def revocations(self) -> Revocations:
        """Where a request that runs asks again."""
        return self._revocations

    async def verify(self, method: str, target_uri: str, headers: RawHeaders) -> Caller:
        """The caller, before its nonce is claimed and before a byte of the body is read.

        Raises:
            Refusal: of `refusals.identity`; in this order: signature's form and time, token, key, signature,
                certificate, revocation.
        """
        token = _bearer(headers)
        now = self._clock()
        signed = read_signature(method, target_uri, headers, now=now)
        claims = await self._tokens.verify(token, now=now)
        check_signature(signed, claims.key)
        if claims.certificate is not None and claims.certificate != self.certificate(headers):
            raise TokenCertificateMismatch
        if await self._revocations.is_revoked(signed.keyid, claims.client):
            raise KeyRevoked
        return _caller(claims, signed)

    def certificate(self, headers: RawHeaders) -> bytes | None:
        """SHA-256 of the client certificate that the front proxy saw; None without a trusted proxy or certificate."""
        return front_certificate(headers) if self._trust_front else None


def front_certificate(headers: RawHeaders) -> bytes | None:
    """SHA-256 of the DER certificate in the one `Client-Cert` field (RFC 9440 §2.2); None where there is none."""
    values = [value for name, value in headers if name == b"client-cert"]
    match = _CERTIFICATE.fullmatch(values[0].decode("latin-1")) if len(values) == 1 else None
    if match is None:
        return None
    try:
        return hashlib.sha256(base64.b64decode(match[1], validate=True)).digest()
    except binascii.Error:
        return None


def _bearer(headers: RawHeaders) -> str:
    values = [value for name, value in headers if name == b"authorization"]
    match = _BEARER.fullmatch(values[0].decode("latin-1")) if len(values) == 1 else None
    if match is None:
        raise TokenMissing
    return match[1]


def _caller(claims: AccessClaims, signed: SignedRequest) -> Caller:
    return Caller(
        client=claims.client,
        agency=claims.agency,
        scopes=claims.scopes,
        officer=claims.officer,
        keyid=signed.keyid,
        nonce=Nonce(signed.created.date(), signed.keyid, signed.nonce, signed.expires),
        content_sha256=None if signed.content is None else signed.content.sha256,
        content_length=None if signed.content is None else signed.content.length,
        token_id=claims.token_id,
    )
