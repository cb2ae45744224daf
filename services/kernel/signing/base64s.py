"""Base64 with exactly one spelling for each value.

Python's decoder skips foreign characters and ignores stray bits in the last character, so one token would have many
spellings and a cache or a single-use table could be walked around. Here text that is not what the encoder would have
written is refused.

Source: RFC 4648 §3.5, RFC 7515 §2; security register "python-jose accepts non-canonical base64".
"""

from __future__ import annotations

import base64
import binascii


def encode_url(data: bytes) -> str:
    """base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode_url(text: str) -> bytes:
    """The bytes of unpadded base64url text.

    Raises:
        ValueError: padding, a foreign character, an impossible length or stray bits.
    """
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise ValueError("not base64url") from error
    if encode_url(data) != text:
        raise ValueError("not the canonical base64url of its bytes")
    return data


def encode(data: bytes) -> str:
    """Padded base64 (RFC 4648 §4)."""
    return base64.b64encode(data).decode("ascii")


def decode(text: str) -> bytes:
    """The bytes of padded base64 text.

    Raises:
        ValueError: missing padding, a foreign character or stray bits.
    """
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise ValueError("not base64") from error
    if encode(data) != text:
        raise ValueError("not the canonical base64 of its bytes")
    return data
