"""The `Content-Digest` field: one SHA-256, written and read strictly.

Source: RFC 9530 §2; DESIGN 5.3.
"""

from __future__ import annotations

import re

from services.kernel.signing import base64s

_SHA256 = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):", re.ASCII)


def content_digest(sha256: bytes) -> str:
    """The field's value for content with this digest (32 bytes)."""
    if len(sha256) != 32:
        raise ValueError("a SHA-256 digest has 32 bytes")
    return f"sha-256=:{base64s.encode(sha256)}:"


def parse_content_digest(value: str) -> bytes:
    """The 32 bytes that the field states.

    Exactly one member, `sha-256`, without parameters: a second algorithm would leave open which one counts.

    Raises:
        ValueError: anything else.
    """
    match = _SHA256.fullmatch(value)
    if match is None:
        raise ValueError("Content-Digest must be sha-256=:<base64 of 32 bytes>: and nothing else")
    return base64s.decode(match.group(1))
