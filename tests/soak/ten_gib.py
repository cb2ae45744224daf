"""A component of 10 GiB through the whole gateway: pushed by the SDK, then read back in ranges, in flat memory.

The source is sparse but for islands of random bytes, so that it takes no disk and a range that is not the one asked
for is noticed; the store keeps all of it, sealed. Memory is sampled from the processes themselves while they work.
"""

from __future__ import annotations

import hashlib
import os
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urljoin
from uuid import UUID

from deploy.onebox.console import Console
from deploy.onebox.signals import Signals
from deploy.onebox.stack import OneBox
from deploy.onebox.state import StateFolder
from services.agency import Gateway, Profile, keys
from services.agency.observing import Silent, Stage
from services.agency.session import Session
from services.agency.wire import Wire
from tests.soak.resident import Resident
from tests.support.deliveries import describe
from tests.support.stack import eventually

MIB = 1024 * 1024
GIB = 1024 * MIB
SIZE = 10 * GIB
PART = 16 * MIB
CONNECTIONS = 4
ISLAND = 64 * 1024
ISLANDS = 512
RANGES = 400
LONG = 8  # one range is this fraction of the component
FLAT = 64 * MIB  # what a process may still grow by once it is warm
_SPARE = 4 * GIB


@dataclass(frozen=True, slots=True)
class Source:
    """The folder to push, its one file, and where the islands are."""

    folder: Path
    file: Path
    size: int
    islands: tuple[int, ...]


class Stages(Silent):
    """When each stage began, and what the processes held when half of the parts had left."""

    def __init__(self, total: int, resident: Resident) -> None:
        self.began: dict[str, float] = {}
        self._left = total // 2
        self._resident = resident

    def stage(self, label: str, stage: Stage, total: int) -> None:
        self.began.setdefault(stage, time.perf_counter())
        if stage == "upload":
            self._resident.phase("upload, first half")
        elif stage == "receipt":
            self._resident.phase("receipt")

    def advance(self, label: str, stage: Stage, amount: int) -> None:
        if stage == "upload" and self._left > 0:
            self._left -= amount
            if self._left <= 0:
                self._resident.phase("upload, second half")


def measure(scale: float) -> dict[str, object]:
    """Rates of each stage and the memory of the client, ingest and its worker."""
    size = round(SIZE * scale)
    if size < GIB // 4:
        raise ValueError("below a fortieth of the size nothing is shown: SCALE=0.025 or more")
    with tempfile.TemporaryDirectory(prefix="nopluu-soak-") as name:
        folder = Path(name)
        _require_space(folder, size)
        state = StateFolder(folder / "state")
        try:
            with OneBox(state, Console(), Signals(), store="seaweedfs") as box:
                box.start()
                processes = {"client": os.getpid()} | {
                    process: box.child(process).pid for process in ("ingest", "ingest-worker")
                }
                with Resident(processes) as resident:
                    return _measure(box, folder, size, resident)
        finally:
            state.close()


def _measure(box: OneBox, folder: Path, size: int, resident: Resident) -> dict[str, object]:
    source = _sparse(folder / "delivery", size)
    profile = replace(box.profile("agency"), state_dir=folder / "sdk", path=None)
    stages = Stages(size, resident)
    resident.phase("hash")
    with Gateway(profile, observer=stages, jobs=CONNECTIONS, part_size=PART, patience=7200) as gateway:
        [outcome] = list(gateway.push_folder(source.folder))
        sealed = time.perf_counter()
        assert outcome.receipt is not None, outcome.error
        assert outcome.package is not None
    resident.phase("ranges")
    with _session(profile) as session:
        ranges = _ranges(session, outcome.package, source)
    resident.phase("after")
    for name in resident.names:
        first, second = (resident.peak(name, f"upload, {half} half") for half in ("first", "second"))
        assert second - first < FLAT, f"{name} grew from {first} to {second} bytes while parts travelled"
    began = stages.began
    return {
        "component_gib": round(size / GIB, 2),
        "source_mib_on_disk": round(source.file.stat().st_blocks * 512 / MIB, 1),
        "hash_mib_s": _rate(size, began["server-check"] - began["hash"]),
        "upload_mib_s": _rate(size, began["receipt"] - began["upload"]),
        "upload_seconds": round(began["receipt"] - began["upload"], 1),
        "receipt_seconds": round(sealed - began["receipt"], 1),
        "ranges": ranges,
        "resident_mib": resident.table(),
    }


