"""How much memory processes hold, sampled while they work, by phase."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import psutil  # type: ignore[import-untyped]  # ships no types, and the environment locks no stubs

_EVERY = 0.1  # seconds
_MIB = 1024 * 1024


class Resident:
    """Samples the resident set of each named process from a thread of its own; the first phase is `before`."""

    def __init__(self, processes: Mapping[str, int]) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in processes.items()}
        self._peaks: dict[str, dict[str, int]] = {}
        self._phase = "before"
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="resident", daemon=True)

    def __enter__(self) -> Self:
        self._sample()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    @property
    def names(self) -> list[str]:
        return list(self._processes)

    def phase(self, name: str) -> None:
        """From now on peaks belong to this phase; what is held at its beginning counts."""
        with self._lock:
            self._phase = name
        self._sample()

    def peak(self, process: str, phase: str) -> int:
        """Bytes. Raises KeyError where the phase never came."""
        return self._peaks[phase][process]

    def table(self) -> dict[str, dict[str, int]]:
        """The peaks in MiB, by process and phase."""
        return {
            name: {phase: round(peaks[name] / _MIB) for phase, peaks in self._peaks.items()} for name in self._processes
        }

    def _watch(self) -> None:
        while not self._over.wait(_EVERY):
            self._sample()

    def _sample(self) -> None:
        held = {name: int(process.memory_info().rss) for name, process in self._processes.items()}
        with self._lock:
            peaks = self._peaks.setdefault(self._phase, held)
            peaks.update({name: max(size, peaks[name]) for name, size in held.items()})
