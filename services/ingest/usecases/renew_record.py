"""Write a sealed package's recovery record anew, in the transaction that changed what it tells.

Whoever changes the state, a hold or a wrapped key of a sealed package calls this; otherwise `rebuild` would bring back
what no longer holds. The new writing is in the store before the transaction commits, and its event is in the log with
it: an older writing that a store gives out later is known for what it is. A crash in between leaves a record that is
ahead of the rows by a change that is about to be repeated.

    drawn = await draw_record_key(package, rows, keys)       # the KMS may be slow: no lock is held yet
    async with ledger.transaction() as books:
        …                                                    # lock the package, change its rows
        await renew_record(books, package.id, drawn, vault=vault, world=world)

Source: DESIGN 7 "Recovery record", DECISION-0016.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.ingest.domain.package import Package
from services.ingest.usecases.ports import Books, ComponentRow, Keys, Ledger, LogTicket, PackageKey, Vault, World
from services.ingest.usecases.recovery_records import recovery_record
from services.kernel.identifiers import EventId, PackageId
from services.kernel.sealing import recovery
from services.kernel.sealing.recovery import RecordHeader, RecoveryRecord, SealFacts, renewal_event, renewal_salt
from services.kernel.secrecy import Level


class RecordUnwritable(Exception):
    """The package is not sealed, or its seal event was erased: there is nothing a record could be written from."""


class RecordKeyStale(Exception):
    """The package's highest level rose since the record's key was drawn: draw it again."""


@dataclass(frozen=True, slots=True)
class RecordKey:
    """A fresh key for one writing of one package's record: as wrapped, and its 32 secret bytes."""

    package: PackageId
    key: PackageKey
    opened: bytes = field(repr=False)

    def seal(self, record: RecoveryRecord) -> bytes:
        """The sealed record; it takes a second for 100,000 components.

        Raises:
            RecordKeyStale
        """
        if self.key.level is not max((row.level for row in record.components), default=Level.NONE):
            raise RecordKeyStale
        return recovery.seal(record.build(), self.opened, RecordHeader(self.package, self.key.kek, self.key.wrapped))


async def draw_record_key(package: Package, rows: Sequence[ComponentRow], keys: Keys) -> RecordKey:
    """A key under the KEK of the package's fonds, its highest level and its year of deposit.

    Raises:
        KmsUnavailable
    """
    highest = max((row.level for row in rows), default=Level.NONE)
    key, opened = await keys.new_package_key(package.fonds, highest, package.declared_at.year)
    return RecordKey(package.id, key, opened)


async def renew_record(books: Books, package_id: PackageId, drawn: RecordKey, *, vault: Vault, world: World) -> None:
    """The package's next record, from its rows as they stand in this transaction; durable when this returns.

    Raises:
        RecordUnwritable
        RecordKeyStale, StoreUnavailable: nothing may be committed.
    """
    package = await books.package(package_id, lock=True)
    writing = await books.writing(package_id)
    if package is None or package.seal_event is None or writing is None:
        raise RecordUnwritable
    appended = await books.appended(package.seal_event)
    if appended is None:
        raise RecordUnwritable
    salt, event = appended
    record = recovery_record(
        package,
        await books.description(package_id),
        manifest=await books.manifest(package_id),
        plan=await books.plan(package_id),
        keys=await books.package_keys(package_id),
        components=await books.components(package_id),
        parts=await books.parts(package_id),
        seal=SealFacts(EventId(package.seal_event), salt, event),
        writing=writing.next,
    )
    await vault.put_record(package_id, await asyncio.to_thread(drawn.seal, record))
    number = writing.next.number
    await books.journal(
        renewal_event(package_id, number), LogTicket(world.new_id(), renewal_salt(writing.secret, number))
    )
    await books.set_writing(package_id, writing.next)


async def renew_changed_record(
    package_id: PackageId, *, ledger: Ledger, vault: Vault, keys: Keys, world: World
) -> None:
    """Renew a package's record after a change that could not wait for the store, such as a hold. Safe to repeat.

    Raises:
        KmsUnavailable, StoreUnavailable: to be tried again.
    """
    while True:
        async with ledger.transaction() as books:
            package = await books.package(package_id)
            if package is None or package.seal_event is None:
                return None  # its first record will tell of the hold
            rows = await books.components(package_id)
        drawn = await draw_record_key(package, rows, keys)
        try:
            async with ledger.transaction() as books:
                return await renew_record(books, package_id, drawn, vault=vault, world=world)
        except RecordKeyStale:
            continue  # levels rise three times at most
