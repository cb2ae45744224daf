"""Signing a request under the profile, as the agency's tool and the services among themselves do.

Source: RFC 9421 §3.1; DESIGN 6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from http_message_signatures import HTTPMessageSigner, HTTPSignatureKeyResolver
from http_message_signatures.algorithms import ECDSA_P256_SHA256, ED25519

from services.kernel.signing import base64s, profile
from services.kernel.signing.content_digest import content_digest
from services.kernel.signing.keys import PrivateKey, request_algorithm, thumbprint

LABEL = "nopluu"


@dataclass(frozen=True, slots=True)
class Content:
    """What a signature states about a body: its SHA-256 (32 bytes) and its length in bytes."""

    sha256: bytes
    length: int


@dataclass(slots=True)
class Message:
    """The request as the signature library reads it: `url` is the target URI exactly as sent."""

    method: str
    url: str
    headers: dict[str, str]


def sign_request(
    method: str,
    target_uri: str,
    headers: Mapping[str, str],
    *,
    content: Content | None,
    key: PrivateKey,
    now: datetime,
    nonce: bytes,
    lifetime: int = profile.MAX_LIFETIME,
) -> dict[str, str]:
    """All fields to send: those given, in lower case, with content-length and content-digest for a body, signed.

    `headers` must hold `authorization` and, with a body, `content-type`. `nonce` is at least 16 random bytes, new for
    every request and for every repetition of one. `lifetime` is in seconds, at most 300.

    Raises:
        ValueError: a field that the profile covers is missing, or the nonce or the lifetime is outside it.
    """
    if len(nonce) * 8 < profile.MIN_NONCE_BITS:
        raise ValueError("the nonce needs at least 128 random bits")
    if not 0 < lifetime <= profile.MAX_LIFETIME:
        raise ValueError("the lifetime must be 1 to 300 seconds")
    fields = {name.lower(): value for name, value in headers.items()}
    covered: tuple[str, ...] = profile.COMPONENTS
    if content is not None:
        fields["content-length"] = str(content.length)
        fields["content-digest"] = content_digest(content.sha256)
        covered += profile.BODY_COMPONENTS
    if missing := [name for name in covered if not name.startswith("@") and name not in fields]:
        raise ValueError(f"missing fields to sign: {', '.join(missing)}")
    message = Message(method, target_uri, fields)
    created = now.replace(microsecond=0)
    signer = HTTPMessageSigner(
        signature_algorithm=ED25519 if request_algorithm(key) == "ed25519" else ECDSA_P256_SHA256,
        key_resolver=_OneKey(key),
    )
    signer.sign(
        message,
        key_id=thumbprint(key.public_key()),
        created=created,
        expires=created + timedelta(seconds=lifetime),
        nonce=base64s.encode_url(nonce),
        tag=profile.TAG,
        label=LABEL,
        include_alg=False,
        use_existing_digest=content is not None,
        covered_component_ids=covered,
    )
    return {name.lower(): value for name, value in message.headers.items()}


class _OneKey(HTTPSignatureKeyResolver):
    def __init__(self, key: PrivateKey) -> None:
        self._key = key

    def resolve_private_key(self, key_id: str) -> PrivateKey:
        return self._key
