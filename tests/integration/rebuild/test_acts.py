"""Promise: with the store and the KMS alone, what officers did comes back row for row, and goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from migrations.run import migrate
from services.ingest.adapters.custody_s3 import S3Custody
from services.ingest.usecases.decide_incident import confirm_hidden
from services.kernel.hold_messages import HoldChanged
from services.runtime.kms.keyring import FileKeyring
from services.runtime.object_store.memory import MemoryStore
from services.runtime.object_store.port import CustodyStore, ObjectStore
from services.runtime.object_store.s3 import S3Store
from tests.support.components import did_not_run, took_part
from tests.support.ingest import Ingest, ingest
from tests.support.officers import Day, officers_at_work
from tests.support.postgres import Database
from tests.support.rebuilding import (
    kept_rows,
    query,
    rebuild_ingest,
    restore_log,
    rows_of,
    seal_all_acts,
    sequence,
)
from tests.support.stores import MINIO_MISSING, STORES, available, running_store

# Tables that the day below fills; one that joined the book later may be empty.
AT_WORK = (
    "classification", "classification_notice", "classification_step", "classification_told", "erasure", "erasure_part",
    "finding", "hold", "hold_content", "hold_item", "incident", "incident_clock", "incident_step", "inspection_step",
    "kek_rotation", "package", "rejudged", "rejudging", "rule_bundle",
)  # fmt: skip
Stores = tuple[ObjectStore, CustodyStore]
JOBS = "SELECT task_name, args::text FROM ingest_queue.procrastinate_jobs WHERE status = 'todo' ORDER BY id"


@pytest.fixture(params=["memory", *sorted(STORES)])
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    """The store as ingest sees it, and as the custodian does."""
    kind: str = request.param
    if kind == "memory":
        memory = MemoryStore()
        yield memory, memory
        return
    if not available(kind):
        did_not_run(STORES[kind], MINIO_MISSING)
        pytest.skip(MINIO_MISSING)
    with running_store(kind, tmp_path / "store") as running:
        took_part(STORES[kind], "a process of this test")
        async with S3Store(running.settings) as made, S3Store(running.custody) as custody:
            yield made, custody


async def day_of(
    database: Database, folder: Path, store: ObjectStore, custody: CustodyStore
) -> tuple[Ingest, Day, FileKeyring]:
    kms = FileKeyring(folder / "keyring.json", environment="development")
    async with ingest(database, folder, store) as gateway:
        assert (await gateway.publish_rules()).status == 201
        day = await officers_at_work(gateway, database, S3Custody(custody))
    assert await seal_all_acts(database, store, kms) >= 1
    await sequence(database, store)
    return gateway, day, kms


async def test_every_officers_row_comes_back(
    database: Database, lost_and_found: Database, tmp_path: Path, stores: Stores
) -> None:
    store, custody = stores
    before_loss, _, kms = await day_of(database, tmp_path, store, custody)
    officers = kept_rows(database)
    assert {table for table in AT_WORK if not officers[table]} == set()
    sealed = {str(id_) for (id_,) in query(database, "SELECT id FROM ingest.package WHERE seal_event IS NOT NULL")}
    packages = [row for row in rows_of(database, ["ingest"])["ingest.package"] if str(row["id"]) in sealed]

    new = lost_and_found
    log = await restore_log(new, store)
    rebuilt = await rebuild_ingest(new, store, kms)
    assert rebuilt.refused == ()
    assert kept_rows(new) == officers
    found = rows_of(new, ["ingest"])
    assert [row for row in found["ingest.package"] if str(row["id"]) in sealed] == packages
    assert found["ingest.component"] == [
        row for row in rows_of(database, ["ingest"])["ingest.component"] if str(row["package"]) in sealed
    ]
    [(acts,)] = query(
        new, "SELECT count(*) FROM journal.event WHERE convert_from(event, 'UTF8') LIKE '%\"acts_sealed\"%'"
    )
    assert acts >= 1
    assert rebuilt.unexplained < log.restored

    assert query(new, "SELECT count(*) FROM ingest.act") == [(0,)]
    async with ingest(new, tmp_path, store, agency=before_loss.agency) as gateway:
        police = gateway.enrol("incident-officer", officer="C")
        page = await gateway.get(police, "/v1/refused-packages")
        assert [entry["report"] for entry in page.json()["refused"]] == [True]


async def test_numbers_go_on_and_the_next_acts_are_sealed_behind_the_last(
    database: Database, lost_and_found: Database, tmp_path: Path
) -> None:
    store = MemoryStore()
    before_loss, day, kms = await day_of(database, tmp_path, store, store)
    new = lost_and_found
    await restore_log(new, store)
    assert (await rebuild_ingest(new, store, kms)).refused == ()
    books = "SELECT id, secret, number, page, page_sha256 FROM ingest.act_book"
    assert query(new, books) == query(database, books)
    highest = "SELECT max(id) FROM ingest.finding"
    [(finding,)] = query(new, highest)
    async with ingest(new, tmp_path, store, agency=before_loss.agency) as gateway:
        archivist = gateway.enrol("archivist", officer="Trần B")
        await gateway.registry.poll()
        step = {
            "kind": "raised",
            "document": 2,
            "decided_on": gateway.parts.world.today().isoformat(),
            "instrument": "99/QĐ",
            "authority": {"name": "Tỉnh ủy", "relation": "originator", "agency": str(gateway.agency)},
            "level": "mat",
            "list_item": "II.3",
        }
        reply = await gateway.post(
            archivist, f"/v1/packages/{day.package}/classification/steps", json.dumps(step).encode()
        )
        assert reply.status == 201, reply.body
    assert query(new, highest) == [(finding + 1,)]
    assert await seal_all_acts(new, store, kms) == 1
    await sequence(new, store)
    officers = kept_rows(new)

    with_third = await _again(new, store, kms)
    assert with_third == officers


async def _again(lost: Database, store: MemoryStore, kms: FileKeyring) -> object:
    """The rows after yet another loss."""
    name = f"{lost.name}_again"
    with psycopg.connect(lost.server.url_for("postgres", "postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    third = Database(lost.server, name)
    try:
        migrate(third.admin_url)
        await restore_log(third, store)
        assert (await rebuild_ingest(third, store, kms)).refused == ()
        return kept_rows(third)
    finally:
        with psycopg.connect(lost.server.url_for("postgres", "postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


async def test_what_is_held_is_held_before_anything_is_read_although_no_record_tells_of_it(
    database: Database, lost_and_found: Database, tmp_path: Path
) -> None:
    store = MemoryStore()
    before_loss, day, kms = await day_of(database, tmp_path, store, store)
    async with ingest(database, tmp_path, store, agency=before_loss.agency) as gateway:
        await gateway.registry.poll()
        officer = gateway.enrol("incident-officer", officer="Đại úy Một")
        reader = gateway.enrol("archivist")
        assert (await gateway.read(reader, day.free)).status == 200
        body = {"package": day.package, "kind": "secret-content", "component": day.free}
        opened = await gateway.post(officer, "/v1/incidents", json.dumps(body).encode())
        assert opened.status == 201, opened.body
    assert await seal_all_acts(database, store, kms) == 1  # and the job that renews the record never ran
    await sequence(database, store)
    new = lost_and_found
    await restore_log(new, store)
    assert (await rebuild_ingest(new, store, kms)).refused == ()
    async with ingest(new, tmp_path, store, agency=before_loss.agency) as gateway:
        reader = gateway.enrol("archivist")
        for component in (day.held, day.free):
            assert (await gateway.read(reader, component)).json()["code"] == "component-unknown"
    held = "SELECT package, position, held FROM ingest.component WHERE package = %s ORDER BY position"
    assert query(new, held.replace("%s", f"'{day.package}'")) == query(database, held.replace("%s", f"'{day.package}'"))


async def test_what_was_under_way_is_queued_again(database: Database, lost_and_found: Database, tmp_path: Path) -> None:
    store = MemoryStore()
    before_loss, day, kms = await day_of(database, tmp_path, store, store)
    new = lost_and_found
    await restore_log(new, store)
    assert (await rebuild_ingest(new, store, kms)).refused == ()
    jobs = [(name, json.loads(arguments)) for name, arguments in query(new, JOBS)]
    assert ("finish_erasure", {"erasure": day.erasure}) in jobs
    assert ("expel_held", {"incident": day.expelled}) in jobs
    assert ("renew_record", {"package": day.package}) in jobs
    raised = [arguments["document"] for name, arguments in jobs if name == "open_raised_incident"]
    assert raised == ["0"]
    delivered = [arguments["message"] for name, arguments in jobs if name == "deliver_message"]
    active = "SELECT id::text FROM ingest.hold WHERE lifted_at IS NULL ORDER BY 1"
    assert delivered == [id_ for (id_,) in query(new, active)]
    for (body,) in query(new, "SELECT body FROM ingest.outbox"):
        assert HoldChanged.parse(bytes(body)).items
    assert query(
        new, "SELECT DISTINCT queue_name FROM ingest_queue.procrastinate_jobs WHERE task_name = 'finish_erasure'"
    ) == [("ingest_custody",)]

    async with ingest(new, tmp_path, store, agency=before_loss.agency) as gateway:
        assert await gateway.finish(day.erasure)
        custodian = gateway.enrol("custodian", officer="Giữ")
        shown = (await gateway.get(custodian, f"/v1/erasures/{day.erasure}")).json()
        assert shown["finished_at"]
        officer = gateway.enrol("incident-officer", officer="Đại úy Một")
        clocks = (await gateway.get(officer, f"/v1/incidents/{day.incident}")).json()["clocks"]
        assert [clock for clock in clocks if clock.get("met_at") is None]
        for message in delivered:
            await confirm_hidden(UUID(message), gateway.parts.world.now(), ledger=gateway.parts.incidents)
    unconfirmed = "SELECT count(*) FROM ingest.hold WHERE lifted_at IS NULL AND hidden_at IS NULL"
    assert query(new, unconfirmed) == [(0,)]


async def test_a_package_that_was_never_sealed_ends_and_its_incident_stays(
    database: Database, lost_and_found: Database, tmp_path: Path
) -> None:
    store = MemoryStore()
    before_loss, day, kms = await day_of(database, tmp_path, store, store)
    new = lost_and_found
    await restore_log(new, store)
    assert (await rebuild_ingest(new, store, kms)).refused == ()
    states = "SELECT state FROM ingest.package WHERE id = "
    assert query(new, f"{states}'{day.declared}'") == [("expired",)]
    assert query(new, f"{states}'{day.refused}'") == [("refused",)]
    async with ingest(new, tmp_path, store, agency=before_loss.agency) as gateway:
        client = gateway.enrol("submitter")
        status = await gateway.get(client, f"/v1/packages/{day.refused}")
        assert status.status in (200, 404), status.body
        for target in ("", "/plan", "/receipt"):
            reply = await gateway.get(client, f"/v1/packages/{day.declared}{target}")
            assert reply.status < 500, (target, reply.body)
