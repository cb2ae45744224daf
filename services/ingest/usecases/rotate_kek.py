"""Rotate a key-encryption key: a new version in the KMS, and every package key's row wrapped under it.

No object is touched: components are sealed under their own keys, and a recovery record keeps the older wrapping, which
opens as long as that version is there (`retire_kek` ends that). The job works in batches, each a transaction of its own
that replaces only what it read; it keeps no place, for what is left to do is what the rows say. So it may be killed at any
moment, run again, or run beside itself.

Source: DESIGN 7 ("Rotation re-wraps rows and touches no object"), DECISION-0017.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from services.ingest.usecases.key_ports import KeyLedger, KeyRow
from services.ingest.usecases.ports import World
from services.kernel.canonical import canonical, rfc3339
from services.kernel.sealing.keys import KeyBroken, KeyManagement

BATCH: Final = 500


async def rotate_kek(kek: str, *, ledger: KeyLedger, kms: KeyManagement, world: World) -> int:
    """Make a new version of the KEK, put it on record and in the log, and have the rows re-wrapped; the version.

    New packages use the new version at once. A crash before the record leaves a version that wraps and older ones that
    open: rotating again makes one more, and nothing is lost.

    Raises:
        KmsUnavailable
    """
    version = await kms.rotate(kek)
    async with ledger.transaction() as books:
        now = world.now()
        await books.begin(kek, version, now)
        await books.journal(canonical({"type": "kek_rotated", "kek": kek, "version": version, "at": rfc3339(now)}))
    return version


async def rewrap_keys(
    kek: str,
    *,
    ledger: KeyLedger,
    kms: KeyManagement,
    world: World,
    batch: int = BATCH,
    moved: Callable[[int], None] = lambda _: None,
) -> None:
    """Bring every row of the KEK to its rotation's version; `moved` hears how many rows each batch brought there.

    A row that no version opens is left as it is, counted, and asked again by the next pass.

    Raises:
        KmsUnavailable: what is done stays done.
    """
    async with ledger.transaction() as books:
        rotation = await books.rotation(kek)
    if rotation is None:
        return
    broken = 0
    last: KeyRow | None = None
    while True:
        async with ledger.transaction() as books:
            rows = await books.behind(kek, rotation.version, last, batch)
        if not rows:
            break
        opened, wrapped = await _rewrapped(kek, rows, kms)
        broken += len(rows) - len(opened)
        async with ledger.transaction() as books:
            count = await books.replace(kek, opened, wrapped)
        moved(count)
        last = rows[-1]
    async with ledger.transaction() as books:
        done = await books.count_behind(kek, rotation.version) <= broken
        await books.end(rotation, at=world.now() if done else None, broken=broken)


async def resume_rotations(*, ledger: KeyLedger, kms: KeyManagement, world: World) -> int:
    """Bring to an end what a pass has left: rows of declarations that were under way while their KEK was rotated.

    How many rows are behind afterwards, the broken ones among them.
    """
    async with ledger.transaction() as books:
        waiting = [standing.kek for standing in await books.standings() if standing.behind]
    for kek in waiting:
        await rewrap_keys(kek, ledger=ledger, kms=kms, world=world)
    async with ledger.transaction() as books:
        return sum(standing.behind for standing in await books.standings())


async def _rewrapped(kek: str, rows: Sequence[KeyRow], kms: KeyManagement) -> tuple[list[KeyRow], list[bytes]]:
    """The rows that opened, and their keys anew. One that does not is found by halving."""
    try:
        return list(rows), await kms.rewrap(kek, [row.wrapped for row in rows])
    except KeyBroken:
        if len(rows) == 1:
            return [], []
    half = len(rows) // 2
    first, second = await _rewrapped(kek, rows[:half], kms), await _rewrapped(kek, rows[half:], kms)
    return first[0] + second[0], first[1] + second[1]
