"""Recomputing the whole log with read access: events against leaves, leaves against tiles and every signed checkpoint.

Source: DESIGN promise 5 ("`audit` with read access recomputes the rest").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.journal.publication import Resource
from services.kernel.tlog.checkpoints import open_checkpoint
from services.kernel.tlog.notes import NoteInvalid, VerifierKey
from services.kernel.tlog.tiles import Edge
from services.kernel.tlog.tree import entry_hash
from services.runtime.journal import CHECKPOINT, PREFIX
from services.runtime.object_store.port import ObjectMissing, ObjectStore

_PAGE = 5_000
_MOST_TOLD = 100
_LEAVES = text(
    "SELECT leaf.index, leaf.entry, event.salt, event.event FROM journal.leaf"
    " LEFT JOIN journal.place ON place.index = leaf.index LEFT JOIN journal.event ON event.id = place.event"
    " WHERE leaf.index >= :first ORDER BY leaf.index LIMIT :most"
)
_CHECKPOINTS = text("SELECT size, root, note FROM journal.checkpoint ORDER BY size")
_LOST = text(
    "SELECT count(*) FROM journal.event WHERE NOT EXISTS (SELECT FROM journal.place WHERE place.event = event.id)"
    " AND NOT EXISTS (SELECT FROM journal.pending WHERE pending.event = event.id)"
)


@dataclass(frozen=True, slots=True)
class Audit:
    """What was recomputed, and every fault found (the first hundred): a code and the leaf or size it is about."""

    leaves: int
    events: int
    checkpoints: int
    faults: tuple[tuple[str, int], ...]


async def audit(connection: AsyncConnection, store: ObjectStore, keys: Sequence[VerifierKey]) -> Audit:
    """Recompute the log; nothing is changed. Takes about a minute for a few million leaves."""
    faults: list[tuple[str, int]] = []
    signed = {int(row[0]): (bytes(row[1]), str(row[2])) for row in (await connection.execute(_CHECKPOINTS)).all()}
    for size, (root, note) in signed.items():
        faults += _note_faults(size, root, note, keys)
    edge, events = Edge(), 0
    published = await _published(store, keys, faults)
    while True:
        page = (await connection.execute(_LEAVES, {"first": edge.size, "most": _PAGE})).all()
        for index, entry, salt, event in page:
            if index != edge.size:
                faults.append(("leaf-missing", edge.size))
                return Audit(edge.size, events, len(signed), tuple(faults[:_MOST_TOLD]))
            if event is not None:
                events += 1
                if entry_hash(bytes(salt), bytes(event)) != bytes(entry):
                    faults.append(("event-altered", index))
            for resource in edge.append([bytes(entry)]):
                if edge.size <= published:
                    faults += await _tile_faults(store, resource, edge.size)
            if edge.size in signed and signed[edge.size][0] != edge.root:
                faults.append(("checkpoint-root", edge.size))
            if edge.size == published:
                for resource in edge.partial():
                    faults += await _tile_faults(store, resource, edge.size)
        if not page:
            break
    faults += [("checkpoint-beyond-leaves", size) for size in signed if size > edge.size]
    if published > edge.size:
        faults.append(("published-beyond-leaves", published))
    if lost := int((await connection.execute(_LOST)).scalar_one()):
        faults.append(("events-without-leaf", lost))
    return Audit(edge.size, events, len(signed), tuple(faults[:_MOST_TOLD]))


def _note_faults(size: int, root: bytes, note: str, keys: Sequence[VerifierKey]) -> list[tuple[str, int]]:
    try:
        checkpoint = open_checkpoint(note, keys).checkpoint
    except NoteInvalid:
        return [("checkpoint-signature", size)]
    return [] if (checkpoint.size, checkpoint.root) == (size, root) else [("checkpoint-note", size)]


async def _published(store: ObjectStore, keys: Sequence[VerifierKey], faults: list[tuple[str, int]]) -> int:
    try:
        return open_checkpoint((await store.get(CHECKPOINT)).decode(), keys).checkpoint.size
    except ObjectMissing:
        faults.append(("published-missing", 0))
    except (NoteInvalid, UnicodeDecodeError):
        faults.append(("published-signature", 0))
    return 0


async def _tile_faults(store: ObjectStore, resource: Resource, size: int) -> list[tuple[str, int]]:
    place, data = resource
    try:
        return [] if await store.get(PREFIX + place.path) == data else [("tile-altered", size)]
    except ObjectMissing:
        return [("tile-missing", size)]