def _sparse(folder: Path, size: int) -> Source:
    folder.mkdir()
    file = folder / "phim-tai-lieu.mp4"
    chance = random.Random(size)  # noqa: S311 - bytes that repeat, not secrets
    islands = sorted({0, size - ISLAND, *(chance.randrange(size - ISLAND) for _ in range(ISLANDS))})
    with file.open("wb") as stream:
        stream.truncate(size)
        for place in islands:
            stream.seek(place)
            stream.write(chance.randbytes(ISLAND))
    describe(folder, [file], 10_000, 1)
    return Source(folder, file, size, tuple(islands))


@contextmanager
def _session(profile: Profile) -> Iterator[Session]:
    wire = Wire(profile, connections=2)
    yield Session(
        wire,
        gateway=profile.gateway,
        client_id=str(profile.client_id),
        key=keys.load(profile.key_file),
        observer=Silent(),
        language="en",
    )
    wire.close()


def _ranges(session: Session, package: str, source: Source) -> dict[str, object]:
    """Ranges all over the component, most across an island's border, and one long one; each compared with the source."""
    component = _component(session, package)
    chance = random.Random(1)  # noqa: S311
    began, asked = time.perf_counter(), 0
    for number in range(RANGES):
        length = chance.choice((100, 100 * 1024, MIB, 4 * MIB))
        near = chance.choice(source.islands) if number % 4 else chance.randrange(source.size)
        first = min(max(0, near - length // 2), source.size - length)
        assert _read(session, component, first, length) == _digest(source.file, first, length)
        asked += length
    short = time.perf_counter() - began
    first, length = source.size // 3, source.size // LONG
    began = time.perf_counter()
    assert _read(session, component, first, length) == _digest(source.file, first, length)
    return {
        "count": RANGES,
        "a_second": round(RANGES / short, 1),
        "mib_s": _rate(asked, short),
        "long_mib": round(length / MIB),
        "long_mib_s": _rate(length, time.perf_counter() - began),
    }


def _component(session: Session, package: str) -> UUID:
    origins = session.endpoints()
    plan = session.request("GET", f"{origins.ingest}/v1/packages/{package}/plan").json()["components"]
    assert isinstance(plan, list)
    [[component, *_]] = plan
    address = f"{origins.catalog}/v1/packages/{package}"
    eventually(lambda: session.request("GET", address).status == 200, seconds=120, pause=0.5)
    return UUID(component)


def _read(session: Session, component: UUID, first: int, length: int) -> str:
    """The digest of a range, asked for as any client does: catalog's grant, then ingest."""
    catalog = session.endpoints().catalog
    with session.download(f"{catalog}/v1/components/{component}") as granted:
        location = urljoin(catalog, granted.headers["location"])
    digest, found = hashlib.sha256(), 0
    with session.download(location, span=(first, first + length - 1)) as answer:
        assert answer.status == 206
        for chunk in answer.chunks():
            digest.update(chunk)
            found += len(chunk)
    assert found == length
    return digest.hexdigest()


def _digest(file: Path, first: int, length: int) -> str:
    digest = hashlib.sha256()
    with file.open("rb", buffering=0) as stream:
        stream.seek(first)
        while length:
            chunk = stream.read(min(MIB, length))
            digest.update(chunk)
            length -= len(chunk)
    return digest.hexdigest()


def _require_space(folder: Path, size: int) -> None:
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    if free < size * 5 // 4 + _SPARE:
        raise SystemExit(f"{folder} has {free // GIB} GiB free: the store needs {size / GIB:.1f} GiB and some to spare")


def _rate(size: int, seconds: float) -> float:
    return round(size / MIB / seconds, 1)
