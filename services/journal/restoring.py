"""Bringing leaves back from the store, after the database was restored from a backup that lacks them.

Only what the published checkpoint proves is taken: its signature, and that the entries in the store give its root.
Leaves that the database still has must be the same ones. Events that are still pending and stand in the log already
get their old place, and are not numbered a second time.

Source: DESIGN promise 1 ("the store alone is enough to rebuild the database").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.journal.log_rows import LogRows
from services.journal.refusing import IN_STORE, foreign, inconsistent
from services.kernel.tlog.checkpoints import Checkpoint, open_checkpoint
from services.kernel.tlog.notes import NoteInvalid, VerifierKey
from services.kernel.tlog.tiles import WIDTH, Bundle, Edge, TileInvalid, parse_bundle
from services.runtime.journal import CHECKPOINT, PREFIX
from services.runtime.object_store.port import ObjectMissing, ObjectStore

_BATCH = 10_000
_INSERT = text(
    """
    WITH entries AS (
        SELECT :first + ordinality - 1 AS index, entry FROM unnest(cast(:entries AS bytea[])) WITH ORDINALITY AS t (entry, ordinality)
    ), known AS (
        DELETE FROM journal.pending USING entries WHERE pending.entry = entries.entry
        RETURNING pending.event, entries.index
    ), placed AS (
        INSERT INTO journal.place (event, index) SELECT event, index FROM known RETURNING index
    ), leaves AS (
        INSERT INTO journal.leaf (index, entry) SELECT index, entry FROM entries
    )
    SELECT count(*) FROM placed
    """
)


class SequencerActive(Exception):
    """A sequencer holds the lock; it must be stopped first."""


@dataclass(frozen=True, slots=True)
class Restored:
    """How many leaves the database had, how many came back, and how many of those found their pending event."""

    had: int
    restored: int
    placed: int


async def restore(connection: AsyncConnection, store: ObjectStore, keys: Sequence[VerifierKey]) -> Restored:
    """Bring back the leaves that the published checkpoint covers and the database lacks. Safe to repeat.

    Raises:
        SequencerActive: stop it first.
        LogRefused: the checkpoint is not this log's, or store and database contradict each other.
        ObjectMissing: an entry bundle is gone.
    """
    rows = LogRows(connection)
    if not await rows.lock():
        raise SequencerActive
    try:
        checkpoint = open_checkpoint((await store.get(CHECKPOINT)).decode("utf-8", "replace"), keys).checkpoint
    except NoteInvalid as error:
        raise foreign(IN_STORE) from error
    edge, missing, had = Edge(), list[bytes](), 0
    while edge.size < checkpoint.size:
        entries = await _bundle(store, edge.size // WIDTH, checkpoint)
        present = await rows.leaves(edge.size, len(entries))
        if present != entries[: len(present)] or (missing and present):
            raise inconsistent(edge.size + len(entries), IN_STORE)
        had += len(present)
        missing += entries[len(present) :]
        list(edge.append(entries))
    if edge.root != checkpoint.root:
        raise inconsistent(checkpoint.size, IN_STORE)
    placed = 0
    async with connection.begin():
        for at in range(0, len(missing), _BATCH):
            batch = {"first": had + at, "entries": missing[at : at + _BATCH]}
            placed += int((await connection.execute(_INSERT, batch)).scalar_one())
    return Restored(had, len(missing), placed)


async def _bundle(store: ObjectStore, number: int, checkpoint: Checkpoint) -> list[bytes]:
    bundle = Bundle(number, min(WIDTH, checkpoint.size - number * WIDTH))
    try:
        try:
            return parse_bundle(await store.get(PREFIX + bundle.path), bundle.width)
        except ObjectMissing:
            whole = Bundle(number)
            return parse_bundle(await store.get(PREFIX + whole.path), whole.width)[: bundle.width]
    except TileInvalid as error:
        raise inconsistent(checkpoint.size, IN_STORE) from error
