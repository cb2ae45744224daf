"""Opening segments: whole and streaming, or any range by its own chunks.

Nothing is given out before its chunk is authenticated. A Cobblestone-256 message is salt (24) ‖ commitment (32) ‖
16 KiB chunks with a 16-byte tag each; the message's key and the commitment come from HKDF-SHA-512 over key, salt and
context; chunk i's nonce is the derived one XOR i, and the last chunk is the one that is shorter than 16 KiB, if need be
empty (C2SP chunked-encryption).
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from cryptography.cobblestone import Cobblestone256Decryptor
from cryptography.exceptions import InvalidTag

from services.kernel.identifiers import AttemptId, KeyId
from services.kernel.layout import Segment
from services.kernel.sealing.header import HEADER_LENGTH, HeaderInvalid, SealContext, SegmentHeader
from services.kernel.sealing.seal import KEY_LENGTH


class SealBroken(Exception):
    """The stored bytes are not this segment: altered, cut, moved, or under another key."""


def check_header(header: bytes, segment: Segment, key_id: KeyId, attempt: AttemptId) -> None:
    """Raises SealBroken unless the header names exactly this segment of this attempt."""
    if header == SegmentHeader(segment.component, key_id, segment.index, segment.is_last, attempt).pack():
        return
    try:
        SegmentHeader.unpack(header)
    except HeaderInvalid as error:
        raise SealBroken("header") from error
    raise SealBroken("another segment")


async def open_segment(
    stored: AsyncIterator[bytes],
    segment: Segment,
    key: bytes,
    key_id: KeyId,
    attempt: AttemptId,
    context: SealContext,
) -> AsyncIterator[bytes]:
    """Plaintext of one segment from its stored bytes, chunk by authenticated chunk.

    Raises:
        SealBroken: at the first thing that is wrong; what was yielded before is authentic but incomplete.
    """
    if len(key) != KEY_LENGTH:
        raise SealBroken("key length")
    header = b""
    decryptor: Cobblestone256Decryptor | None = None
    try:
        async for data in stored:
            if decryptor is None:
                header += data
                if len(header) < HEADER_LENGTH:
                    continue
                header, data = header[:HEADER_LENGTH], header[HEADER_LENGTH:]
                check_header(header, segment, key_id, attempt)
                decryptor = Cobblestone256Decryptor(key, context.bind(header))
            plain = decryptor.update(data)
            if plain:
                yield plain
        if decryptor is None:
            raise SealBroken("truncated")
        rest = decryptor.finalize()
    except (InvalidTag, ValueError) as error:
        raise SealBroken("ciphertext") from error
    if rest:
        yield rest
