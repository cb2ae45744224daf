"""Promise: a hold placed through one instance cuts the downloads that another one serves, and no others."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.ingest.usecases.abandon_package import expire_packages
from services.ingest.usecases.running_readings import FRESH_FOR, ReadingCut
from services.runtime.kms.keyring import FileKeyring
from tests.support.asgi import call
from tests.support.enrolled import Enrolled
from tests.support.ingest import Ingest, ingest
from tests.support.ingest_manifests import Dossier
from tests.support.later import Later
from tests.support.postgres import Database

MIB = 1 << 20


@pytest.fixture
async def other(gateway: Ingest, database: Database, tmp_path: Path) -> AsyncIterator[Ingest]:
    """A second instance: its own wiring, pool and watch of readings; the database and the store are shared."""
    folder = tmp_path / "other"
    folder.mkdir()
    kms = FileKeyring(tmp_path / "keyring.json", environment="development")
    async with ingest(database, folder, store=gateway.store, kms=kms, agency=gateway.agency) as made:
        assert made.wiring.running is not gateway.wiring.running
        assert made.engine is not gateway.engine
        yield made


class PausedDownload:
    """An answer under way at one instance: it stops after its first chunks until it may go on."""

    def __init__(self, instance: Ingest, client: Enrolled, component: str) -> None:
        self.sent: list[dict[str, Any]] = []
        self.paused = asyncio.Event()
        self.resume = asyncio.Event()
        target = f"/v1/components/{component}?grant={instance.grant(client, component)}"
        self.answer = asyncio.create_task(self._run(instance, client.scope("GET", target)))

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    @property
    def ended(self) -> bool:
        """Whether the client was told that this was all of it."""
        return any(
            message["type"] == "http.response.body" and not message.get("more_body", False) for message in self.sent
        )

    async def _run(self, instance: Ingest, scope: Any) -> None:
        asked = False

        async def receive() -> dict[str, object]:
            nonlocal asked
            if asked:
                await asyncio.Event().wait()  # the client stays
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            self.sent.append(message)
            if len(self.sent) == 3:  # the head and two chunks have left
                self.paused.set()
                await self.resume.wait()

        await instance.app(scope, receive, send)


async def hold(instance: Ingest, package: str, **target: object) -> None:
    """Place it, as an officer's client does: again where the instance says that it may be tried again."""
    officer = instance.enrol("incident-officer", officer="Đại úy Một")
    body = json.dumps({"package": package, "kind": "secret-content"} | target).encode()
    for _ in range(60):
        opened = await instance.post(officer, "/v1/incidents", body)
        if not (opened.status == 503 and opened.json()["retryable"]):
            break
        await asyncio.sleep(1)
    assert opened.status == 201, opened.body


async def test_a_hold_placed_through_one_instance_cuts_what_the_other_serves(gateway: Ingest, other: Ingest) -> None:
    client = gateway.enrol("submitter")
    contents = [os.urandom(4 * MIB), os.urandom(4 * MIB)]
    package = await gateway.deposit(client, Dossier(contents))
    plan = (await gateway.get(client, f"/v1/packages/{package}/plan")).json()
    held, free = (component for component, _ in plan["components"])
    downloads = [PausedDownload(gateway, client, component) for component in (held, free)]
    try:
        await asyncio.gather(*(download.paused.wait() for download in downloads))
        await hold(other, package, document=0)
        left = downloads[0].body
        # From here on no look that is fresh enough can have begun before the hold.
        await asyncio.sleep(FRESH_FOR + 0.5)
        for download in downloads:
            download.resume.set()
        with pytest.raises(ReadingCut):  # the server closes the connection where the application raises
            await asyncio.wait_for(downloads[0].answer, 120)
        assert downloads[0].body == left
        assert not downloads[0].ended
        await asyncio.wait_for(downloads[1].answer, 120)
        assert downloads[1].ended
        assert downloads[1].body == contents[1]
        absent = await gateway.read(client, held)
        assert (absent.status, absent.json()["code"]) == (404, "component-unknown")
    finally:
        for download in downloads:
            download.answer.cancel()


async def test_a_held_package_cannot_be_told_from_none_by_giving_it_up(gateway: Ingest, other: Ingest) -> None:
    """The hold is the other instance's, the question this one's; what is held is not ended either."""
    client = gateway.enrol("submitter")
    package = await gateway.deposit(client, Dossier([b"mot"]))
    started = await gateway.declare(client, Dossier([b"hai"], code="P012.01.002"))
    unsealed = str(started.json()["package"])
    for target in (package, unsealed):
        await hold(other, target)
        given_up = await call(gateway.app, client.scope("DELETE", f"/v1/packages/{target}"))
        assert (given_up.status, given_up.json()["code"]) == (404, "package-unknown")


async def test_an_unsealed_package_with_a_held_document_neither_expires_nor_is_given_up(
    gateway: Ingest, other: Ingest
) -> None:
    client = gateway.enrol("submitter")
    dossier = Dossier([b"mot", b"hai"])
    package = str((await gateway.declare(client, dossier)).json()["package"])
    await hold(other, package, document=0)
    given_up = await call(gateway.app, client.scope("DELETE", f"/v1/packages/{package}"))
    assert (given_up.status, given_up.json()["code"]) == (409, "content-held")
    later = Later(gateway.parts.world, timedelta(days=61))
    assert await expire_packages(ledger=gateway.parts.ledger, world=later) == 0
    assert (await gateway.get(client, f"/v1/packages/{package}")).json()["state"] == "declared"
