"""Ctrl-C and SIGTERM: the first asks for an orderly end, a second one hurries it; neither can leave a child behind.

The first signal raises `Stopped` in the main thread, but never inside `held()`: what is started there is always
recorded before the signal is felt. While the end is in progress (`ending()`) nothing is raised any more.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Somebody asked this process to end."""


class Signals:
    """Counts the requests to end. One of a process; only its main thread may install it."""

    def __init__(self) -> None:
        self.received = 0
        self._held = 0
        self._ending = False

    def install(self) -> None:
        """Take over the signals that ask a process to end."""
        for number in _SIGNALS:
            signal.signal(number, self._take)

    @property
    def hurry(self) -> bool:
        """Whether the end was asked for more than once."""
        return self.received > 1

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let what is inside come to its end; a signal is felt after it.

        Raises:
            Stopped: a signal came meanwhile.
        """
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
        self._feel()

    @contextmanager
    def ending(self) -> Iterator[None]:
        """From here on no signal raises."""
        self._ending = True
        yield

    def _take(self, number: int, frame: FrameType | None) -> None:
        self.received += 1
        self._feel()

    def _feel(self) -> None:
        if self.received and not self._held and not self._ending:
            raise Stopped
