"""Canonical JSON (RFC 8785), times (RFC 3339 UTC) and binary (padded base64) as they stand in every format."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime

import rfc8785


def canonical(value: object) -> bytes:
    """The RFC 8785 form of a JSON value."""
    return rfc8785.dumps(value)  # type: ignore[arg-type]  # the library's alias is recursive and invariant


def rfc3339(moment: datetime) -> str:
    """`2026-11-24T05:02:03.123456Z`: UTC, microseconds only where there are any."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def parse_rfc3339(text: str) -> datetime:
    """The moment that `rfc3339` wrote.

    Raises:
        ValueError: not RFC 3339 in UTC with `Z`.
    """
    if not text.endswith("Z"):
        raise ValueError("a time ends in Z")
    return datetime.fromisoformat(text)


def b64(data: bytes) -> str:
    """Padded base64 (RFC 4648 §4)."""
    return base64.b64encode(data).decode()


def unb64(text: str) -> bytes:
    """The bytes of padded base64.

    Raises:
        ValueError: not its own canonical form.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    if b64(data) != text:
        raise ValueError("not canonical base64")
    return data


def b64url(data: bytes) -> str:
    """Base64url without padding (RFC 7515)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(text: str) -> bytes:
    """The bytes of unpadded base64url.

    Raises:
        ValueError: not its own canonical form.
    """
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("not base64url") from error
    if b64url(data) != text:
        raise ValueError("not canonical base64url")
    return data
