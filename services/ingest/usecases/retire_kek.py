"""Destroy the older versions of a key-encryption key, once nothing needs them any more.

Rows are re-wrapped by rotation; recovery records still hold the older wrappings. Each record of the KEK is read and opened
as it lies in the store, and written anew where it needs an older version; passes go on until one finds none. Only then is
anything destroyed: what the store holds decides, not what the database believes. The command may be stopped and run again.

Source: DECISION-0017.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.ingest.usecases.key_ports import KeyLedger, Rotation, StoredRecords
from services.ingest.usecases.ports import Keys, Ledger, Vault, World
from services.ingest.usecases.renew_record import RecordKeyStale, draw_record_key, renew_record
from services.kernel.canonical import canonical, rfc3339
from services.kernel.identifiers import PackageId
from services.kernel.sealing.act_book import is_acts_kek
from services.kernel.sealing.keys import KeyBroken, KeyManagement, kek_version
from services.kernel.sealing.open import SealBroken
from services.kernel.sealing.recovery import RecordHeader, RecordInvalid, RecoveryRecord, open_sealed

SETTLED_AFTER: Final = timedelta(hours=1)
"""A declaration that drew its key before the rotation has committed or ended by then."""

_PAGE: Final = 200
_MOST_PASSES: Final = 5


class KekNeeded(Exception):
    """Older versions are still needed, or it cannot be told; `reason` is a fixed word and `count` how many."""

    def __init__(self, reason: str, count: int = 0) -> None:
        super().__init__(f"{reason}: {count}")
        self.reason = reason
        self.count = count


@dataclass(frozen=True, slots=True)
class Retirement:
    """What was done: versions up to `through` are destroyed, `renewed` records were written anew."""

    through: int
    renewed: int


@dataclass(frozen=True, slots=True)
class Retiring:
    """The ports that retiring needs."""

    key_ledger: KeyLedger
    ledger: Ledger
    vault: Vault
    records: StoredRecords
    keys: Keys
    kms: KeyManagement
    world: World


async def retire_kek(kek: str, ports: Retiring, *, tell: Callable[[int, int], None] = lambda *_: None) -> Retirement:
    """Renew the records that need an older version, then destroy all but the newest. `tell` hears (read, renewed).

    Raises:
        KekNeeded: `act-book`: its pages need every version for ever; `not-rotated`; `version-differs`: the KMS wraps with another version than the last rotation made;
            `too-early`; `rows`: package keys are behind; `records-missing`, `records-broken`: the store's records do not
            all open; `records`: they were written anew again and again meanwhile.
        KmsUnavailable, StoreUnavailable: nothing was destroyed.
    """
    if is_acts_kek(kek):
        raise KekNeeded("act-book")
    rotation = await _settled(kek, ports)
    renewed = 0
    for _ in range(_MOST_PASSES):
        found = await _pass(kek, rotation.version, ports, lambda read, more: tell(read, renewed + more))  # noqa: B023 - called within this turn
        renewed += found
        if not found:
            break
    else:
        raise KekNeeded("records", renewed)
    await _rows_are_moved(rotation, ports)
    through = rotation.version - 1
    async with ports.key_ledger.transaction() as books:
        event = {"type": "kek_retired", "kek": kek, "through": through, "at": rfc3339(ports.world.now())}
        await books.journal(canonical(event))
        await books.retire(rotation, through)
        await ports.kms.destroy_version(kek, through)
    return Retirement(through, renewed)


async def _settled(kek: str, ports: Retiring) -> Rotation:
    async with ports.key_ledger.transaction() as books:
        rotation = await books.rotation(kek)
    if rotation is None:
        raise KekNeeded("not-rotated")
    if await ports.kms.newest(kek) != rotation.version:
        raise KekNeeded("version-differs")
    if _age(rotation, ports.world.now()) < SETTLED_AFTER:
        raise KekNeeded("too-early")
    await _rows_are_moved(rotation, ports)
    return rotation


async def _rows_are_moved(rotation: Rotation, ports: Retiring) -> None:
    async with ports.key_ledger.transaction() as books:
        behind = await books.count_behind(rotation.kek, rotation.version)
    if behind:
        raise KekNeeded("rows", behind)


def _age(rotation: Rotation, now: datetime) -> timedelta:
    return now - rotation.rotated_at


async def _pass(kek: str, version: int, ports: Retiring, tell: Callable[[int, int], None]) -> int:
    """Read every record of the KEK and renew those that need an older version; how many were renewed."""
    read = renewed = missing = broken = 0
    last: PackageId | None = None
    while True:
        async with ports.key_ledger.transaction() as books:
            packages = await books.sealed_packages(kek, last, _PAGE)
        for package in packages:
            sealed = await ports.records.sealed(package)
            if sealed is None:
                missing += 1
                continue
            try:
                needs = await _needs_older(sealed, kek, version, ports.kms)
            except (RecordInvalid, SealBroken, KeyBroken):
                broken += 1
                continue
            if needs:
                await _renew(package, ports)
                renewed += 1
        read += len(packages)
        tell(read, renewed)
        if len(packages) < _PAGE:
            break
        last = packages[-1]
    if missing:
        raise KekNeeded("records-missing", missing)
    if broken:
        raise KekNeeded("records-broken", broken)
    return renewed


async def _needs_older(sealed: bytes, kek: str, version: int, kms: KeyManagement) -> bool:
    """Whether the record, or a key in it, opens only with an older version. Raises RecordInvalid, SealBroken, KeyBroken."""
    header = RecordHeader.unpack(sealed)
    record = RecoveryRecord.parse(open_sealed(sealed, await kms.unwrap(header.kek, header.wrapped)))
    wrapped = [(header.kek, header.wrapped), *((key.kek, key.wrapped) for key in record.keys)]
    return any(name == kek and kek_version(key) < version for name, key in wrapped)


async def _renew(package_id: PackageId, ports: Retiring) -> None:
    async with ports.ledger.transaction() as books:
        package = await books.package(package_id)
        rows = await books.components(package_id)
    if package is None:
        return
    drawn = await draw_record_key(package, rows, ports.keys)
    with suppress(RecordKeyStale):  # another pass follows
        async with ports.ledger.transaction() as books:
            await renew_record(books, package_id, drawn, vault=ports.vault, world=ports.world)
