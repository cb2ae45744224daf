"""Whether a file's bytes have reached the disk, asked of the file system itself (Linux, FIEMAP)."""

from __future__ import annotations

import fcntl
import struct
from pathlib import Path

_FIEMAP = 0xC020660B
_HEAD = struct.Struct("=QQIIII")
_EXTENT = struct.Struct("=QQQQQIIII")
_LAST, _DELAYED = 0x1, 0x4
_MOST = 1024


class DelayedAllocation(Exception):
    """This file system does not tell."""


def bytes_not_on_disk(file: Path) -> int:
    """Bytes that were written and for which no block of the disk has been chosen yet (delayed allocation).

    A file system gives blocks their place when it writes them out, at the latest within fsync. Zero therefore proves
    less than an fsync does; anything else proves that there was none.

    Raises:
        DelayedAllocation
    """
    waiting = start = 0
    with file.open("rb") as opened:
        while True:
            buffer = bytearray(_HEAD.pack(start, 2**64 - 1 - start, 0, 0, _MOST, 0) + bytes(_MOST * _EXTENT.size))
            try:
                fcntl.ioctl(opened.fileno(), _FIEMAP, buffer)
            except OSError as error:
                raise DelayedAllocation(f"the file system does not tell where files lie: {error.strerror}") from error
            count = _HEAD.unpack_from(buffer)[3]
            for number in range(count):
                logical, _, length, *_, flags, _, _, _ = _EXTENT.unpack_from(buffer, _HEAD.size + number * _EXTENT.size)
                waiting += length if flags & _DELAYED else 0
                start = logical + length
                if flags & _LAST:
                    return waiting
            if not count:
                return waiting
