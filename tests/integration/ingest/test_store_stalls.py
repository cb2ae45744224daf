"""Promise: while the store stalls, what needs no store goes on, what needs it is refused in time, and a retry has its effect
once; when the store is back, all goes on without a restart. On a real store behind a wire that a test can break.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from services.ingest.usecases import reap_attempts as reaping
from services.runtime.admin import create_admin
from services.runtime.metrics import Metrics
from services.runtime.object_store import guarded, s3
from services.runtime.object_store.guarded import GuardedStore
from services.runtime.object_store.port import Stored
from services.runtime.object_store.s3 import S3Store
from tests.integration.ingest.test_parts import code, parts_in_store, rows
from tests.support.asgi import Reply, ask
from tests.support.components import did_not_run, took_part
from tests.support.enrolled import Enrolled
from tests.support.ingest import Ingest, ingest
from tests.support.ingest_manifests import Dossier
from tests.support.postgres import Database
from tests.support.stores import MINIO_MISSING, STORES, RunningStore, available, running_store
from tests.support.wire import Wire, wire

AWAY = (503, "store-unavailable")


@pytest.fixture(scope="module", params=sorted(STORES))
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStore]:
    if not available(request.param):
        did_not_run(STORES[request.param], MINIO_MISSING)
        pytest.skip(MINIO_MISSING)
    with running_store(request.param, tmp_path_factory.mktemp(request.param)) as started:
        took_part(STORES[request.param], "stalled behind ingest")
        yield started


@dataclass
class Stalling:
    """Ingest before a store whose wire breaks; `direct` goes around the wire."""

    gateway: Ingest
    line: Wire
    metrics: Metrics

    async def send(self, client: Enrolled, package: str, dossier: Dossier) -> Reply:
        await self.gateway.registry.poll()  # who waits long has old facts
        return await self.gateway.send(client, package, 0, dossier.payload)

    async def declared(self, client: Enrolled) -> tuple[str, Dossier]:
        dossier = Dossier([os.urandom(600_000)])
        reply = await self.gateway.declare(client, dossier)
        assert reply.status == 201, reply.body
        return reply.json()["package"], dossier

    async def store_is_ready(self) -> bool:
        admin = create_admin({"store": self.gateway.store.ready}, metrics=self.metrics)
        return (await ask(admin, "GET", "/readyz")).status == 200

    async def recovered(self) -> None:
        until = time.monotonic() + 90
        while not await self.store_is_ready() or self.open("reads") or self.open("writes"):
            assert time.monotonic() < until
            await asyncio.sleep(0.2)

    def open(self, calls: str) -> bool:
        return self.metrics.registry.get_sample_value("nopluu_store_circuit_open", {"calls": calls}) == 1

    @property
    def refused(self) -> float:
        return self.metrics.registry.get_sample_value("nopluu_store_calls_refused_total", {"reason": "open"}) or 0


@asynccontextmanager
async def stalling(database: Database, folder: Path, real: RunningStore) -> AsyncIterator[Stalling]:
    metrics = Metrics("ingest")
    async with wire("127.0.0.1", urlsplit(real.settings.endpoint).port or 0) as line:
        settings = replace(real.settings, endpoint=f"http://127.0.0.1:{line.port}")
        async with (
            S3Store(settings) as direct,
            GuardedStore(direct, metrics) as store,
            ingest(database, folder, store=store) as gateway,
        ):
            await gateway.publish_rules()
            yield Stalling(gateway, line, metrics)


async def test_a_store_that_stalls_holds_up_only_who_needs_it(
    database: Database, tmp_path: Path, real: RunningStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "_ANSWER_SECONDS", 3.0)
    async with stalling(database, tmp_path, real) as stall:
        client = stall.gateway.enrol("submitter")
        sealed = await stall.gateway.deposit(client, Dossier([b"da nop luu"]))
        component = str((await rows(stall.gateway, "SELECT id FROM ingest.component"))[0])
        waiting = [await stall.declared(client) for _ in range(6)]
        await stall.recovered()
        kept = set(await parts_in_store(stall.gateway))

        stall.line.weather = "mute"
        sending = [asyncio.create_task(stall.send(client, *one)) for one in waiting]
        await asyncio.sleep(0.5)
        # While uploads hang, and afterwards while they are refused at once, what needs no store is answered.
        admin = create_admin({}, metrics=stall.metrics)
        for _ in range(5):
            assert (await ask(admin, "GET", "/healthz")).status == 200
            assert (await stall.gateway.get(client, f"/v1/packages/{waiting[0][0]}")).status == 200
            package, _ = await stall.declared(client)
            assert (await stall.gateway.get(client, f"/v1/packages/{package}")).status == 200
        async with asyncio.timeout(60):
            answers = await asyncio.gather(*sending)
        assert {code(answer) for answer in answers} == {AWAY}
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers)

        assert stall.open("writes")
        for _ in range(1200):  # asked at once, because writing met silence
            if stall.open("reads"):
                break
            await asyncio.sleep(0.05)
        assert not await stall.store_is_ready()
        for one in waiting * 5:  # at once: not one of these reaches the store, and none keeps anything
            refused = await stall.send(client, *one)
            assert code(refused) == AWAY
            assert int(refused.headers["retry-after"]) >= 1
        assert code(await stall.gateway.read(stall.gateway.enrol("archivist"), component)) == AWAY
        assert stall.open("reads")
        assert stall.open("writes")
        assert (await stall.declared(client))[0]

        stall.line.weather = "fair"
        await stall.recovered()
        for one in waiting:
            assert (await stall.send(client, *one)).status == 201
            await stall.gateway.complete(one[0])
        read = await stall.gateway.read(stall.gateway.enrol("archivist"), component)
        assert (read.status, read.body) == (200, b"da nop luu")
        assert (await stall.gateway.get(client, f"/v1/packages/{sealed}")).status == 200
        await reaped(stall.gateway)
        assert len(set(await parts_in_store(stall.gateway)) - kept) == len(waiting)


async def test_a_store_that_takes_nothing_still_gives_and_nobody_is_tempted(
    database: Database, tmp_path: Path, real: RunningStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only PUT stalls: a circuit that was probed by reading would close and open again with every upload that it lets hang."""
    monkeypatch.setattr(s3, "_ANSWER_SECONDS", 3.0)
    monkeypatch.setattr(guarded, "WRITE_PROBE_SECONDS", 1.0)
    async with stalling(database, tmp_path, real) as stall:
        client, reader = stall.gateway.enrol("submitter"), stall.gateway.enrol("archivist")
        await stall.gateway.deposit(client, Dossier([b"da nop luu"]))
        component = str((await rows(stall.gateway, "SELECT id FROM ingest.component"))[0])
        waiting = [await stall.declared(client) for _ in range(3)]
        probes = _counted(stall, monkeypatch)

        stall.line.weather = "one-way"
        assert code(await stall.send(client, *waiting[0])) == AWAY
        assert stall.open("writes")
        before = len(probes)
        while len(probes) < before + 3:  # probed again and again, and found wanting each time
            refused = stall.refused
            assert code(await stall.send(client, *waiting[1])) == AWAY
            assert stall.refused == refused + 1  # at once: it never reached the store
            read = await stall.gateway.read(reader, component)
            assert (read.status, read.body) == (200, b"da nop luu")
            assert await stall.store_is_ready()
            assert stall.open("writes")
            assert not stall.open("reads")
            await asyncio.sleep(0.1)

        stall.line.weather = "fair"
        await stall.recovered()
        for one in waiting:
            assert (await stall.send(client, *one)).status == 201
        names = [entry.name async for entry in stall.gateway.store.list("probe/")]
        assert names == []


