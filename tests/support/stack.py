"""The whole gateway as real processes, once a session: what `make run` starts, without its proof.

Tests that kill a process bring it back before they end. All of it is driven from the main thread, because a child ends
with the thread that started it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

import pytest

from deploy.onebox.console import Console
from deploy.onebox.signals import Signals
from deploy.onebox.stack import OneBox
from deploy.onebox.state import StateFolder
from services.agency.profile import write_private
from tests.support.components import took_part

NOPLUU: Final = str(Path(sys.executable).with_name("nopluu"))
_PUT_PART: Final = re.compile(
    r'^nopluu_http_request_duration_seconds_count\{method="PUT",route="[^"]*parts[^"]*"\} ([0-9.]+)', re.MULTILINE
)
_T = TypeVar("_T")


@pytest.fixture(scope="session")
def box() -> Iterator[OneBox]:
    """The running gateway with everybody of the sample enrolled."""
    folder = Path(tempfile.mkdtemp(prefix="nopluu-e2e-"))
    state = StateFolder(folder)
    try:
        with OneBox(state, Console(), Signals()) as started:
            started.start()
            took_part("the services over HTTPS", "seven processes")
            took_part("PostgreSQL", "from its wheel")
            took_part("SeaweedFS", "from its wheel")
            yield started
    finally:
        state.close()
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    def lines(self, message_type: str) -> list[dict[str, object]]:
        """The JSON lines of one type, of both streams."""
        found = [json.loads(line) for line in (self.out + self.err).splitlines() if line.startswith("{")]
        return [line for line in found if line["message_type"] == message_type]

    def one(self, message_type: str) -> dict[str, object]:
        """The only JSON line of a type."""
        [line] = self.lines(message_type)
        return line

    def uploaded(self) -> int:
        """Payload bytes that a push sent, by its own progress."""
        sent: dict[object, int] = {}
        total = 0
        for line in self.lines("progress"):
            if line["stage"] == "upload":
                done = line["done"]
                assert isinstance(done, int)
                if done == 0:
                    total += sent.pop(line["label"], 0)
                sent[line["label"]] = done
        return total + sum(sent.values())


@dataclass(frozen=True, slots=True)
class Clerk:
    """One person at one machine: the `nopluu` command with a configuration and a state folder of its own."""

    config: Path
    state: Path
    keys: Path

    def __call__(self, *arguments: object, environment: dict[str, str] | None = None, seconds: float = 90) -> Done:
        """Run the command to its end."""
        done = subprocess.run(
            [NOPLUU, *map(str, arguments)],
            capture_output=True,
            env=self.environment | (environment or {}),
            timeout=seconds,
            check=False,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def begin(self, *arguments: object) -> subprocess.Popen[bytes]:
        """Start the command; its output goes nowhere."""
        return subprocess.Popen(
            [NOPLUU, *map(str, arguments)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self.environment,
        )

    @property
    def environment(self) -> dict[str, str]:
        """English, this configuration, nothing else of ours."""
        return {"PATH": os.environ["PATH"], "LANG": "en_US.UTF-8", "PYTHONUTF8": "1", "NOPLUU_CONFIG": str(self.config)}


def clerk_of(box: OneBox, client: str, folder: Path) -> Clerk:
    """A clerk with a client's key, whose state lies in `folder`."""
    config, state = folder / "config.toml", folder / "state"
    write_private(config, b"")
    replace(box.profile(client), state_dir=state, path=None).save(config, make_default=True)
    return Clerk(config, state, box.log_keys)


@pytest.fixture
def clerk(box: OneBox, tmp_path: Path) -> Clerk:
    """The sample agency's clerk on a fresh machine."""
    return clerk_of(box, "agency", tmp_path / "clerk")


@pytest.fixture
def stranger(box: OneBox, tmp_path: Path) -> Clerk:
    """A clerk of another agency."""
    return clerk_of(box, "stranger", tmp_path / "stranger")


@pytest.fixture
def archivist(box: OneBox, tmp_path: Path) -> Clerk:
    """An archivist of the archive."""
    return clerk_of(box, "archivist", tmp_path / "archivist")


def parts_put(box: OneBox) -> int:
    """How many PUTs of parts ingest has answered since it started, whatever the answer."""
    return int(sum(float(count) for count in _PUT_PART.findall(box.admin("ingest", "/metrics"))))


def eventually(condition: Callable[[], _T], *, seconds: float = 30.0, pause: float = 0.05) -> _T:
    """Wait until it answers something true, and return that."""
    until = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(pause)


def texts(entries: Sequence[Mapping[str, object]], name: str) -> list[str]:
    """One member of each."""
    return [str(entry[name]) for entry in entries]
