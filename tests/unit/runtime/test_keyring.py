"""Promise: the development keyring never loses a key it gave out, never shows one, and stays in development."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
from pathlib import Path

import pytest

from services.kernel.refusals.platform import KmsUnavailable
from services.kernel.sealing.keys import KeyBroken
from services.runtime.kms.keyring import FileKeyring, KeyringRefused

KEK = "00000000-0000-0000-0000-000000000001/none/2026"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keyring.json"


def keyring(file: Path) -> FileKeyring:
    return FileKeyring(file, environment="development")


@pytest.mark.parametrize("environment", ["production", "", "Development", "test"])
def test_it_refuses_any_environment_but_development(file: Path, environment: str) -> None:
    with pytest.raises(KeyringRefused):
        FileKeyring(file, environment=environment)


async def test_the_file_is_as_documented_and_private(file: Path) -> None:
    _, wrapped = await keyring(file).generate(KEK)
    content = json.loads(file.read_bytes())
    assert content == {"format": "nopluu/keyring1", "keks": {KEK: {"1": content["keks"][KEK]["1"]}}}
    assert file.read_bytes() == json.dumps(content, separators=(",", ":"), sort_keys=True).encode()
    assert file.stat().st_mode & 0o777 == 0o600
    assert wrapped[:4] == b"\0\0\0\1"
    assert len(wrapped) == 44
    assert [path.name for path in sorted(file.parent.iterdir())] == ["keyring.json", "keyring.json.lock"]


async def test_nothing_is_written_before_a_key_is_needed(file: Path) -> None:
    with pytest.raises(KeyBroken):
        await keyring(file).unwrap(KEK, bytes(44))
    assert not file.exists()


async def test_a_later_process_opens_what_an_earlier_one_wrapped(file: Path) -> None:
    key, wrapped = await keyring(file).generate(KEK)
    assert await keyring(file).unwrap(KEK, wrapped) == key


async def test_what_another_instance_makes_is_known_at_once(file: Path) -> None:
    one, two = keyring(file), keyring(file)
    await one.generate("a/none/2026")
    await two.generate("b/none/2026")
    key, wrapped = await one.generate("b/none/2026")
    assert await two.unwrap("b/none/2026", wrapped) == key


async def test_after_rotation_old_keys_open_and_rewrapping_moves_them(file: Path) -> None:
    ring = keyring(file)
    key, old = await ring.generate(KEK)
    assert await ring.rotate(KEK) == 2
    _, newer = await ring.generate(KEK)
    assert newer[:4] == b"\0\0\0\2"
    assert await ring.unwrap(KEK, old) == key
    (moved,) = await ring.rewrap(KEK, [old])
    assert moved[:4] == b"\0\0\0\2"
    await ring.destroy_version(KEK, 1)
    await ring.destroy_version(KEK, 1)
    assert await ring.unwrap(KEK, moved) == key
    with pytest.raises(KeyBroken):
        await ring.unwrap(KEK, old)


async def test_the_number_of_a_destroyed_version_is_not_used_again(file: Path) -> None:
    ring = keyring(file)
    _, old = await ring.generate(KEK)
    await ring.rotate(KEK)
    await ring.destroy_version(KEK, 1)
    assert json.loads(file.read_bytes())["keks"][KEK]["1"] is None
    assert await keyring(file).rotate(KEK) == 3
    with pytest.raises(KeyBroken):
        await ring.unwrap(KEK, old)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
async def test_a_file_that_others_can_read_is_refused(file: Path, mode: int) -> None:
    ring = keyring(file)
    await ring.generate(KEK)
    file.chmod(mode)
    with pytest.raises(KeyringRefused):
        keyring(file)


async def test_a_link_is_refused(file: Path) -> None:
    await keyring(file).generate(KEK)
    link = file.with_name("link.json")
    link.symlink_to(file)
    with pytest.raises(KeyringRefused):
        keyring(link)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b'{"format":"nopluu/keyring2","keks":{}}',
        b'{"format":"nopluu/keyring1","keks":{"a":{"1":"c2hvcnQ="}}}',
        b'{"format":"nopluu/keyring1","keks":{"a":{"01":null}}}',
        b'{"format":"nopluu/keyring1","keks":{"a":[]}}',
        b'{"format":"nopluu/keyring1", "keks":{}}',
        b'{"format":"nopluu/keyring1","keks":{},"more":1}',
    ],
)
async def test_a_broken_file_is_no_empty_keyring(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    file.chmod(0o600)
    ring = keyring(file)
    assert not await ring.healthy()
    with pytest.raises(KmsUnavailable):
        await ring.generate(KEK)
    with pytest.raises(KmsUnavailable):
        await ring.unwrap(KEK, bytes(44))
    assert file.read_bytes() == content


async def test_a_file_that_vanishes_is_not_made_anew(file: Path) -> None:
    ring = keyring(file)
    await ring.generate(KEK)
    file.unlink()
    assert not await ring.healthy()
    with pytest.raises(KmsUnavailable):
        await ring.generate("other/none/2026")
    assert not file.exists()


async def test_keys_are_in_no_repr(file: Path) -> None:
    ring = keyring(file)
    await ring.generate(KEK)
    secret = json.loads(file.read_bytes())["keks"][KEK]["1"]
    assert secret not in repr(ring) + repr(vars(ring)) + str(vars(ring))


def _make(path: str, worker: int) -> list[tuple[str, bytes, bytes]]:
    async def make() -> list[tuple[str, bytes, bytes]]:
        ring = FileKeyring(Path(path), environment="development")
        made = []
        for number in range(12):
            name = f"{(number + worker) % 4}/none/2026"  # every process makes the same four
            made.append((name, *await ring.generate(name)))
            if number % 5 == 4:
                await ring.rotate(name)
        return made

    return asyncio.run(make())


async def test_processes_share_one_keyring_without_losing_a_key(file: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    with context.Pool(4) as pool:
        made = pool.starmap(_make, [(os.fspath(file), worker) for worker in range(4)])
    ring = keyring(file)
    for name, key, wrapped in (entry for entries in made for entry in entries):
        assert await ring.unwrap(name, wrapped) == key
    versions = json.loads(file.read_bytes())["keks"]
    assert sorted(versions) == [f"{number}/none/2026" for number in range(4)]
    assert sum(len(entry) for entry in versions.values()) == 4 + 4 * 2  # one each, and every rotation
