"""Promise: the credential that serves can neither set nor lift a legal hold, nor remove what is held; the custodian's can."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from uuid import uuid4

import pytest

from services.kernel.refusals.platform import StoreUnavailable
from services.runtime.object_store.port import ObjectHeld, ObjectMissing
from services.runtime.object_store.s3 import S3Store
from tests.contract.conftest import Started
from tests.support.stores import RunningStore


@dataclass
class Both:
    """One store under two credentials."""

    serving: S3Store
    custody: S3Store


@pytest.fixture
async def both(running: RunningStore) -> AsyncIterator[Both]:
    async with AsyncExitStack() as stack:
        serving = await stack.enter_async_context(S3Store(running.settings))
        yield Both(serving, await stack.enter_async_context(S3Store(running.custody)))


@pytest.fixture
def name() -> str:
    return f"parts/{uuid4()}"


async def test_the_serving_credential_can_neither_set_nor_lift_nor_remove(both: Both, name: str) -> None:
    stored = await both.serving.put(name, b"kept")
    with pytest.raises(StoreUnavailable):
        await both.serving.hold(name, stored.version_id)
    await both.custody.hold(name, stored.version_id)
    with pytest.raises(StoreUnavailable):
        await both.serving.lift(name, stored.version_id)
    with pytest.raises(ObjectHeld):
        await both.serving.delete(name, version_id=stored.version_id)
    assert await both.custody.is_held(name, stored.version_id)
    assert await both.serving.get(name, version_id=stored.version_id) == b"kept"
    await both.custody.lift(name, stored.version_id)
    await both.custody.delete(name, version_id=stored.version_id)
    with pytest.raises(ObjectMissing):
        await both.serving.get(name, version_id=stored.version_id)


async def test_a_hold_cannot_be_smuggled_in_with_a_write(both: Both, name: str) -> None:
    request = both.serving._signer.sign(
        "PUT", name, headers={"Content-Length": "1", "x-amz-object-lock-legal-hold": "ON"}
    )
    async with both.serving._send(request, b"x") as answer:
        assert answer.status == 403
    assert [entry async for entry in both.serving.versions(name)] == []


async def test_a_delete_marker_hides_a_held_version_and_is_found(both: Both, name: str) -> None:
    stored = await both.serving.put(name, b"kept")
    await both.custody.hold(name, stored.version_id)
    async with both.serving._send(both.serving._signer.sign("DELETE", name)) as answer:
        assert answer.status == 204
    with pytest.raises(ObjectMissing):
        await both.serving.get(name)
    assert await both.serving.get(name, version_id=stored.version_id) == b"kept"  # which is why rows name versions
    markers = [entry for entry in [entry async for entry in both.custody.versions(name)] if entry.marker]
    assert [(entry.name, entry.newest) for entry in markers] == [(name, True)]
    await both.custody.delete(name, version_id=markers[0].version_id)
    assert await both.serving.get(name) == b"kept"


async def test_on_minio_recovery_records_are_beyond_the_custodians_reach(started: Started) -> None:
    running = started("minio")  # SeaweedFS' rights are by bucket
    async with S3Store(running.settings) as serving, S3Store(running.custody) as custody:
        name = f"recovery/{uuid4()}"
        stored = await serving.put(name, b"record")
        for asked in (custody.hold(name, stored.version_id), custody.get(name), custody.put(name, b"another")):
            with pytest.raises(StoreUnavailable):
                await asked


async def test_neither_of_them_makes_buckets_or_changes_versioning(both: Both) -> None:
    for store in (both.serving, both.custody):
        body = b"<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"
        headers = {"Content-Length": str(len(body))}
        async with store._send(store._signer.sign("PUT", query={"versioning": ""}, headers=headers), body) as answer:
            assert answer.status in (403, 409)  # no right, or not with object lock
        await both.serving.ready()
