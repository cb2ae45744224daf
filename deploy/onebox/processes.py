"""Child processes: started with a log each, awaited, recorded so that a later run can end what a killed one left, and
stopped stage by stage.

Every child leads a session of its own, so that Ctrl-C on the terminal reaches the supervisor only.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil  # type: ignore[import-untyped]  # ships no types, and the environment locks no stubs

from deploy.onebox.files import write_private

GRACE: Final = 15.0  # seconds that a child gets after SIGTERM
_POLL: Final = 0.05
_TAIL: Final = 4000  # bytes of a log that are worth showing
_WRAPPER: Final = Path(__file__).with_name("child.py")


class ChildFailed(Exception):
    """A child ended, or did not become ready in time; `tail` is the end of its log."""

    def __init__(self, name: str, reason: str, tail: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason
        self.tail = tail


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, under which environment (nothing of this process's own but what is named here).

    Children of one `stage` are asked to end together, those of a higher stage before those of a lower one. `grace` is for programs that have done all their work soon after SIGTERM and idle on: so many seconds later they
    are killed, and nobody needs to be told.
    """

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    stage: int = 0
    grace: float | None = None


@dataclass(slots=True)
class Child:
    """A started command."""

    command: Command
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def name(self) -> str:
        return self.command.name

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def tail(self) -> str:
        """The end of its log."""
        return tail_of(self.log)


class Children:
    """The processes of one state folder. All calls come from one thread: a child ends with the thread that started it."""

    def __init__(
        self,
        logs: Path,
        record: Path,
        *,
        grace: float = GRACE,
        held: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """`held()` keeps a signal from falling between a child's start and its record."""
        self._grace = grace
        self._held = held
        self._logs = logs
        self._record = record
        self._started: list[Child] = []
        logs.mkdir(parents=True, exist_ok=True)

    @property
    def started(self) -> Sequence[Child]:
        """Every child, in the order of their start."""
        return tuple(self._started)

    def start(self, command: Command) -> Child:
        """Start a command; its output is added to its log."""
        log = self._logs / f"{command.name}.log"
        with self._held(), log.open("ab") as stream:
            process = subprocess.Popen(  # noqa: S603 - the arguments are this package's own
                [sys.executable, "-I", "-S", str(_WRAPPER), str(os.getpid()), *command.arguments],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=dict(command.environment),
                start_new_session=True,
            )
            child = Child(command, process, log)
            self._started.append(child)
            self._write()
        return child

    def restart(self, child: Child) -> Child:
        """Start again what has ended; it keeps its place in the order."""
        if child.running:
            raise ValueError(f"{child.name} is still running")
        at = self._started.index(child)
        again = self.start(child.command)
        self._started.remove(again)
        self._started[at] = again
        self._write()
        return again

    def require_running(self) -> None:
        """Raises ChildFailed where one has ended by itself."""
        for child in self._started:
            if not child.running:
                raise ChildFailed(child.name, f"ended with {_meaning(child.process.returncode)}", child.tail())

    def wait_until(self, child: Child, ready: Callable[[], str | None], *, seconds: float) -> None:
        """Wait until `ready` answers None; what it answers else is the reason told when time is up.

        Raises:
            ChildFailed: the child ended, or time is up.
        """
        until = time.monotonic() + seconds
        while (reason := ready()) is not None:
            self.require_running()
            if time.monotonic() > until:
                raise ChildFailed(child.name, f"not ready after {seconds:.0f} s: {reason}", child.tail())
            time.sleep(_POLL)

    def stop(self, *, hurry: Callable[[], bool] = lambda: False) -> list[str]:
        """End all, stage by stage, the highest first; returns the names of those that had to be killed."""
        killed = []
        for stage in sorted({child.command.stage for child in self._started}, reverse=True):
            together = [child for child in self._started if child.command.stage == stage and child.running]
            for child in together:
                child.process.terminate()
            until = time.monotonic() + self._grace
            killed += [child.name for child in together if not _ended(child, hurry, until)]
        self._started.clear()
        self._write()
        return killed

    def reap(self) -> list[str]:
        """End what an earlier supervisor of this folder left running; returns the names."""
        try:
            entries = json.loads(self._record.read_bytes())
        except (OSError, ValueError):
            return []
        left = [(entry, found) for entry in entries if (found := _recorded(entry)) is not None]
        for _, process in left:
            process.terminate()
        for entry, process in left:
            try:
                process.wait(self._grace if entry.get("grace") is None else entry["grace"])
            except psutil.TimeoutExpired:
                process.kill()
                process.wait()
        self._record.unlink(missing_ok=True)
        return [str(entry["name"]) for entry, _ in left]

    def _write(self) -> None:
        entries = [
            {"name": child.name, "pid": child.pid, "started": started, "grace": child.command.grace}
            for child in self._started
            if (started := _started_at(child.pid)) is not None
        ]
        write_private(self._record, json.dumps(entries).encode())


def tail_of(log: Path) -> str:
    """The last lines of a log."""
    try:
        with log.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - _TAIL))
            return stream.read().decode("utf-8", "replace")
    except OSError:
        return ""


def _ended(child: Child, hurry: Callable[[], bool], until: float) -> bool:
    """Whether the child, once asked, ends by itself until then; it is killed if not."""
    if child.command.grace is not None:
        until = time.monotonic() + child.command.grace
    while child.running and time.monotonic() < until and not hurry():
        time.sleep(_POLL)
    if not child.running:
        return True
    child.process.kill()
    child.process.wait()
    return child.command.grace is not None


def _recorded(entry: Mapping[str, object]) -> psutil.Process | None:
    """The process of a record, if it still is the same one and not another that got its number."""
    pid, started = entry.get("pid"), entry.get("started")
    if not isinstance(pid, int) or not isinstance(started, (int, float)):
        return None
    try:
        process = psutil.Process(pid)
        return process if abs(process.create_time() - started) < 1.0 else None
    except psutil.Error:
        return None


def _started_at(pid: int) -> float | None:
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def _meaning(code: int | None) -> str:
    if code is None:
        return "no exit code"
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
