"""The vault of ingest on the fake and on each real store: what is sealed is read back, any range of it, or nothing is."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from services.ingest.adapters.vault_s3 import S3Vault, part_key, record_key
from services.ingest.usecases.ports import Attempt, StoredPartMissing
from services.kernel.identifiers import PackageId
from services.kernel.layout import MIB
from services.kernel.refusals.packages import PartDigestMismatch, PartTruncated
from services.kernel.sealing.open import SealBroken
from services.runtime.object_store.port import ObjectMissing, ObjectStore
from tests.support.parts import Payload, chunked, place, stored_part

PACKAGE_KEY = os.urandom(32)
SIZES = [10_000, 0, MIB - 5, 16_384, 3 * MIB + 77, 1, 200_000]


async def read(
    vault: S3Vault, payload: Payload, position: int, parts: dict[int, object], start: int, end: int
) -> bytes:
    where = place(payload, position, PACKAGE_KEY)
    found = vault.read(where, payload.plan, parts, PACKAGE_KEY, start, end)  # type: ignore[arg-type]  # rows of a test
    return b"".join([piece async for piece in found])


async def test_every_component_is_read_back_whole_and_in_ranges(store: ObjectStore) -> None:
    vault, payload = S3Vault(store), Payload.of(MIB, SIZES)
    parts: dict[int, object] = {n: await stored_part(vault, payload, n) for n in range(payload.plan.part_count)}
    chance = random.Random(7)  # noqa: S311 - the same ranges on each run
    start = 0
    for position, size in enumerate(SIZES):
        data = payload.data[start : start + size]
        start += size
        assert await read(vault, payload, position, parts, 0, size) == data
        for _ in range(6):
            low, high = sorted((chance.randint(0, size), chance.randint(0, size)))
            assert await read(vault, payload, position, parts, low, high) == data[low:high]


async def test_the_stored_object_is_as_the_row_says_and_shows_no_plaintext(store: ObjectStore) -> None:
    vault, payload = S3Vault(store), Payload.of(MIB, [100_000, 50_000], bytes(range(250)) * 600)
    row = await stored_part(vault, payload, 0)
    stored = await store.get(part_key(row.attempt), version_id=row.object_version)
    assert len(stored) == row.stored_size
    assert bytes(range(200)) not in stored


@pytest.mark.parametrize(("cut", "flipped"), [(1, None), (300_000, None), (0, 0), (0, -1)])
async def test_a_refused_part_leaves_no_object(store: ObjectStore, cut: int, flipped: int | None) -> None:
    vault, payload = S3Vault(store), Payload.of(MIB, [900_000])
    part, body = payload.part(0), bytearray(payload.body(0))
    if flipped is not None:
        body[flipped] ^= 1
    with pytest.raises((PartTruncated, PartDigestMismatch)):
        await vault.seal_part(part, chunked(bytes(body[: len(body) - cut])))
    with pytest.raises(ObjectMissing):
        await store.get(part_key(part.attempt))


async def test_parts_of_another_attempt_or_package_do_not_open(store: ObjectStore) -> None:
    vault, payload = S3Vault(store), Payload.of(MIB, [300_000])
    row = await stored_part(vault, payload, 0)
    other = await stored_part(vault, payload, 0)
    swapped = replace(row, attempt=other.attempt, object_version=other.object_version)
    assert await read(vault, payload, 0, {0: swapped}, 0, 300_000) == payload.data
    stored = await store.get(part_key(row.attempt))
    moved = await store.put(part_key(other.attempt), stored)  # the store puts one attempt's bytes under another's name
    with pytest.raises(SealBroken):
        await read(vault, payload, 0, {0: replace(other, object_version=moved.version_id)}, 0, 300_000)
    stranger = replace(payload, package=PackageId(uuid4()))
    with pytest.raises(SealBroken):
        await read(vault, stranger, 0, {0: row}, 0, 300_000)


async def test_altered_bytes_are_not_given_out(store: ObjectStore) -> None:
    vault, payload = S3Vault(store), Payload.of(MIB, [300_000])
    row = await stored_part(vault, payload, 0)
    stored = await store.get(part_key(row.attempt))
    for at in (0, 63, 64, 100, 130, 16_519, 200_000, len(stored) - 1):
        broken = bytearray(stored)
        broken[at] ^= 1
        version = (await store.put(part_key(row.attempt), bytes(broken))).version_id
        with pytest.raises(SealBroken):
            await read(vault, payload, 0, {0: replace(row, object_version=version)}, 0, 300_000)
    assert await read(vault, payload, 0, {0: row}, 0, 300_000) == payload.data  # the version in the row is untouched


async def test_what_the_store_lost_is_told(store: ObjectStore) -> None:
    vault, payload = S3Vault(store), Payload.of(MIB, [2 * MIB])
    row = await stored_part(vault, payload, 0)
    with pytest.raises(StoredPartMissing):
        await read(vault, payload, 0, {0: row}, 0, 2 * MIB)
    await vault.discard(Attempt(row.attempt, payload.package, 0, datetime(2026, 11, 24, tzinfo=UTC)))
    for start in (0, 500_000):
        with pytest.raises(StoredPartMissing):
            await read(vault, payload, 0, {0: row}, start, MIB)


async def test_a_rewritten_record_leaves_no_older_one(store: ObjectStore) -> None:
    vault, package = S3Vault(store), PackageId(uuid4())
    older = await store.put(record_key(package), b"holds a key")
    await vault.put_record(package, b"holds it no more")
    assert await store.get(record_key(package)) == b"holds it no more"
    with pytest.raises(ObjectMissing):
        await store.get(record_key(package), version_id=older.version_id)
