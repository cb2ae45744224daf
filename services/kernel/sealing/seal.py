"""Sealing one segment: header first, then one Cobblestone-256 message."""

from __future__ import annotations

from cryptography.cobblestone import Cobblestone256Encryptor

from services.kernel.sealing.header import SealContext, SegmentHeader

KEY_LENGTH = 32


class SegmentSealer:
    """Encrypts one segment as it streams by. `prefix` (the header) goes out first; the object must not be reused."""

    __slots__ = ("_encryptor", "prefix")

    def __init__(self, key: bytes, header: SegmentHeader, context: SealContext) -> None:
        if len(key) != KEY_LENGTH:
            raise ValueError("a component key has 32 bytes")
        self.prefix = header.pack()
        self._encryptor = Cobblestone256Encryptor(key, context.bind(self.prefix))

    def update(self, data: bytes | memoryview) -> bytes:
        """Ciphertext that is ready; at most 16 KiB of plaintext is held back."""
        return self._encryptor.update(data)

    def finalize(self) -> bytes:
        """The rest, with the last tag."""
        return self._encryptor.finalize()
