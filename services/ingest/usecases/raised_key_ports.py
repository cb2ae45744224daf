"""What moving keys to a higher level needs of the rows of ingest, beside what packages need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from services.ingest.usecases.ports import Books, PackageKey
from services.kernel.identifiers import ComponentId, PackageId
from services.kernel.secrecy import Level


@dataclass(frozen=True, slots=True)
class KeyedBelow:
    """A component whose record bears a higher label (`wanted`) than the package key that wraps its key (`level`)."""

    component: ComponentId
    origin: PackageId
    level: Level
    wrapped: bytes
    wanted: Level


class RaisedKeyBooks(Books, Protocol):
    """The rows of keys and labels within one transaction, beside those of packages."""

    async def keyed_below(self, chain: PackageId) -> list[KeyedBelow]:
        """In all versions of a dossier, by component; what has no key any more is not among them."""

    async def add_package_key(self, package: PackageId, key: PackageKey) -> None: ...

    async def move_keys(self, moved: Mapping[ComponentId, tuple[Level, bytes]]) -> list[PackageId]:
        """Give every row of these components this level and wrapped key, an erased row the level only; whose rows."""

    async def unneeded_keys(self, chain: PackageId) -> list[tuple[PackageId, Level]]:
        """Package keys of sealed versions under which no version has a component."""

    async def drop_package_keys(self, unneeded: Sequence[tuple[PackageId, Level]]) -> None: ...

    async def packages_keyed_below(self, after: PackageId | None, limit: int) -> list[PackageId]:
        """Packages with such a component, in the order of their ids, from the one behind `after`."""

    async def wake_rekeying(self, package: PackageId) -> None:
        """Have a package's dossier looked at once this transaction has committed."""


class RaisedKeyLedger(Protocol):
    """Opens transactions on keys and labels."""

    def transaction(self) -> AbstractAsyncContextManager[RaisedKeyBooks]: ...
