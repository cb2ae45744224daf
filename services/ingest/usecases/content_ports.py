"""What looking at content needs of the world beside the ports of ingest: its own rows, and eyes for one file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.ingest.usecases.ports import Books
from services.kernel.identifiers import ComponentId, PackageId
from services.kernel.marks import Inspected, Outcome


@dataclass(frozen=True, slots=True)
class ToInspect:
    """A component that was handed in as no secret, at its place in the package."""

    component: ComponentId
    position: int
    document: int
    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class ContentFinding:
    """A file with marks, or one that nobody could look into; words of closed sets and a page."""

    component: ComponentId
    outcome: Outcome
    marks: tuple[str, ...]
    page: int


@dataclass(frozen=True, slots=True)
class PackageInspection:
    """How far a package was looked into, how many files had which outcome, and the files that matter."""

    matcher: int
    finished_at: datetime | None
    counts: Mapping[str, int]
    findings: tuple[ContentFinding, ...]


class Inspector(Protocol):
    """Eyes for one file. What it read goes nowhere but into the outcome."""

    async def inspect(self, size: int, body: AsyncIterator[bytes]) -> Inspected:
        """Search a file of `size` bytes. A file that breaks its reader is an outcome, too; what `body` raises is raised."""


class ContentBooks(Books, Protocol):
    """The rows of inspections of content within one transaction, beside those of packages."""

    async def begin_inspection(self, package: PackageId, matcher: int) -> int | None:
        """The position from which a sealed package waits to be looked at by this matcher; None where it does not.

        What an older matcher looked at waits from its beginning again. What was passed over waits once it is let go.
        """

    async def to_inspect(self, package: PackageId, position: int, limit: int) -> Sequence[ToInspect]:
        """Components from a position on that were handed in as no secret and that no earlier version was looked at for."""

    async def pass_over(self, package: PackageId, seen: ToInspect) -> None:
        """Remember a component that is held: it waits until it is let go."""

    async def let_go(self, package: PackageId, position: int, limit: int) -> Sequence[ToInspect]:
        """What was passed over and is held no more, from a position on."""

    async def released(self, cause: bytes) -> bool:
        """Whether two officers have let go an incident of this cause, in whatever package."""

    async def note_inspected(
        self, package: PackageId, seen: ToInspect, found: Inspected, matcher: int, at: datetime
    ) -> None:
        """Count an outcome, keep what an officer would ask for, and go on behind this component."""

    async def end_inspection(self, package: PackageId, matcher: int, at: datetime) -> None: ...

    async def inspection(self, package: PackageId) -> PackageInspection | None:
        """None where nobody began to look."""

    async def uninspected(self, matcher: int, limit: int) -> Mapping[PackageId, bool]:
        """Sealed packages that this matcher has not finished, the oldest first, and whether their job waits or runs."""


class ContentLedger(Protocol):
    """Opens transactions on packages and the inspections of their content."""

    def transaction(self) -> AbstractAsyncContextManager[ContentBooks]: ...
