"""Looking into files before anything leaves: with the eyes that the gateway has, too (rule 23).

What is found is told at the row of its document and stops the push, for a secret that has left cannot be called back. A
clerk who has seen each of these pages and found no mark of secrecy says so with `--marks-reviewed`.

Files are read by as many processes as there are processors; one that takes too long, or all of its process's memory, is
told as a file that nobody could look into. What was looked into is remembered beside the files' digests.

Source: domain notes §3 rule 23; DECISION-0025.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from services.agency import looking_child
from services.agency.delivery import Delivery, Document
from services.agency.observing import Observer, Silent
from services.agency.sheets.findings import Findings
from services.agency.sheets.paths import DiskFile
from services.agency.state import State
from services.kernel.marks import MATCHER, WORDS, Inspected, Outcome
from services.kernel.secrecy import Level

SECONDS: Final = 60.0
"""As long as a file may take."""


def look_into(
    delivery: Delivery,
    *,
    state: State | None = None,
    reviewed: bool = False,
    observer: Observer | None = None,
) -> None:
    """Tell every file with a mark of secrecy whose document is handed in as none.

    `reviewed`: whoever answers for the delivery has looked at them and found none; they are told as a warning.
    """
    asked = [
        (document, file)
        for dossier in delivery.dossiers
        for document in dossier.documents
        if document.secrecy.get("level") == Level.NONE.wire
        for file in document.files
    ]
    findings = Findings(list(delivery.findings))
    label, watching = delivery.source.name, observer or Silent()
    watching.stage(label, "look", sum(file.size for _, file in asked))
    outcomes = _outcomes([file for _, file in asked], state, lambda size: watching.advance(label, "look", size))
    watching.finished(label)
    for (document, file), found in zip(asked, outcomes, strict=True):
        if found.outcome is Outcome.MARKED:
            _tell(findings, document, file, found, "mark-reviewed" if reviewed else "mark-of-secrecy")
        elif found.outcome is Outcome.UNREADABLE:
            _tell(findings, document, file, found, "file-not-looked-into")
    delivery.findings = findings.sorted()


def _tell(findings: Findings, document: Document, file: DiskFile, found: Inspected, code: str) -> None:
    words = [WORDS[mark] for mark in sorted(found.marks)]
    findings.place(
        document.origin.sheet,
        document.origin.row,
        document.origin.column("secrecy"),
        code,
        value=file.name,
        page=found.page,
        marks_vi=", ".join(word.vi for word in words),
        marks_en=", ".join(word.en for word in words),
    )


def _outcomes(files: Sequence[DiskFile], state: State | None, seen: Callable[[int], None]) -> list[Inspected]:
    """The outcome of each file, in their order."""
    lookers = min(len(files), os.cpu_count() or 1)
    if not lookers:
        return []
    free: SimpleQueue[_Looker] = SimpleQueue()
    with ExitStack() as stack:
        for _ in range(lookers):
            free.put(stack.enter_context(_Looker()))

        def outcome(file: DiskFile) -> Inspected:
            found = _remembered(file, state)
            if found is None:
                looker = free.get()
                try:
                    found = looker.look(file.path)
                finally:
                    free.put(looker)
                _remember(file, found, state)
            seen(file.size)
            return found

        with ThreadPoolExecutor(lookers) as pool:
            return list(pool.map(outcome, files))


def _remembered(file: DiskFile, state: State | None) -> Inspected | None:
    with suppress(OSError, ValueError):
        if state is not None:
            status = file.path.stat()
            answer = state.looked(file.path.resolve(), status.st_size, status.st_mtime_ns, MATCHER)
            return None if answer is None else Inspected.from_json(answer)
    return None


def _remember(file: DiskFile, found: Inspected, state: State | None) -> None:
    with suppress(OSError):
        # Nobody looked into what was unreadable: a busy machine may have been why.
        if state is not None and found.outcome is not Outcome.UNREADABLE:
            status = file.path.stat()
            state.keep_looked(file.path.resolve(), status.st_size, status.st_mtime_ns, MATCHER, found.to_json())


class _Looker:
    """One process that reads files, and the next one where a file ended it."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> _Looker:
        return self

    def __exit__(self, *error: object) -> None:
        self._end()

    def look(self, path: Path) -> Inspected:
        """Search one file; whatever becomes of the process is an outcome of the file."""
        child = self._child = self._child or subprocess.Popen(  # noqa: S603 - this interpreter, and a module of ours
            [sys.executable, "-m", looking_child.__name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a traceback would quote the file
        )
        if child.stdin is None or child.stdout is None:
            raise RuntimeError("a process without pipes")
        clock = threading.Timer(SECONDS, child.kill)
        clock.start()
        try:
            child.stdin.write(json.dumps(str(path.absolute())).encode() + b"\n")
            child.stdin.flush()
            return Inspected.from_json(child.stdout.readline())
        except (OSError, ValueError):
            self._end()
            return Inspected(Outcome.UNREADABLE)
        finally:
            clock.cancel()

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.communicate()
