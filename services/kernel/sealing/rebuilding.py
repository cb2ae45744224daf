"""What the rebuilds of ingest and of catalog say to each other's parts: records in batches, progress, and when not to.

Source: DESIGN 7 "Recovery record"; DECISION-0016.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.kernel.identifiers import PackageId
from services.kernel.sealing.recovered import Placed, Refused


class NotEmpty(Exception):
    """The database has packages that no unfinished rebuild put there: nothing is touched."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rebuild is, in records: `done` of `total` were looked at."""

    done: int
    total: int
    restored: int
    present: int
    refused: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of some records: how many stood already, which are believed, which are not."""

    present: int
    placed: Sequence[Placed]
    refused: Sequence[Refused]


class Records(Protocol):
    """The store's recovery records."""

    async def count(self) -> int: ...

    def batches(
        self, present: Callable[[Sequence[PackageId]], Awaitable[Collection[PackageId]]]
    ) -> AsyncIterator[Batch]: ...
