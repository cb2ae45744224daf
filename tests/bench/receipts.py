"""From the last part to the receipt, with many packages sealing at once, and how fast the sequencer numbers events.

All packages are declared first; then each one's only part is sent, from many connections at once. A package's time runs
from the moment its client knows that no part is missing (the last part's answer, and one question after it) to the one
at which a checkpoint that covers its seal event was signed: from then on the receipt can be had. A sample of them also fetches the receipt, by one waiting request, and checks its proof.
"""

from __future__ import annotations

import itertools
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg

from deploy.onebox.console import Console
from deploy.onebox.signals import Signals
from deploy.onebox.stack import OneBox, StoreName
from deploy.onebox.state import StateFolder
from services.agency import Gateway, Profile, keys
from services.agency.manifests import declare
from services.agency.observing import Silent, Stage
from services.agency.receipts import parse_log_key, verify_receipt
from services.agency.session import Session
from services.agency.state import State
from services.agency.upload import Opened, Upload
from services.agency.wire import Wire
from services.kernel.layout import MIB
from tests.bench.measuring import Comparison, Figure
from tests.support.deliveries import make_delivery

_CONNECTIONS = 16
_SAMPLE = 25  # a package in so many also fetches its receipt
_EVENTS = 40_000
_BATCH = 1_000
_PATIENCE = 300.0

_COVERED = """
SELECT extract(epoch FROM (SELECT min(signed_at) FROM journal.checkpoint WHERE size > place.index))
  FROM journal.event JOIN journal.place ON place.event = event.id
 WHERE event.event IS NOT NULL AND convert_from(event.event, 'UTF8')::jsonb @> jsonb_build_object('type', 'sealed', 'package', %s::text)
"""
_APPEND = (
    "SELECT journal.append(gen_random_uuid(), sha256(convert_to(n::text, 'UTF8')), convert_to('{\"type\":\"bench\"}', 'UTF8'))"
    " FROM generate_series(1, %s) AS n"
)


@dataclass(slots=True)
class _Sent:
    """A package whose last part was answered at `at` (POSIX seconds); `fetched` after so many seconds, if it did."""

    package: str
    at: float
    fetched: float | None = None


def measure(kind: StoreName, where: Path | None, scale: float) -> Iterator[Comparison]:
    """Start everything, seal many packages at once, then number many events."""
    count = max(50, int(1_000 * scale))
    with tempfile.TemporaryDirectory(prefix="nopluu-bench-", dir=where) as folder:
        state = StateFolder(Path(folder) / "state")
        try:
            with OneBox(state, Console(), Signals(), store=kind) as box:
                box.start()
                yield _receipts(box, Path(folder), count)
                events = max(_BATCH, int(_EVENTS * scale))
                yield _sequenced(box, events, "nothing else running")
                with _uploading(box, Path(folder)) as sent:
                    yield _sequenced(box, events, "while uploads run", sent)
        finally:
            state.close()


def _receipts(box: OneBox, folder: Path, count: int) -> Comparison:
    profile = replace(box.profile("agency"), state_dir=folder / "sdk", path=None)
    wire = Wire(profile, connections=_CONNECTIONS + 4)
    session = Session(
        wire,
        gateway=profile.gateway,
        client_id=str(profile.client_id),
        key=keys.load(profile.key_file),
        observer=Silent(),
        language="en",
        stop=threading.Event(),
    )
    log_keys = [parse_log_key(key) for key in profile.log_keys]
    uploads = _declared(profile, session, folder, count)

    def send(numbered: tuple[int, tuple[Upload, Opened]]) -> _Sent:
        number, (upload, opened) = numbered
        upload.send(opened)
        sent = _Sent(opened.package, time.time())
        if number % _SAMPLE == 0:
            verify_receipt(upload.receipt(opened, patience=_PATIENCE), log_keys)
            sent.fetched = time.time() - sent.at
        return sent

    try:
        started = time.time()
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            sent = list(pool.map(send, enumerate(uploads)))
        covered = _covered(box, sent)
    finally:
        wire.close()
    waited = [covered[entry.package] - entry.at for entry in sent]
    fetched = [entry.fetched for entry in sent if entry.fetched is not None]
    rate = count / (max(covered.values()) - started)
    figures = [
        ("covered by a checkpoint, median", statistics.median(waited)),
        ("covered by a checkpoint, 99 of 100", _high(waited)),
        ("receipt fetched and proved, median", statistics.median(fetched)),
        ("receipt fetched and proved, 99 of 100", _high(fetched)),
    ]
    title = (
        f"Last part to receipt: {count:,} packages at once, {rate:,.1f} packages/s from first part to last checkpoint"
    )
    return Comparison(title, "seconds", tuple(Figure(name, (max(value, 0.001),)) for name, value in figures))


