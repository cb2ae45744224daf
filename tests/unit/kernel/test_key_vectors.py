"""FORMATS §4 from outside: the vectors opened by a reader written from RFC 5649 and that text alone, and by our own code.

Each invalid one has exactly one fault.
"""

from __future__ import annotations

import json
import os
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

from services.kernel.sealing.keys import KeyBroken, kek_version, unwrap_component_key
from services.runtime.kms.keyring import FileKeyring

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors" / "keys" / "wrapped.json").read_text())
PACKAGE_KEY = bytes.fromhex(VECTORS["package_key"])


def opened_by_rfc_5649(wrapping: bytes, wrapped: bytes) -> bytes:
    """A 32-byte key from its 40 bytes: six rounds backwards over four blocks (RFC 3394 2.2.2), then the prefix of RFC 5649 3."""
    aes = Cipher(AES(wrapping), ECB()).decryptor()  # noqa: S305 - the key wrap's own building block
    check, blocks = wrapped[:8], [wrapped[at : at + 8] for at in range(8, len(wrapped), 8)]
    for step in range(6 * len(blocks), 0, -1):
        at = (step - 1) % len(blocks)
        mixed = (int.from_bytes(check) ^ step).to_bytes(8)
        plain = aes.update(mixed + blocks[at])
        check, blocks[at] = plain[:8], plain[8:]
    if check != bytes.fromhex("a65959a6") + (32).to_bytes(4) or len(blocks) != 4:
        raise ValueError("not a wrapped key of 32 bytes")
    return b"".join(blocks)


def opened_by_the_document(wrapped: bytes) -> bytes:
    versions = json.loads(VECTORS["keyring"])["keks"][VECTORS["kek"]]
    key = versions.get(str(int.from_bytes(wrapped[:4])))
    if len(wrapped) != 44 or key is None:
        raise ValueError("no such key")
    return opened_by_rfc_5649(b64decode(key), wrapped[4:])


@pytest.fixture
def keyring(tmp_path: Path) -> FileKeyring:
    file = tmp_path / "keyring.json"
    file.write_text(VECTORS["keyring"])
    file.chmod(0o600)
    return FileKeyring(file, environment="development")


@pytest.mark.parametrize("vector", VECTORS["valid"], ids=lambda vector: str(vector["version"]))
async def test_valid_ones_open(keyring: FileKeyring, vector: dict[str, Any]) -> None:
    wrapped = bytes.fromhex(vector["wrapped"])
    assert kek_version(wrapped) == vector["version"]
    assert opened_by_the_document(wrapped) == PACKAGE_KEY
    assert await keyring.unwrap(VECTORS["kek"], wrapped) == PACKAGE_KEY


@pytest.mark.parametrize("vector", VECTORS["invalid"], ids=lambda vector: str(vector["fault"]))
async def test_invalid_ones_do_not(keyring: FileKeyring, vector: dict[str, Any]) -> None:
    wrapped = bytes.fromhex(vector["wrapped"])
    with pytest.raises(ValueError, match="key"):
        opened_by_the_document(wrapped)
    with pytest.raises(KeyBroken):
        await keyring.unwrap(VECTORS["kek"], wrapped)


def test_a_components_key() -> None:
    key, wrapped = (bytes.fromhex(VECTORS["component"][name]) for name in ("key", "wrapped"))
    assert opened_by_rfc_5649(PACKAGE_KEY, wrapped) == key
    assert unwrap_component_key(PACKAGE_KEY, wrapped) == key


def test_what_transit_wraps_is_kept_without_its_words() -> None:
    wrapped, key = (bytes.fromhex(VECTORS["transit"][name]) for name in ("wrapped", "aes256_gcm96"))
    assert len(wrapped) == 64
    assert AESGCM(key).decrypt(wrapped[4:16], wrapped[16:], None) == PACKAGE_KEY
    vault, version, encoded = VECTORS["transit"]["wire"].split(":")
    assert (vault, version, b64decode(encoded)) == ("vault", f"v{kek_version(wrapped)}", wrapped[4:])


@pytest.mark.parametrize("length", [16, 24, 31, 33, 40])
def test_a_wrapped_key_of_another_length_is_none(length: int) -> None:
    wrapped = aes_key_wrap_with_padding(bytes(32), os.urandom(length))
    with pytest.raises(KeyBroken):
        unwrap_component_key(bytes(32), wrapped)
