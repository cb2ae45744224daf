"""Promise: an opened key is kept for a minute at most, and only so many of them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from services.kernel.refusals.platform import KmsUnavailable
from services.kernel.sealing.keys import KeyBroken
from services.runtime.kms.cache import CachedKeys


class CountingKms:
    """Opens a wrapped key to itself, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.wraps = b"w" * 44
        self.other = b""

    async def generate(self, kek: str) -> tuple[bytes, bytes]:
        return kek.encode() + self.wraps, self.wraps

    async def unwrap(self, kek: str, wrapped: bytes) -> bytes:
        self.asked += 1
        if wrapped == b"broken":
            raise KeyBroken
        return kek.encode() + wrapped + self.other

    async def unwrap_many(self, kek: str, wrapped: Sequence[bytes]) -> list[bytes]:
        return [await self.unwrap(kek, entry) for entry in wrapped]

    async def healthy(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_key_is_asked_for_once_a_minute() -> None:
    kms, clock = CountingKms(), Clock()
    cache = CachedKeys(kms, clock=clock)
    for clock.now in (0.0, 59.9):
        assert await cache.unwrap("a", b"1") == b"a1"
    assert kms.asked == 1
    clock.now = 60.0
    await cache.unwrap("a", b"1")
    assert kms.asked == 2


async def test_a_key_belongs_to_its_kek() -> None:
    cache = CachedKeys(CountingKms())
    assert await cache.unwrap("a", b"1") == b"a1"
    assert await cache.unwrap("b", b"1") == b"b1"


async def test_the_oldest_key_makes_room() -> None:
    kms = CountingKms()
    cache = CachedKeys(kms, keys=2)
    for wrapped in (b"1", b"2", b"3", b"3", b"2"):
        await cache.unwrap("a", wrapped)
    assert kms.asked == 3
    await cache.unwrap("a", b"1")
    assert kms.asked == 4


async def test_a_refusal_is_not_kept() -> None:
    kms = CountingKms()
    cache = CachedKeys(kms)
    for _ in range(2):
        with pytest.raises(KeyBroken):
            await cache.unwrap("a", b"broken")
    assert kms.asked == 2


async def test_a_generated_key_need_not_be_asked_for() -> None:
    kms = CountingKms()
    cache = CachedKeys(kms)
    key, wrapped = await cache.generate("a")
    assert kms.asked == 1  # to prove that it opens
    assert await cache.unwrap("a", wrapped) == key
    assert kms.asked == 1
    cache.forget()
    await cache.unwrap("a", wrapped)
    assert kms.asked == 2


async def test_a_key_that_the_kms_does_not_open_again_is_not_given_out() -> None:
    kms = CountingKms()
    cache = CachedKeys(kms)
    kms.other = b"another"
    with pytest.raises(KmsUnavailable):
        await cache.generate("a")
    kms.other, kms.wraps = b"", b"broken"
    with pytest.raises(KmsUnavailable):
        await cache.generate("a")


async def test_a_disowned_key_is_asked_for_again() -> None:
    kms = CountingKms()
    cache = CachedKeys(kms)
    for wrapped in (b"1", b"2"):
        await cache.unwrap("a", wrapped)
    cache.disown("a", b"1")
    for wrapped in (b"1", b"2"):
        await cache.unwrap("a", wrapped)
    assert kms.asked == 3


def test_no_longer_than_a_minute() -> None:
    with pytest.raises(ValueError, match="minute"):
        CachedKeys(CountingKms(), seconds=61)
