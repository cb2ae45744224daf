"""Promise: a KMS that is down, slow, sealed, cut off, refusing us or answering with other keys stops writes and reads with
503; nothing is written in the clear and nothing is lost; when it is back, all goes on without a restart.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psycopg
import pytest

from services.kernel.identifiers import PackageId
from services.kernel.refusals.platform import KmsUnavailable
from services.runtime.admin import create_admin
from services.runtime.kms.pkcs11 import TokenKeys
from services.runtime.kms.transit import TransitKeys
from services.runtime.metrics import Metrics
from tests.support.asgi import Reply, ask
from tests.support.components import did_not_run, took_part
from tests.support.enrolled import Enrolled
from tests.support.ingest import Ingest, ingest
from tests.support.ingest_manifests import Dossier
from tests.support.postgres import Database
from tests.support.tokens import SOFTHSM_MISSING, make_token, softhsm
from tests.support.transit import TransitServer, transit_server
from tests.support.wire import Wire, wire

SECRET = b"noi dung khong bao gio nam tren dia"


@dataclass
class Broken:
    """How to break the KMS and how to mend it."""

    server: TransitServer
    line: Wire

    def mend(self) -> None:
        self.line.weather = "fair"
        self.server.sealed = self.server.other_keys = False
        self.server.tokens.add("s.first")


def _weather(kind: str) -> Callable[[Broken], None]:
    def change(broken: Broken) -> None:
        broken.line.weather = kind  # type: ignore[assignment]  # one of the words, from the table below

    return change


def _seal(broken: Broken) -> None:
    broken.server.sealed = True


def _revoke(broken: Broken) -> None:
    broken.server.tokens.clear()


def _swap(broken: Broken) -> None:
    broken.server.other_keys = True


def _lose(broken: Broken) -> None:
    """The server was set up anew: the same names, other keys."""
    broken.server.keys.clear()


WAYS = {
    "down": _weather("refusing"),
    "slow": _weather("mute"),
    "cut in the middle of an answer": _weather("cutting"),
    "sealed": _seal,
    "our token revoked": _revoke,
    "answering with other keys": _swap,
}


@asynccontextmanager
async def through_a_wire(database: Database, folder: Path) -> AsyncIterator[tuple[Ingest, Broken]]:
    async with transit_server(folder) as (server, settings):
        port = urlsplit(settings.address).port or 0
        async with wire("127.0.0.1", port) as line:
            kms = TransitKeys(replace(settings, address=f"http://127.0.0.1:{line.port}"), timeout=8)
            async with ingest(database, folder, kms=kms) as gateway:
                await gateway.publish_rules()
                yield gateway, Broken(server, line)
            await kms.close()


def code(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.json()["code"]


async def send(gateway: Ingest, client: Enrolled, package: str, dossier: Dossier) -> Reply:
    await gateway.registry.poll()  # a KMS that is waited for makes its facts old
    return await gateway.send(client, package, 0, dossier.payload)


async def component_of(gateway: Ingest, package: str) -> str:
    async with gateway.parts.ledger.transaction() as books:
        return str((await books.components(PackageId(UUID(package))))[0].id)


async def ready(gateway: Ingest) -> tuple[int, str]:
    admin = create_admin(gateway.parts.checks, metrics=Metrics("ingest"))
    answer = await ask(admin, "GET", "/readyz")
    return answer.status, answer.json()["checks"]["kms"]


async def is_ready(gateway: Ingest) -> None:
    """Within a minute: a machine under load may need more than a check's three seconds once."""
    until = time.monotonic() + 60
    while await ready(gateway) != (200, "ok"):
        assert time.monotonic() < until
        await asyncio.sleep(0.2)


async def stopped(
    gateway: Ingest, client: Enrolled, held: str, waiting: str, dossier: Dossier, unlike: Dossier
) -> None:
    """Each kind of request is refused while no opened key is kept."""
    gateway.parts.kms.forget()
    assert code(await gateway.read(gateway.enrol("archivist"), held)) == (503, "kms-unavailable")
    assert code(await send(gateway, client, waiting, dossier)) == (503, "kms-unavailable")
    assert code(await gateway.declare(client, unlike)) == (503, "kms-unavailable")


