"""Promise: rotating a KEK re-wraps every row, changes no object, may end at any moment, and destroys nothing that is needed."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from services.ingest.adapters.courier import SignedCourier
from services.ingest.main import QUEUE, register_jobs, register_key_jobs
from services.ingest.usecases.key_ports import KekStanding
from services.ingest.usecases.retire_kek import KekNeeded, Retiring, retire_kek
from services.ingest.usecases.rotate_kek import resume_rotations, rewrap_keys, rotate_kek
from services.kernel.identifiers import FondsId, PackageId
from services.kernel.refusals.platform import KmsUnavailable
from services.kernel.sealing.keys import KeyBroken, kek_name, kek_version
from services.kernel.secrecy import DeploymentProfile, Level
from services.runtime.jobs import Worker
from services.runtime.metrics import Metrics
from tests.support.ingest import FONDS_ID, Ingest
from tests.support.ingest_manifests import Dossier
from tests.support.later import Later
from tests.support.postgres import Database


@pytest.fixture
def kek(gateway: Ingest) -> str:
    return kek_name(FondsId(FONDS_ID), Level.NONE, gateway.parts.world.now().year)


async def bytes_in(gateway: Ingest) -> dict[str, bytes]:
    return {entry.name: await gateway.store.get(entry.name) async for entry in gateway.store.list("")}


async def standing(gateway: Ingest, kek: str) -> KekStanding:
    async with gateway.parts.key_ledger.transaction() as books:
        return next(found for found in await books.standings() if found.kek == kek)


async def rotate(gateway: Ingest, kek: str) -> int:
    parts = gateway.parts
    return await rotate_kek(kek, ledger=parts.key_ledger, kms=parts.management, world=parts.world)


async def rewrap(gateway: Ingest, kek: str, batch: int = 2) -> list[int]:
    moved: list[int] = []
    parts = gateway.parts
    await rewrap_keys(
        kek, ledger=parts.key_ledger, kms=parts.management, world=parts.world, batch=batch, moved=moved.append
    )
    return moved


def retiring(gateway: Ingest) -> Retiring:
    return replace(gateway.parts.retiring, world=Later(gateway.parts.world, timedelta(hours=2)))


async def deposits(gateway: Ingest, count: int) -> list[tuple[str, bytes]]:
    client = gateway.enrol("submitter")
    contents = [f"noi dung {uuid4()}".encode() for _ in range(count)]
    return [(await gateway.deposit(client, Dossier([content, b"hai"])), content) for content in contents]


async def read_back(gateway: Ingest, held: Sequence[tuple[str, bytes]]) -> None:
    reader = gateway.enrol("archivist")
    for package, content in held:
        async with gateway.parts.ledger.transaction() as books:
            rows = await books.components(PackageId(UUID(package)))
        answer = await gateway.read(reader, str(rows[0].id))
        assert (answer.status, answer.body) == (200, content)


async def test_rotation_rewraps_every_row_and_touches_no_object(gateway: Ingest, database: Database, kek: str) -> None:
    held = await deposits(gateway, 5)
    before = await bytes_in(gateway)
    assert await rotate(gateway, kek) == 2
    assert (await standing(gateway, kek)).behind == 5
    held += await deposits(gateway, 1)  # new packages use the new version at once
    during = await bytes_in(gateway)
    assert await rewrap(gateway, kek) == [2, 2, 1]
    found = await standing(gateway, kek)
    assert (found.versions, found.behind) == ({2: 6}, 0)
    assert found.rotation is not None
    assert found.rotation.ended_at is not None
    assert await bytes_in(gateway) == during
    assert {name: during[name] for name in before} == before
    gateway.parts.kms.forget()
    await read_back(gateway, held)
    assert await rewrap(gateway, kek) == []
    with psycopg.connect(database.admin_url) as owner:
        events = [json.loads(event) for (event,) in owner.execute("SELECT event FROM journal.event").fetchall()]
    rotated = [event for event in events if event["type"] == "kek_rotated"]
    assert [(event["kek"], event["version"]) for event in rotated] == [(kek, 2)]


async def test_the_worker_rewraps_after_a_rotation_and_counts_it(gateway: Ingest, database: Database, kek: str) -> None:
    await deposits(gateway, 3)
    await rotate(gateway, kek)
    metrics, stop = Metrics("ingest-worker"), asyncio.Event()
    worker = Worker(database.url_for("nopluu_ingest"), QUEUE, metrics=metrics)
    register_jobs(worker, gateway.parts, SignedCourier(None, {}), DeploymentProfile.OPEN)  # type: ignore[arg-type]  # nothing is delivered here
    register_key_jobs(worker, gateway.parts, metrics)
    working = asyncio.create_task(worker.run(stop))
    try:
        until = time.monotonic() + 60
        while (await standing(gateway, kek)).behind:
            assert time.monotonic() < until
            await asyncio.sleep(0.05)
    finally:
        stop.set()
        await working
    assert metrics.registry.get_sample_value("nopluu_keys_rewrapped_total") == 3


async def test_a_kms_that_goes_away_leaves_what_is_done_and_the_rest_goes_on(
    gateway: Ingest, kek: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = await deposits(gateway, 5)
    await rotate(gateway, kek)
    whole, calls = gateway.parts.management.rewrap, 0

    async def dying(name: str, wrapped: Sequence[bytes]) -> list[bytes]:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise KmsUnavailable
        return await whole(name, wrapped)

    monkeypatch.setattr(gateway.parts.management, "rewrap", dying)
    with pytest.raises(KmsUnavailable):
        await rewrap(gateway, kek)
    assert (await standing(gateway, kek)).versions == {1: 3, 2: 2}
    monkeypatch.undo()
    assert await rewrap(gateway, kek) == [2, 1]
    await read_back(gateway, held)


async def test_two_passes_at_once_do_no_harm(gateway: Ingest, kek: str) -> None:
    held = await deposits(gateway, 6)
    await rotate(gateway, kek)
    moved = await asyncio.gather(rewrap(gateway, kek), rewrap(gateway, kek))
    assert sum(sum(entry) for entry in moved) == 6
    assert (await standing(gateway, kek)).versions == {2: 6}
    await read_back(gateway, held)


async def test_a_row_that_does_not_open_is_counted_and_stops_nothing_but_the_destruction(
    gateway: Ingest, database: Database, kek: str
) -> None:
    held = await deposits(gateway, 4)
    with psycopg.connect(database.admin_url) as owner:
        owner.execute(
            "UPDATE ingest.package_key SET wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1) WHERE package = %s",
            (held[1][0],),
        )
    await rotate(gateway, kek)
    assert sum(await rewrap(gateway, kek, batch=10)) == 3
    found = await standing(gateway, kek)
    assert found.rotation is not None
    assert (found.behind, found.rotation.broken) == (1, 1)
    assert (
        await resume_rotations(ledger=gateway.parts.key_ledger, kms=gateway.parts.management, world=gateway.parts.world)
        == 1
    )
    with pytest.raises(KekNeeded) as needed:
        await retire_kek(kek, retiring(gateway))
    assert (needed.value.reason, needed.value.count) == ("rows", 1)


async def test_what_a_declaration_brings_in_late_is_moved_by_the_next_pass(
    gateway: Ingest, database: Database, kek: str
) -> None:
    (held,) = await deposits(gateway, 1)
    with psycopg.connect(database.admin_url) as owner:
        old = owner.execute("SELECT wrapped FROM ingest.package_key").fetchone()
    await rotate(gateway, kek)
    await rewrap(gateway, kek)
    with psycopg.connect(database.admin_url) as owner:
        owner.execute("UPDATE ingest.package_key SET wrapped = %s", old)
    ports = gateway.parts
    assert await resume_rotations(ledger=ports.key_ledger, kms=ports.management, world=ports.world) == 0
    await read_back(gateway, [held])


async def test_old_versions_go_once_no_record_needs_them(gateway: Ingest, database: Database, kek: str) -> None:
    held = await deposits(gateway, 3)
    with psycopg.connect(database.admin_url) as owner:
        (old,) = owner.execute("SELECT wrapped FROM ingest.package_key LIMIT 1").fetchone() or (b"",)
    before = await bytes_in(gateway)
    await rotate(gateway, kek)
    held += await deposits(gateway, 1)
    await rewrap(gateway, kek)
    assert kek_version(old) == 1
    await gateway.parts.management.unwrap(kek, old)
    heard: list[tuple[int, int]] = []
    done = await retire_kek(kek, retiring(gateway), tell=lambda *told: heard.append(told))
    assert (done.through, done.renewed) == (1, 3)
    assert heard == [(4, 3), (4, 3)]
    with pytest.raises(KeyBroken):
        await gateway.parts.management.unwrap(kek, old)
    after = await bytes_in(gateway)
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {f"recovery/{package}" for package, _ in held[:3]}
    gateway.parts.kms.forget()
    await read_back(gateway, held)
    assert (await retire_kek(kek, retiring(gateway))).renewed == 0
    found = await standing(gateway, kek)
    assert found.rotation is not None
    assert found.rotation.retired == 1


async def test_destruction_waits_for_everything_that_needs_the_old_version(
    gateway: Ingest, database: Database, kek: str
) -> None:
    held = await deposits(gateway, 2)

    async def refused(ports: Retiring) -> str:
        with pytest.raises(KekNeeded) as needed:
            await retire_kek(kek, ports)
        return needed.value.reason

    assert await refused(retiring(gateway)) == "not-rotated"
    await rotate(gateway, kek)
    assert await refused(gateway.parts.retiring) == "too-early"
    assert await refused(retiring(gateway)) == "rows"
    await rewrap(gateway, kek)
    await gateway.parts.management.rotate(kek)  # by other hands than ours
    assert await refused(retiring(gateway)) == "version-differs"
    assert await rotate(gateway, kek) == 4
    await rewrap(gateway, kek)
    record = f"recovery/{held[0][0]}"
    kept = await gateway.store.get(record)
    await gateway.store.delete(record)
    assert await refused(retiring(gateway)) == "records-missing"
    await gateway.store.put(record, kept[:-1] + bytes([kept[-1] ^ 1]))
    assert await refused(retiring(gateway)) == "records-broken"
    await gateway.store.put(record, kept)
    await read_back(gateway, held)
    assert (await retire_kek(kek, retiring(gateway))).through == 3
    await read_back(gateway, held)
