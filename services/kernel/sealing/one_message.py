"""A stored object that is one sealed message behind a head in clear: recovery records and pages of the act book.

The head ends with the name of the KEK and the object's key as the KMS wrapped it; the message is Cobblestone-256 under
that key, with the context `label ‖ head`, so that no byte of the head can be changed.

Source: FORMATS 5, "Recovery record" and "Act book".
"""

from __future__ import annotations

import struct
from typing import Final

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag

from services.kernel.sealing.open import SealBroken
from services.kernel.sealing.seal import KEY_LENGTH

_LENGTH: Final = struct.Struct(">H")


def pack_key(kek: str, wrapped: bytes) -> bytes:
    """How a head ends: the KEK's name and the wrapped key, each after its length (u16be)."""
    name = kek.encode("ascii")
    return b"".join((_LENGTH.pack(len(name)), name, _LENGTH.pack(len(wrapped)), wrapped))


def unpack_key(sealed: bytes, start: int) -> tuple[str, bytes, int]:
    """KEK and wrapped key that stand at `start`, and where the message begins.

    Raises:
        ValueError: the bytes end before, or the name is not ASCII.
    """
    try:
        (name_length,) = _LENGTH.unpack_from(sealed, start)
        name_end = start + _LENGTH.size + name_length
        (wrapped_length,) = _LENGTH.unpack_from(sealed, name_end)
    except struct.error as error:
        raise ValueError("no head") from error
    name = sealed[start + _LENGTH.size : name_end].decode("ascii")
    message = name_end + _LENGTH.size + wrapped_length
    wrapped = sealed[message - wrapped_length : message]
    if len(wrapped) != wrapped_length:
        raise ValueError("no head")
    return name, wrapped, message


def seal_message(label: bytes, head: bytes, plaintext: bytes, key: bytes) -> bytes:
    """Head and message; `key` is the 32 bytes whose wrapped form stands in the head."""
    if len(key) != KEY_LENGTH:
        raise ValueError("a message's key has 32 bytes")
    encryptor = Cobblestone256Encryptor(key, label + head)
    return b"".join((head, encryptor.update(plaintext), encryptor.finalize()))


def open_message(label: bytes, head: bytes, sealed: bytes, key: bytes) -> bytes:
    """What was sealed behind `head`.

    Raises:
        SealBroken: altered, cut, or another key.
    """
    if len(key) != KEY_LENGTH:
        raise SealBroken("key length")
    try:
        decryptor = Cobblestone256Decryptor(key, label + head)
        return b"".join((decryptor.update(sealed[len(head) :]), decryptor.finalize()))
    except (InvalidTag, ValueError) as error:
        raise SealBroken("message") from error
