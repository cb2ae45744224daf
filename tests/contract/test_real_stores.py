"""What a real store must do that no fake can: verify what it gets, and keep what it acknowledged through a crash."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from deploy.onebox.stores import _request, write_folders_through, writes_folders_through
from services.kernel.refusals.platform import StoreUnavailable
from services.runtime.object_store import aws_chunked
from services.runtime.object_store.port import ObjectMissing, Stored
from services.runtime.object_store.s3 import S3Store
from services.runtime.object_store.seaweed_rules import FSYNC_RULE, RULES_ADDRESS
from tests.contract.conftest import Started
from tests.support.extents import DelayedAllocation, bytes_not_on_disk
from tests.support.stores import RunningStore, running_store

MIB = 1024 * 1024


async def pieces(data: bytes, size: int = 300_000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.fixture
def name() -> str:
    return f"parts/{uuid4()}"


async def test_the_store_refuses_a_stream_with_another_checksum(
    real: S3Store, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws_chunked, "crc32c", lambda data, previous=0: 1)
    with pytest.raises(StoreUnavailable):
        await real.put_stream(name, 2 * MIB, pieces(os.urandom(2 * MIB)))
    await _nothing_is_there(real, name)


async def test_the_store_refuses_an_object_with_another_checksum(
    real: S3Store, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws_chunked, "checksum", lambda data: "AAAAAQ==")
    with pytest.raises(StoreUnavailable):
        await real.put(name, b"not what was announced")
    await _nothing_is_there(real, name)


async def test_another_secret_key_is_no_key(running: RunningStore, name: str, tmp_path: Path) -> None:
    wrong = tmp_path / "secret"
    wrong.write_text("0" * 40)
    async with S3Store(replace(running.settings, secret_key_file=wrong)) as store:
        with pytest.raises(StoreUnavailable):
            await store.ready()
        with pytest.raises(StoreUnavailable):
            await store.put_stream(name, 3, pieces(b"abc"))
        with pytest.raises(StoreUnavailable):
            await store.get(name)


async def test_a_missing_bucket_is_no_missing_object(running: RunningStore, name: str) -> None:
    async with S3Store(replace(running.settings, bucket="nopluu-elsewhere")) as store:
        for asked in (store.ready(), store.get(name), store.put(name, b"x"), store.put_stream(name, 1, pieces(b"x"))):
            with pytest.raises(StoreUnavailable):
                await asked
        with pytest.raises(StoreUnavailable):
            _ = [entry async for entry in store.list("")]


async def test_a_bucket_that_keeps_no_versions_is_not_ready(running: RunningStore, name: str) -> None:
    async with S3Store(replace(running.owner, bucket="nopluu-unversioned")) as store:
        async with store._send(store._signer.sign("PUT"), b"") as answer:
            assert answer.status in (200, 409)
        with pytest.raises(StoreUnavailable):
            await store.ready()
        with pytest.raises(StoreUnavailable):
            await store.put_stream(name, 3, pieces(b"abc"))


async def test_what_was_acknowledged_outlives_kill_9(started: Started, running: RunningStore) -> None:
    """Writers go on while the store is killed: each acknowledged version is there afterwards, whole."""
    async with S3Store(running.settings) as store:
        kept: dict[str, tuple[Stored, bytes]] = {}
        begun: list[str] = []
        enough = asyncio.Event()

        async def write(number: int) -> None:
            for turn in range(1000):
                name, data = f"crash-{uuid4()}", os.urandom(20_000 + 700_000 * (number % 3))
                begun.append(name)
                try:
                    if turn % 4 == 3:
                        kept[name] = (await store.put(name, data), data)
                    else:
                        kept[name] = (await store.put_stream(name, len(data), pieces(data)), data)
                except StoreUnavailable:
                    return
                if len(kept) == 40:
                    enough.set()

        writers = [asyncio.create_task(write(number)) for number in range(6)]
        await enough.wait()
        running.crash()
        await asyncio.gather(*writers)
        with pytest.raises(StoreUnavailable):
            await store.ready()
        running.again()
        for name, (stored, data) in kept.items():
            assert await store.get(name, version_id=stored.version_id) == data
        for name in set(begun) - set(kept):  # never acknowledged: absent, or whole
            try:
                assert len(await store.get(name)) in (20_000, 720_000, 1_420_000)
            except ObjectMissing:
                continue
        name = f"after-{uuid4()}"
        await store.put_stream(name, 5, pieces(b"after"))
        assert await store.get(name) == b"after"


async def test_a_write_is_acknowledged_only_once_it_is_on_disk(running: RunningStore, name: str) -> None:
    """Right after the answer no block of the store's files still waits to be given its place on the disk."""
    async with S3Store(running.settings) as store:
        for number in range(3):
            await store.put_stream(f"{name}/{number}", 6 * MIB, pieces(os.urandom(6 * MIB)))
            try:
                waiting = _waiting(running.folder)
            except DelayedAllocation as error:
                pytest.skip(str(error))
            assert waiting == {}


