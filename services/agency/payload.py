"""The payload of a package as a stream: components end to end, read part by part from the files.

No component is ever whole in memory. A part is read twice, once for its digest (which the signed header must state
before the body) and once to be sent; the second time comes from the system's cache.

Source: DESIGN 5.2; FORMATS "Plan".
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Final

from services.agency.errors import FatalError
from services.kernel.refusals.registry import Text

CHUNK: Final = 1024 * 1024  # bytes read at once


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was hashed when the manifest was made: it must still have this size and time."""

    path: Path
    size: int
    mtime_ns: int


class Payload:
    """The concatenation of files, cut every `part_size` bytes; the last part may be shorter."""

    def __init__(self, sources: Sequence[Source], part_size: int) -> None:
        self.sources = tuple(sources)
        self.part_size = part_size
        ends = list(accumulate((source.size for source in self.sources), initial=0))
        self.size = ends[-1]
        self._starts = ends[:-1]

    @property
    def part_count(self) -> int:
        return -(-self.size // self.part_size)

    def part_length(self, number: int) -> int:
        """Bytes of a part. Raises IndexError where there is no such part."""
        if not 0 <= number < self.part_count:
            raise IndexError(number)
        return min(self.part_size, self.size - number * self.part_size)

    def part(self, number: int) -> Iterator[bytes]:
        """A part's bytes in chunks.

        Raises:
            FatalError: a file is no longer what was hashed.
        """
        at = number * self.part_size
        left = self.part_length(number)
        position = bisect_right(self._starts, at) - 1
        while left:
            source = self.sources[position]
            within = at - self._starts[position]
            take = min(source.size - within, left)
            if take:
                yield from _read(source, within, take)
            at += take
            left -= take
            position += 1

    def part_digest(self, number: int) -> bytes:
        """The SHA-256 of a part.

        Raises:
            FatalError: as `part`.
        """
        digest = hashlib.sha256()
        for chunk in self.part(number):
            digest.update(chunk)
        return digest.digest()


def _read(source: Source, start: int, length: int) -> Iterator[bytes]:
    try:
        with source.path.open("rb", buffering=0) as stream:
            found = source.path.stat()
            if (found.st_size, found.st_mtime_ns) != (source.size, source.mtime_ns):
                raise file_changed(source.path)
            stream.seek(start)
            while length:
                chunk = stream.read(min(CHUNK, length))
                if not chunk:
                    raise file_changed(source.path)
                length -= len(chunk)
                yield chunk
    except OSError as error:
        raise FatalError(
            "file-unreadable",
            Text(f"Không đọc được {source.path.name}", f"Cannot read {source.path.name}: {error.strerror}"),
        ) from error


def file_changed(path: Path) -> FatalError:
    """A file that is not what its manifest says."""
    return FatalError(
        "file-changed",
        Text(f"Tệp {path.name} đã thay đổi trong lúc nộp", f"The file {path.name} changed during the push"),
        Text("Chạy lại lệnh để lập bản kê mới", "Run the command again to declare it as it is now"),
    )
