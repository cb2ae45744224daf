"""Fixity: the stored bytes of every part against the digest in its row, without any key.

Whoever has a store and the rows can run it, the KMS may be away. The parts are read in slices, whatever is added
meanwhile: which slice a part is in, its attempt's id says.

Source: DESIGN 3 ("Every store is hostile"); FORMATS 3 (the digest); DECISION-0029.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.ingest.adapters.vault_s3 import part_key
from services.kernel.identifiers import AttemptId
from services.kernel.refusals.platform import StoreUnavailable
from services.kernel.sealing.ciphertext_digest import CiphertextDigest, CiphertextHash
from services.runtime.database import transaction
from services.runtime.object_store.port import ObjectMissing, ObjectStore

_PAGE: Final = 500
_SILENT: Final = 5  # parts in a row that the store does not give: it is the store that is away
_PARTS: Final = text(
    "SELECT part.package, part.number, part.attempt, part.object_version, part.stored_size, part.ciphertext_digest"
    " FROM ingest.part JOIN ingest.package ON package.id = part.package"
    " WHERE package.seal_event IS NOT NULL AND (part.package, part.number) > (:package, :number)"
    " AND get_byte(uuid_send(part.attempt), 15) % :of = :slice"
    " ORDER BY part.package, part.number LIMIT :page"
)
_ONE: Final = text(
    "SELECT package, number, attempt, object_version, stored_size, ciphertext_digest"
    " FROM ingest.part WHERE package = :package AND number = :number"
)


@dataclass(frozen=True, slots=True)
class Slice:
    """Which parts: those whose attempt's id falls into slice `number` of `of` (1 to 256) slices."""

    number: int = 0
    of: int = 1


class Fault(StrEnum):
    """What is wrong with a part: other bytes, none, or none to be had from a store that gives others."""

    DAMAGED = "damaged"
    MISSING = "missing"
    UNREAD = "unread"


@dataclass(frozen=True, slots=True)
class PartRead:
    """One part that was read: `package/number`, and what is wrong with it, None where its bytes are the row's."""

    name: str
    fault: Fault | None


@dataclass(slots=True)
class Fixity:
    """What was read, and the parts whose bytes are not those of their row; names are ids, `package/number`.

    `unread` are those that the store did not give although it gave others: it may be why that they rot.
    """

    parts: int = 0
    bytes: int = 0
    damaged: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    @property
    def broken(self) -> list[str]:
        """Every part that is not as it was stored, or cannot be had."""
        return [*self.damaged, *self.missing, *self.unread]

    @property
    def clean(self) -> bool:
        return not self.broken


async def check_fixity(
    engine: AsyncEngine,
    store: ObjectStore,
    *,
    which: Slice = Slice(),
    again: Iterable[str] = (),
    rate: int = 0,
    told: Callable[[PartRead], Awaitable[None]] | None = None,
) -> Fixity:
    """Read every part of a slice, and those of `again`, one after the other, at `rate` bytes a second (0: no limit).

    `told` hears of every part. What is erased or replaced meanwhile is judged by the row as it stands then.

    Raises:
        StoreUnavailable: several parts in a row; `told` has heard of what was found before.
        DatabaseUnavailable
    """
    found, silent, known = Fixity(), 0, set(again)
    async for row in _rows(engine, which, sorted(known)):
        begun = asyncio.get_running_loop().time()
        name = f"{row.package}/{row.number}"
        try:
            fault, silent = await _fault(engine, store, row), 0
        except StoreUnavailable:
            fault = Fault.UNREAD
            silent += name not in known  # what was broken before says nothing of the store
            if silent == _SILENT:
                raise
        found.parts += 1
        found.bytes += row.stored_size
        if fault is not None:
            getattr(found, fault).append(name)
        if told is not None:
            await told(PartRead(name, fault))
        if rate:
            await asyncio.sleep(max(0.0, row.stored_size / rate - (asyncio.get_running_loop().time() - begun)))
    return found


async def _rows(engine: AsyncEngine, which: Slice, again: Iterable[str]) -> AsyncIterator[Row[Any]]:
    for name in again:
        package, _, number = name.partition("/")
        if (row := await _standing(engine, UUID(package), int(number))) is not None:
            yield row
    package_id, number_ = UUID(int=0), -1
    while True:
        asked = {"package": package_id, "number": number_, "slice": which.number, "of": which.of, "page": _PAGE}
        async with transaction(engine) as connection:
            page = (await connection.execute(_PARTS, asked)).all()
        for row in page:
            yield row
        if len(page) < _PAGE:
            return
        package_id, number_ = page[-1].package, page[-1].number


async def _standing(engine: AsyncEngine, package: UUID, number: int) -> Row[Any] | None:
    async with transaction(engine) as connection:
        return (await connection.execute(_ONE, {"package": package, "number": number})).one_or_none()


async def _fault(engine: AsyncEngine, store: ObjectStore, row: Row[Any]) -> Fault | None:
    """None where the bytes are the row's."""
    while True:
        fault = await _compared(store, row)
        if fault is None:
            return None
        standing = await _standing(engine, row.package, row.number)
        if standing is None:
            return None
        if standing.object_version == row.object_version:
            return fault
        row = standing  # an erasure replaced it while it was read


async def _compared(store: ObjectStore, row: Row[Any]) -> Fault | None:
    expected = CiphertextDigest.parse(row.ciphertext_digest)
    hashing = CiphertextHash(expected.algorithm)
    name = part_key(AttemptId(row.attempt))
    try:
        async for piece in store.get_range(name, 0, row.stored_size, version_id=row.object_version):
            hashing.update(piece)
    except ObjectMissing:
        return Fault.MISSING
    return None if hashing.digest() == expected else Fault.DAMAGED
