"""Reading 100 KiB from the middle of large components: the vault's ranges against the store's own."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import uvloop

from services.ingest.adapters.vault_s3 import S3Vault, part_key
from services.ingest.domain.package import StoredPart
from services.runtime.object_store.s3 import S3Settings, S3Store
from tests.bench.measuring import Comparison, Timed, compare
from tests.bench.ways import MIB, PART
from tests.support.parts import Payload, place, stored_part

LENGTH = 100 * 1024
COUNT = 300

Read = Callable[[int], Awaitable[int]]
"""Reads `LENGTH` bytes from an offset of the component; how many came."""


def measure(settings: S3Settings, store: int, rounds: int) -> Comparison:
    """Ranges per second, one after the other. The raw ones ask for as many bytes, at the same places of the object."""
    payload, package_key = Payload.of(PART, [PART]), os.urandom(32)
    stored = uvloop.run(_store(settings, payload))

    def raw() -> Timed:
        def reader(opened: S3Store) -> Read:
            name = part_key(stored.attempt)
            return lambda at: _count(opened.get_range(name, at, LENGTH, version_id=stored.object_version))

        return _timed(settings, reader)

    def vault() -> Timed:
        where = place(payload, 0, package_key)

        def reader(opened: S3Store) -> Read:
            through, parts = S3Vault(opened), {0: stored}
            return lambda at: _count(through.read(where, payload.plan, parts, package_key, at, at + LENGTH))

        return _timed(settings, reader)

    def first() -> Timed:
        where = place(payload, 0, package_key)

        def reader(opened: S3Store) -> Read:
            # A vault that has seen nothing: each range is the first one of its segment.
            return lambda at: _count(
                S3Vault(opened).read(where, payload.plan, {0: stored}, package_key, at, at + LENGTH)
            )

        return _timed(settings, reader)

    return compare(
        "100 KiB ranges of a 16 MiB component",
        "ranges/s",
        {"S3Store.get_range": raw, "S3Vault.read": vault, "S3Vault.read, first ones": first},
        rounds=rounds,
        others={"store": store},
    )


async def _store(settings: S3Settings, payload: Payload) -> StoredPart:
    async with S3Store(settings) as opened:
        return await stored_part(S3Vault(opened), payload, 0)


def _timed(settings: S3Settings, reader: Callable[[S3Store], Read]) -> Timed:
    async def run() -> None:
        chance = random.Random(7)  # noqa: S311 - the same places for both ways
        async with S3Store(settings) as opened:
            read = reader(opened)
            for _ in range(COUNT):
                if await read(chance.randrange(PART - MIB)) != LENGTH:
                    raise RuntimeError("the range came back with another length")

    uvloop.run(run())
    return Timed(COUNT)


async def _count(chunks: AsyncIterator[bytes]) -> int:
    return sum([len(chunk) async for chunk in chunks])
