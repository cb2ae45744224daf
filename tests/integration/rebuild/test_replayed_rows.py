"""Promise: rows that cannot stand are named one by one and speak for no other; an act of an older schema still counts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from migrations.run import migrate
from services.ingest.adapters.custody_s3 import S3Custody
from services.ingest.usecases.rebuild_packages import Rebuilt
from services.kernel.sealing.act_book import ActPage, PageHeader, open_page, page_name
from services.kernel.sealing.recovery_words import told
from services.runtime.kms.keyring import FileKeyring
from services.runtime.object_store.memory import MemoryStore
from tests.support.ingest import ingest
from tests.support.officers import Day, officers_at_work
from tests.support.postgres import Database
from tests.support.rebuilding import kept_rows, query, rebuild_ingest, restore_log, seal_all_acts, sequence


@dataclass
class Loss:
    """A day's rows in the store, and an empty database whose schema a test may change."""

    day: Day
    store: MemoryStore
    kms: FileKeyring
    database: Database
    new: Database

    def change(self, statement: str) -> None:
        with psycopg.connect(self.new.admin_url) as connection:
            connection.execute(statement.encode())

    async def rebuild(self) -> Rebuilt:
        return await rebuild_ingest(self.new, self.store, self.kms)


@pytest.fixture
async def loss(database: Database, lost_and_found: Database, tmp_path: Path) -> Loss:
    store, kms = MemoryStore(), FileKeyring(tmp_path / "keyring.json", environment="development")
    async with ingest(database, tmp_path, store) as gateway:
        assert (await gateway.publish_rules()).status == 201
        day = await officers_at_work(gateway, database, S3Custody(store))
    await seal_all_acts(database, store, kms)
    await sequence(database, store)
    await restore_log(lost_and_found, store)
    return Loss(day, store, kms, database, lost_and_found)


def named(rebuilt: Rebuilt) -> set[tuple[str, str]]:
    for refused in rebuilt.refused:
        assert refused.name in told(refused).vi
        assert refused.name in told(refused).en
    return {(refused.name, refused.code) for refused in rebuilt.refused}


async def test_a_column_that_came_later_has_its_default_and_one_that_went_is_let_go(loss: Loss) -> None:
    loss.change("ALTER TABLE ingest.inspection_step ADD COLUMN weather text NOT NULL DEFAULT 'dry'")
    loss.change("ALTER TABLE ingest.inspection_step DROP COLUMN violation")
    assert named(await loss.rebuild()) == set()
    before, after = kept_rows(loss.database)["inspection_step"], kept_rows(loss.new)["inspection_step"]
    for row in before:
        del row["violation"]  # type: ignore[attr-defined]  # psycopg's rows are dicts
    assert after == sorted([{**row, "weather": "dry"} for row in before], key=repr)


async def test_a_table_that_is_not_known_is_named_and_the_others_come_back(loss: Loss) -> None:
    loss.change("DROP TABLE ingest.rejudged")
    assert named(await loss.rebuild()) == {("acts/rejudged", "act-table-unknown")}
    assert kept_rows(loss.new)["hold_item"] == kept_rows(loss.database)["hold_item"]


async def test_rows_of_a_package_that_is_not_restored_are_named_and_come_back_with_it(loss: Loss) -> None:
    name = f"recovery/{loss.day.package}"
    record = await loss.store.get(name)
    await loss.store.delete(name)
    found = named(await loss.rebuild())
    assert {code for _, code in found} == {"act-row-dangling"}
    assert {"acts/incident", "acts/incident_step", "acts/hold"} <= {name for name, _ in found}
    incidents = "SELECT count(*) FROM ingest.incident WHERE package = "
    assert query(loss.new, f"{incidents}'{loss.day.package}'") == [(0,)]
    assert query(loss.new, "SELECT count(*) FROM ingest.incident") != [(0,)]
    assert query(loss.new, "SELECT ended_at FROM ingest.rebuild") == [(None,)]
    await loss.store.put(name, record)
    assert named(await loss.rebuild()) == set()
    assert kept_rows(loss.new) == kept_rows(loss.database)


async def test_a_row_that_contradicts_another_is_named_alone(loss: Loss) -> None:
    loss.change("ALTER TABLE ingest.erasure ADD CONSTRAINT one_kind UNIQUE (kind)")
    loss.change("ALTER TABLE ingest.erasure ADD CONSTRAINT no_disposal CHECK (kind <> 'disposal')")
    found = await loss.rebuild()
    assert ("acts/erasure", "act-row-contradicts") in named(found)
    assert [refused.what for refused in found.refused if refused.name == "acts/erasure"] == [loss.day.erasure]
    assert len(kept_rows(loss.new)["erasure"]) == len(kept_rows(loss.database)["erasure"]) - 1


async def test_rows_that_stood_before_the_book_are_its_first_acts(lost_and_found: Database, tmp_path: Path) -> None:
    name = f"{lost_and_found.name}_older"
    with psycopg.connect(lost_and_found.server.url_for("postgres", "postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    older = Database(lost_and_found.server, name)
    store, kms = MemoryStore(), FileKeyring(tmp_path / "keyring.json", environment="development")
    try:
        migrate(older.admin_url, "0018")
        with psycopg.connect(older.admin_url) as connection:
            connection.execute(
                "INSERT INTO ingest.rejudging (bundle_sha256, version, begun_at) VALUES ('\\x00ff', 1, now())"
            )
            connection.execute(
                "INSERT INTO ingest.inspection_step (inspection, number, agency, kind, on_day, facts, client, recorded_at)"
                " VALUES (%s, 1, gen_random_uuid(), 'opened', '2026-01-02', '{}', gen_random_uuid(), now())",
                (UUID(int=1),),
            )
        migrate(older.admin_url)
        assert await seal_all_acts(older, store, kms) == 1
        before = kept_rows(older)
        assert (len(before["rejudging"]), len(before["inspection_step"])) == (1, 1)
        await sequence(older, store)
        await restore_log(lost_and_found, store)
        assert named(await rebuild_ingest(lost_and_found, store, kms)) == set()
        assert kept_rows(lost_and_found) == before
        sealed = await store.get(page_name(1))
        header = PageHeader.unpack(sealed)
        page = ActPage.parse(open_page(sealed, await kms.unwrap(header.kek, header.wrapped)))
        assert {act.table for act in page.acts} == {"rejudging", "inspection_step"}
    finally:
        with psycopg.connect(lost_and_found.server.url_for("postgres", "postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
