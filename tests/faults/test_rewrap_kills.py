"""kill -9 in the middle of a re-wrapping: no key is lost, none is half done, and the next run goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

from services.ingest.adapters.key_rows import SqlKeyLedger
from services.ingest.adapters.world import SystemWorld
from services.ingest.usecases.rotate_kek import rotate_kek
from services.kernel.identifiers import FondsId
from services.kernel.sealing.keys import kek_name, kek_version
from services.kernel.secrecy import Level
from services.runtime.database import create_engine
from services.runtime.jobs import Tasks
from services.runtime.kms.keyring import FileKeyring
from tests.support.key_rows import fill, rows
from tests.support.postgres import Database

KEYS = 1000  # twenty batches


async def test_a_rewrapping_killed_again_and_again_ends_with_every_key(database: Database, tmp_path: Path) -> None:
    keyring = tmp_path / "keyring.json"
    kms = FileKeyring(keyring, environment="development")
    kek = kek_name(FondsId(uuid4()), Level.NONE, 2026)
    known = await fill(database.admin_url, kms, kek, KEYS)
    engine = create_engine(database.url_for("nopluu_ingest"), application_name="test", pool_size=2)
    ledger = SqlKeyLedger(engine, Tasks("ingest_queue"))
    assert await rotate_kek(kek, ledger=ledger, kms=kms, world=SystemWorld()) == 2
    await engine.dispose()
    command = [sys.executable, "-m", "tests.faults.rewrap_child", database.url_for("nopluu_ingest"), str(keyring), kek]
    done = [0]
    for batch in (1, 2, 3, 4, 5, 2):
        assert _run(command, batch) == -signal.SIGKILL
        found = rows(database.admin_url)
        assert len(found) == KEYS
        assert await kms.unwrap_many(kek, [found[package] for package in known]) == list(known.values())
        done.append(sum(kek_version(wrapped) == 2 for wrapped in found.values()))
    assert done == [0, 0, 100, 200, 400, 600, 700]  # an odd batch dies before its rows, an even one after them
    assert _run(command, 0) == 0
    found = rows(database.admin_url)
    assert {kek_version(wrapped) for wrapped in found.values()} == {2}
    assert await kms.unwrap_many(kek, [found[package] for package in known]) == list(known.values())


def _run(command: list[str], batch: int) -> int:
    return subprocess.run([*command, str(batch)], check=False, timeout=110).returncode
