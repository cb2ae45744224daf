"""What every object store must do, on the fake and on each real one (see conftest)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from services.runtime.object_store.port import ObjectMissing, ObjectStore

MIB = 1024 * 1024


async def pieces(data: bytes, size: int = 300_000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def collect(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


async def names(store: ObjectStore, prefix: str) -> list[str]:
    return sorted([entry.name async for entry in store.list(prefix)])


@pytest.fixture
def name() -> str:
    return f"parts/{uuid4()}"


@pytest.mark.parametrize("length", [0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB + 7])
async def test_a_streamed_object_is_read_back_as_written(store: ObjectStore, name: str, length: int) -> None:
    data = os.urandom(length)
    stored = await store.put_stream(name, length, pieces(data))
    assert stored.size == length
    assert await store.get(name) == data
    assert await store.get(name, version_id=stored.version_id) == data


async def test_chunks_of_any_kind_and_size_make_the_same_object(store: ObjectStore, name: str) -> None:
    data = os.urandom(2 * MIB + 5)

    async def uneven() -> AsyncIterator[bytes | bytearray]:
        yield b""
        yield data[:1]
        yield bytearray(data[1:MIB])
        yield data[MIB : 2 * MIB + 4]
        yield bytearray(data[2 * MIB + 4 :])

    await store.put_stream(name, len(data), uneven())
    assert await store.get(name) == data


@pytest.mark.parametrize("given", [0, 1, MIB, 2 * MIB - 1])
async def test_a_source_that_ends_early_leaves_nothing(store: ObjectStore, name: str, given: int) -> None:
    with pytest.raises(ValueError, match="fewer"):
        await store.put_stream(name, 2 * MIB, pieces(b"x" * given))
    await nothing_is_there(store, name)


async def test_a_source_that_gives_too_much_leaves_nothing(store: ObjectStore, name: str) -> None:
    with pytest.raises(ValueError, match="more"):
        await store.put_stream(name, MIB, pieces(b"x" * (MIB + 1)))
    await nothing_is_there(store, name)


@pytest.mark.parametrize("given", [0, 1, MIB, 2 * MIB], ids=["at once", "one byte", "half", "after the last byte"])
async def test_a_source_that_raises_leaves_nothing(store: ObjectStore, name: str, given: int) -> None:
    class Refused(Exception):
        pass

    async def refusing() -> AsyncIterator[bytes]:
        async for piece in pieces(os.urandom(given)):
            yield piece
        raise Refused

    with pytest.raises(Refused):
        await store.put_stream(name, 2 * MIB, refusing())
    await nothing_is_there(store, name)


async def test_a_cancelled_write_leaves_nothing(store: ObjectStore, name: str) -> None:
    halfway = asyncio.Event()

    async def stalling() -> AsyncIterator[bytes]:
        yield os.urandom(MIB)
        halfway.set()
        await asyncio.sleep(60)

    writing = asyncio.create_task(store.put_stream(name, 2 * MIB, stalling()))
    await halfway.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    await nothing_is_there(store, name)


async def test_writing_again_makes_another_version(store: ObjectStore, name: str) -> None:
    first = await store.put_stream(name, 5, pieces(b"first"))
    second = await store.put(name, b"second")
    assert first.version_id != second.version_id
    assert await store.get(name) == b"second"
    assert await store.get(name, version_id=first.version_id) == b"first"
    assert await store.get(name, version_id=second.version_id) == b"second"


async def test_writes_to_one_name_at_once_are_whole_versions(store: ObjectStore, name: str) -> None:
    contents = [os.urandom(MIB) for _ in range(6)]
    stored = await asyncio.gather(*(store.put_stream(name, MIB, pieces(content)) for content in contents))
    assert len({entry.version_id for entry in stored}) == len(contents)
    for entry, content in zip(stored, contents, strict=True):
        assert await store.get(name, version_id=entry.version_id) == content
    assert await store.get(name) in contents


async def test_any_range_is_given_exactly(store: ObjectStore, name: str) -> None:
    data = os.urandom(9 * MIB + 3)  # more than one chunk of SeaweedFS
    stored = await store.put_stream(name, len(data), pieces(data))
    for start, length in [
        (0, 1), (0, len(data)), (len(data) - 1, 1), (8 * MIB - 10, 20), (100, 3 * MIB), (7, 0),
    ]:  # fmt: skip
        assert await collect(store.get_range(name, start, length)) == data[start : start + length]
        found = store.get_range(name, start, length, version_id=stored.version_id)
        assert await collect(found) == data[start : start + length]


@pytest.mark.parametrize(("start", "length"), [(0, 11), (5, 6), (10, 1), (11, 1), (9, 100)])
async def test_a_range_beyond_the_end_is_missing(store: ObjectStore, name: str, start: int, length: int) -> None:
    await store.put(name, b"0123456789")
    with pytest.raises(ObjectMissing):
        await collect(store.get_range(name, start, length))


async def test_what_is_absent_is_missing(store: ObjectStore, name: str) -> None:
    with pytest.raises(ObjectMissing):
        await store.get(name)
    with pytest.raises(ObjectMissing):
        await collect(store.get_range(name, 0, 1))
    stored = await store.put(name, b"x")
    other = await store.put(f"{name}-other", b"y")
    await store.delete(name, version_id=stored.version_id)
    for version_id in (stored.version_id, other.version_id, "no-such-version"):
        with pytest.raises(ObjectMissing):
            await store.get(name, version_id=version_id)


async def test_deleting_a_version_leaves_the_others(store: ObjectStore, name: str) -> None:
    first, second, third = [await store.put(name, word) for word in (b"first", b"second", b"third")]
    await store.delete(name, version_id=third.version_id)
    assert await store.get(name) == b"second"
    await store.delete(name, version_id=first.version_id)
    await store.delete(name, version_id=first.version_id)
    assert await store.get(name, version_id=second.version_id) == b"second"


async def test_deleting_a_name_removes_every_version_and_nothing_else(store: ObjectStore, name: str) -> None:
    stored = [await store.put(name, b"%d" % number) for number in range(3)]
    for neighbour in (f"{name}0", f"{name}/below", name[:-1]):
        await store.put(neighbour, b"neighbour")
    await store.delete(name)
    await store.delete(name)
    for entry in stored:
        with pytest.raises(ObjectMissing):
            await store.get(name, version_id=entry.version_id)
    for neighbour in (f"{name}0", f"{name}/below", name[:-1]):
        assert await store.get(neighbour) == b"neighbour"


async def test_one_version_can_be_kept_and_the_others_removed(store: ObjectStore, name: str) -> None:
    stored = [await store.put(name, b"%d" % number) for number in range(4)]
    await store.put(f"{name}0", b"neighbour")
    for _ in range(2):
        await store.keep_only(name, stored[2].version_id)
    assert await store.get(name) == b"2"
    for number in (0, 1, 3):
        with pytest.raises(ObjectMissing):
            await store.get(name, version_id=stored[number].version_id)
    assert await store.get(f"{name}0") == b"neighbour"


async def test_a_listing_holds_each_object_once_however_many(store: ObjectStore) -> None:
    folder = f"many-{uuid4()}"
    wanted = [f"{folder}/{number % 7:02x}/{number:05d}" for number in range(1150)]
    gate = asyncio.Semaphore(16)

    async def put(name: str) -> None:
        async with gate:
            await store.put(name, name.encode())

    await asyncio.gather(*(put(name) for name in wanted))
    await store.put(wanted[0], b"a newer version")
    entries = [entry async for entry in store.list(f"{folder}/")]
    assert sorted(entry.name for entry in entries) == sorted(wanted)
    assert {entry.name: entry.size for entry in entries}[wanted[0]] == len(b"a newer version")
    assert await names(store, f"{folder}/03/") == sorted(name for name in wanted if "/03/" in name)
    assert await names(store, f"{folder}-none") == []


async def test_a_deleted_object_is_not_listed(store: ObjectStore, name: str) -> None:
    await store.put(name, b"x")
    assert await names(store, name) == [name]
    await store.delete(name)
    assert await names(store, name) == []


async def test_a_large_object_keeps_every_byte(store: ObjectStore, name: str) -> None:
    block = os.urandom(MIB)
    count = 48

    async def blocks() -> AsyncIterator[bytes]:
        for number in range(count):
            yield number.to_bytes(8) + block[8:]

    stored = await store.put_stream(name, count * MIB, blocks())
    for number in (0, 7, 8, 31, count - 1):
        found = await collect(store.get_range(name, number * MIB, MIB, version_id=stored.version_id))
        assert found == number.to_bytes(8) + block[8:]


async def test_many_writes_at_once(store: ObjectStore, name: str) -> None:
    data = {f"{name}/{number}": os.urandom(200_000) for number in range(24)}
    await asyncio.gather(*(store.put_stream(key, len(value), pieces(value)) for key, value in data.items()))
    found = await asyncio.gather(*(store.get(key) for key in data))
    assert found == list(data.values())


async def test_it_is_ready(store: ObjectStore) -> None:
    await store.ready()


async def nothing_is_there(store: ObjectStore, name: str) -> None:
    """Neither now nor after the store has had time to finish what it began."""
    for _ in range(2):
        with pytest.raises(ObjectMissing):
            await store.get(name)
        assert await names(store, name) == []
        await asyncio.sleep(0.2)
