"""Promise: what a request leaves to do is done by a worker, again after every failure, and told to catalog."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from services.ingest.adapters.courier import SignedCourier
from services.ingest.main import QUEUE, register_jobs
from services.kernel.messages import PackageSealed
from services.kernel.secrecy import DeploymentProfile
from services.runtime.jobs import Worker
from services.runtime.metrics import Metrics
from services.runtime.service_client import Answer, CallFailed
from tests.support.ingest import Ingest
from tests.support.ingest_manifests import Dossier
from tests.support.postgres import Database


class Catalog:
    """A catalog that is away, then busy, then there."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.calls = 0

    async def request(
        self, method: str, url: str, *, body: bytes | None = None, content_type: str | None = None
    ) -> Answer:
        assert (method, url, content_type) == ("POST", "https://catalog.example/v1/messages", "application/json")
        self.calls += 1
        if self.calls == 1:
            raise CallFailed("away")
        if self.calls == 2:
            return _answer(503)
        self.received.append(body or b"")
        return _answer(204)


def _answer(status: int, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, headers or {}, b"")


async def test_the_worker_seals_and_tells_catalog_until_it_has_heard(gateway: Ingest, database: Database) -> None:
    client = gateway.enrol("submitter")
    dossier = Dossier([b"mot", b"hai"])
    package = (await gateway.declare(client, dossier)).json()["package"]
    assert (await gateway.send(client, package, 0, dossier.payload)).status == 201
    catalog, stop = Catalog(), asyncio.Event()
    worker = Worker(database.url_for("nopluu_ingest"), QUEUE, metrics=Metrics("ingest-worker"))
    courier = SignedCourier(catalog, {"catalog": "https://catalog.example/v1/messages"})  # type: ignore[arg-type]  # the part of a client that is used
    register_jobs(worker, gateway.parts, courier, DeploymentProfile.OPEN)
    working = asyncio.create_task(worker.run(stop))
    try:
        until = time.monotonic() + 30
        while not catalog.received:
            assert time.monotonic() < until
            await asyncio.sleep(0.05)
    finally:
        stop.set()
        await working
    await gateway.registry.poll()
    assert (await gateway.get(client, f"/v1/packages/{package}")).json()["state"] == "sealed"
    assert (catalog.calls, len(catalog.received)) == (3, 1)
    message = PackageSealed.parse(catalog.received[0])
    assert (str(message.package), message.fonds_code, message.not_planned) == (package, "P012", ())