def _counted(stall: Stalling, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The probes of writing from now on."""
    seen: list[str] = []
    whole = S3Store.put

    async def put(store: S3Store, name: str, data: bytes) -> Stored:
        if name == guarded.PROBE:
            seen.append(name)
        return await whole(store, name, data)

    monkeypatch.setattr(S3Store, "put", put)
    return seen


async def test_an_upload_whose_acknowledgement_is_lost_has_its_effect_once(
    database: Database, tmp_path: Path, real: RunningStore
) -> None:
    async with stalling(database, tmp_path, real) as stall:
        client = stall.gateway.enrol("submitter")
        package, dossier = await stall.declared(client)
        await stall.recovered()
        before = set(await parts_in_store(stall.gateway))
        stall.line.weather = "cutting"
        for _ in range(2):
            assert code(await stall.send(client, package, dossier)) == AWAY
        stall.line.weather = "fair"
        await stall.recovered()
        unknown = set(await parts_in_store(stall.gateway)) - before
        assert unknown  # the store kept what nobody heard of
        assert await rows(stall.gateway, "SELECT attempt FROM ingest.part") == []

        assert (await stall.send(client, package, dossier)).status == 201
        assert str(await stall.gateway.complete(package)) == "sealed"
        assert len(await rows(stall.gateway, "SELECT attempt FROM ingest.part")) == 1
        await reaped(stall.gateway)
        left = set(await parts_in_store(stall.gateway)) - before
        assert len(left) == 1
        assert not left & unknown
        component = str((await rows(stall.gateway, "SELECT id FROM ingest.component"))[0])
        assert (await stall.gateway.read(client, component)).body == dossier.payload


async def reaped(gateway: Ingest) -> None:
    """The reaper's work: what no attempt won with is removed from the store."""
    await reaping.reap_attempts(ledger=gateway.parts.ledger, vault=gateway.parts.vault, world=gateway.parts.world)
