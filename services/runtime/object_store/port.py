"""What the services ask of an object store, and all that they rely on.

A bucket with versioning on: writing never destroys, and a name and a version id together name the same bytes for ever.
Names are opaque ids; they and an object's metadata carry no title. Whatever comes back is hostile until it has been
authenticated by who reads it.

Source: DESIGN 3 ("Every store is hostile"), 5.3.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol


class ObjectMissing(Exception):
    """No such object, no such version of it, or not as many bytes as were asked for."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A write that the store acknowledged: the version it made, and its length in bytes."""

    version_id: str
    size: int


@dataclass(frozen=True, slots=True)
class ObjectEntry:
    """One object of a listing: the newest version under its name, in bytes."""

    name: str
    size: int


class ObjectHeld(Exception):
    """The store does not remove this version: it is under a legal hold, or this credential may not."""


@dataclass(frozen=True, slots=True)
class VersionEntry:
    """One version of a listing, or a delete marker, which has no bytes; `newest` is what the name alone stands for."""

    name: str
    version_id: str
    size: int
    newest: bool
    marker: bool


class ObjectStore(Protocol):
    """Any number of calls at once, from one event loop.

    Raises, everywhere:
        StoreUnavailable: the store cannot be reached, does not answer in time, or answers what it must not. After a
            failed write the object may exist: only its version id, which nobody then has, would tell.
    """

    async def put_stream(self, name: str, length: int, chunks: AsyncIterator[bytes | bytearray]) -> Stored:
        """Write `length` bytes while they come; durable when this returns. Never retried.

        The store itself compares a CRC-32C of all bytes before it makes a version. Where `chunks` raises, ends early
        or gives more than `length`, the connection is cut before the announced end, so that no object is made. Chunks
        are not copied: whoever gives a bytearray must not change it afterwards.

        Raises:
            ValueError: other than `length` bytes came.
            whatever `chunks` raises.
        """

    async def put(self, name: str, data: bytes) -> Stored:
        """Write a small object; durable when this returns. A retry may leave two versions with the same bytes."""

    async def get(self, name: str, *, version_id: str | None = None) -> bytes:
        """A whole object: the newest version, or the one named.

        Raises:
            ObjectMissing
        """

    def get_range(self, name: str, start: int, length: int, *, version_id: str | None = None) -> AsyncIterator[bytes]:
        """Exactly `length` bytes from `start`, in pieces, in order; nothing for a length of 0.

        Raises:
            ObjectMissing: also where the object ends before these bytes do.
        """

    async def delete(self, name: str, *, version_id: str | None = None) -> None:
        """Remove one version, or every version and delete marker under the name. Absent is fine.

        Raises:
            ObjectHeld
        """

    async def keep_only(self, name: str, version_id: str) -> None:
        """Remove every other version and delete marker under the name, so that nothing older can be read again.

        Raises:
            ObjectHeld
        """

    def list(self, prefix: str) -> AsyncIterator[ObjectEntry]:
        """The objects whose names begin with `prefix`, each once, in no promised order, however many there are."""

    async def ready(self) -> None:
        """Return where the bucket exists and keeps versions.

        Raises:
            StoreUnavailable
        """


class CustodyStore(ObjectStore, Protocol):
    """The same store under a credential that may also set and lift legal holds. Raises as `ObjectStore` does.

    Under any credential, removing a version on hold raises ObjectHeld.
    """

    async def hold(self, name: str, version_id: str) -> None:
        """Put a version under legal hold. Repeatable.

        Raises:
            ObjectMissing
        """

    async def lift(self, name: str, version_id: str) -> None:
        """Lift a version's hold. Repeatable.

        Raises:
            ObjectMissing
        """

    async def is_held(self, name: str, version_id: str) -> bool:
        """Raises ObjectMissing."""

    def versions(self, prefix: str) -> AsyncIterator[VersionEntry]:
        """Every version and delete marker whose name begins with `prefix`, each once, in no promised order."""
