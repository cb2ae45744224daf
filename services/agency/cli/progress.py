"""Showing a push: a bar a stage on a terminal, one plain line now and then elsewhere, JSON lines for programs.

Source: usability notes B2, B4.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Protocol, Self

from rich.console import RenderableType
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from services.agency.cli.terminal import Terminal
from services.agency.observing import Observer, Stage
from services.kernel.refusals.registry import Text

STAGES: Final[Mapping[Stage, Text]] = {
    "look": Text("tìm dấu mật", "looking for marks of secrecy"),
    "hash": Text("băm tệp", "hashing"),
    "upload": Text("gửi", "uploading"),
    "server-check": Text("máy chủ kiểm tra", "server check"),
    "receipt": Text("chờ biên nhận", "awaiting receipt"),
    "download": Text("tải về", "fetching"),
}
_INTERVAL: Final = 5.0  # seconds between plain lines of one stage


class Shown(Observer, Protocol):
    """An observer that owns the terminal while it is open."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop showing."""


def progress_on(terminal: Terminal) -> Shown:
    """The right kind for this terminal."""
    return Bars(terminal) if terminal.interactive else Lines(terminal)


class Bars:
    """One bar for each dossier under way, at the stage it is in; finished ones make room."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._lock = threading.Lock()
        self._tasks: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.fields[label]}", markup=False),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            _Measured(DownloadColumn()),
            _Measured(TransferSpeedColumn()),
            _Measured(TimeRemainingColumn()),
            console=terminal.console(terminal.err),
            transient=True,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        self._terminal.above = self._print
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._terminal.above = None
        self._progress.stop()

    def stage(self, label: str, stage: Stage, total: int) -> None:
        """Replace the dossier's bar."""
        with self._lock:
            self._remove(label)
            description = self._terminal.pick(STAGES[stage])
            self._tasks[label] = self._progress.add_task(description, total=total or None, label=label)

    def advance(self, label: str, stage: Stage, amount: int) -> None:
        """Move the dossier's bar."""
        with self._lock:
            if label in self._tasks:
                self._progress.advance(self._tasks[label], amount)

    def finished(self, label: str) -> None:
        """Take the dossier's bar away."""
        with self._lock:
            self._remove(label)

    def say(self, code: str, text: Text) -> None:
        """A sentence above the bars."""
        self._print(self._terminal.pick(text))

    def _print(self, line: str) -> None:
        self._progress.console.print(line, markup=False, soft_wrap=True)

    def _remove(self, label: str) -> None:
        if label in self._tasks:
            self._progress.remove_task(self._tasks.pop(label))


class _Measured(ProgressColumn):
    """A column that stays empty where the stage has no measure, such as the wait for a receipt."""

    def __init__(self, column: ProgressColumn) -> None:
        super().__init__()
        self._column = column

    def render(self, task: Task) -> RenderableType:
        return "" if task.total is None else self._column.render(task)


class Lines:
    """Plain lines, at most one every few seconds in a stage; with `--json` the same as objects."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._lock = threading.Lock()
        self._done: dict[tuple[str, Stage], int] = {}
        self._totals: dict[tuple[str, Stage], int] = {}
        self._said_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def stage(self, label: str, stage: Stage, total: int) -> None:
        """Say which stage begins."""
        with self._lock:
            self._done[label, stage] = 0
            self._totals[label, stage] = total
            self._said_at = time.monotonic()
            self._tell(label, stage)

    def advance(self, label: str, stage: Stage, amount: int) -> None:
        """Say how far it is, when it has not been said for a while or the stage is complete."""
        with self._lock:
            key = label, stage
            if key not in self._totals:
                return  # a thread's last word after its dossier was finished
            self._done[key] = self._done.get(key, 0) + amount
            complete = self._done[key] >= self._totals.get(key, 0)
            if complete or time.monotonic() - self._said_at >= _INTERVAL:
                self._said_at = time.monotonic()
                self._tell(label, stage)

    def finished(self, label: str) -> None:
        """Forget its numbers; its outcome is a line of data."""
        with self._lock:
            for key in [key for key in self._totals if key[0] == label]:
                del self._done[key], self._totals[key]

    def say(self, code: str, text: Text) -> None:
        """A sentence."""
        self._terminal.note("notice", self._terminal.pick(text), code=code, message={"vi": text.vi, "en": text.en})

    def _tell(self, label: str, stage: Stage) -> None:
        done, total = self._done[label, stage], self._totals[label, stage]
        measure = f" {_mib(done)}/{_mib(total)} MiB" if total else ""
        line = f"{label}: {self._terminal.pick(STAGES[stage])}{measure}"
        self._terminal.note("progress", line, label=label, stage=stage, done=done, total=total)


def _mib(amount: int) -> str:
    return f"{amount / 1048576:.1f}"
