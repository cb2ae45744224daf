"""A client as the other side sees it: it makes its own assertions and signs its own requests."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.types import ASGIApp, Scope

from services.agency.key_offers import offer
from services.kernel.identifiers import ClientId, parse_agency_code
from services.kernel.signing import Content, sign_request, thumbprint
from services.kernel.signing.assertions import ASSERTION_TYPE, sign_compact
from services.kernel.signing.keys import PrivateKey, jws_algorithm
from tests.support.asgi import Reply, call, http_scope

FORM = "application/x-www-form-urlencoded"


def ed25519() -> PrivateKey:
    return Ed25519PrivateKey.generate()


def p256() -> PrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def public_pem(key: PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def offered(key: PrivateKey, party: str | UUID, issuer: str, **window: str) -> dict[str, str]:
    """A key as the API takes it: offered under an agency's code, or for a client that there is."""
    meant = ClientId(party) if isinstance(party, UUID) else parse_agency_code(party)
    return {"proof": offer(key, meant, issuer), **window}


@dataclass(slots=True)
class Enrolled:
    """One client with one key, speaking to one application in process whose origin is `https://{host}`."""

    client_id: UUID
    key: PrivateKey
    issuer: str
    host: str
    skew: timedelta = field(default_factory=timedelta)
    token: str = ""

    @property
    def kid(self) -> str:
        return thumbprint(self.key.public_key())

    def assertion(self, header: Mapping[str, object] | None = None, **claims: object) -> str:
        """A right assertion, but for what is given; a claim or header member of None is left out."""
        now = int((datetime.now(UTC) + self.skew).timestamp())
        right: dict[str, object] = {
            "iss": str(self.client_id),
            "sub": str(self.client_id),
            "aud": self.issuer,
            "iat": now,
            "exp": now + 120,
            "jti": os.urandom(16).hex(),
        }
        head = {"alg": jws_algorithm(self.key), "kid": self.kid, "typ": "JWT", **(header or {})}
        return sign_compact(
            {name: value for name, value in head.items() if value is not None},
            {name: value for name, value in {**right, **claims}.items() if value is not None},
            self.key,
        )

    async def obtain(self, auth: ASGIApp, host: str, *, assertion: str | None = None, **form: str) -> Reply:
        """A token request; the token is kept where one is given."""
        fields = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion or self.assertion(),
            **form,
        }
        body = urlencode(fields).encode()
        headers = [("content-type", FORM), ("content-length", str(len(body))), ("accept-language", "en")]
        reply = await call(auth, http_scope("POST", "/v1/token", headers, host=host), body)
        if reply.status == 200:
            self.token = reply.json()["access_token"]
        return reply

    def scope(
        self, method: str, target: str, body: bytes | None = None, *, content_type: str = "application/json"
    ) -> Scope:
        """A signed request, ready to be sent or altered."""
        headers = {"authorization": f"Bearer {self.token}"}
        content = None
        if body is not None:
            headers["content-type"] = content_type
            content = Content(hashlib.sha256(body).digest(), len(body))
        signed = sign_request(
            method,
            f"https://{self.host}{target}",
            headers,
            content=content,
            key=self.key,
            now=datetime.now(UTC) + self.skew,
            nonce=os.urandom(16),
        )
        return http_scope(method, target, [*signed.items(), ("accept-language", "en")], host=self.host)

    async def ask(self, app: ASGIApp, method: str, target: str, value: Any = None) -> Reply:
        """A signed request with a JSON body where a value is given."""
        body = None if value is None else json.dumps(value).encode()
        return await call(app, self.scope(method, target, body), body or b"")
