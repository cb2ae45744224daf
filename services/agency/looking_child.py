"""The process that reads files for `looking`: a path on each line of standard input, an outcome for each on standard output."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from services.kernel.marks import MAX_FILE, Inspected, Outcome, inspect, worth_reading

MEMORY: Final = 2 * 1024**3
"""Bytes of address space, where the system can bound them."""

_HEAD: Final = 4096


def main() -> None:
    """Look at files until there are no more."""
    with suppress(ImportError):  # Windows has no such limit
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for line in sys.stdin.buffer:
        sys.stdout.buffer.write(look_at(Path(json.loads(line))).to_json() + b"\n")
        sys.stdout.buffer.flush()


def look_at(path: Path) -> Inspected:
    """Search one file. Never raises."""
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
            if not worth_reading(head):
                return Inspected(Outcome.UNSUPPORTED)
            if path.stat().st_size > MAX_FILE:
                return Inspected(Outcome.TOO_LARGE)
            file = head + stream.read()
    except OSError:
        return Inspected(Outcome.UNREADABLE)  # hashing tells the clerk which file, and why
    return inspect(file)


if __name__ == "__main__":
    main()
