"""What a rebuild does with the act book: officers' rows come back from their last act, whatever page it stands on.

Source: DECISION-0022.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from services.kernel.sealing.act_book import ActPage
from services.kernel.sealing.act_pages import Judged
from services.kernel.sealing.recovered import Refused


class ReadPages(Protocol):
    """See `runtime.recovered_acts.PagesRead`."""

    @property
    def judged(self) -> Judged: ...

    @property
    def refused(self) -> tuple[Refused, ...]: ...

    @property
    def leaves(self) -> dict[int, int]: ...

    @property
    def begun(self) -> int | None: ...


class Pages(Protocol):
    """The store's pages."""

    async def read(self, take: Callable[[ActPage], Awaitable[None]]) -> ReadPages: ...


class Replay(Protocol):
    """One transaction in which officers' rows are made anew."""

    async def stage(self, page: ActPage) -> None: ...

    async def rows(self, read: ReadPages) -> Sequence[Refused]:
        """Rows by the acts of the pages that count; those that cannot stand, each with its reason."""


class Replaying(Protocol):
    """Where rows are made anew."""

    def replaying(self) -> AbstractAsyncContextManager[Replay]: ...


async def rebuild_acts(pages: Pages, books: Replaying) -> Sequence[Refused]:
    """Bring back every officer's row. Safe to repeat: each run begins from nothing.

    Raises:
        StoreUnavailable, KmsUnavailable, DatabaseUnavailable: run it again.
    """
    async with books.replaying() as replay:
        read = await pages.read(replay.stage)
        return [*read.refused, *await replay.rows(read)]
