"""Promise: a receipt proves offline what was sealed, and whoever waits for it is woken by the checkpoint."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime

from services.journal.log_rows import LogRows
from services.journal.publication import Publication
from services.journal.sequencer import Sequencer
from services.kernel.tlog.receipts import component_ids, verify_receipt
from services.runtime.database import create_engine
from tests.integration.journal.logs import ORIGIN, SIGNER
from tests.support.asgi import call, http_scope
from tests.support.ingest import HOST, Ingest
from tests.support.ingest_manifests import Dossier
from tests.support.postgres import Database


async def sequence(gateway: Ingest, database: Database, before_publishing: Callable[[], None] = lambda: None) -> None:
    """One run of the sequencer."""
    engine = create_engine(database.url_for("nopluu_journal"), application_name="test", pool_size=2)
    try:
        async with engine.connect() as connection:
            rows = LogRows(connection)
            assert await rows.lock()
            sequencer = Sequencer(SIGNER, [], publication=Publication(gateway.store), now=lambda: datetime.now(UTC))
            await sequencer.open(rows)
            while await sequencer.number(rows):
                pass
            before_publishing()
            await sequencer.publish(rows)
    finally:
        await engine.dispose()


async def test_a_receipt_verifies_and_names_every_component(gateway: Ingest, database: Database) -> None:
    client = gateway.enrol("submitter")
    dossier = Dossier([b"mot", b"", b"hai"])
    package = await gateway.deposit(client, dossier)
    pending = await gateway.get(client, f"/v1/packages/{package}/receipt")
    assert (pending.status, pending.json()) == (202, {"package": package, "state": "sealed"})
    await sequence(gateway, database)
    reply = await gateway.get(client, f"/v1/packages/{package}/receipt")
    assert reply.status == 200
    proven = verify_receipt(reply.body, [SIGNER.verifier])
    plan = (await gateway.get(client, f"/v1/packages/{package}/plan")).json()
    assert [str(component) for component in component_ids(proven.event)] == [id_ for id_, _ in plan["components"]]
    assert proven.event["manifest_sha256"] == hashlib.sha256(dossier.manifest).hexdigest()
    assert proven.event["package"] == package

    checkpoint = await call(gateway.app, http_scope("GET", "/log/checkpoint", host=HOST))
    assert (checkpoint.status, checkpoint.headers["cache-control"]) == (200, "no-cache")
    assert checkpoint.body.decode().splitlines()[0] == ORIGIN
    size = int(checkpoint.body.decode().splitlines()[1])
    tile = await call(gateway.app, http_scope("GET", f"/log/tile/0/000.p/{size}", host=HOST))
    assert (tile.status, len(tile.body)) == (200, 32 * size)
    assert "immutable" in tile.headers["cache-control"]
    for path in ("../checkpoint", "0/000.p/999", "0/1", "entries/../../x"):
        assert (await call(gateway.app, http_scope("GET", f"/log/tile/{path}", host=HOST))).status in (400, 404)


async def test_whoever_waits_is_woken_by_the_checkpoint(gateway: Ingest, database: Database) -> None:
    client = gateway.enrol("submitter")
    await sequence(gateway, database)
    package = await gateway.deposit(client, Dossier([b"mot"]))
    waiting = [asyncio.create_task(gateway.get(client, f"/v1/packages/{package}/receipt?wait=20")) for _ in range(3)]
    await asyncio.sleep(0.3)
    assert not any(task.done() for task in waiting)
    await sequence(gateway, database)
    published = time.monotonic()
    replies = await asyncio.gather(*waiting)
    assert [reply.status for reply in replies] == [200, 200, 200]
    assert time.monotonic() - published < 1.5


async def test_a_package_that_lacks_parts_is_told_at_once(gateway: Ingest) -> None:
    client = gateway.enrol("submitter")
    package = (await gateway.declare(client, Dossier([b"mot"]))).json()["package"]
    begun = time.monotonic()
    reply = await gateway.get(client, f"/v1/packages/{package}/receipt?wait=20")
    assert (reply.status, reply.json()["state"]) == (202, "declared")
    assert time.monotonic() - begun < 5
