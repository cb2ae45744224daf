"""Declare a large manifest: answer at once, judge it in the background, tell the outcome at the status address.

The manifest lives only in this instance's memory until its verdict (DESIGN 5.1). A row says that someone is at work,
with a sign of life every few seconds; if this process dies the row falls silent, the status address answers
DeclarationLost, and the client declares again.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from services.ingest.usecases.declare_package import Declared
from services.ingest.usecases.kept_refusals import kept
from services.ingest.usecases.ports import Ledger, Submitter, World
from services.kernel.identifiers import AgencyId, PackageId
from services.kernel.refusals import Refusal
from services.kernel.refusals.packages import InstanceBusy, PackageRefused

FORGET_AFTER = timedelta(days=7)
"""How long the outcome of a large declaration can be read again."""

_ALIVE = 5.0  # seconds between signs of life
_RETRY = 15  # seconds

Declare = Callable[[PackageId], Awaitable[Declared]]


@dataclass(frozen=True, slots=True)
class _Running:
    """A declaration under way; `opened` is done once its row says so."""

    package: PackageId
    opened: asyncio.Future[None]
    task: asyncio.Task[None]


class Declarations:
    """The large declarations that this instance is judging; at most `capacity` bytes of manifests at once."""

    def __init__(self, *, ledger: Ledger, world: World, capacity: int) -> None:
        self._ledger = ledger
        self._world = world
        self._capacity = capacity
        self._held = 0
        self._running: dict[tuple[AgencyId, bytes], _Running] = {}

    async def begin(self, manifest: bytes, submitter: Submitter, declare: Declare) -> PackageId:
        """Start judging, and answer the id at which the outcome will stand. The same manifest is judged once at a time.

        Raises:
            InstanceBusy: this instance already holds as many large manifests as it may.
        """
        key = (submitter.agency, hashlib.sha256(manifest).digest())
        running = self._running.get(key)
        if running is None:
            if self._held and self._held + len(manifest) > self._capacity:
                raise InstanceBusy(limit=self._capacity, retry_after=_RETRY)
            running = self._start(key, len(manifest), submitter, declare)
        await asyncio.shield(running.opened)
        return running.package

    def _start(self, key: tuple[AgencyId, bytes], size: int, submitter: Submitter, declare: Declare) -> _Running:
        package_id = PackageId(self._world.new_id())
        opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._run(package_id, submitter, declare, opened), name="declaration")
        self._held += size

        def ended(_: asyncio.Task[None]) -> None:
            del self._running[key]
            self._held -= size

        task.add_done_callback(ended)
        self._running[key] = running = _Running(package_id, opened, task)
        return running

    async def close(self) -> None:
        """Give up what is running; clients learn it at the status address."""
        tasks = [running.task for running in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(
        self, package_id: PackageId, submitter: Submitter, declare: Declare, opened: asyncio.Future[None]
    ) -> None:
        try:
            async with self._ledger.transaction() as books:
                await books.open_declaration(package_id, submitter, self._world.now())
        except Exception as error:  # noqa: BLE001 - whoever waits for `opened` raises it
            opened.set_exception(error)
            return
        except asyncio.CancelledError:
            opened.cancel()
            raise
        opened.set_result(None)
        pulse = asyncio.create_task(self._stay_alive(package_id))
        try:
            outcome = await self._outcome(package_id, declare)
        finally:
            pulse.cancel()
        async with self._ledger.transaction() as books:
            await books.close_declaration(package_id, outcome)

    async def _outcome(self, package_id: PackageId, declare: Declare) -> dict[str, object] | None:
        try:
            declared = await declare(package_id)
        except PackageRefused:
            return None  # a row of the refused package under this id says more
        except Refusal as refusal:
            return dict(kept(refusal))
        if declared.package.id != package_id:
            return {"package": str(declared.package.id)}  # the same manifest was declared elsewhere meanwhile
        return None

    async def _stay_alive(self, package_id: PackageId) -> None:
        while True:
            await asyncio.sleep(_ALIVE)
            with suppress(Refusal):  # the database may be away for a moment; the next sign of life may reach it
                async with self._ledger.transaction() as books:
                    await books.touch_declaration(package_id, self._world.now())


async def forget_declarations(*, ledger: Ledger, world: World) -> None:
    """Remove what nobody has asked for in a week. Safe to repeat."""
    async with ledger.transaction() as books:
        await books.forget_declarations(world.now() - FORGET_AFTER)
