"""A store that lies, stalls or hangs up: the adapter says that it is unavailable, and never that a write was kept."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.kernel.refusals.platform import StoreUnavailable
from services.runtime.object_store import s3
from services.runtime.object_store.port import ObjectMissing
from services.runtime.object_store.s3 import S3Settings, S3Store

MIB = 1024 * 1024
Connection = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def hostile(answer: Connection, folder: Path) -> AsyncIterator[S3Store]:
    """The adapter before a server that treats every connection with `answer`."""
    (folder / "key").write_text("k" * 20)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = S3Settings(f"http://127.0.0.1:{port}", "nopluu", folder / "key", folder / "key")
    try:
        async with S3Store(settings) as store:
            yield store
    finally:
        server.close()
        await server.wait_closed()


async def two_mib() -> AsyncIterator[bytes]:
    for _ in range(32):
        yield os.urandom(64 * 1024)


async def _head(reader: asyncio.StreamReader) -> dict[str, str]:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


async def _drain(reader: asyncio.StreamReader) -> None:
    await reader.readexactly(int((await _head(reader)).get("content-length", "0")))


def saying(status: str, *headers: str, body: bytes = b"") -> Connection:
    """Reads the whole request, then answers this, on each request of the connection."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await _drain(reader)
            lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            await writer.drain()

    return answer


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "_ANSWER_SECONDS", 0.5)


@pytest.mark.parametrize(
    "answer",
    [
        saying("200 OK"),
        saying("200 OK", "x-amz-version-id: null"),
        saying("204 No Content", "x-amz-version-id: 1"),
        saying("302 Found", "Location: http://127.0.0.1:1/"),
        saying("403 Forbidden", body=b"<Error><Code>AccessDenied</Code></Error>"),
        saying("400 Bad Request", body=b"<Error><Code>InvalidArgument</Code></Error>"),
        saying("404 Not Found", body=b"<Error><Code>NoSuchKey</Code></Error>"),
        saying("503 Slow Down", body=b"not xml"),
    ],
    ids=["no version", "null version", "204", "redirect", "403", "400", "404", "503"],
)
async def test_no_other_answer_counts_as_kept(answer: Connection, tmp_path: Path) -> None:
    async with hostile(answer, tmp_path) as store:
        with pytest.raises(StoreUnavailable):
            await store.put_stream("x", 2 * MIB, two_mib())
        with pytest.raises(StoreUnavailable):
            await store.put("x", b"data")


