"""What rotating and retiring key-encryption keys need of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.kernel.identifiers import PackageId
from services.kernel.secrecy import Level


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A package key's row, as far as rotation knows it."""

    package: PackageId
    level: Level
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class Rotation:
    """The newest rotation of a KEK.

    Rows go to `version`. `broken` counts rows that no version opened, as the last pass found it; `ended_at` is when a pass
    left no other behind. Versions up to `retired` are destroyed.
    """

    kek: str
    version: int
    rotated_at: datetime
    ended_at: datetime | None
    broken: int
    retired: int


@dataclass(frozen=True, slots=True)
class KekStanding:
    """How many package keys a KEK wraps, by its version, and its newest rotation."""

    kek: str
    versions: dict[int, int]
    rotation: Rotation | None

    @property
    def behind(self) -> int:
        """Keys under an older version than the rotation's."""
        if self.rotation is None:
            return 0
        return sum(count for version, count in self.versions.items() if version < self.rotation.version)


class KeyBooks(Protocol):
    """Rows of keys within one transaction."""

    async def rotation(self, kek: str) -> Rotation | None: ...

    async def begin(self, kek: str, version: int, at: datetime) -> None:
        """Put the KEK's rotation on record in place of an earlier one, and have its rows re-wrapped after the commit."""

    async def behind(self, kek: str, version: int, after: KeyRow | None, limit: int) -> list[KeyRow]:
        """Rows under versions older than `version`, in order, from the one behind `after`."""

    async def count_behind(self, kek: str, version: int) -> int: ...

    async def replace(self, kek: str, rows: Sequence[KeyRow], moved: Sequence[bytes]) -> int:
        """Put `moved[i]` in place of `rows[i].wrapped` where that still stands; how many were."""

    async def end(self, rotation: Rotation, *, at: datetime | None, broken: int) -> None:
        """Note how a pass ended, unless the KEK was rotated again meanwhile."""

    async def retire(self, rotation: Rotation, through: int) -> None: ...

    async def sealed_packages(self, kek: str, after: PackageId | None, limit: int) -> list[PackageId]:
        """Packages whose recovery record may hold a key under this KEK, in order of their ids."""

    async def standings(self) -> list[KekStanding]:
        """Every KEK that wraps a row or was rotated."""

    async def journal(self, event: bytes) -> object: ...


class KeyLedger(Protocol):
    """Opens transactions on the rows of keys."""

    def transaction(self) -> AbstractAsyncContextManager[KeyBooks]: ...


class StoredRecords(Protocol):
    """Reads sealed recovery records."""

    async def sealed(self, package: PackageId) -> bytes | None:
        """The newest writing as the store holds it; None where there is none. Raises StoreUnavailable."""
