"""The digest that is taken beside the reading."""

from __future__ import annotations

import hashlib
import random
from collections.abc import AsyncIterator

import pytest

from services.ingest.usecases.digest_beside import sha256_beside


async def _chunks(*sizes: int, broken: bool = False) -> AsyncIterator[bytes]:
    chance = random.Random(1)  # noqa: S311 - bytes that repeat
    for size in sizes:
        yield chance.randbytes(size)
    if broken:
        raise LookupError


@pytest.mark.parametrize(
    "sizes", [(), (0,), (1,), (3_000_000,), (262_144,) * 20, (2_097_152, 2_097_152), (5, 4_000_000, 7)]
)
async def test_it_is_the_digest_of_all_in_order(sizes: tuple[int, ...]) -> None:
    whole = b"".join([chunk async for chunk in _chunks(*sizes)])
    assert await sha256_beside(_chunks(*sizes)) == hashlib.sha256(whole).digest()


async def test_what_breaks_the_stream_comes_through() -> None:
    with pytest.raises(LookupError):
        await sha256_beside(_chunks(3_000_000, 10, broken=True))
