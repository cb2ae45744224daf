"""A new version of a package of many small files, of which one changed: what travels, and how long both take.

Declared, sent and receipted by the SDK over HTTPS, both versions alike; the SDK hashes only what it has not hashed.
Fails unless the new version moves one part and no byte of another file.
"""

from __future__ import annotations

import json
import random
import shutil
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
from services.agency.upload import DEFAULT_PART
from tests.bench.measuring import Comparison, Figure
from tests.support.deliveries import make_delivery

_FILES = 10_000
_SIZE = 10 * 1024
_PER_DOCUMENT = 10


@dataclass(frozen=True, slots=True)
class _Moved:
    """What one version took."""

    package: str
    parts: int
    size: int
    seconds: float


class _Parts(Silent):
    """Counts parts and their bytes as the gateway takes them."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def advance(self, label: str, stage: Stage, amount: int) -> None:
        if stage == "upload":
            self.sizes.append(amount)


def measure(kind: StoreName, where: Path | None, rounds: int, scale: float) -> Iterator[Comparison]:
    """Parts, bytes and seconds of both versions."""
    files = max(100, int(_FILES * scale))
    with tempfile.TemporaryDirectory(prefix="nopluu-bench-", dir=where) as folder:
        state = StateFolder(Path(folder) / "state")
        try:
            with OneBox(state, Console(), Signals(), store=kind) as box:
                box.start()
                profile = replace(box.profile("agency"), state_dir=Path(folder) / "sdk", path=None)
                pairs = [_both(profile, Path(folder), files, seed) for seed in range(1, rounds + 1)]
        finally:
            state.close()
    for unit, value in (
        ("parts", lambda moved: float(moved.parts)),
        ("KiB", lambda moved: moved.size / 1024),
        ("seconds", lambda moved: moved.seconds),
    ):
        yield Comparison(
            f"Superseding: {files:,} files of 10 KiB in parts of {DEFAULT_PART // 2**20} MiB, one file changed",
            unit,
            (
                Figure("first version", tuple(value(first) for first, _ in pairs)),
                Figure("superseding version", tuple(value(second) for _, second in pairs)),
            ),
        )


def _both(profile: Profile, folder: Path, files: int, seed: int) -> tuple[_Moved, _Moved]:
    delivery = make_delivery(folder / f"{seed}", files=files, size=_SIZE, seed=seed, per_document=_PER_DOCUMENT)
    first = _pushed(profile, delivery.folder)
    changed = delivery.files[files // 2]
    changed.write_bytes(changed.read_bytes()[: _SIZE // 2] + random.Random(seed).randbytes(_SIZE // 2))  # noqa: S311 - bytes that repeat
    description = delivery.folder / "ho-so.json"
    stated = json.loads(description.read_text("utf-8"))
    description.write_text(json.dumps(stated | {"supersedes": first.package}, ensure_ascii=False), "utf-8")
    second = _pushed(profile, delivery.folder)
    if (second.parts, second.size) != (1, _SIZE) or second.package == first.package:
        raise RuntimeError(f"one changed file of {_SIZE} bytes moved {second.parts} parts, {second.size} bytes")
    shutil.rmtree(delivery.folder)
    return first, second


def _pushed(profile: Profile, folder: Path) -> _Moved:
    watch = _Parts()
    started = time.perf_counter()
    with Gateway(profile, look=False, observer=watch) as gateway:
        [outcome] = list(gateway.push_folder(folder))
    if outcome.receipt is None or outcome.package is None:
        raise RuntimeError(f"no receipt: {outcome.error}")
    return _Moved(outcome.package, len(watch.sizes), sum(watch.sizes), time.perf_counter() - started)
