"""This service's copy of auth's facts, at most two seconds old.

Revocation is "at once" because every request asks this copy, and a copy that cannot be renewed lets nobody in. What it
knows to be revoked stays revoked, however old it grows.

Source: DESIGN 6.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, Protocol

from services.kernel import strict_json
from services.kernel.identifiers import ClientId
from services.kernel.records import RegistryState
from services.kernel.refusals.platform import RegistryStale
from services.runtime.logging import exception_names, logger
from services.runtime.service_client import Answer, CallFailed

MAX_AGE: Final = 2.0  # seconds
INTERVAL: Final = 1.0  # seconds between the beginnings of two polls
_RETRY: Final = 0.2  # seconds after a failed poll
_MAX_PAGE: Final = 16 * 1024 * 1024  # bytes


class Calls(Protocol):
    """Signed requests to another service."""

    async def request(
        self, method: str, url: str, *, body: bytes | None = None, content_type: str | None = None
    ) -> Answer:
        """Raises CallFailed where the other service cannot be reached."""


class Registry:
    """Folds auth's facts. Give `run` a task of its own; requests read `state`."""

    def __init__(self, calls: Calls, auth_origin: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._calls = calls
        self._address = f"{auth_origin}/v1/registry/facts"
        self._monotonic = monotonic
        self._state = RegistryState()
        self._as_of: float | None = None

    @property
    def state(self) -> RegistryState:
        """The folded facts; do not keep it, ask again.

        Raises:
            RegistryStale: the last complete poll began more than two seconds ago.
        """
        if self._as_of is None or self._monotonic() - self._as_of > MAX_AGE:
            raise RegistryStale(retry_after=1)
        return self._state

    @property
    def last_known(self) -> RegistryState:
        """The facts as of the last complete poll, however old: enough for what facts never take back.

        Raises:
            RegistryStale: there was none yet.
        """
        if self._as_of is None:
            raise RegistryStale(retry_after=1)
        return self._state

    async def is_revoked(self, kid: str, client: ClientId) -> bool:
        """Whether the key or its client may no longer be used (see `request_verifier.Revocations`).

        Raises:
            RegistryStale: it was not revoked as of the last poll, which is too long ago to say so now.
        """
        return self._state.is_revoked(kid, client) or self.state.is_revoked(kid, client)

    async def ready(self) -> None:
        """Return where the copy is fresh.

        Raises:
            RegistryStale
        """
        _ = self.state

    async def run(self, stop: asyncio.Event) -> None:
        """Poll until `stop`; failures are logged when they begin and when they end, and otherwise only age the copy."""
        failing = False
        while not stop.is_set():
            begun = self._monotonic()
            try:
                await self.poll()
                pause = max(0.0, begun + INTERVAL - self._monotonic())
                if failing:
                    logger().info("registry-feed-recovered")
                failing = False
            except Exception as error:  # noqa: BLE001 - a feed that ended would leave the copy stale for ever
                if not failing:
                    logger().warning("registry-feed-failed", exception=exception_names(error))
                failing = True
                pause = _RETRY
            try:
                await asyncio.wait_for(stop.wait(), pause)
            except TimeoutError:
                continue

    async def poll(self) -> None:
        """Fetch everything that is new, page by page.

        Raises:
            CallFailed: auth is away or refuses.
            ValueError: auth answers what its own contract rules out.
        """
        begun = self._monotonic()
        while True:
            answer = await self._calls.request("GET", f"{self._address}?after={self._state.position}")
            if answer.status != 200:
                raise CallFailed(f"status {answer.status}")
            match strict_json.parse(answer.body, max_bytes=_MAX_PAGE):
                case {"facts": list(facts), "last": int(last)}:
                    if last < self._state.position:  # auth was restored to an earlier point: its word counts
                        self._state, self._as_of = (
                            RegistryState(),
                            None,
                        )  # an empty copy answers nothing until it is full
                        continue
                    self._state.apply(facts)
                    if self._state.position >= last:
                        self._as_of = begun
                        return
                    if not facts:
                        raise ValueError("a page without facts before the last one")
                case _:
                    raise ValueError("not a page of facts")
