"""Promise: whatever a file does to the process that reads it, its outcome is told and the next file is read."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.ingest.adapters import content_child
from services.ingest.adapters.content_inspector import ChildInspector
from services.kernel.marks import Mark, Outcome

STAMPED = "ĐẢNG CỘNG SẢN VIỆT NAM\nTỐI MẬT\nSố 5".encode()
PLAIN = "Bảo mật và mật khẩu\nSố 5".encode()


async def pieces(data: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


@pytest.fixture
async def inspector() -> AsyncIterator[ChildInspector]:
    opened = ChildInspector(seconds=20.0, max_file=1 << 20)
    yield opened
    await opened.close()


async def test_files_are_read_one_after_the_other_by_one_process(inspector: ChildInspector) -> None:
    first = await inspector.inspect(len(STAMPED), pieces(STAMPED, 7))
    assert (first.outcome, first.marks, first.page) == (Outcome.MARKED, frozenset({Mark.TOI_MAT}), 1)
    child = inspector._child
    assert (await inspector.inspect(len(PLAIN), pieces(PLAIN))).outcome is Outcome.CLEAN
    assert inspector._child is child
    assert (await inspector.inspect(0, pieces(b""))).outcome is Outcome.NO_TEXT


async def test_what_has_no_text_never_reaches_the_process(inspector: ChildInspector) -> None:
    image = b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(5000)
    assert (await inspector.inspect(len(image), pieces(image))).outcome is Outcome.UNSUPPORTED
    large = await inspector.inspect((1 << 20) + 1, pieces(b""))
    assert large.outcome is Outcome.TOO_LARGE
    assert inspector._child is None


async def test_a_dead_process_is_an_outcome_and_another_one_follows(inspector: ChildInspector) -> None:
    await inspector.inspect(len(PLAIN), pieces(PLAIN))
    child = inspector._child
    assert child is not None

    large = PLAIN * 1000

    async def killing() -> AsyncIterator[bytes]:
        yield large[:5000]
        os.kill(child.pid, signal.SIGKILL)
        await child.wait()
        yield large[5000:]

    assert (await inspector.inspect(len(large), killing())).outcome is Outcome.UNREADABLE
    assert (await inspector.inspect(len(STAMPED), pieces(STAMPED))).outcome is Outcome.MARKED


async def test_a_process_that_hangs_is_ended(inspector: ChildInspector, monkeypatch: pytest.MonkeyPatch) -> None:
    await inspector.inspect(len(PLAIN), pieces(PLAIN))
    child = inspector._child
    assert child is not None
    monkeypatch.setattr(inspector, "_seconds", 0.5)
    os.kill(child.pid, signal.SIGSTOP)
    assert (await inspector.inspect(len(STAMPED), pieces(STAMPED))).outcome is Outcome.UNREADABLE
    assert child.returncode is not None
    monkeypatch.setattr(inspector, "_seconds", 20.0)
    assert (await inspector.inspect(len(STAMPED), pieces(STAMPED))).outcome is Outcome.MARKED


async def test_a_body_that_breaks_is_raised_and_its_half_file_forgotten(inspector: ChildInspector) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield STAMPED
        raise OSError("the store is away")

    with pytest.raises(OSError, match="the store is away"):
        await inspector.inspect(len(STAMPED) + 5, broken())
    assert (await inspector.inspect(len(PLAIN), pieces(PLAIN))).outcome is Outcome.CLEAN


async def test_a_process_reads_so_many_files_and_no_more(
    inspector: ChildInspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content_child, "FILES", 2)
    seen = set()
    for _ in range(5):
        assert (await inspector.inspect(len(PLAIN), pieces(PLAIN))).outcome is Outcome.CLEAN
        assert inspector._child is not None
        seen.add(inspector._child.pid)
    assert len(seen) == 3


async def test_no_secret_of_the_service_reaches_the_process(
    inspector: ChildInspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOPLUU_S3_SECRET_FILE", "somewhere")
    await inspector.inspect(len(PLAIN), pieces(PLAIN))
    assert inspector._child is not None
    assert b"NOPLUU_" not in Path(f"/proc/{inspector._child.pid}/environ").read_bytes()


async def test_a_broken_file_costs_no_new_process_and_one_that_eats_memory_does(inspector: ChildInspector) -> None:
    broken = b"%PDF-1.7 rubbish"
    assert (await inspector.inspect(len(broken), pieces(broken))).outcome is Outcome.UNREADABLE
    child = inspector._child
    assert child is not None
    assert (await inspector.inspect(len(STAMPED), pieces(STAMPED))).outcome is Outcome.MARKED
    assert inspector._child is child
    huge = ChildInspector(seconds=60.0)
    try:
        text = b"mot dong\n" * (20 << 20)
        # Its lines do not fit into the memory that a process may have.
        assert (await huge.inspect(len(text), pieces(text, 1 << 20))).outcome is Outcome.UNREADABLE
        assert huge._child is None  # it has grown: the next file gets a fresh one
        assert (await huge.inspect(len(STAMPED), pieces(STAMPED))).outcome is Outcome.MARKED
    finally:
        await huge.close()
