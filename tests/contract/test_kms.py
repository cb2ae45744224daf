"""What every KMS must do: the development keyring, a real SoftHSM token, Transit as our own server speaks it, and a real
OpenBao or Vault where the environment names one. Behind the cache, all that sealing and reading ask is the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from services.kernel.identifiers import FondsId
from services.kernel.sealing.keys import KeyAccess, KeyBroken, KeyManagement, NewestVersion, kek_name, kek_version
from services.kernel.secrecy import Level
from services.runtime.kms.cache import CachedKeys
from services.runtime.kms.keyring import FileKeyring
from services.runtime.kms.pkcs11 import TokenKeys
from services.runtime.kms.transit import TransitKeys
from tests.support.components import did_not_run, took_part
from tests.support.tokens import SOFTHSM_MISSING, TestToken, make_token, softhsm
from tests.support.transit import TRANSIT_MISSING, real_transit, transit_server


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> TestToken | None:
    """One token for the module: SoftHSM reads where its tokens are only once a process."""
    library = softhsm()
    return None if library is None else make_token(tmp_path_factory.mktemp("hsm") / "token", library)


@pytest.fixture(params=["keyring", "SoftHSM", "Transit, our server", "Transit, a real server"])
async def kms(request: pytest.FixtureRequest, tmp_path: Path, token: TestToken | None) -> AsyncIterator[KeyManagement]:
    match request.param:
        case "keyring":
            took_part("KMS", "file keyring")
            yield FileKeyring(tmp_path / "keyring.json", environment="development")
        case "SoftHSM":
            if token is None:
                did_not_run("SoftHSM", SOFTHSM_MISSING)
                pytest.skip(SOFTHSM_MISSING)
            took_part("SoftHSM", "KMS contract, PKCS#11")
            on_token = TokenKeys(token.settings, timeout=60)
            yield on_token
            await on_token.close()
        case "Transit, our server":
            async with transit_server(tmp_path) as (_, settings):
                ours = TransitKeys(settings, timeout=60)
                yield ours
                await ours.close()
        case _:
            real = real_transit()
            if real is None:
                did_not_run("OpenBao or Vault", TRANSIT_MISSING)
                pytest.skip(TRANSIT_MISSING)
            took_part("OpenBao or Vault", "KMS contract, Transit")
            there = TransitKeys(real, timeout=60)
            yield there
            await there.close()


@pytest.fixture(params=["bare", "behind the cache"])
def access(request: pytest.FixtureRequest, kms: KeyManagement) -> KeyAccess:
    return kms if request.param == "bare" else CachedKeys(kms)


@pytest.fixture
def kek() -> str:
    """A KEK that no earlier run has made."""
    return kek_name(FondsId(uuid4()), Level.NONE, 2026)


async def test_a_generated_key_opens_to_itself(access: KeyAccess, kek: str) -> None:
    key, wrapped = await access.generate(kek)
    assert len(key) == 32
    assert await access.unwrap(kek, wrapped) == key
    assert key not in wrapped
    assert kek_version(wrapped) == 1


async def test_every_key_is_another(access: KeyAccess, kek: str) -> None:
    made = await asyncio.gather(*(access.generate(kek) for _ in range(50)))
    assert len({key for key, _ in made}) == len({wrapped for _, wrapped in made}) == 50
    assert await access.unwrap_many(kek, [wrapped for _, wrapped in made]) == [key for key, _ in made]


async def test_another_kek_opens_nothing(access: KeyAccess, kek: str) -> None:
    other = kek_name(FondsId(uuid4()), Level.NONE, 2026)
    _, wrapped = await access.generate(kek)
    with pytest.raises(KeyBroken):
        await access.unwrap(other, wrapped)  # a KEK that was never made
    await access.generate(other)
    with pytest.raises(KeyBroken):
        await access.unwrap(other, wrapped)
    with pytest.raises(KeyBroken):
        await access.unwrap_many(other, [wrapped])


async def test_levels_and_years_of_a_fonds_have_keks_of_their_own(kms: KeyManagement) -> None:
    fonds = FondsId(uuid4())
    keks = [kek_name(fonds, level, year) for level in (Level.NONE, Level.TUYET_MAT) for year in (2026, 2027)]
    made = {kek: await kms.generate(kek) for kek in keks}
    for kek, (key, wrapped) in made.items():
        for other in keks:
            if other == kek:
                assert await kms.unwrap(other, wrapped) == key
            else:
                with pytest.raises(KeyBroken):
                    await kms.unwrap(other, wrapped)


async def test_every_altered_wrapping_is_broken(access: KeyAccess, kek: str) -> None:
    key, wrapped = await access.generate(kek)
    for at in range(len(wrapped)):
        altered = bytearray(wrapped)
        altered[at] ^= 0x01
        with pytest.raises(KeyBroken):
            await access.unwrap(kek, bytes(altered))
    for wrong in (b"", wrapped[:-1], wrapped + b"\0", wrapped[:4]):
        with pytest.raises(KeyBroken):
            await access.unwrap(kek, wrong)
    assert await access.unwrap(kek, wrapped) == key


async def test_one_broken_key_among_many_is_told(access: KeyAccess, kek: str) -> None:
    made = [(await access.generate(kek))[1] for _ in range(3)]
    with pytest.raises(KeyBroken):
        await access.unwrap_many(kek, [made[0], made[1][:-1] + bytes([made[1][-1] ^ 1]), made[2]])
    assert await access.unwrap_many(kek, []) == []


async def test_it_says_that_it_is_healthy(access: KeyAccess, kek: str) -> None:
    assert await access.healthy()
    await access.generate(kek)
    assert await access.healthy()


async def test_a_key_from_elsewhere_can_be_wrapped(kms: KeyManagement, kek: str) -> None:
    key = bytes(range(32))
    assert await kms.unwrap(kek, await kms.wrap(kek, key)) == key


async def test_after_rotation_old_keys_open_and_rewrapping_moves_them(kms: KeyManagement, kek: str) -> None:
    assert await kms.newest(kek) == 0
    made = [await kms.generate(kek) for _ in range(5)]
    assert await kms.newest(kek) == 1
    assert await kms.rotate(kek) == 2
    assert await kms.newest(kek) == 2
    assert kek_version((await kms.generate(kek))[1]) == 2
    old = [wrapped for _, wrapped in made]
    assert await kms.unwrap_many(kek, old) == [key for key, _ in made]
    moved = await kms.rewrap(kek, old)
    assert {kek_version(wrapped) for wrapped in moved} == {2}
    assert await kms.unwrap_many(kek, moved) == [key for key, _ in made]
    assert {kek_version(wrapped) for wrapped in await kms.rewrap(kek, moved)} == {2}
    assert await kms.rewrap(kek, []) == []


async def test_rewrapping_tells_a_broken_key(kms: KeyManagement, kek: str) -> None:
    _, wrapped = await kms.generate(kek)
    with pytest.raises(KeyBroken):
        await kms.rewrap(kek, [wrapped, wrapped[:-1] + bytes([wrapped[-1] ^ 1])])


async def test_more_keys_than_one_request_takes_keep_their_order(kms: KeyManagement, kek: str) -> None:
    key, wrapped = await kms.generate(kek)
    other, also = await kms.generate(kek)
    many = [wrapped, also] * 600
    assert await kms.unwrap_many(kek, many) == [key, other] * 600
    assert await kms.unwrap_many(kek, await kms.rewrap(kek, many)) == [key, other] * 600


async def test_a_destroyed_version_opens_nothing_and_its_number_is_not_used_again(kms: KeyManagement, kek: str) -> None:
    key, first = await kms.generate(kek)
    await kms.rotate(kek)
    _, second = await kms.generate(kek)
    await kms.rotate(kek)
    (moved,) = await kms.rewrap(kek, [first])
    await kms.destroy_version(kek, 2)
    await kms.destroy_version(kek, 2)
    for gone in (first, second):  # a version goes with all that are older
        with pytest.raises(KeyBroken):
            await kms.unwrap(kek, gone)
    assert await kms.unwrap(kek, moved) == key
    assert await kms.rotate(kek) == 4


async def test_the_version_that_wraps_is_not_destroyed(kms: KeyManagement, kek: str) -> None:
    key, wrapped = await kms.generate(kek)
    for version in (1, 2):
        with pytest.raises(NewestVersion):
            await kms.destroy_version(kek, version)
    assert await kms.unwrap(kek, wrapped) == key
