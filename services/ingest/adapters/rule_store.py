"""The rules in force, looked at again at most every two seconds, checked and compiled once a version.

What a row says is not believed: whoever can write to the database cannot sign. So a bundle's two signatures are checked
when it is taken up, after every start too, and what does not hold is passed over: the last good bundle stays.

Source: DESIGN 9; DECISION-0019.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import date

from services.ingest.usecases.ports import Directory, Ledger, PublishedRules, Rules, World
from services.kernel.refusals import Refusal
from services.kernel.refusals.packages import RulesMissing
from services.kernel.refusals.platform import RegistryStale
from services.kernel.refusals.rules import RulesSignatureWrong, RulesSignerUnknown
from services.kernel.rules import compile_bundle
from services.kernel.rules.publishing import open_bundle, require_in_force
from services.runtime.logging import logger

REFRESH_SECONDS = 1.5


class LedgerRuleStore:
    """See `usecases.ports.RuleStore`."""

    def __init__(
        self, ledger: Ledger, world: World, directory: Directory, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._ledger = ledger
        self._world = world
        self._directory = directory
        self._monotonic = monotonic
        self._lock = asyncio.Lock()
        self._rules: Rules | None = None
        self._until = float("-inf")
        self._day: date | None = None
        self._refused: set[tuple[int, bytes, bytes]] = set()
        self._told: set[tuple[int, bytes, bytes]] = set()

    async def current(self, *, fresh: bool = False) -> Rules:
        async with self._lock:
            today = self._world.today()
            if fresh or self._rules is None or self._monotonic() >= self._until or today != self._day:
                asked = self._monotonic()
                self._rules = await self._newest(today)
                self._until, self._day = asked + REFRESH_SECONDS, today
            return self._rules

    async def _newest(self, today: date) -> Rules:
        """The highest version that holds; never one below what is held already."""
        held = self._rules
        below: int | None = None
        while True:
            async with self._ledger.transaction() as books:
                published = await books.rules_in_force(today, below=below)
            if published is None or (held is not None and published.version < held.version):
                break
            if held is not None and (held.version, held.sha256) == (published.version, published.sha256):
                return held
            taken = await self._taken_up(published, today)
            if taken is not None:
                return taken
            below = published.version
        if held is None:
            raise RulesMissing(retry_after=60)
        if published is not None and self._refused.isdisjoint({_key(published)}):  # rules are never taken back
            self._refused.add(_key(published))
            logger().error("rules-rolled-back", version=published.version, held=held.version)
        return held

    async def _taken_up(self, published: PublishedRules, today: date) -> Rules | None:
        known = _key(published)
        if known in self._refused:
            return None
        try:
            return await asyncio.to_thread(self._opened, published, today)
        except RegistryStale:
            raise
        except RulesSignerUnknown as refusal:
            # An officer enrolled a moment ago may not have reached this instance yet: asked again every time.
            self._tell(known, refusal)
            return None
        except Refusal as refusal:
            self._refused.add(known)
            self._tell(known, refusal)
            return None

    def _tell(self, known: tuple[int, bytes, bytes], refusal: Refusal) -> None:
        if known not in self._told:
            self._told.add(known)
            logger().error("rules-not-taken-up", version=known[0], code=refusal.code)

    def _opened(self, published: PublishedRules, today: date) -> Rules:
        opened = open_bundle(
            published.envelope, lambda kid: self._directory.officer_key_at(kid, published.published_at)
        )
        bundle = opened.bundle
        if (bundle.version, bundle.sha256) != (published.version, published.sha256):
            raise RulesSignatureWrong(keyid="")  # the row names another bundle than the officers signed
        require_in_force(bundle, today)
        return Rules(
            bundle.version,
            bundle.sha256,
            opened.payload,
            compile_bundle(bundle),
            published.envelope,
            published.published_at,
        )


def _key(published: PublishedRules) -> tuple[int, bytes, bytes]:
    return published.version, published.sha256, published.envelope
