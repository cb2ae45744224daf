"""What a reader must know of a long segment before its first range: 56 bytes, kept in the part's row.

They are the salt and the commitment that follow the segment's header in the store. The header is known from the plan,
so that with these bytes a range is one request, not two. They are no secret and no authority: the key proves them at
every use, and who lacks them fetches them. Entries of 60 bytes: the component's position in the plan u32be ‖ the 56.

Source: DECISION-0030.
"""

from __future__ import annotations

import struct
from typing import Final

from services.kernel.layout import Segment
from services.kernel.sealing.header import PREFIX_LENGTH

NEAR: Final = 256 * 1024
"""Bytes that cost less to fetch than another request does."""

_ENTRY: Final = struct.Struct(f">I{PREFIX_LENGTH}s")


def has_head(segment: Segment) -> bool:
    """Whether a range of the segment can lie so far from its header that the two are not fetched at once."""
    return segment.stored_length > NEAR


def head_entry(segment: Segment, message: bytes) -> bytes:
    """The entry of a segment whose Cobblestone message begins with these bytes, 56 or more."""
    return _ENTRY.pack(segment.position, message[:PREFIX_LENGTH])


def head_of(segment: Segment, entries: bytes) -> bytes | None:
    """The segment's 56 bytes; None where the row has none, or is cut."""
    for position, head in _ENTRY.iter_unpack(entries[: len(entries) - len(entries) % _ENTRY.size]):
        if position == segment.position:
            return bytes(head)
    return None
