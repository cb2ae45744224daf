"""The real sequencer process on a real store: killed again and again under load, with another one standing by."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import socket as sockets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy.ext.asyncio import AsyncEngine

from services.journal.auditing import audit
from services.journal.main import REFUSED
from services.kernel.tlog.checkpoints import Checkpoint, open_checkpoint
from services.kernel.tlog.notes import LogSigner
from services.kernel.tlog.receipts import verify_receipt
from services.kernel.tlog.tiles import consistency_path, tiles_for_consistency
from services.kernel.tlog.tree import verify_consistency
from services.runtime import journal
from services.runtime.database import create_engine, transaction
from services.runtime.object_store.port import ObjectMissing
from services.runtime.object_store.s3 import S3Settings, S3Store
from tests.support.components import took_part
from tests.support.postgres import Database
from tests.support.stores import running_store

ORIGIN = "nopluu.example/log"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEYS = [LogSigner(ORIGIN, KEY).verifier]
KILLS = 4


@dataclass
class Place:
    """What a sequencer process is told."""

    database: Database
    store: S3Settings
    folder: Path

    def start(self, name: str) -> subprocess.Popen[bytes]:
        key, url = self.folder / "log.pem", self.folder / "url"
        key.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        url.write_text(self.database.url_for("nopluu_journal"))
        told = {
            "ENVIRONMENT": "development",
            "DATABASE_URL_FILE": str(url),
            "ADMIN_LISTEN": f"unix:{self.folder / name}.sock",
            "LOG_ORIGIN": ORIGIN,
            "LOG_KEY_FILE": str(key),
            "STORE_ENDPOINT": self.store.endpoint,
            "STORE_BUCKET": self.store.bucket,
            "STORE_ACCESS_KEY_FILE": str(self.store.access_key_file),
            "STORE_SECRET_KEY_FILE": str(self.store.secret_key_file),
            "STORE_FILER": self.store.filer or "",
        }
        environment = {**os.environ, **{f"NOPLUU_{word}": value for word, value in told.items()}}
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "services.journal.main"], env=environment, stdout=log, stderr=log
            )


@pytest.fixture(scope="module")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Settings]:
    with running_store("seaweedfs", tmp_path_factory.mktemp("seaweedfs")) as running:
        took_part("SeaweedFS", "the log under kill -9")
        yield running.settings


@pytest.fixture
def place(database: Database, seaweedfs: S3Settings, tmp_path: Path) -> Place:
    return Place(database, seaweedfs, tmp_path)


@pytest.fixture
async def store(place: Place) -> AsyncIterator[S3Store]:
    made = S3Store(place.store)
    async for entry in made.list(journal.PREFIX):
        await made.delete(entry.name)
    yield made
    await made.close()


async def test_no_receipt_is_lost_and_the_log_never_forks(place: Place, store: S3Store) -> None:
    engine = create_engine(place.database.url_for("nopluu_ingest"), application_name="test")
    stop = asyncio.Event()
    ids: list[UUID] = []
    appending = asyncio.create_task(_append(engine, stop, ids))
    processes = [place.start("first"), place.start("second")]
    seen: list[Checkpoint] = []
    try:
        for round_ in range(KILLS):
            await _grown(store, seen)
            await asyncio.sleep(0.13 * round_)
            processes[round_ % 2].kill()  # one of the two is active: sometimes it is hit, sometimes the other
            processes[round_ % 2].wait()
            processes[round_ % 2] = place.start("first" if round_ % 2 == 0 else "second")
        await _grown(store, seen)
        stop.set()
        await appending
        begun = time.monotonic()
        async with asyncio.timeout(30), transaction(engine) as connection:
            while (receipt := await journal.receipt(connection, store, ids[-1])) is None:  # noqa: ASYNC110 - polled
                await asyncio.sleep(0.05)
        assert time.monotonic() - begun < 20
        proven = verify_receipt(receipt, KEYS)
        seen.append(proven.signed.checkpoint)
        await _consistent(store, seen)
        indexes = []
        async with transaction(engine) as connection:
            for event in ids[::37]:
                found = await journal.receipt(connection, store, event)
                assert found is not None
                indexes.append(verify_receipt(found, KEYS).index)
        assert len(set(indexes)) == len(indexes)
    finally:
        stop.set()
        for process in processes:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(15)
            process.kill()
            process.wait()
        await appending
        await engine.dispose()
    assert [process.returncode for process in processes] == [0, 0]
    await _audited(place, store, len(ids))


async def test_an_altered_log_ends_the_process_and_says_what_to_do(place: Place, store: S3Store) -> None:
    engine = create_engine(place.database.url_for("nopluu_ingest"), application_name="test")
    async with transaction(engine) as connection:
        for _ in range(5):
            await journal.append(connection, b"{}")
    await engine.dispose()
    process = place.start("first")
    try:
        await _grown(store, [])
        await asyncio.to_thread(_until_ready, place.folder / "first.sock")
    finally:
        process.terminate()
        assert process.wait(15) == 0
    with psycopg.connect(place.database.admin_url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("DELETE FROM journal.leaf WHERE index > 2")
    refused = place.start("first")
    try:
        assert await asyncio.to_thread(refused.wait, 30) == REFUSED
    finally:
        refused.kill()
        refused.wait()
    said = (place.folder / "first.log").read_text()
    assert "log-smaller-than-signed" in said
    assert "nopluu-admin journal restore" in said


async def _append(engine: AsyncEngine, stop: asyncio.Event, ids: list[UUID]) -> None:
    while not stop.is_set():
        async with transaction(engine) as connection:
            new = [await journal.append(connection, b'{"type":"sealed"}') for _ in range(20)]
        ids += new
        await asyncio.sleep(0.01)


async def _grown(store: S3Store, seen: list[Checkpoint]) -> None:
    """Wait for a checkpoint that is larger than any before."""
    async with asyncio.timeout(40):
        while True:
            with suppress(ObjectMissing):
                checkpoint = open_checkpoint((await store.get(journal.CHECKPOINT)).decode(), KEYS).checkpoint
                if checkpoint.size > (seen[-1].size if seen else 0):
                    seen.append(checkpoint)
                    return
            await asyncio.sleep(0.05)


async def _consistent(store: S3Store, seen: list[Checkpoint]) -> None:
    last = seen[-1]
    for earlier in seen[:-1]:
        needed = tiles_for_consistency(earlier.size, last.size)
        tiles = {tile: await journal.read_tile(store, tile) for tile in needed}
        path = consistency_path(earlier.size, last.size, tiles)
        verify_consistency(earlier.size, last.size, earlier.root, last.root, path)


async def _audited(place: Place, store: S3Store, events: int) -> None:
    engine = create_engine(place.database.url_for("nopluu_journal"), application_name="test")
    async with engine.connect() as connection:
        found = await audit(connection, store, KEYS)
    await engine.dispose()
    assert (found.leaves, found.events, found.faults) == (events, events, ())


def _until_ready(socket: Path) -> None:
    """The admin listener says that log, database and store are well."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection("localhost")
        connection.sock = sockets.socket(sockets.AF_UNIX)
        connection.sock.connect(str(socket))
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        body = json.loads(answer.read())
        connection.close()
        if answer.status == 200:
            assert body["checks"] == {"database": "ok", "rebuild": "ok", "store": "ok", "log": "ok"}
            return
        time.sleep(0.1)
    raise AssertionError("the sequencer did not become ready")
