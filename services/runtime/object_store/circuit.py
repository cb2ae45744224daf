"""When to stop asking a store that does not answer, and when to ask again: a decision without a clock or a connection.

Closed, every call goes through. Open, none does: whoever asks is told at once, so that no connection, buffer or
patience is spent on a store that would not answer; meanwhile the store is probed, at growing distances. What a call
from before an opening learns is old news and changes nothing.

Source: DESIGN 3 ("Every store is hostile"); Nygard, "Release It!" ("Circuit Breaker").
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, NewType

FAILURES: Final = 5
"""Calls in a row that may fail before the circuit opens. A call that met silence opens it alone: it cost its patience."""

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 8.0
SPREAD: Final = 0.5
"""A pause is longer by up to this share of itself, so that many instances do not probe at the same moment."""

Era = NewType("Era", int)


class Circuit:
    """One store as one process sees it. Times are seconds of a monotonic clock; `chance` draws from [0, 1)."""

    def __init__(self, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._era = Era(0)
        self._failures = 0
        self._probes = 0
        self._probe_at: float | None = None

    @property
    def open(self) -> bool:
        return self._probe_at is not None

    @property
    def probe_at(self) -> float | None:
        """When the store is to be probed next; None while the circuit is closed."""
        return self._probe_at

    def admit(self) -> Era | None:
        """Whether a call may go to the store: the era that its outcome is to be told with, or None for no."""
        return None if self.open else self._era

    def answered(self, era: Era) -> None:
        """A call was answered, be it with a no."""
        if era == self._era:
            self._failures = 0

    def failed(self, era: Era, now: float, *, silent: bool) -> None:
        """A call was not answered, or not usefully; `silent` where a time limit ran out."""
        if era != self._era or self.open:
            return
        self._failures += 1
        if silent or self._failures >= FAILURES:
            self._era = Era(self._era + 1)
            self._probes = 0
            self._wait(now)

    def probed(self, now: float, *, answered: bool) -> None:
        """What a probe of the open circuit found: an answer closes it, anything else makes the next pause longer."""
        if not self.open:
            return
        if answered:
            self._probe_at = None
            self._failures = 0
        else:
            self._wait(now)

    def retry_after(self, now: float) -> int:
        """Whole seconds, at least 1, after which it is worth asking again."""
        return 1 if self._probe_at is None else max(1, math.ceil(self._probe_at - now))

    def _wait(self, now: float) -> None:
        pause = min(FIRST_PAUSE * 2**self._probes, LONGEST_PAUSE)
        self._probes = min(self._probes + 1, 16)
        self._probe_at = now + pause * (1 + SPREAD * self._chance())
