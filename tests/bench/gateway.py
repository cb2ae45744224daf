"""The whole gateway over HTTPS, driven by the SDK: signature, nonce, rows, hashes, encryption, store, receipt.

All processes of `make run` and the client share this machine. "parts on their way" is the time in which parts travel;
"declaration to receipt" is everything an agency waits for, its own hashing of the files and the proof of the receipt
included. The SDK of MinIO, which does none of this, writes the same files to the same store.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from deploy.onebox.console import Console
from deploy.onebox.signals import Signals
from deploy.onebox.stack import OneBox, StoreName
from deploy.onebox.state import StateFolder
from services.agency import Gateway, Profile
from services.agency.observing import Silent, Stage
from tests.bench.measuring import Comparison, Timed, compare
from tests.bench.ways import MIB, put_objects
from tests.support.deliveries import Synthetic, make_delivery

SDK_THREADS = 8


@dataclass(frozen=True, slots=True)
class Load:
    """One kind of dossier, and how it is sent."""

    title: str
    unit: str
    files: int
    size: int
    jobs: int
    part: int
    sdk_threads: int

    @property
    def amount(self) -> float:
        """MB, or files."""
        return self.files * self.size / 1e6 if self.unit == "MB/s" else self.files


def loads(scale: float) -> list[Load]:
    """Large files by the megabyte, small ones by the piece."""
    large = max(2, int(16 * scale))
    return [
        Load(f"{large} files of 16 MiB, 1 connection", "MB/s", large, 16 * MIB, 1, 16 * MIB, 1),
        Load(f"{large} files of 16 MiB, 4 connections", "MB/s", large, 16 * MIB, 4, 16 * MIB, 4),
        Load("files of 10 KiB", "files/s", max(20, int(5_000 * scale)), 10 * 1024, 4, 8 * MIB, SDK_THREADS),
        Load("files of 100 KiB", "files/s", max(20, int(2_000 * scale)), 100 * 1024, 4, 8 * MIB, SDK_THREADS),
    ]


class _Watch(Silent):
    """Notes when the parts began to travel and when the last one had arrived."""

    def __init__(self) -> None:
        self.travelled = 0.0
        self._since = 0.0

    def stage(self, label: str, stage: Stage, total: int) -> None:
        if stage == "upload":
            self._since = time.perf_counter()
        elif stage == "receipt" and self._since:
            self.travelled += time.perf_counter() - self._since
            self._since = 0.0


def measure(kind: StoreName, where: Path | None, rounds: int, scale: float) -> Iterator[Comparison]:
    """Start everything, push each load anew in each round, compare."""
    with tempfile.TemporaryDirectory(prefix="nopluu-bench-", dir=where) as folder:
        state = StateFolder(Path(folder) / "state")
        try:
            with OneBox(state, Console(), Signals(), store=kind) as box:
                box.start()
                for number, load in enumerate(loads(scale)):
                    yield _compare(box, load, Path(folder) / f"load-{number}", rounds, first_seed=1000 * (number + 1))
        finally:
            state.close()


def _compare(box: OneBox, load: Load, folder: Path, rounds: int, first_seed: int) -> Comparison:
    profile = replace(box.profile("agency"), state_dir=folder / "sdk", path=None)
    made = iter(
        [
            make_delivery(folder / f"{seed}", files=load.files, size=load.size, seed=seed)
            for seed in range(first_seed, first_seed + rounds + 1)
        ]
    )
    objects = [
        path.read_bytes()
        for path in make_delivery(folder / "sdk-files", files=load.files, size=load.size, seed=1).files
    ]
    watch = _Watch()

    def sdk() -> Timed:
        put_objects(box.store.settings, objects, load.sdk_threads)
        return Timed(load.amount)

    def whole() -> Timed:
        watch.travelled = 0.0
        _push(profile, next(made), load, watch)
        return Timed(load.amount)

    def parts() -> Timed:  # of the push that `whole` has just made
        return Timed(load.amount, watch.travelled)

    return compare(
        f"Gateway: {load.title}" if load.unit == "MB/s" else f"Gateway: {load.files:,} {load.title}",
        load.unit,
        {"minio-py put_object, plain": sdk, "declaration to receipt": whole, "parts on their way": parts},
        rounds=rounds,
        others={"ingest": box.child("ingest").pid, "store": box.child(box.store_name).pid},
    )


def _push(profile: Profile, delivery: Synthetic, load: Load, watch: _Watch) -> None:
    with Gateway(profile, look=False, observer=watch, jobs=load.jobs, part_size=load.part) as gateway:
        for outcome in gateway.push_folder(delivery.folder):
            if outcome.receipt is None:
                raise RuntimeError(f"no receipt: {outcome.error}")
