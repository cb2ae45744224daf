"""Recomputing the whole log with read access: rows against published files, and both against every signed checkpoint.

Source: DESIGN promise 5 ("`audit` with read access recomputes the rest").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.kernel.tlog.auditing import Fault, LeafRow, LogAudit, Signed
from services.kernel.tlog.checkpoints import Checkpoint, open_checkpoint
from services.kernel.tlog.notes import NoteInvalid, VerifierKey
from services.kernel.tlog.tiles import WIDTH, Bundle, Tile
from services.runtime.journal import CHECKPOINT, COSIGNED, PREFIX
from services.runtime.object_store.port import ObjectMissing, ObjectStore

_LEAVES: Final = text(
    "SELECT leaf.index, leaf.entry, place.event, event.id IS NOT NULL, event.salt, event.event FROM journal.leaf"
    " LEFT JOIN journal.place ON place.index = leaf.index LEFT JOIN journal.event ON event.id = place.event"
    " WHERE leaf.index >= :first AND leaf.index < :end ORDER BY leaf.index"
)
_LAST: Final = text("SELECT coalesce(max(index) + 1, 0) FROM journal.leaf")
_CHECKPOINTS: Final = text("SELECT size, root, note FROM journal.checkpoint ORDER BY size")
_COSIGNATURES: Final = text(
    "SELECT c.size, c.note, s.witness, s.line FROM journal.cosignature s JOIN journal.checkpoint c USING (size)"
    " ORDER BY c.size"
)
# What no leaf leads to: how many, and the first of them.
_STRAYS: Final = {
    "events-without-leaf": text(
        "SELECT count(*), min(id::text) FROM journal.event"
        " WHERE NOT EXISTS (SELECT FROM journal.place WHERE place.event = event.id)"
        " AND NOT EXISTS (SELECT FROM journal.pending WHERE pending.event = event.id)"
    ),
    "pending-altered": text(
        "SELECT count(*), min(pending.event::text) FROM journal.pending LEFT JOIN journal.event ON id = pending.event"
        " WHERE pending.entry IS DISTINCT FROM"
        " sha256('\\x6e6f706c75752f6c6561663100'::bytea || event.salt || event.event)"
    ),
    "place-unknown": text(
        "SELECT count(*), min(event::text) FROM journal.place"
        " WHERE NOT EXISTS (SELECT FROM journal.leaf WHERE leaf.index = place.index)"
    ),
}


@dataclass(frozen=True, slots=True)
class Audit:
    """What was recomputed, and every fault found (the first hundred)."""

    leaves: int
    events: int
    checkpoints: int
    faults: tuple[Fault, ...]


async def audit(
    connection: AsyncConnection,
    store: ObjectStore,
    keys: Sequence[VerifierKey],
    *,
    held: Sequence[Checkpoint] = (),
    witnesses: Sequence[VerifierKey] = (),
) -> Audit:
    """Recompute the log; nothing is changed. `held` are checkpoints from elsewhere: from receipts, or from a witness.

    Takes about a minute for a few million leaves. Events that are appended meanwhile do no harm.
    """
    found: list[Fault] = []
    # The store before the rows: rows only grow, so what was published must be among them.
    published = await _published(store, CHECKPOINT, keys, found)
    cosigned = await _published(store, COSIGNED, keys, found)
    kept = await _kept(connection, keys, found)
    await _cosignatures(connection, [*keys, *witnesses], found)
    signed = [*kept, *(Signed("held", checkpoint) for checkpoint in held)]
    for shown in (published, cosigned):
        if shown is not None:
            signed.append(Signed("store", shown))
            if shown.size not in {checkpoint.size for _, checkpoint in kept}:
                found.append(Fault("checkpoint-missing", shown.size))
    size = published.size if published is not None else 0
    work = LogAudit(signed, size)
    last = max(size, int((await connection.execute(_LAST)).scalar_one()))
    for first in range(0, last, WIDTH):
        end = min(last, first + WIDTH)
        rows = [
            LeafRow(int(row[0]), bytes(row[1]), row[2], bool(row[3]), _bytes(row[4]), _bytes(row[5]))
            for row in (await connection.execute(_LEAVES, {"first": first, "end": end})).all()
        ]
        width = work.width(first)
        bundle = await _file(store, Bundle(first // WIDTH, width).path) if width else None
        tile = await _file(store, Tile(0, first // WIDTH, width).path) if width else None
        for above, expected in work.run(first, rows, bundle, tile):
            work.tile(above, expected, await _file(store, above.path))
    for fault in found:
        work.add(fault)
    for code, query in _STRAYS.items():
        count, example = (await connection.execute(query)).one()
        if count:
            work.add(Fault(code, int(count), str(example)))
    return Audit(work.leaves, work.events, len(kept), work.finish())


async def _kept(connection: AsyncConnection, keys: Sequence[VerifierKey], found: list[Fault]) -> list[Signed]:
    """The checkpoints in the database whose signatures are true."""
    kept: list[Signed] = []
    for size, root, note in (await connection.execute(_CHECKPOINTS)).all():
        try:
            checkpoint = open_checkpoint(str(note), keys).checkpoint
        except NoteInvalid:
            found.append(Fault("checkpoint-signature", int(size), "database"))
            continue
        kept.append(Signed("database", checkpoint))
        if (checkpoint.size, checkpoint.root) != (int(size), bytes(root)):
            found.append(Fault("checkpoint-note", int(size)))
    return kept


async def _cosignatures(connection: AsyncConnection, keys: Sequence[VerifierKey], found: list[Fault]) -> None:
    for size, note, witness, line in (await connection.execute(_COSIGNATURES)).all():
        try:
            open_checkpoint(f"{note}{line}\n", keys)
        except NoteInvalid:
            found.append(Fault("cosignature-wrong", int(size), str(witness)))


async def _published(
    store: ObjectStore, name: str, keys: Sequence[VerifierKey], found: list[Fault]
) -> Checkpoint | None:
    try:
        return open_checkpoint((await store.get(name)).decode(), keys).checkpoint
    except ObjectMissing:
        if name == CHECKPOINT:
            found.append(Fault("published-missing", 0))
    except (NoteInvalid, UnicodeDecodeError):
        found.append(Fault("published-signature", 0))
    return None


async def _file(store: ObjectStore, path: str) -> bytes | None:
    try:
        return await store.get(PREFIX + path)
    except ObjectMissing:
        return None


def _bytes(value: object) -> bytes | None:
    return bytes(value) if isinstance(value, bytes | memoryview) else None
