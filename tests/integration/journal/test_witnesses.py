"""The sequencer and its witnesses: cosigned receipts, witnesses that are away or lie, and a fork that is refused."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from uuid import UUID

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.journal.duty import Duty
from services.journal.publication import Publication
from services.journal.refusing import LogRefused
from services.journal.sequencer import Sequencer
from services.journal.witnesses import Witnesses
from services.kernel.tlog.checkpoints import open_checkpoint
from services.kernel.tlog.notes import Note, WitnessSigner
from services.kernel.tlog.policy import parse_policy
from services.kernel.tlog.receipts import verify_receipt
from services.runtime.journal import CHECKPOINT, COSIGNED
from services.runtime.metrics import Metrics
from tests.support.postgres import Database
from tests.support.witnesses import Running, litewitness, own_witness

from .logs import SIGNER, Log, engine_of, event_bytes

KEYS = [SIGNER.verifier]
LIAR = Ed25519PrivateKey.from_private_bytes(b"l" * 32)


@pytest.fixture
def log(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Log:
    return Log(database, tmp_path_factory.mktemp("store"))


@asynccontextmanager
async def on_duty(log: Log, policy: str, metrics: Metrics | None = None) -> AsyncIterator[asyncio.Task[None]]:
    """A sequencer that numbers and is cosigned while the block runs."""
    stop = asyncio.Event()
    metrics = metrics or Metrics("journal")
    parsed = parse_policy(policy)
    publication = Publication(log.store)
    witnesses = Witnesses(parsed, KEYS, store=log.store, metrics=metrics)
    async with engine_of(log.database, "nopluu_journal") as engine:
        sequencer = Sequencer(SIGNER, [], publication=publication, now=_now, policy=parsed)
        duty = Duty(engine, sequencer, publication, metrics=metrics, witnesses=witnesses)
        running = asyncio.create_task(duty.run(stop))
        try:
            yield running
        finally:
            stop.set()
            await asyncio.gather(running, return_exceptions=True)
            await witnesses.close()


def _now() -> datetime:
    return datetime.now(UTC)


async def cosigned(log: Log, event: UUID, witness: Running, seconds: float = 20) -> bytes:
    """A receipt of the event under a checkpoint that the witness cosigned."""
    async with asyncio.timeout(seconds):
        while True:
            receipt = await log.receipt(event)
            if receipt is not None and verify_receipt(receipt, [*KEYS, witness.key]).signed.witnesses:
                return receipt
            await asyncio.sleep(0.02)


async def receipted(log: Log, event: UUID) -> bytes:
    async with asyncio.timeout(10):
        while (receipt := await log.receipt(event)) is None:  # noqa: ASYNC110 - another process would set nothing
            await asyncio.sleep(0.02)
        return receipt


@pytest.fixture(params=["own", "litewitness"])
def witness(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    starting = litewitness(SIGNER.verifier) if request.param == "litewitness" else own_witness(tmp_path / "w", KEYS[0])
    with starting as running:
        yield running


async def test_a_later_receipt_is_cosigned(log: Log, witness: Running) -> None:
    async with on_duty(log, witness.policy()):
        for count in (1, 300, 5):
            ids = await log.append_many(count)
            receipt = await cosigned(log, ids[-1], witness)
            verify_receipt(receipt, [*KEYS, witness.key], witnesses=1)
        shown = (await log.store.get(CHECKPOINT)).decode()
        assert open_checkpoint(shown, [*KEYS, witness.key]).witnesses == (witness.key,)
    # Another process knows nothing of the witness's state and learns it.
    async with on_duty(log, witness.policy()):
        (later,) = await log.append(event_bytes(1))
        await cosigned(log, later, witness)
    with psycopg.connect(log.database.admin_url) as connection:
        rows = connection.execute(
            "SELECT c.size, c.note, s.line FROM journal.cosignature s JOIN journal.checkpoint c USING (size)"
        ).fetchall()
    assert {row[0] for row in rows} >= {306, 307}
    for _, note, line in rows:
        assert open_checkpoint(f"{note}{line}\n", [*KEYS, witness.key]).witnesses == (witness.key,)


async def test_a_fork_is_refused_by_the_witness_and_alarmed(log: Log, witness: Running, tmp_path: Path) -> None:
    async with on_duty(log, witness.policy()):
        ids = await log.append_many(5)
        await cosigned(log, ids[-1], witness)
    # Whoever has the database, the store and the key writes another history of the same length, and more.
    _forget(log)
    fork = Log(log.database, tmp_path / "fork")
    metrics = Metrics("journal")
    async with on_duty(fork, witness.policy(), metrics) as running:
        ids = await fork.append_many(9)
        async with asyncio.timeout(20):
            while not (refuses := _value(metrics, "nopluu_log_witness_refuses")) and not running.done():  # noqa: ASYNC110 - a metric sets no event
                await asyncio.sleep(0.02)
        for name in (CHECKPOINT, COSIGNED):
            if await _exists(fork, name):
                note = (await fork.store.get(name)).decode()
                assert open_checkpoint(note, [*KEYS, witness.key]).witnesses == ()
    if running.done() and not running.cancelled() and running.exception() is not None:
        refused = running.exception()  # our own witness shows the evidence, signed by our key
        assert isinstance(refused, LogRefused)
        assert refused.code in ("log-smaller-than-signed", "log-inconsistent")
    else:
        assert refuses == 1


async def test_a_log_rolled_back_with_its_store_is_refused_before_it_signs(log: Log, tmp_path: Path) -> None:
    with own_witness(tmp_path / "w", KEYS[0]) as witness:
        async with on_duty(log, witness.policy()):
            ids = await log.append_many(5)
            await cosigned(log, ids[-1], witness)
        _forget(log)
        back = Log(log.database, tmp_path / "back")
        await back.append_many(2)
        async with on_duty(back, witness.policy()) as running:
            async with asyncio.timeout(20):
                await asyncio.wait([running])
        refused = running.exception()
        assert isinstance(refused, LogRefused)
        assert refused.code == "log-smaller-than-signed"
        assert "witness" in refused.text.en
        assert not await _exists(back, CHECKPOINT)


async def test_a_witness_that_is_away_delays_nothing_and_is_asked_again(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.journal.witnesses._RETRY_SECONDS", 0.2)
    with own_witness(tmp_path / "w", KEYS[0]) as witness:
        policy = witness.policy()
        port = int(witness.url.rpartition(":")[2])
    async with on_duty(log, policy):
        (event,) = await log.append(event_bytes(1))
        assert not verify_receipt(await receipted(log, event), [*KEYS, witness.key]).signed.witnesses
        with own_witness(tmp_path / "w", KEYS[0], port=port) as again:
            await cosigned(log, event, again)


async def test_a_witness_that_never_answers_delays_nothing(log: Log) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        key = WitnessSigner("silent.example/w", Ed25519PrivateKey.generate()).verifier
        async with on_duty(log, Running(key, f"http://127.0.0.1:{silent.getsockname()[1]}").policy()):
            await receipted(log, (await log.append(event_bytes(1)))[0])
            async with asyncio.timeout(2):
                await receipted(log, (await log.append(event_bytes(2)))[0])


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, lambda note: ""),
        (200, lambda note: "— silent.example/w AAAAAAAA\n"),
        (200, lambda note: f"{WitnessSigner('liar.example/w', LIAR).cosign(note + 'more', 1)}\n"),
        (409, lambda note: "999999\n"),
        (409, lambda note: "x\n"),
        (422, lambda note: "no\n"),
        (302, lambda note: ""),
    ],
)
async def test_a_witness_that_lies_stops_nothing(log: Log, status: int, answer: Callable[[str], str]) -> None:
    key = WitnessSigner("liar.example/w", LIAR).verifier
    metrics = Metrics("journal")
    with _lying(status, answer) as url:
        async with on_duty(log, Running(key, url).policy(), metrics) as running:
            (event,) = await log.append(event_bytes(1))
            async with asyncio.timeout(20):
                while _value(metrics, "nopluu_log_witness_refuses") != 1:  # noqa: ASYNC110 - a metric sets no event
                    await asyncio.sleep(0.02)
            (later,) = await log.append(event_bytes(2))
            for entry in (event, later):
                assert not verify_receipt(await receipted(log, entry), [*KEYS, key]).signed.witnesses
            assert not running.done()
    assert not await _exists(log, COSIGNED)


@contextmanager
def _lying(status: int, answer: Callable[[str], str]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            data = answer(Note.parse(body.partition("\n\n")[2]).text).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            # Evidence that our key did not sign.
            data = json.dumps({"size": 999999}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def _forget(log: Log) -> None:
    tables = "cosignature, checkpoint, place, pending, leaf, event"
    with psycopg.connect(log.database.admin_url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(f"TRUNCATE {', '.join(f'journal.{name}' for name in tables.split(', '))}".encode())


def _value(metrics: Metrics, name: str) -> float | None:
    return metrics.registry.get_sample_value(name, {"witness": "w"})


async def _exists(log: Log, name: str) -> bool:
    return [entry async for entry in log.store.list(name) if entry.name == name] != []