async def test_a_name_is_on_disk_with_what_it_names(running: RunningStore, real: S3Store, tmp_path: Path) -> None:
    """Every folder in which the store keeps objects writes its own changes through, where the file system can."""
    if not write_folders_through(tmp_path):
        pytest.skip("this file system has no mark for synchronous folders")
    await real.put(f"parts/ab/{uuid4()}", b"x")
    places = [running.folder, *running.folder.glob("data/nopluu/**/"), *running.folder.glob("data/.minio.sys/tmp/")]
    assert all(writes_folders_through(place) for place in places)


async def test_without_its_rule_seaweedfs_is_not_durable_and_not_ready(started: Started, tmp_path: Path) -> None:
    """The check above can fail: without the rule, acknowledged bytes wait in memory. And `ready` tells."""
    with running_store("seaweedfs", tmp_path) as running:
        filer = running.settings.filer
        assert filer is not None
        async with S3Store(running.settings) as store:
            await store.ready()
            _rules(filer, FSYNC_RULE.replace(b"true", b"false"))
            with pytest.raises(StoreUnavailable):
                await store.ready()
            await asyncio.sleep(0.5)  # the filer hears of its own rules by message
            await store.put_stream("x", 6 * MIB, pieces(os.urandom(6 * MIB)))
            try:
                assert _waiting(running.folder) != {}
            except DelayedAllocation as error:
                pytest.skip(str(error))


async def test_after_a_restart_of_the_machine_seaweedfs_finds_what_only_its_volumes_hold(tmp_path: Path) -> None:
    """A power cut may take index entries that were never synced. Here it takes the last half of every index."""
    with running_store("seaweedfs", tmp_path) as running:
        async with S3Store(running.settings) as store:
            data = {f"name-{number}": os.urandom(50_000) for number in range(40)}
            stored = {name: await store.put(name, content) for name, content in data.items()}
            running.crash()
            for index in running.folder.glob("*.idx"):
                os.truncate(index, index.stat().st_size // 17 // 2 * 17)
            (running.folder / "booted").write_text("another boot")
            running.again()
            for name, content in data.items():
                assert await store.get(name, version_id=stored[name].version_id) == content
            await store.put("after", b"still writable")


def _waiting(folder: Path) -> Mapping[str, int]:
    """Bytes of the store's data and name files that have no place on the disk yet."""
    files = [*folder.glob("*.dat"), *folder.glob("filer.db*"), *folder.glob("data/nopluu/**/*")]
    written = (
        file
        for file in files
        if file.is_file()
        and not file.name.endswith("-shm")
        and file.stat().st_size > 8  # 8: a volume that holds nothing
    )
    found = {file.name: bytes_not_on_disk(file) for file in written}
    return {file: size for file, size in found.items() if size}


async def _nothing_is_there(store: S3Store, name: str) -> None:
    with pytest.raises(ObjectMissing):
        await store.get(name)
    assert [entry async for entry in store.list(name)] == []
    assert [page.versions async for page in store._pages({"versions": "", "prefix": name})] == [()]


def _rules(filer: str, rules: bytes) -> None:
    form = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="filer.conf"\r\n\r\n' + rules + b"\r\n--x--\r\n"
    )
    _request(f"{filer}{RULES_ADDRESS.rpartition('/')[0]}/", form, "multipart/form-data; boundary=x")
