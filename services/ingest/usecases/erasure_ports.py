"""What erasure needs from the world beside the ports of ingest: its own rows, and the custodian's hand on the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.ingest.domain.erasure import Erasure, Reference
from services.ingest.domain.package import Package, StoredPart
from services.kernel.identifiers import AttemptId, ComponentId, PackageId
from services.kernel.sealing.ciphertext_digest import CiphertextDigest


@dataclass(frozen=True, slots=True)
class PartToReplace:
    """A part that holds erased segments; `replaced` once its row names the copy and only the old versions remain."""

    package: PackageId
    number: int
    replaced: bool


@dataclass(frozen=True, slots=True)
class Copy:
    """A part's copy as the store acknowledged it; `before` and `after` are SHA-256s: what was found there, the copy."""

    object_version: str
    before: bytes
    after: bytes
    ciphertext_digest: CiphertextDigest


class Erasures(Protocol):
    """The rows of erasure, in the transaction of the `Books` that gave them."""

    async def find(self, erasure: UUID) -> Erasure | None: ...

    async def add(self, erasure: Erasure) -> None:
        """Keep an order, and have the stored copies replaced once this transaction has committed."""

    async def finish(self, erasure: UUID, at: datetime) -> bool:
        """Whether it was not finished before."""

    async def lock_chain(self, chain: PackageId) -> list[Package]:
        """Every version of a dossier by age, locked until the transaction ends: no new one can refer to its components."""

    async def references(self, components: Sequence[ComponentId]) -> list[Reference]:
        """All rows of these components, whichever version they belong to."""

    async def forget_keys(self, rows: Sequence[tuple[PackageId, ComponentId]]) -> None: ...

    async def mark_erased(self, components: Sequence[ComponentId], at: datetime, *, expelled: bool) -> list[PackageId]:
        """Mark all rows of components that no version has a key of; the packages of rows that changed by it.

        The first time stays, and so does that a component was expelled.
        """

    async def without_key(self, package: PackageId, first: int, last: int) -> frozenset[int]:
        """Which of the plan positions `first … last` (inclusive) hold a component that no version has a key of."""

    async def positions(self, components: Sequence[ComponentId]) -> list[tuple[PackageId, int]]:
        """The package that first carried each component, and its position in that plan; empty components have none."""

    async def add_parts(self, erasure: UUID, package: PackageId, numbers: Sequence[int]) -> None: ...

    async def open_parts(self, erasure: UUID, limit: int) -> list[PartToReplace]: ...

    async def replace_part(self, erasure: UUID, package: PackageId, number: int, copy: Copy) -> bool:
        """Let the part's row name the copy; False (and nothing changed) where another run did that already."""

    async def forget_part(self, erasure: UUID, package: PackageId, number: int) -> None: ...


class Custody(Protocol):
    """The store under the custodian's credential: the only one that can set and lift a legal hold.

    Raises, everywhere:
        StoreUnavailable.
    """

    async def hold(self, attempt: AttemptId, object_version: str) -> None:
        """Set a legal hold on a part's object version. Repeatable."""

    async def zero(self, part: StoredPart, spans: Sequence[tuple[int, int]]) -> Copy:
        """Write the part's object anew under its name, bytes `start … end - 1` of each span as zeros, and hold the copy.

        Raises:
            StoredPartMissing.
        """

    async def keep_only(self, attempt: AttemptId, object_version: str) -> None:
        """Lift the hold of every other version under the part's name and remove it."""
