"""What every KMS must do. PKCS#11 and Transit join by a branch in the fixture `kms`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import UUID

import pytest

from services.kernel.identifiers import FondsId
from services.kernel.sealing.keys import KeyBroken, KeyManagement, kek_name
from services.kernel.secrecy import Level
from services.runtime.kms.cache import CachedKeys
from services.runtime.kms.keyring import FileKeyring
from tests.support.components import took_part

KEK = kek_name(FondsId(UUID(int=1)), Level.NONE, 2026)
OTHER_KEK = kek_name(FondsId(UUID(int=2)), Level.NONE, 2026)


@pytest.fixture(params=["keyring", "keyring behind the cache"])
def kms(request: pytest.FixtureRequest, tmp_path: Path) -> KeyManagement:
    keyring = FileKeyring(tmp_path / "keyring.json", environment="development")
    took_part("KMS", "file keyring")
    return CachedKeys(keyring) if "cache" in request.param else keyring


async def test_a_generated_key_opens_to_itself(kms: KeyManagement) -> None:
    key, wrapped = await kms.generate(KEK)
    assert len(key) == 32
    assert await kms.unwrap(KEK, wrapped) == key
    assert key not in wrapped


async def test_every_key_is_another(kms: KeyManagement) -> None:
    made = await asyncio.gather(*(kms.generate(KEK) for _ in range(50)))
    assert len({key for key, _ in made}) == len({wrapped for _, wrapped in made}) == 50
    assert await kms.unwrap_many(KEK, [wrapped for _, wrapped in made]) == [key for key, _ in made]


async def test_another_kek_opens_nothing(kms: KeyManagement) -> None:
    _, wrapped = await kms.generate(KEK)
    with pytest.raises(KeyBroken):
        await kms.unwrap(OTHER_KEK, wrapped)  # a KEK that was never made
    await kms.generate(OTHER_KEK)
    with pytest.raises(KeyBroken):
        await kms.unwrap(OTHER_KEK, wrapped)
    with pytest.raises(KeyBroken):
        await kms.unwrap_many(OTHER_KEK, [wrapped])


async def test_every_altered_wrapping_is_broken(kms: KeyManagement) -> None:
    _, wrapped = await kms.generate(KEK)
    for at in range(len(wrapped)):
        altered = bytearray(wrapped)
        altered[at] ^= 0x01
        with pytest.raises(KeyBroken):
            await kms.unwrap(KEK, bytes(altered))
    for wrong in (b"", wrapped[:-1], wrapped + b"\0", wrapped[:4]):
        with pytest.raises(KeyBroken):
            await kms.unwrap(KEK, wrong)


async def test_one_broken_key_among_many_is_told(kms: KeyManagement) -> None:
    made = [(await kms.generate(KEK))[1] for _ in range(3)]
    with pytest.raises(KeyBroken):
        await kms.unwrap_many(KEK, [made[0], made[1][:-1] + b"\0", made[2]])
    assert await kms.unwrap_many(KEK, []) == []


async def test_it_says_that_it_is_healthy(kms: KeyManagement) -> None:
    assert await kms.healthy()
    await kms.generate(KEK)
    assert await kms.healthy()
