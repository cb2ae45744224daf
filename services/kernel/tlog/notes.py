"""Signed notes: keys, signatures and their verification.

Three kinds of keys are known: 01 signs as the log (Ed25519), 04 and 06 cosign as a witness (Ed25519, ML-DSA-44).
Signatures of unknown keys are passed over; a bad signature of a known key refuses the whole note.

Source: C2SP signed-note, tlog-cosignature.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from services.kernel.canonical import b64, unb64

MAX_NOTE = 1024 * 1024  # bytes
MAX_SIGNATURES = 128
_DASH = "\N{EM DASH}"
_KEY_ID = 4
_MAX_TIME = 2**63 - 1


class NoteInvalid(ValueError):
    """Not a signed note, not signed by a known key, or wrongly signed by one; `reason` is a fixed word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class KeyInvalid(ValueError):
    """Not a verifier key of a known kind."""


class KeyType(IntEnum):
    """The signature type's byte."""

    LOG = 0x01
    WITNESS_ED25519 = 0x04
    WITNESS_ML_DSA_44 = 0x06


_PUBLIC_LENGTH = {KeyType.LOG: 32, KeyType.WITNESS_ED25519: 32, KeyType.WITNESS_ML_DSA_44: 1312}
_SIGNATURE_LENGTH = {KeyType.LOG: 64, KeyType.WITNESS_ED25519: 8 + 64, KeyType.WITNESS_ML_DSA_44: 8 + 2420}


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A named public key: `name+id+base64(type ‖ key)`."""

    name: str
    type: KeyType
    public: bytes

    def __post_init__(self) -> None:
        if not is_key_name(self.name) or len(self.public) != _PUBLIC_LENGTH[self.type]:
            raise KeyInvalid("name or length")

    @property
    def id(self) -> bytes:
        """Four bytes; together with the name they say which key signed."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.type]) + self.public).digest()[:_KEY_ID]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises KeyInvalid."""
        name, _, rest = text.partition("+")
        id_, _, encoded = rest.partition("+")
        try:
            data = unb64(encoded)
            key = cls(name, KeyType(data[0]), data[1:])
        except (ValueError, IndexError) as error:
            raise KeyInvalid("form or type") from error
        if key.id.hex() != id_:
            raise KeyInvalid("id")
        return key

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64(bytes([self.type]) + self.public)}"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: whose, and what follows the four bytes of the key's id."""

    name: str
    key_id: bytes
    data: bytes

    def __str__(self) -> str:
        return f"{_DASH} {self.name} {b64(self.key_id + self.data)}"


@dataclass(frozen=True, slots=True)
class Note:
    """A text that ends in a newline, and its signatures."""

    text: str
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, note: str) -> Self:
        """Raises NoteInvalid."""
        if len(note) > MAX_NOTE or any(character < " " and character != "\n" for character in note):
            raise NoteInvalid("note form")
        text, separator, lines = note.rpartition("\n\n")
        rows = lines.split("\n")
        if not separator or not text or rows[-1] or not 2 <= len(rows) <= MAX_SIGNATURES + 1:
            raise NoteInvalid("note form")
        return cls(f"{text}\n", tuple(_signature(row) for row in rows[:-1]))

    def __str__(self) -> str:
        return self.text + "\n" + "".join(f"{signature}\n" for signature in self.signatures)


class LogSigner:
    """The log's own key: signs the text of a checkpoint."""

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.verifier = VerifierKey(name, KeyType.LOG, key.public_key().public_bytes_raw())

    def sign(self, text: str) -> Note:
        """A note with this one signature."""
        signature = Signature(self.verifier.name, self.verifier.id, self._key.sign(text.encode()))
        return Note(text, (signature,))


class WitnessSigner:
    """A witness with an Ed25519 key: states that at `time` this was the largest tree it had seen."""

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.verifier = VerifierKey(name, KeyType.WITNESS_ED25519, key.public_key().public_bytes_raw())

    def cosign(self, text: str, time: int) -> Signature:
        """The line that is added to the note; `time` is in POSIX seconds."""
        data = struct.pack(">Q", time) + self._key.sign(_cosigned_v1(text, time))
        return Signature(self.verifier.name, self.verifier.id, data)


def signers(note: Note, keys: Sequence[VerifierKey]) -> list[VerifierKey]:
    """The known keys that signed the note, each once.

    Raises:
        NoteInvalid: a known key's signature is wrong, or this installation cannot verify it.
    """
    found: list[VerifierKey] = []
    for signature in note.signatures:
        for key in keys:
            if (key.name, key.id) == (signature.name, signature.key_id):
                _verify(key, note.text, signature.data)
                if key not in found:
                    found.append(key)
    return found


def is_key_name(name: str) -> bool:
    """Not empty, no space of any kind, no plus, no control character."""
    return bool(name) and name.isprintable() and not any(character.isspace() or character == "+" for character in name)


def _verify(key: VerifierKey, text: str, data: bytes) -> None:
    if len(data) != _SIGNATURE_LENGTH[key.type]:
        raise NoteInvalid("signature length")
    try:
        match key.type:
            case KeyType.LOG:
                Ed25519PublicKey.from_public_bytes(key.public).verify(data, text.encode())
            case KeyType.WITNESS_ED25519:
                signed = _cosigned_v1(text, _time(data))
                Ed25519PublicKey.from_public_bytes(key.public).verify(data[8:], signed)
            case KeyType.WITNESS_ML_DSA_44:
                signed = _cosigned_subtree(key.name, text, _time(data))
                MLDSA44PublicKey.from_public_bytes(key.public).verify(data[8:], signed)
    except InvalidSignature as error:
        raise NoteInvalid("signature") from error
    except UnsupportedAlgorithm as error:
        raise NoteInvalid("signature type unsupported") from error
    except ValueError as error:
        raise NoteInvalid("signature form") from error


def _time(data: bytes) -> int:
    (time,) = struct.unpack_from(">Q", data)
    if time > _MAX_TIME:
        raise NoteInvalid("signature time")
    return int(time)


def _cosigned_v1(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def _cosigned_subtree(name: str, text: str, time: int) -> bytes:
    """The `cosigned_message` of a whole tree; ValueError where the text is no checkpoint."""
    origin, size, root, *_ = text.split("\n")
    names = [name.encode(), origin.encode()]
    if any(not 1 <= len(entry) <= 255 for entry in names):
        raise ValueError("name length")
    cosigner, log = (bytes([len(entry)]) + entry for entry in names)
    return b"subtree/v1\n\0" + cosigner + struct.pack(">Q", time) + log + struct.pack(">QQ", 0, int(size)) + unb64(root)


def _signature(row: str) -> Signature:
    match row.split(" "):
        case [dash, name, encoded] if dash == _DASH and is_key_name(name):
            try:
                data = unb64(encoded)
            except ValueError as error:
                raise NoteInvalid("signature form") from error
            if len(data) > _KEY_ID:
                return Signature(name, data[:_KEY_ID], data[_KEY_ID:])
    raise NoteInvalid("signature form")
