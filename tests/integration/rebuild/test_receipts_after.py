"""Promise: a receipt of before holds, and can be made anew, after everything that may happen to log and database, together."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.agency.refreshing import refresh
from services.kernel.identifiers import FondsId
from services.kernel.sealing.keys import kek_name
from services.kernel.secrecy import Level
from services.kernel.tlog.notes import LogSigner
from services.kernel.tlog.receipts import verify_receipt
from services.runtime.journal import PREFIX
from services.runtime.kms.keyring import FileKeyring
from services.runtime.object_store.memory import MemoryStore
from tests.support.enrolled import Enrolled
from tests.support.ingest import FONDS_ID, Ingest, ingest
from tests.support.ingest_manifests import Dossier
from tests.support.postgres import Database
from tests.support.rebuilding import SIGNER, rebuild_ingest, restore_log, rows_of, sequence

SUCCESSOR = LogSigner(SIGNER.verifier.name, Ed25519PrivateKey.from_private_bytes(b"n" * 32))
BOTH = [SUCCESSOR.verifier, SIGNER.verifier]


async def test_a_receipt_outlives_rotation_erased_neighbours_partitions_restore_and_rebuild(
    database: Database, lost_and_found: Database, tmp_path: Path
) -> None:
    store, content = MemoryStore(), os.urandom(3000)
    async with ingest(database, tmp_path, store) as gateway:
        assert (await gateway.publish_rules()).status == 201
        client = gateway.enrol("submitter")
        package = await gateway.deposit(client, Dossier([content]))
        await sequence(database, store)
        before = (await gateway.get(client, f"/v1/packages/{package}/receipt")).body
        # The neighbouring events are erased, the log's key and the package's KEK are rotated, another month begins.
        with psycopg.connect(database.admin_url) as connection:
            neighbours = connection.execute(
                "SELECT event.id FROM journal.event JOIN journal.place ON place.event = event.id"
                " WHERE event.id <> (SELECT seal_event FROM ingest.package)"
            ).fetchall()
            for (neighbour,) in neighbours:
                connection.execute(
                    "SELECT journal.erase(%s, gen_random_uuid(), sha256(%s))", (neighbour, os.urandom(8))
                )
            connection.execute("SELECT journal.event_keep(14)")
        kms = FileKeyring(tmp_path / "keyring.json", environment="development")
        await kms.rotate(kek_name(FondsId(FONDS_ID), Level.NONE, _year(database)))
        await sequence(database, store, SUCCESSOR, [SIGNER.verifier])
        component = (await gateway.get(client, f"/v1/packages/{package}/plan")).json()["components"][0][0]
    kept = rows_of(database, ["ingest"])

    new = lost_and_found
    with psycopg.connect(new.admin_url) as connection:
        connection.execute("SELECT journal.event_keep(30)")
    restored = await restore_log(new, store, BOTH)
    rebuilt = await rebuild_ingest(new, store, kms)
    assert (rebuilt.restored, rebuilt.refused) == (1, ())
    assert rows_of(new, ["ingest"]) == kept
    await sequence(new, store, SUCCESSOR, [SIGNER.verifier])

    held = verify_receipt(before, BOTH)
    async with ingest(new, tmp_path, store, agency=gateway.agency) as again:
        client = again.enrol("submitter")
        anew = verify_receipt((await again.get(client, f"/v1/packages/{package}/receipt")).body, BOTH)
        assert (anew.event, anew.index, anew.signed.log) == (held.event, held.index, SUCCESSOR.verifier)
        assert (await again.read(client, component)).body == content
    files = {entry.name.removeprefix(PREFIX): await store.get(entry.name) async for entry in store.list(PREFIX)}
    refreshed = verify_receipt(refresh(before, BOTH, files.get).receipt, BOTH)
    assert refreshed.signed.checkpoint.size == restored.restored
    assert held.event["package"] == package


def _year(database: Database) -> int:
    with psycopg.connect(database.admin_url) as connection:
        row = connection.execute("SELECT extract(year FROM declared_at)::int FROM ingest.package").fetchone()
    assert row is not None
    return int(row[0])


async def test_ten_thousand_components_come_back_row_for_row(
    database: Database, lost_and_found: Database, tmp_path: Path
) -> None:
    store = MemoryStore()
    async with ingest(database, tmp_path, store) as gateway:
        assert (await gateway.publish_rules()).status == 201
        client = gateway.enrol("submitter")
        large = await gateway.declare(client, Dossier([number.to_bytes(4) for number in range(10_000)]))
        package = str(large.json()["package"])
        payload = b"".join(number.to_bytes(4) for number in range(10_000))
        until = time.monotonic() + 120
        while (await _status(gateway, client, package)).get("state") != "declared":
            assert time.monotonic() < until, "it is not judged"
            await asyncio.sleep(0.2)
        assert (await gateway.send(client, package, 0, payload)).status == 201
        assert str(await gateway.complete(package)) == "sealed"
        await sequence(database, store)
    await restore_log(lost_and_found, store)
    kms = FileKeyring(tmp_path / "keyring.json", environment="development")
    assert (await rebuild_ingest(lost_and_found, store, kms)).restored == 1
    assert rows_of(lost_and_found, ["ingest"]) == rows_of(database, ["ingest"])
    assert len(rows_of(lost_and_found, ["ingest"])["ingest.component"]) == 10_000


async def _status(gateway: Ingest, client: Enrolled, package: str) -> dict[str, object]:
    await gateway.registry.poll()  # or it would be too old after two seconds
    found: dict[str, object] = (await gateway.get(client, f"/v1/packages/{package}")).json()
    return found
