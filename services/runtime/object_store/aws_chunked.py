"""The body of a streaming PUT: data in frames, then a CRC-32C of all of it that the store compares before it keeps any.

S3's `STREAMING-UNSIGNED-PAYLOAD-TRAILER` form of `aws-chunked`. All frames but the last have the same size, so that the
body's length is known before its first byte is.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping

from awscrt.checksums import crc32c

FRAME = 1024 * 1024
"""Bytes of a frame; stores refuse frames above 16 MiB."""

PAYLOAD = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
_TRAILER = "x-amz-checksum-crc32c"


def checksum(data: bytes) -> str:
    """The CRC-32C as S3 writes it in headers."""
    return _written(crc32c(data))


def headers(length: int) -> Mapping[str, str]:
    """What announces a body of `length` data bytes."""
    return {
        "x-amz-content-sha256": PAYLOAD,
        "Content-Encoding": "aws-chunked",
        "Content-Length": str(framed_length(length)),
        "x-amz-decoded-content-length": str(length),
        "x-amz-trailer": _TRAILER,
    }


def framed_length(length: int) -> int:
    """Bytes of the body of `length` data bytes."""
    whole, rest = divmod(length, FRAME)
    frames = whole * len(_frame_head(FRAME)) + (len(_frame_head(rest)) if rest else 0)
    return length + frames + 2 * (whole + bool(rest)) + len(_tail(0))


async def frame(length: int, chunks: AsyncIterator[bytes | bytearray]) -> AsyncIterator[bytes | memoryview]:
    """The body's pieces; data is passed on as it came, never copied.

    Raises:
        ValueError: other than `length` bytes came; what was given out by then is less than the announced body.
    """
    crc = sent = left = 0
    async for chunk in chunks:
        data = memoryview(chunk)
        if sent + len(data) > length:
            raise ValueError("more bytes than announced")
        while data:
            if not left:
                left = min(FRAME, length - sent)
                yield (b"\r\n" if sent else b"") + _frame_head(left)
            piece, data = data[:left], data[left:]
            crc = crc32c(piece, crc)
            sent += len(piece)
            left -= len(piece)
            yield piece
    if sent != length:
        raise ValueError("fewer bytes than announced")
    yield (b"\r\n" if sent else b"") + _tail(crc)


def _frame_head(size: int) -> bytes:
    return b"%x\r\n" % size


def _tail(crc: int) -> bytes:
    return f"0\r\n{_TRAILER}:{_written(crc)}\r\n\r\n".encode()


def _written(crc: int) -> str:
    return base64.b64encode(crc.to_bytes(4)).decode()
