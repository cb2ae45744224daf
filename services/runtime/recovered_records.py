"""Recovery records out of the store, each believed or named: what `rebuild` of ingest and of catalog both begin with.

Records come in batches that fit in memory. Of each batch the KMS opens the keys by the group, and one question to the
log's leaves tells which records are this log's and the newest.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from services.kernel.identifiers import PackageId
from services.kernel.sealing.keys import KeyAccess
from services.kernel.sealing.rebuilding import Batch
from services.kernel.sealing.recovered import (
    PREFIX,
    Believed,
    Placed,
    RecordFault,
    Refused,
    believe,
    entries_of,
    header_of,
    package_of,
    place,
)
from services.kernel.sealing.recovery import RecordHeader
from services.runtime.object_store.port import ObjectStore
from services.runtime.recovered_objects import entries_indexed, fetched, leaves_of, unwrapped

BATCH_RECORDS = 64
BATCH_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RecoveredRecords:
    """All records of a store; `engine` has a role that may execute `journal.leaf_of`, `owner` the owner's.

    The owner makes an index on the log's entries while records are placed (see `entries_indexed`).
    """

    store: ObjectStore
    kms: KeyAccess
    engine: AsyncEngine
    owner: AsyncEngine
    admit_unlogged: bool = False
    batch_records: int = BATCH_RECORDS

    async def count(self) -> int:
        """How many objects stand where records stand."""
        return sum([1 async for _ in self.store.list(PREFIX)])

    async def batches(
        self, present: Callable[[Sequence[PackageId]], Awaitable[Collection[PackageId]]]
    ) -> AsyncIterator[Batch]:
        """Every record; those of packages that `present` tells of are not read again.

        Raises:
            StoreUnavailable, KmsUnavailable, DatabaseUnavailable: what was given out before stays true.
        """
        async with entries_indexed(self.owner):
            async for batch in self._batches(present):
                yield batch

    async def _batches(
        self, present: Callable[[Sequence[PackageId]], Awaitable[Collection[PackageId]]]
    ) -> AsyncIterator[Batch]:
        names: list[str] = []
        size = 0
        async for entry in self.store.list(PREFIX):
            names.append(entry.name)
            size += entry.size
            if len(names) == self.batch_records or size >= BATCH_BYTES:
                yield await self._batch(names, present)
                names, size = [], 0
        if names:
            yield await self._batch(names, present)

    async def _batch(
        self, names: Sequence[str], present: Callable[[Sequence[PackageId]], Awaitable[Collection[PackageId]]]
    ) -> Batch:
        refused: list[Refused] = []
        wanted: dict[PackageId, str] = {}
        for name in names:
            try:
                wanted[package_of(name)] = name
            except RecordFault as fault:
                refused.append(Refused(name, fault.code, fault.what))
        standing = await present(list(wanted))
        unread = [name for package, name in wanted.items() if package not in standing]
        sealed = await fetched(self.store, unread, "record-missing", refused)
        opened = await self._open(sealed, refused)
        believed: dict[str, Believed] = {}
        for name, (header, data, key) in opened.items():
            try:
                believed[name] = await asyncio.to_thread(believe, header, data, key)
            except RecordFault as fault:
                refused.append(Refused(name, fault.code, fault.what))
        return Batch(len(standing), await self._place(believed, refused), refused)

    async def _open(
        self, sealed: dict[str, bytes], refused: list[Refused]
    ) -> dict[str, tuple[RecordHeader, bytes, bytes]]:
        """Every record with its header and the opened key."""
        groups: dict[str, list[tuple[str, RecordHeader]]] = defaultdict(list)
        for name, data in sealed.items():
            try:
                header = header_of(name, data)
            except RecordFault as fault:
                refused.append(Refused(name, fault.code, fault.what))
            else:
                groups[header.kek].append((name, header))
        opened: dict[str, tuple[RecordHeader, bytes, bytes]] = {}
        for kek, members in groups.items():
            keys = await unwrapped(self.kms, kek, [header.wrapped for _, header in members])
            for (name, header), key in zip(members, keys, strict=True):
                if key is None:
                    refused.append(Refused(name, "record-key-refused"))
                else:
                    opened[name] = (header, sealed[name], key)
        return opened

    async def _place(self, believed: dict[str, Believed], refused: list[Refused]) -> list[Placed]:
        entries = [entry for found in believed.values() for entry in entries_of(found.record)]
        leaves = await leaves_of(self.engine, entries)
        placed: list[Placed] = []
        for name, found in believed.items():
            try:
                placed.append(place(found, leaves, admit_unlogged=self.admit_unlogged))
            except RecordFault as fault:
                refused.append(Refused(name, fault.code, fault.what))
        return placed
