"""kill -9 at every step of the sequencer: nothing is signed twice differently, no event is lost, every receipt verifies."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.journal.auditing import audit
from services.kernel.tlog.checkpoints import Checkpoint, open_checkpoint
from services.kernel.tlog.notes import LogSigner
from services.kernel.tlog.receipts import verify_receipt
from services.kernel.tlog.tiles import consistency_path, tiles_for_consistency
from services.kernel.tlog.tree import verify_consistency
from services.runtime import journal
from services.runtime.database import create_engine, transaction
from services.runtime.object_store.port import ObjectMissing
from tests.faults.sequencer_child import ORIGIN, SEED, STEPS
from tests.support.folder_store import FolderStore
from tests.support.postgres import Database

EVENTS = 600
KEYS = [LogSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(SEED)).verifier]


def sequence(database: Database, folder: Path, step: str = "none", occurrence: int = 1) -> int:
    command = [sys.executable, "-m", "tests.faults.sequencer_child", database.url_for("nopluu_journal"), str(folder)]
    return subprocess.run([*command, step, str(occurrence)], check=False, timeout=60).returncode


@pytest.mark.parametrize("step", STEPS)
async def test_a_sequencer_killed_at_any_step_goes_on_truthfully(database: Database, tmp_path: Path, step: str) -> None:
    engine = create_engine(database.url_for("nopluu_ingest"), application_name="test")
    async with transaction(engine) as connection:
        ids = [await journal.append(connection, b'{"type":"sealed"}') for _ in range(EVENTS)]
    killed, published = 0, list[Checkpoint]()
    for occurrence in (1, 2, 3, 5, 7):
        killed += sequence(database, tmp_path, step, occurrence) == -signal.SIGKILL
        published += await checkpoint_in(tmp_path)
    assert killed >= 2
    assert sequence(database, tmp_path) == 0
    published += await checkpoint_in(tmp_path)
    last, store = published[-1], FolderStore(tmp_path)
    assert last.size == EVENTS
    for earlier in [*published, *signed_in(database)]:
        tiles = {tile: await journal.read_tile(store, tile) for tile in tiles_for_consistency(earlier.size, last.size)}
        path = consistency_path(earlier.size, last.size, tiles)
        verify_consistency(earlier.size, last.size, earlier.root, last.root, path)
    indexes = set()
    async with transaction(engine) as connection:
        for event in ids[:: EVENTS // 40]:
            receipt = await journal.receipt(connection, store, event)
            assert receipt is not None
            indexes.add(verify_receipt(receipt, KEYS).index)
    assert len(indexes) == len(ids[:: EVENTS // 40])
    await engine.dispose()
    sequencer = create_engine(database.url_for("nopluu_journal"), application_name="test")
    async with sequencer.connect() as connection:
        found = await audit(connection, store, KEYS)
    await sequencer.dispose()
    assert (found.leaves, found.events, found.faults) == (EVENTS, EVENTS, ())


async def checkpoint_in(folder: Path) -> list[Checkpoint]:
    """What the world can see at this moment; a list, because there may be nothing yet."""
    try:
        note = await FolderStore(folder).get(journal.CHECKPOINT)
    except ObjectMissing:
        return []
    return [open_checkpoint(note.decode(), KEYS).checkpoint]


def signed_in(database: Database) -> list[Checkpoint]:
    with psycopg.connect(database.admin_url) as connection:
        notes = connection.execute("SELECT note FROM journal.checkpoint ORDER BY size").fetchall()
    return [open_checkpoint(note, KEYS).checkpoint for (note,) in notes]