def _declared(profile: Profile, session: Session, folder: Path, count: int) -> list[tuple[Upload, Opened]]:
    """All packages, each of one file, declared and without any part."""
    state = State(profile.state)
    try:
        with Gateway(profile, look=False) as gateway:
            dossiers = []
            for seed in range(count):
                made = make_delivery(folder / f"package-{seed}", files=1, size=4096, seed=500_000 + seed)
                dossiers += [dossier for found in gateway.read_folder(made.folder) for dossier in found.dossiers]
        prepared = [
            declare(dossier, submitter=profile.creator or dossier.creator, state=state, advance=lambda amount: None)
            for dossier in dossiers
        ]
    finally:
        state.close()
    uploads = [
        Upload(session, declared, Silent(), jobs=1, part_size=MIB, pace=lambda amount: None) for declared in prepared
    ]
    with ThreadPoolExecutor(_CONNECTIONS // 2) as pool:
        return list(zip(uploads, pool.map(Upload.open, uploads), strict=True))


def _covered(box: OneBox, sent: Sequence[_Sent]) -> dict[str, float]:
    """When a checkpoint that covers it was signed, for every package. Waits until all are."""
    found: dict[str, float] = {}
    deadline = time.monotonic() + _PATIENCE
    with psycopg.connect(box.postgres.admin_url, autocommit=True) as connection:
        while len(found) < len(sent):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{len(sent) - len(found)} packages have no receipt")
            for entry in sent:
                if entry.package not in found:
                    row = connection.execute(_COVERED, (entry.package,)).fetchone()
                    if row is not None and row[0] is not None:
                        found[entry.package] = float(row[0])
            time.sleep(0.5)
    return found


class _Counting(Silent):
    """Counts the payload's bytes as they leave."""

    def __init__(self) -> None:
        self.bytes = 0

    def advance(self, label: str, stage: Stage, amount: int) -> None:
        if stage == "upload":
            self.bytes += amount


@contextmanager
def _uploading(box: OneBox, folder: Path) -> Iterator[_Counting]:
    """Deliveries of large files pushed one after another, four parts at once."""
    profile = replace(box.profile("agency"), state_dir=folder / "sdk-uploading", path=None)
    done = _Counting()
    started, stop = threading.Event(), threading.Event()

    def push() -> None:
        with Gateway(profile, look=False, part_size=16 * MIB, observer=done) as gateway:
            for seed in itertools.count(900_000):
                made = make_delivery(folder / f"uploading-{seed}", files=4, size=16 * MIB, seed=seed)
                for outcome in gateway.push_folder(made.folder):
                    if outcome.state != "sealed":
                        raise RuntimeError("an upload beside the sequencer failed")
                shutil.rmtree(made.folder)
                started.set()
                if stop.is_set():
                    return

    with ThreadPoolExecutor(1) as pool:
        pushing = pool.submit(push)
        try:
            started.wait(_PATIENCE)
            yield done
        finally:
            stop.set()
            pushing.result(_PATIENCE)


def _sequenced(box: OneBox, count: int, circumstances: str, sent: _Counting | None = None) -> Comparison:
    """Events per second, from the first one appended to the checkpoint that covers the last."""
    already = sent.bytes if sent else 0
    with (
        psycopg.connect(box.postgres.url_for("nopluu_ingest"), autocommit=True) as writer,
        psycopg.connect(box.postgres.admin_url, autocommit=True) as reader,
    ):
        before = _one(reader, "SELECT coalesce(max(size), 0) FROM journal.checkpoint")
        started = time.perf_counter()
        for _ in range(0, count, _BATCH):
            writer.execute(_APPEND, (_BATCH,))
        appended = time.perf_counter() - started
        goal = before + -(-count // _BATCH) * _BATCH
        while _one(reader, "SELECT coalesce(max(size), 0) FROM journal.checkpoint") < goal:
            if time.perf_counter() - started > _PATIENCE:
                raise RuntimeError("the sequencer does not keep up")
            time.sleep(0.02)
        covered = time.perf_counter() - started
    figures = (Figure("appended", (count / appended,)), Figure("numbered, signed and published", (count / covered,)))
    beside = f", {(sent.bytes - already) / covered / MIB:,.1f} MiB/s uploaded beside" if sent else ""
    return Comparison(f"Sequencer: {count:,} events, {circumstances}{beside}", "events/s", figures)


def _one(connection: psycopg.Connection[tuple[object, ...]], query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    return int(str(row[0])) if row is not None else 0


def _high(values: Sequence[float]) -> float:
    """The value that 99 of 100 stay below or at."""
    return sorted(values)[max(0, -(-len(values) * 99 // 100) - 1)]
