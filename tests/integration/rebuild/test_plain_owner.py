"""Promise: the database's owner may be any role; no step of the operators' page needs a superuser."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from deploy.onebox import postgres
from deploy.onebox.postgres import OWNER, RunningPostgres
from migrations.run import migrate
from services.runtime.kms.keyring import FileKeyring
from services.runtime.object_store.memory import MemoryStore
from tests.e2e.test_restoring import POSTGRES_BIN, block
from tests.support.ingest import ingest
from tests.support.ingest_manifests import Dossier
from tests.support.postgres import Database
from tests.support.rebuilding import (
    rebuild_catalog,
    rebuild_ingest,
    register_all,
    restore_log,
    rows_of,
    seal_all_acts,
    sequence,
)

PLAIN = "province"


@dataclass(frozen=True, slots=True)
class Owned(Database):
    """A database whose owner may make roles, and is no superuser."""

    def url_for(self, role: str) -> str:
        return self.server.url_for(PLAIN if role == OWNER else role, self.name)

    @property
    def rows(self) -> Database:
        """The same, looked at by the superuser: row-level security is forced on the owner."""
        return Database(self.server, self.name)


@pytest.fixture
def server(postgres_folder: Path) -> Iterator[RunningPostgres]:
    """A cluster of this test's own: roles are the cluster's, and here the plain owner makes them."""
    running = postgres.start(postgres_folder, durable=False)
    try:
        with psycopg.connect(running.url_for(OWNER, "postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {PLAIN} LOGIN CREATEROLE".encode())
        yield running
    finally:
        running.stop()


def owned(server: RunningPostgres, name: str) -> Owned:
    with psycopg.connect(server.url_for(OWNER, "postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} OWNER {PLAIN}".encode())
    made = Owned(server, name)
    migrate(made.admin_url)
    return made


async def test_the_nightly_file_and_both_rebuilds_under_an_owner_who_is_no_superuser(
    server: RunningPostgres, tmp_path: Path
) -> None:
    old, store = owned(server, "before"), MemoryStore()
    kms = FileKeyring(tmp_path / "keyring.json", environment="development")
    async with ingest(old, tmp_path, store) as gateway:
        assert (await gateway.publish_rules()).status == 201
        package = await gateway.deposit(gateway.enrol("submitter"), Dossier([b"mot", b"hai"]))
        officer = gateway.enrol("incident-officer", officer="Đại úy Một")
        body = f'{{"package": "{package}", "kind": "secret-content", "document": 1}}'.encode()
        assert (await gateway.post(officer, "/v1/incidents", body)).status == 201
        await register_all(old)
        assert await seal_all_acts(old, store, kms)
        await sequence(old, store)
    before = rows_of(old.rows, ["catalog"])
    assert before["catalog.held_words"]

    owner = tmp_path / "owner.url"
    owner.write_text(old.admin_url, encoding="utf-8")
    rest = tmp_path / "rest.dump"
    environment = {
        "PATH": f"{POSTGRES_BIN}:{os.environ['PATH']}",
        "NOPLUU_MIGRATE_URL_FILE": str(owner),
        "REST": str(rest),
    }
    run(block("pg_dump"), environment)
    new = owned(server, "after")
    owner.write_text(new.admin_url, encoding="utf-8")
    await restore_log(new, store)
    assert (await rebuild_ingest(new, store, kms, alone=False)).refused == ()
    page = block("journal restore")
    [emptied], [restored] = (
        re.findall(r"^psql .*$", page, re.MULTILINE),
        re.findall(r"^pg_restore .*$", page, re.MULTILINE),
    )
    run(f"{emptied}\n{restored}", environment)
    assert (await rebuild_catalog(new, store, kms)).refused == ()
    assert rows_of(new.rows, ["catalog"]) == before


def run(printed: str, environment: dict[str, str]) -> None:
    done = subprocess.run(
        ["bash", "-euc", printed], env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
