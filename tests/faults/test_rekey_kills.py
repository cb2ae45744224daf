"""kill -9 while keys are moved to a higher level: what is left reads, and so does what is rebuilt from the store alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import psycopg

from deploy.onebox.postgres import RunningPostgres
from services.kernel.sealing.keys import unwrap_component_key
from services.runtime.kms.keyring import FileKeyring
from tests.integration.ingest.test_raised_keys import raise_level
from tests.support.folder_store import FolderStore
from tests.support.ingest import ingest
from tests.support.ingest_manifests import Dossier
from tests.support.postgres import Database, clone
from tests.support.rebuilding import rebuild_ingest, restore_log, sequence


async def test_a_moving_of_keys_killed_at_every_record(
    database: Database, database_template: str, postgres_server: RunningPostgres, tmp_path: Path
) -> None:
    store, keyring = FolderStore(tmp_path / "store"), tmp_path / "keyring.json"
    kms = FileKeyring(keyring, environment="development")
    shared, new = os.urandom(90), os.urandom(92)
    async with ingest(database, tmp_path, store, kms, profile="independent-lan") as gateway:
        assert (await gateway.publish_rules()).status == 201
        client, custodian = gateway.enrol("submitter"), gateway.enrol("custodian", officer="Trần Giữ")
        first = await gateway.deposit(client, Dossier([shared]))
        answer = (await gateway.declare(client, Dossier([new, shared], supersedes=UUID(first)))).json()
        second = str(answer["package"])
        assert (await gateway.send(client, second, 0, new)).status == 201
        await gateway.complete(second)
        # The first version lets it go: only the second has its key from now on, under the first one's package key.
        assert (await gateway.erase(custodian, first, kind="disposal")).status == 202
        before = await _opened(database, kms)
        assert len(before) == 2
        await raise_level(gateway, second, 1)

    command = [sys.executable, "-m", "tests.faults.rekey_child", database.url_for("nopluu_ingest")]
    command += [str(tmp_path / "store"), str(keyring), second]
    # Step 1 is one record, step 2 two, step 3 one; what was not committed comes first again.
    for record, step in ((1, 0), (2, 0), (3, 1), (2, 1), (3, 1), (4, 1), (5, 2), (2, 2)):
        assert _run(command, record) == -signal.SIGKILL
        assert [len(_package_keys(database)), _levels(database)] == [[2, [0, 0, 0]], [3, [0, 0, 0]], [3, [0, 1, 1]]][
            step
        ]
        assert await _opened(database, kms) == before
        await sequence(database, store)
        assert await _rebuilt(postgres_server, database_template, store, kms) == before
    assert _run(command, 0) == 0
    assert [key.rsplit("/", 2)[1] for key in _package_keys(database)] == ["mat", "none"]
    assert await _opened(database, kms) == before
    await sequence(database, store)
    assert await _rebuilt(postgres_server, database_template, store, kms) == before


def _run(command: list[str], record: int) -> int:
    return subprocess.run([*command, str(record)], check=False, timeout=110).returncode


def _package_keys(database: Database) -> list[str]:
    with psycopg.connect(database.admin_url) as owner:
        return [kek for (kek,) in owner.execute("SELECT kek FROM ingest.package_key ORDER BY kek").fetchall()]


def _levels(database: Database) -> list[int]:
    with psycopg.connect(database.admin_url) as owner:
        return [level for (level,) in owner.execute("SELECT level FROM ingest.component ORDER BY level").fetchall()]


async def _opened(database: Database, kms: FileKeyring) -> Mapping[UUID, bytes]:
    """Every component that has a key, with its key as it opens through its row, its package key and its KEK."""
    with psycopg.connect(database.admin_url) as owner:
        rows = owner.execute(
            "SELECT k.id, k.wrapped_key, p.kek, p.wrapped FROM ingest.component k"
            " LEFT JOIN ingest.package_key p ON p.package = k.origin AND p.level = k.level"
            " WHERE k.wrapped_key IS NOT NULL"
        ).fetchall()
    return {id_: unwrap_component_key(await kms.unwrap(kek, key), wrapped) for id_, wrapped, kek, key in rows}


async def _rebuilt(
    server: RunningPostgres, template: str, store: FolderStore, kms: FileKeyring
) -> Mapping[UUID, bytes]:
    """The same in a database that is restored from the store alone."""
    made = clone(server, template)
    try:
        await restore_log(made, store)
        rebuilt = await rebuild_ingest(made, store, kms)
        assert (rebuilt.restored, rebuilt.refused) == (2, ())
        return await _opened(made, kms)
    finally:
        with psycopg.connect(server.url_for("postgres", "postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {made.name} WITH (FORCE)".encode())