@pytest.mark.parametrize("way", WAYS)
async def test_writes_and_reads_stop_and_go_on(database: Database, tmp_path: Path, way: str) -> None:
    async with through_a_wire(database, tmp_path) as (gateway, broken):
        client = gateway.enrol("submitter")
        sealed = await gateway.deposit(client, Dossier([SECRET + b" mot"]))
        component = await component_of(gateway, sealed)
        dossier, unlike = Dossier([SECRET + b" hai"]), Dossier([SECRET + b" ba"])
        waiting = (await gateway.declare(client, dossier)).json()["package"]
        await is_ready(gateway)
        objects = [entry.name async for entry in gateway.store.list("")]

        WAYS[way](broken)
        await stopped(gateway, client, component, waiting, dossier, unlike)
        if way != "answering with other keys":  # that shows only where a key is opened
            status, told = await ready(gateway)
            assert (status, told) in {(503, "kms-unavailable"), (503, "timeout")}
        assert [entry.name async for entry in gateway.store.list("")] == objects
        with psycopg.connect(database.admin_url) as owner:
            assert owner.execute("SELECT count(*) FROM ingest.part").fetchone() == (1,)
            assert owner.execute("SELECT count(*) FROM ingest.package").fetchone() == (2,)

        broken.mend()
        await is_ready(gateway)
        answer = await gateway.read(gateway.enrol("archivist"), component)
        assert (answer.status, answer.body) == (200, SECRET + b" mot")
        assert (await send(gateway, client, waiting, dossier)).status == 201
        await gateway.complete(waiting)
        await gateway.deposit(client, unlike)
        for entry in [entry.name async for entry in gateway.store.list("")]:
            assert SECRET not in await gateway.store.get(entry)


async def test_a_server_set_up_anew_opens_nothing_and_says_so(database: Database, tmp_path: Path) -> None:
    async with through_a_wire(database, tmp_path) as (gateway, broken):
        client = gateway.enrol("submitter")
        sealed = await gateway.deposit(client, Dossier([SECRET]))
        kept = dict(broken.server.keys)
        _lose(broken)
        gateway.parts.kms.forget()
        component = await component_of(gateway, sealed)
        assert code(await gateway.read(gateway.enrol("archivist"), component)) == (503, "kms-unavailable")
        broken.server.keys.update(kept)
        assert (await gateway.read(gateway.enrol("archivist"), component)).body == SECRET


async def test_keys_that_are_open_outlast_a_short_outage(database: Database, tmp_path: Path) -> None:
    async with through_a_wire(database, tmp_path) as (gateway, broken):
        client = gateway.enrol("submitter")
        sealed = await gateway.deposit(client, Dossier([SECRET]))
        broken.line.weather = "refusing"
        component = await component_of(gateway, sealed)
        assert (await gateway.read(gateway.enrol("archivist"), component)).body == SECRET


async def test_a_package_is_not_sealed_while_the_kms_is_away_and_its_receipt_comes_later(
    database: Database, tmp_path: Path
) -> None:
    async with through_a_wire(database, tmp_path) as (gateway, broken):
        client = gateway.enrol("submitter")
        dossier = Dossier([SECRET])
        package = (await gateway.declare(client, dossier)).json()["package"]
        assert (await send(gateway, client, package, dossier)).status == 201
        broken.server.sealed = True
        with pytest.raises(KmsUnavailable):  # the job is tried again
            await gateway.complete(package)
        broken.mend()
        assert str(await gateway.complete(package)) == "sealed"


async def test_a_slow_kms_holds_up_nobody_else(database: Database, tmp_path: Path) -> None:
    async with through_a_wire(database, tmp_path) as (gateway, broken):
        client = gateway.enrol("submitter")
        broken.line.weather = "mute"
        declaring = asyncio.create_task(gateway.declare(client, Dossier([SECRET])))
        for _ in range(20):
            assert (await gateway.get(client, f"/v1/packages/{uuid4()}")).status == 404
        assert not declaring.done()
        assert code(await declaring) == (503, "kms-unavailable")


async def test_an_hsm_that_is_taken_away_and_brought_back(database: Database, tmp_path: Path) -> None:
    library = softhsm()
    if library is None:
        did_not_run("SoftHSM", SOFTHSM_MISSING)
        pytest.skip(SOFTHSM_MISSING)
    took_part("SoftHSM", "taken away and brought back")
    token = make_token(tmp_path / "hsm", library)
    kms = TokenKeys(token.settings, timeout=30)
    async with ingest(database, tmp_path, kms=kms) as gateway:
        await gateway.publish_rules()
        client = gateway.enrol("submitter")
        sealed = await gateway.deposit(client, Dossier([SECRET + b" mot"]))
        component = await component_of(gateway, sealed)
        dossier = Dossier([SECRET + b" hai"])
        waiting = (await gateway.declare(client, dossier)).json()["package"]
        for _ in range(2):
            token.take_away()
            await stopped(gateway, client, component, waiting, dossier, Dossier([SECRET + b" ba"]))
            assert await ready(gateway) in {(503, "kms-unavailable"), (503, "timeout")}
            token.bring_back()
            await is_ready(gateway)
            assert (await gateway.read(gateway.enrol("archivist"), component)).body == SECRET + b" mot"
        assert (await send(gateway, client, waiting, dossier)).status == 201
    await kms.close()
