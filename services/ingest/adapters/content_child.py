"""The process in which hostile files are read: one after the other on standard input, an outcome for each on standard output.

A file is its length as u64be, then its bytes; the answer is a line of JSON. Memory is bounded here, time by whoever asks.
A process that a file has made large says so by `!` before its answer, and ends: the next file is to have all of the memory.
"""

from __future__ import annotations

import os
import resource
import struct
import sys
from pathlib import Path
from typing import BinaryIO, Final

from services.kernel.marks import inspect

MEMORY: Final = 2 * 1024**3  # bytes of address space
LENGTH: Final = struct.Struct(">Q")
LARGE: Final = 768 * 1024
"""KiB of memory that it once had: more than the largest file and its text need."""

ENDS: Final = b"!"
FILES: Final = 500
"""Files that one process reads: what a parser leaks ends with it."""


def main() -> None:
    """Limit this process, then look at files until there are no more."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold what was read
    os.nice(10)
    for _ in range(FILES):
        file = _file(sys.stdin.buffer)
        if file is None:
            return
        answer = inspect(file).to_json()
        large = _most_memory() > LARGE
        sys.stdout.buffer.write((ENDS if large else b"") + answer + b"\n")
        sys.stdout.buffer.flush()
        if large:
            return


def _most_memory() -> int:
    """KiB that this process once had; `ru_maxrss` would count what its parent had at the fork."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split(maxsplit=1)[0])


def _file(source: BinaryIO) -> bytes | None:
    head = source.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    file = source.read(length)
    return file if len(file) == length else None


if __name__ == "__main__":
    main()
