"""A range of a long segment is one request; what the row or the store has wrong of its head costs a request, never an answer."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, cast

import pytest

from services.ingest.adapters.vault_s3 import S3Vault
from services.ingest.domain.package import StoredPart
from services.kernel.layout import MIB
from services.kernel.sealing.open import SealBroken
from services.kernel.sealing.segment_heads import NEAR, has_head, head_of
from services.runtime.object_store.port import ObjectStore
from tests.support.parts import Payload, place, stored_part

PACKAGE_KEY = os.urandom(32)
SIZES = [3 * MIB, 1000, 2 * MIB]  # two long segments and a short one
AT = 2 * MIB + 12_345


class Counting:
    """A store that counts requests for ranges, and breaks the first bytes of the next ones where it is told to."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.requests = 0
        self.broken = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def get_range(self, *asked: Any, **named: Any) -> AsyncIterator[bytes]:
        self.requests += 1
        broken, self.broken = self.broken > 0, max(0, self.broken - 1)
        async for chunk in self._store.get_range(*asked, **named):
            yield bytes([chunk[0] ^ 1]) + chunk[1:] if broken else chunk
            broken = False


async def sealed(store: ObjectStore) -> tuple[Counting, Payload, StoredPart]:
    payload = Payload.of(8 * MIB, SIZES)
    return Counting(store), payload, await stored_part(S3Vault(store), payload, 0)


async def read(store: Counting, payload: Payload, row: StoredPart, vault: S3Vault | None = None, at: int = AT) -> bytes:
    vault = vault or S3Vault(cast(ObjectStore, store))
    found = vault.read(place(payload, 0, PACKAGE_KEY), payload.plan, {0: row}, PACKAGE_KEY, at, at + 1000)
    return b"".join([piece async for piece in found])


async def test_the_first_range_of_a_long_segment_is_one_request(store: ObjectStore) -> None:
    counting, payload, row = await sealed(store)
    assert await read(counting, payload, row) == payload.data[AT : AT + 1000]
    assert counting.requests == 1
    assert len(row.heads) == 120  # of the two long segments


@pytest.mark.parametrize("heads", ["none", "cut", "random", "another's", "too long"])
async def test_a_row_that_lies_costs_a_request_and_changes_no_byte(store: ObjectStore, heads: str) -> None:
    counting, payload, row = await sealed(store)
    first, second = row.heads[:60], row.heads[60:]
    lies = {
        "none": b"",
        "cut": first[:59],
        "random": first[:4] + os.urandom(56),
        "another's": first[:4] + second[4:],
        "too long": first[:4] + os.urandom(56) + row.heads + b"x",
    }
    lying = replace(row, heads=lies[heads])
    assert await read(counting, payload, lying) == payload.data[AT : AT + 1000]
    assert counting.requests == 2


async def test_what_was_not_proved_is_not_remembered(store: ObjectStore) -> None:
    counting, payload, row = await sealed(store)
    vault, bare = S3Vault(cast(ObjectStore, counting)), replace(row, heads=b"")
    counting.broken = 1
    with pytest.raises(SealBroken):  # near the head: both come in one request, and its first byte is wrong
        await read(counting, payload, bare, vault, at=20_000)
    assert await read(counting, payload, bare, vault, at=20_000) == payload.data[20_000:21_000]
    before = counting.requests
    assert await read(counting, payload, bare, vault) == payload.data[AT : AT + 1000]
    assert counting.requests == before + 1  # what was proved is


async def test_bytes_that_were_altered_are_not_given_out_whoever_has_the_head(store: ObjectStore) -> None:
    counting, payload, row = await sealed(store)
    counting.broken = 1
    with pytest.raises(SealBroken):
        await read(counting, payload, row)


def test_only_long_segments_have_a_head() -> None:
    payload = Payload.of(8 * MIB, [NEAR, 1000, NEAR * 2])
    assert [has_head(segment) for segment in payload.plan.segments(0)] == [True, False, True]
    assert head_of(payload.plan.segments(0)[0], b"") is None
