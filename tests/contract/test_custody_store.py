"""What a store does for its custodian: legal holds on versions, and a listing of every version."""

from __future__ import annotations

from uuid import uuid4

import pytest

from services.kernel.refusals.platform import StoreUnavailable
from services.runtime.object_store.port import CustodyStore, ObjectHeld, ObjectMissing


@pytest.fixture
def name() -> str:
    return f"parts/{uuid4()}"


async def test_a_version_on_hold_is_not_removed_before_it_is_lifted(custody_store: CustodyStore, name: str) -> None:
    store = custody_store
    stored = await store.put(name, b"kept")
    assert not await store.is_held(name, stored.version_id)
    for _ in range(2):
        await store.hold(name, stored.version_id)
    assert await store.is_held(name, stored.version_id)
    with pytest.raises(ObjectHeld):
        await store.delete(name, version_id=stored.version_id)
    with pytest.raises(ObjectHeld):
        await store.delete(name)
    assert await store.get(name, version_id=stored.version_id) == b"kept"
    for _ in range(2):
        await store.lift(name, stored.version_id)
    assert not await store.is_held(name, stored.version_id)
    await store.delete(name, version_id=stored.version_id)
    with pytest.raises(ObjectMissing):
        await store.get(name, version_id=stored.version_id)


async def test_a_hold_is_on_one_version_and_moves_to_no_other(custody_store: CustodyStore, name: str) -> None:
    store = custody_store
    first = await store.put(name, b"first")
    await store.hold(name, first.version_id)
    second = await store.put(name, b"second")
    assert not await store.is_held(name, second.version_id)
    with pytest.raises(ObjectHeld):
        await store.keep_only(name, second.version_id)
    assert await store.get(name, version_id=first.version_id) == b"first"
    await store.lift(name, first.version_id)
    await store.keep_only(name, second.version_id)


async def test_what_is_absent_cannot_be_held(custody_store: CustodyStore, name: str) -> None:
    store = custody_store
    stored = await store.put(name, b"x")
    await store.delete(name, version_id=stored.version_id)
    with pytest.raises(ObjectMissing):
        await store.is_held(name, stored.version_id)
    for change in (store.hold, store.lift):
        with pytest.raises((ObjectMissing, StoreUnavailable)):
            await change(name, stored.version_id)


async def test_every_version_is_listed_once(custody_store: CustodyStore, name: str) -> None:
    store = custody_store
    first, second = await store.put(name, b"first"), await store.put(name, b"the second")
    found = [entry async for entry in store.versions(name)]
    assert sorted((entry.version_id, entry.size, entry.newest, entry.marker) for entry in found) == sorted(
        [(first.version_id, 5, False, False), (second.version_id, 10, True, False)]
    )
