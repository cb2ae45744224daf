"""Promise: what spans parts is proved from the store; what is not right is missing again, and nothing is sealed."""

from __future__ import annotations

import asyncio
import os

from sqlalchemy import text

from services.runtime.database import transaction
from services.runtime.object_store.memory import MemoryStore
from tests.support.enrolled import Enrolled
from tests.support.ingest import Ingest
from tests.support.ingest_manifests import Dossier

MIB = 1 << 20


async def sent(gateway: Ingest, dossier: Dossier) -> tuple[Enrolled, str]:
    client = gateway.enrol("submitter")
    package = (await gateway.declare(client, dossier)).json()["package"]
    for number, data in enumerate(dossier.parts(MIB)):
        assert (await gateway.send(client, package, number, data)).status == 201
    return client, package


async def status(gateway: Ingest, client: Enrolled, package: str) -> dict[str, object]:
    found: dict[str, object] = (await gateway.get(client, f"/v1/packages/{package}")).json()
    return found


async def test_a_spanning_file_that_is_not_the_manifests_is_missing_again(gateway: Ingest) -> None:
    files = [os.urandom(MIB // 2), os.urandom(2 * MIB), os.urandom(2 * MIB), os.urandom(MIB)]
    dossier = Dossier(files, claimed={1: os.urandom(2 * MIB)})
    client, package = await sent(gateway, dossier)
    assert str(await gateway.complete(package)) == "receiving"
    found = await status(gateway, client, package)
    assert found["missing"] == [[0, 2]]  # the second file lies in parts 0 to 2
    assert [entry["pointer"] for entry in found["findings"]] == ["/documents/1/components/0"]  # type: ignore[attr-defined]  # JSON
    assert found["receipt"] is None
    async with transaction(gateway.engine) as connection:
        checked = await connection.execute(text("SELECT document FROM ingest.component WHERE checked_at IS NOT NULL"))
        assert list(checked.scalars()) == [3]  # the third file has bytes in part 2, so its proof is void
    for number, data in enumerate(dossier.parts(MIB)[:3]):
        assert (await gateway.send(client, package, number, data)).status == 201
    assert str(await gateway.complete(package)) == "receiving"


async def test_bytes_spoilt_in_the_store_are_sent_again_and_then_sealed(gateway: Ingest) -> None:
    dossier = Dossier([os.urandom(3 * MIB)])
    client, package = await sent(gateway, dossier)
    store = gateway.store
    assert isinstance(store, MemoryStore)
    names = [entry.name async for entry in store.list("parts/")]
    versions = store._objects[names[1]]
    for version, data in versions.items():
        versions[version] = data[:5000] + bytes([data[5000] ^ 1]) + data[5001:]
    assert str(await gateway.complete(package)) == "receiving"
    assert (await status(gateway, client, package))["missing"] == [[0, 2]]
    for number, data in enumerate(dossier.parts(MIB)):
        assert (await gateway.send(client, package, number, data)).status == 201
    assert str(await gateway.complete(package)) == "sealed"


async def test_a_lost_object_is_missing_again(gateway: Ingest) -> None:
    dossier = Dossier([os.urandom(2 * MIB)])
    client, package = await sent(gateway, dossier)
    names = [entry.name async for entry in gateway.store.list("parts/")]
    await gateway.store.delete(names[0])
    assert str(await gateway.complete(package)) == "receiving"
    assert (await status(gateway, client, package))["missing"] == [[0, 1]]


async def test_two_workers_seal_a_package_once(gateway: Ingest) -> None:
    dossier = Dossier([os.urandom(2 * MIB), b"x"])
    _, package = await sent(gateway, dossier)
    outcomes = await asyncio.gather(*(gateway.complete(package) for _ in range(4)))
    assert sorted(str(outcome) for outcome in outcomes) == ["None", "None", "None", "sealed"]
    async with transaction(gateway.engine) as connection:
        assert (await connection.execute(text("SELECT count(*) FROM ingest.outbox"))).scalar_one() == 1
    store = gateway.store
    assert isinstance(store, MemoryStore)
    assert len(store._objects[f"recovery/{package}"]) == 1  # who came second wrote nothing
