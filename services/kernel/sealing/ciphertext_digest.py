"""The digest of a part's stored bytes: whoever holds a copy of the store can check it without a key.

BLAKE3 since DECISION-0029, SHA-256 for what was stored before; a digest says which it is. Written `blake3:` or `sha256:`
and 64 lower-case hex digits. What is promised to agencies and auditors (parts, components, events) stays SHA-256.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Protocol, Self

from blake3 import blake3

_WRITTEN = re.compile(r"(blake3|sha256):([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class CiphertextDigest:
    """32 bytes and the function that gave them, `blake3` or `sha256`."""

    algorithm: str
    value: bytes

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.value.hex()}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError."""
        found = _WRITTEN.fullmatch(text)
        if found is None:
            raise ValueError("not a digest of stored bytes")
        return cls(found[1], bytes.fromhex(found[2]))


class _Hash(Protocol):
    def update(self, data: bytes | bytearray | memoryview, /) -> object: ...

    def digest(self) -> bytes: ...


class CiphertextHash:
    """Takes stored bytes in order, on the way to the store or back; with the function of what they are compared to."""

    __slots__ = ("_algorithm", "_hash")

    def __init__(self, algorithm: str = "blake3") -> None:
        self._algorithm = algorithm
        self._hash: _Hash = blake3() if algorithm == "blake3" else hashlib.new(algorithm)

    def update(self, data: bytes | bytearray | memoryview) -> None:
        self._hash.update(data)

    def digest(self) -> CiphertextDigest:
        """Of everything taken so far."""
        return CiphertextDigest(self._algorithm, self._hash.digest())
