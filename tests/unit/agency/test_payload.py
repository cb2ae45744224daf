"""The payload is the files end to end, whatever the part size."""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.agency.errors import FatalError
from services.agency.payload import CHUNK, Payload, Source


def _source(path: Path) -> Source:
    found = path.stat()
    return Source(path, found.st_size, found.st_mtime_ns)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=8), st.integers(min_value=1, max_value=17))
def test_parts_end_to_end_are_the_payload(contents: list[bytes], part_size: int) -> None:
    with TemporaryDirectory() as folder:
        sources = []
        for at, content in enumerate(contents):
            path = Path(folder) / str(at)
            path.write_bytes(content)
            sources.append(_source(path))
        payload = Payload(sources, part_size)
        parts = [b"".join(payload.part(number)) for number in range(payload.part_count)]
        whole = b"".join(contents)
        assert b"".join(parts) == whole
        assert [len(part) for part in parts] == [payload.part_length(number) for number in range(payload.part_count)]
        assert all(len(part) == part_size for part in parts[:-1])
        assert [payload.part_digest(number) for number in range(len(parts))] == [
            hashlib.sha256(part).digest() for part in parts
        ]


def test_a_part_is_read_in_bounded_chunks(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(3 * CHUNK + 1))
    payload = Payload([_source(path)], 8 * CHUNK)
    assert max(len(chunk) for chunk in payload.part(0)) == CHUNK


def test_there_is_no_part_outside_the_payload() -> None:
    with pytest.raises(IndexError):
        Payload([], 1).part_length(0)


@pytest.mark.parametrize("change", [b"longer than it was", b"xx"])
def test_a_file_that_changed_after_hashing_is_never_sent(tmp_path: Path, change: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    payload = Payload([_source(path)], 10)
    path.write_bytes(change)
    with pytest.raises(FatalError) as caught:
        payload.part_digest(0)
    assert caught.value.code == "file-changed"
