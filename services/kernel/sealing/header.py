"""The 64-byte header of an LTE1 segment, and the context that binds a segment to its place.

Source: FORMATS "LTE1 segment".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from services.kernel.identifiers import AttemptId, ComponentId, FondsId, KeyId, PackageId

HEADER_LENGTH = 64
PREFIX_LENGTH = 56  # Cobblestone-256: 24 bytes of salt, 32 of commitment
CHUNK = 16 * 1024
TAG = 16

_LAYOUT = struct.Struct(">4sBBH16s16sIB16s3s")
_MAGIC, _VERSION, _SUITE = b"LTE1", 1, 2


def sealed_length(length: int) -> int:
    """Stored bytes of a segment with `length` plaintext bytes: header and Cobblestone-256 message."""
    return HEADER_LENGTH + PREFIX_LENGTH + length + TAG * (length // CHUNK + 1)


class HeaderInvalid(ValueError):
    """The 64 bytes are no LTE1 header."""


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """Who this segment is: component, key, place among the component's segments, and the attempt that wrote it."""

    component_id: ComponentId
    key_id: KeyId
    segment_index: int
    is_last: bool
    attempt_id: AttemptId

    def pack(self) -> bytes:
        return _LAYOUT.pack(
            _MAGIC,
            _VERSION,
            _SUITE,
            0,
            self.component_id.bytes,
            self.key_id.bytes,
            self.segment_index,
            self.is_last,
            self.attempt_id.bytes,
            b"\0\0\0",
        )

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Raises HeaderInvalid."""
        if len(data) != HEADER_LENGTH:
            raise HeaderInvalid("length")
        magic, version, suite, zero, component, key, index, last, attempt, tail = _LAYOUT.unpack(data)
        if (magic, version, suite, zero, tail) != (_MAGIC, _VERSION, _SUITE, 0, b"\0\0\0") or last > 1:
            raise HeaderInvalid("fixed bytes")
        return cls(
            ComponentId(UUID(bytes=component)),
            KeyId(UUID(bytes=key)),
            index,
            bool(last),
            AttemptId(UUID(bytes=attempt)),
        )


@dataclass(frozen=True, slots=True)
class SealContext:
    """The package and version that first carried the component, and the fonds, whose id never changes."""

    package: PackageId
    fonds: FondsId
    version: int

    def bind(self, header: bytes) -> bytes:
        """The Cobblestone context of a segment with this header."""
        return b"nopluu/lte1\0" + header + self.package.bytes + self.fonds.bytes + struct.pack(">I", self.version)
