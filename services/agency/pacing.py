"""Keeping a push below a rate, over all its threads."""

from __future__ import annotations

import threading
import time


class Pace:
    """Called with an amount before it is sent, waits until it may; `rate` is in bytes a second, 0 for no limit."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._lock = threading.Lock()
        self._free_at = 0.0

    def __call__(self, amount: int) -> None:
        if not self._rate:
            return
        with self._lock:
            now = time.monotonic()
            start = max(now, self._free_at)
            self._free_at = start + amount / self._rate
        if start > now:
            time.sleep(start - now)
