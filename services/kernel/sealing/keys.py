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


class NewestVersion(Exception):
    """The version to be destroyed is the one that wraps today: rotate first."""


def kek_version(wrapped: bytes) -> int:
    """The version of its KEK under which a key is wrapped: the first four bytes, whatever the KMS.

    Raises:
        KeyBroken: too short to say.
    """
    if len(wrapped) < 4:
        raise KeyBroken
    return int.from_bytes(wrapped[:4])


class KeyAccess(Protocol):
    """What sealing and reading ask of the KMS, which keeps KEKs and never gives one out. Keys are 32 bytes.

    Every call may raise `KmsUnavailable`: away, slow, sealed, or refusing us.
    """

    async def generate(self, kek: str) -> tuple[bytes, bytes]:
        """A fresh key: plain, and wrapped under the newest version of the KEK (made on first use)."""

    async def unwrap(self, kek: str, wrapped: bytes) -> bytes:
        """Raises KeyBroken: altered, of another KEK, or of a version that is not there."""

    async def unwrap_many(self, kek: str, wrapped: Sequence[bytes]) -> list[bytes]:
        """Raises KeyBroken if any one is."""

    async def healthy(self) -> bool:
        """Whether keys can be opened now, as far as that can be told without one."""


class KeyManagement(KeyAccess, Protocol):
    """The whole KMS. KEKs have versions that count from 1; the newest wraps.

    A wrapped key begins with the u32be number of the version that wrapped it; the rest is the KMS's own.
    """

    async def wrap(self, kek: str, key: bytes) -> bytes:
        """A key that exists already, wrapped under the newest version of the KEK: for moving to another KMS."""

    async def rewrap(self, kek: str, wrapped: Sequence[bytes]) -> list[bytes]:
        """The same keys under the newest version; they do not leave the KMS where it can do that. Raises KeyBroken."""

    async def newest(self, kek: str) -> int:
        """The number of the version that wraps; 0 where the KEK was never made."""

    async def rotate(self, kek: str) -> int:
        """Make a new version, the one that wraps from now on; its number."""

    async def destroy_version(self, kek: str, version: int) -> None:
        """Destroy a version and every older one: what they wrap is unreadable for ever. Repeatable.

        Raises:
            NewestVersion
        """
