"""The rules in force, looked at again at most every two seconds and compiled once a version."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from datetime import date

from services.ingest.usecases.ports import Ledger, Rules, World
from services.kernel import dsse
from services.kernel.refusals.packages import RulesMissing
from services.kernel.rules import compile_bundle, load_bundle

REFRESH_SECONDS = 1.5


class RulesBroken(Exception):
    """The published rules are not what was published: nothing is judged until an operator has looked."""


class LedgerRuleStore:
    """See `usecases.ports.RuleStore`."""

    def __init__(self, ledger: Ledger, world: World, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._world = world
        self._monotonic = monotonic
        self._lock = asyncio.Lock()
        self._rules: Rules | None = None
        self._until = float("-inf")
        self._day: date | None = None

    async def current(self) -> Rules:
        async with self._lock:
            today = self._world.today()
            if self._rules is None or self._monotonic() >= self._until or today != self._day:
                asked = self._monotonic()
                self._rules = await self._newest(today)
                self._until, self._day = asked + REFRESH_SECONDS, today
            return self._rules

    async def _newest(self, today: date) -> Rules:
        async with self._ledger.transaction() as books:
            published = await books.rules_in_force(today)
        if published is None:
            raise RulesMissing(retry_after=60)
        if self._rules is not None and (self._rules.version, self._rules.sha256) == (
            published.version,
            published.sha256,
        ):
            return self._rules
        payload = dsse.parse(published.envelope).payload
        if hashlib.sha256(payload).digest() != published.sha256:
            raise RulesBroken
        compiled = await asyncio.to_thread(lambda: compile_bundle(load_bundle(payload)))
        return Rules(published.version, published.sha256, payload, compiled)
