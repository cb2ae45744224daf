"""The key hierarchy: KEK in the KMS → package key → component key (DESIGN 7, FORMATS "Wrapped keys")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap_with_padding,
    aes_key_wrap_with_padding,
)

from services.kernel.identifiers import FondsId
from services.kernel.secrecy import Level


class KeyBroken(Exception):
    """A wrapped key that its wrapping key does not open."""


def kek_name(fonds: FondsId, level: Level, year: int) -> str:
    """`fonds_id/level/year`: the KEK of a fonds, a level and the year of deposit."""
    return f"{fonds}/{level.wire}/{year}"


def wrap_component_key(package_key: bytes, component_key: bytes) -> bytes:
    """40 bytes: AES-KWP (RFC 5649) of a 32-byte component key."""
    return aes_key_wrap_with_padding(package_key, component_key)


def unwrap_component_key(package_key: bytes, wrapped: bytes) -> bytes:
    """The 32-byte component key.

    Raises:
        KeyBroken: altered, or wrapped under another package key.
    """
    try:
        key = aes_key_unwrap_with_padding(package_key, wrapped)
    except (InvalidUnwrap, ValueError) as error:
        raise KeyBroken from error
    if len(key) != 32:
        raise KeyBroken
    return key


class KeyManagement(Protocol):
    """The KMS: keeps KEKs, and never gives one out."""

    async def generate(self, kek: str) -> tuple[bytes, bytes]:
        """A fresh 32-byte key: plain, and wrapped under the newest version of the KEK (made on first use)."""

    async def unwrap(self, kek: str, wrapped: bytes) -> bytes:
        """Raises KeyBroken; KmsUnavailable."""

    async def unwrap_many(self, kek: str, wrapped: Sequence[bytes]) -> list[bytes]: ...

    async def healthy(self) -> bool: ...