async def test_an_acknowledgement_before_the_end_does_not_count(tmp_path: Path) -> None:
    async def eager(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nx-amz-version-id: 1\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(5)

    async def slow() -> AsyncIterator[bytes]:
        async for chunk in two_mib():
            yield chunk
            await asyncio.sleep(0.05)

    async with hostile(eager, tmp_path) as store:
        with pytest.raises(StoreUnavailable):
            await asyncio.wait_for(store.put_stream("x", 2 * MIB, slow()), 4)


async def test_a_refusal_in_the_middle_ends_the_write(tmp_path: Path) -> None:
    async def refusing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _head(reader)
        await reader.readexactly(100_000)
        writer.write(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()

    given = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        while True:
            given += 1
            yield bytes(64 * 1024)
            await asyncio.sleep(0.01)

    async with hostile(refusing, tmp_path) as store:
        with pytest.raises(StoreUnavailable):
            await asyncio.wait_for(store.put_stream("x", 10**12, endless()), 4)


async def test_a_store_that_takes_nothing_more_is_given_up(tmp_path: Path) -> None:
    async def stalling(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _head(reader)
        await asyncio.sleep(8)

    async def large() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield bytes(MIB)

    async with hostile(stalling, tmp_path) as store:
        with pytest.raises(StoreUnavailable):
            await asyncio.wait_for(store.put_stream("x", 64 * MIB, large()), 5)


async def test_a_store_that_never_answers_is_given_up(tmp_path: Path) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _drain(reader)
        await asyncio.sleep(8)

    async with hostile(silent, tmp_path) as store:
        with pytest.raises(StoreUnavailable):
            await asyncio.wait_for(store.put_stream("x", 2 * MIB, two_mib()), 5)


async def test_a_slow_client_is_waited_for(tmp_path: Path) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield bytes(MIB)
        await asyncio.sleep(1.2)  # longer than the store may take over anything
        yield bytes(MIB)

    async with hostile(saying("200 OK", "x-amz-version-id: 1"), tmp_path) as store:
        assert (await store.put_stream("x", 2 * MIB, slow())).version_id == "1"


@pytest.mark.parametrize("when", ["at once", "in the body", "instead of an answer"])
async def test_a_store_that_hangs_up_is_unavailable(tmp_path: Path, when: str) -> None:
    asked = 0

    async def hanging_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        if when == "in the body":
            await _head(reader)
            await reader.readexactly(100_000)
        elif when == "instead of an answer":
            await _drain(reader)
        writer.transport.abort()

    async with hostile(hanging_up, tmp_path) as store:
        with pytest.raises(StoreUnavailable):
            await store.put_stream("x", 2 * MIB, two_mib())
    assert asked == 1, "a stream is never sent twice"


async def test_nobody_there_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k" * 20)
    settings = S3Settings("http://127.0.0.1:1", "nopluu", tmp_path / "key", tmp_path / "key")
    async with S3Store(settings) as store:
        for asked in (store.put("x", b"x"), store.get("x"), store.ready(), store.delete("x")):
            with pytest.raises(StoreUnavailable):
                await asked
        with pytest.raises(StoreUnavailable):
            await store.put_stream("x", 2 * MIB, two_mib())


async def test_a_store_that_takes_nothing_or_says_nothing_is_asked_once(tmp_path: Path) -> None:
    asked = 0

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await _head(reader)
        await asyncio.sleep(30)  # whatever does not fit into the buffers on the way stays with the sender

    async with hostile(silent, tmp_path) as store, asyncio.timeout(25):
        for attempt in (
            store.put("x", bytes(32 * MIB)),
            store.put("x", b"small"),
            store.get("x"),
            store.put_stream("x", 2 * MIB, two_mib()),
            anext(aiter(store.get_range("x", 0, 10, version_id="1"))),
            store.delete("x", version_id="1"),
        ):
            with pytest.raises(StoreUnavailable) as told:
                await attempt
            assert isinstance(told.value.__cause__, TimeoutError)
    assert asked == 6


async def test_a_passing_fault_is_waited_out(tmp_path: Path) -> None:
    asked = 0

    async def recovering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await _drain(reader)
        status = b"503 Slow Down" if asked < 3 else b"200 OK"
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        await writer.drain()

    async with hostile(recovering, tmp_path) as store:
        assert await store.get("x") == b"ok"
    assert asked == 3


async def test_a_range_goes_on_where_it_broke_within_one_version(tmp_path: Path) -> None:
    data = os.urandom(300_000)
    ranges: list[str] = []

    async def breaking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = (await _head(reader))["range"]
        ranges.append(asked)
        start, _, end = asked.removeprefix("bytes=").partition("-")
        wanted = data[int(start) : int(end) + 1]
        writer.write(f"HTTP/1.1 206 Partial\r\nContent-Length: {len(wanted)}\r\nConnection: close\r\n\r\n".encode())
        writer.write(wanted[: max(len(wanted) // 2, 60_000)])
        await writer.drain()

    async with hostile(breaking, tmp_path) as store:
        found = b"".join([piece async for piece in store.get_range("x", 0, 200_000, version_id="1")])
        assert found == data[:200_000]
        assert len(ranges) == 3
        with pytest.raises(StoreUnavailable):
            _ = [piece async for piece in store.get_range("x", 0, 200_000)]


async def test_a_range_of_another_length_is_not_given_out(tmp_path: Path) -> None:
    async with hostile(saying("206 Partial", body=b"short"), tmp_path) as store:
        with pytest.raises(ObjectMissing):
            _ = [piece async for piece in store.get_range("x", 0, 10)]
    async with hostile(saying("200 OK", body=b"the whole object instead"), tmp_path) as store:
        with pytest.raises(StoreUnavailable):
            _ = [piece async for piece in store.get_range("x", 0, 10)]


async def test_a_listing_that_never_ends_is_refused(tmp_path: Path) -> None:
    page = (
        b"<R><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"
        b"<Contents><Key>x</Key><Size>1</Size></Contents></R>"
    )
    async with hostile(saying("200 OK", body=page), tmp_path) as store:
        with pytest.raises(StoreUnavailable):
            _ = [entry async for entry in store.list("")]


async def test_an_answer_without_end_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "_MAX_WHOLE", 100_000)
    monkeypatch.setattr(s3, "_MAX_ANSWER", 100_000)
    async with hostile(saying("200 OK", body=bytes(200_000)), tmp_path) as store:
        with pytest.raises(StoreUnavailable):
            await store.get("x")
        with pytest.raises(StoreUnavailable):
            await store.ready()
