"""Promise: the store and the KMS alone are enough to rebuild the database."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from services.journal.auditing import audit
from services.kernel.canonical import canonical
from services.kernel.tlog.receipts import verify_receipt
from services.runtime.kms.keyring import FileKeyring
from services.runtime.object_store.port import ObjectStore
from services.runtime.object_store.s3 import S3Store
from tests.support.components import did_not_run, took_part
from tests.support.enrolled import Enrolled
from tests.support.ingest import Ingest, ingest, sha256
from tests.support.ingest_manifests import Dossier
from tests.support.postgres import Database
from tests.support.rebuilding import (
    KEYS,
    Rows,
    engines,
    rebuild_catalog,
    rebuild_ingest,
    register_all,
    restore_log,
    rows_of,
    sequence,
)
from tests.support.shelving import stub
from tests.support.stores import MINIO_MISSING, STORES, available, running_store

MIB = 1 << 20


@dataclass
class Province:
    """A gateway that was used, and what it had given out."""

    gateway: Ingest
    database: Database
    folder: Path
    files: dict[str, bytes]
    receipts: dict[str, bytes]

    @property
    def kms(self) -> FileKeyring:
        """The KMS, as another process opens it."""
        return FileKeyring(self.folder / "keyring.json", environment="development")


@dataclass(frozen=True)
class WithStub(Dossier):
    """A dossier with one more document, of which only the paper's place may be known."""

    @property
    def manifest(self) -> bytes:
        value = json.loads(super().manifest)
        value["documents"].append(stub(len(self.files) + 1, "mat"))
        return canonical(value)


async def deposit_of(gateway: Ingest, client: Enrolled, dossier: Dossier, sent: Sequence[bytes]) -> str:
    """A dossier declared, what is new of it sent, and sealed."""
    declared = await gateway.declare(client, dossier)
    assert declared.status == 201, declared.body
    package, payload = str(declared.json()["package"]), b"".join(sent)
    for number in range(declared.json()["parts"]):
        reply = await gateway.send(client, package, number, payload[number * MIB : (number + 1) * MIB])
        assert reply.status == 201, reply.body
    assert str(await gateway.complete(package)) == "sealed"
    return package


@asynccontextmanager
async def used(database: Database, folder: Path, store: ObjectStore) -> AsyncIterator[Province]:
    """Deposits of every kind: spanning parts, empty components, held back, nothing at all to send, two versions."""
    async with ingest(database, folder, store) as gateway:
        assert (await gateway.publish_rules()).status == 201
        client = gateway.enrol("submitter")
        files: dict[str, bytes] = {}

        async def deposit(dossier: Dossier, *sent: bytes) -> str:
            package = await deposit_of(gateway, client, dossier, sent or tuple(dossier.files))
            plan = (await gateway.get(client, f"/v1/packages/{package}/plan")).json()
            files.update(zip((id_ for id_, _ in plan["components"]), sent or dossier.files, strict=True))
            return package

        spanning = await deposit(Dossier([os.urandom(3 * MIB + 7), b"", os.urandom(10)]))
        empty = await deposit(Dossier([b"", b""], code="P012.01.002"))
        kept, added = os.urandom(MIB + 1), os.urandom(50)
        first = await deposit(WithStub([kept, os.urandom(100)], code="P012.01.003"))
        second = await deposit(WithStub([added, kept], code="P012.01.003", supersedes=UUID(first)), added)
        await gateway.declare(client, Dossier([b"never sent"], code="P012.01.004"))
        await sequence(database, store)
        receipts = {}
        for package in (spanning, empty, first, second):
            reply = await gateway.get(client, f"/v1/packages/{package}/receipt")
            assert reply.status == 200
            receipts[package] = reply.body
        await register_all(database)
        yield Province(gateway, database, folder, files, receipts)


def without_open(rows: Rows, packages: Collection[str]) -> Rows:
    """Only what belongs to sealed packages: an open one is declared again by whoever sends it."""
    kept = {}
    for name, entries in rows.items():
        owner = "id" if name == "ingest.package" else "package"
        kept[name] = [row for row in entries if not name.startswith("ingest.") or str(row[owner]) in packages]
    return kept


@pytest.fixture(params=sorted(STORES))
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    kind: str = request.param
    if not available(kind):
        did_not_run(STORES[kind], MINIO_MISSING)
        pytest.skip(MINIO_MISSING)
    with running_store(kind, tmp_path / "store") as running:
        took_part(STORES[kind], "a process of this test")
        async with S3Store(running.settings) as made:
            yield made


async def test_row_for_row_as_before(
    database: Database, lost_and_found: Database, tmp_path: Path, store: ObjectStore
) -> None:
    async with used(database, tmp_path, store) as province:
        before = without_open(rows_of(database), province.receipts)
    new = lost_and_found
    log = await restore_log(new, store)
    rebuilt = await rebuild_ingest(new, store, province.kms)
    assert (rebuilt.restored, rebuilt.refused) == (4, ())
    # What no record holds: the declarations, the rules, and so on.
    assert rebuilt.unexplained == log.restored - 4
    catalog = await rebuild_catalog(new, store, province.kms)
    assert (catalog.restored, catalog.refused) == (4, ())
    assert rows_of(new) == before

    async with ingest(new, tmp_path, store, agency=province.gateway.agency) as gateway:
        assert (await gateway.publish_rules()).status == 201
        client = gateway.enrol("submitter")
        for component, data in province.files.items():
            reply = await gateway.read(client, component)
            assert (reply.status, sha256(reply.body)) == (200, sha256(data))
        for package, receipt in province.receipts.items():
            held = verify_receipt(receipt, KEYS)
            anew = await gateway.get(client, f"/v1/packages/{package}/receipt")
            assert anew.status == 200
            again = verify_receipt(anew.body, KEYS)
            assert (again.event, again.index) == (held.event, held.index)

        # And on it goes: a third version on the restored chain, and a log that grows.
        newest = list(province.receipts)[-1]
        again_and_new = [*province.files.values()][-1], os.urandom(20)
        third = Dossier(again_and_new, supersedes=UUID(newest))
        package = await deposit_of(gateway, client, third, again_and_new[1:])
        await sequence(new, store)
        grown = await gateway.get(client, f"/v1/packages/{package}/receipt")
        proven = verify_receipt(grown.body, KEYS)
        assert proven.index >= log.restored
        for package, receipt_of_before in province.receipts.items():
            anew = await gateway.get(client, f"/v1/packages/{package}/receipt")
            assert verify_receipt(anew.body, KEYS).signed.checkpoint.size > log.restored
            assert verify_receipt(anew.body, KEYS).event == verify_receipt(receipt_of_before, KEYS).event
    with psycopg.connect(new.admin_url) as connection:
        reused = connection.execute(
            "SELECT count(*), count(DISTINCT attempt) FROM ingest.part UNION ALL"
            " SELECT count(*), count(DISTINCT key_id) FROM ingest.component WHERE origin = package"
        ).fetchall()
    assert all(count == distinct for count, distinct in reused)
    held_before = [verify_receipt(receipt, KEYS).signed.checkpoint for receipt in province.receipts.values()]
    async with engines(new, "nopluu_journal") as [engine], engine.connect() as connection:
        found = await audit(connection, store, KEYS, held=held_before)
    assert {fault.code for fault in found.faults} <= {"event-missing", "event-erased-unlogged", "checkpoint-missing"}
