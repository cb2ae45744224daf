"""The outside of a compact JWS, parsed so that only one spelling of a token exists.

Size first, then canonical base64url, then JSON without duplicate members. Whether the signature holds is asked
elsewhere; nothing here is proved.

Source: RFC 7515 §7.1; security register "python-jose 3.5.0 wrapper".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.kernel import strict_json
from services.kernel.signing import base64s

MAX_TOKEN = 8192  # bytes


class JwsMalformed(ValueError):
    """Not a compact JWS with a JSON object on both sides; the message never quotes it."""


@dataclass(frozen=True, slots=True)
class CompactJws:
    """A token in its parts; `signed` are the bytes that `signature` is over."""

    header: Mapping[str, object]
    claims: Mapping[str, object]
    signed: bytes
    signature: bytes


def parse_compact(token: str) -> CompactJws:
    """The parts of a compact JWS.

    Raises:
        JwsMalformed: too long, not three parts, non-canonical base64url, not strict JSON, not objects.
    """
    if len(token) > MAX_TOKEN:
        raise JwsMalformed(f"more than {MAX_TOKEN} bytes")
    parts = token.split(".")
    if len(parts) != 3:
        raise JwsMalformed("not three parts")
    try:
        header, claims, signature = (base64s.decode_url(part) for part in parts)
        return CompactJws(_object(header), _object(claims), f"{parts[0]}.{parts[1]}".encode("ascii"), signature)
    except ValueError as error:
        raise JwsMalformed(str(error)) from error


def _object(data: bytes) -> Mapping[str, object]:
    value = strict_json.parse(data, max_bytes=MAX_TOKEN)
    if not isinstance(value, dict):
        raise JwsMalformed("not a JSON object")
    return value
