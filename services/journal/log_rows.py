"""The log in PostgreSQL: pending events, leaves, checkpoints. All through one connection, the one that holds the lock.

Because every write goes through that connection, a sequencer that has lost the lock cannot write: the connection that
held it is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.journal.refusing import gap, other_root
from services.kernel.tlog.checkpoints import Checkpoint
from services.kernel.tlog.notes import Signature

_LOCK = text("SELECT pg_try_advisory_lock(hashtextextended('nopluu.journal.sequencer', 0))")
_NUMBER = text(
    """
    WITH batch AS (
        SELECT appended_at, event, entry,
               (SELECT coalesce(max(index) + 1, 0) FROM journal.leaf)
               + row_number() OVER (ORDER BY appended_at, event) - 1 AS index
          FROM (SELECT * FROM journal.pending ORDER BY appended_at, event LIMIT :most) AS head
    ), gone AS (
        DELETE FROM journal.pending USING batch
         WHERE pending.appended_at = batch.appended_at AND pending.event = batch.event
    ), placed AS (
        INSERT INTO journal.place (event, index) SELECT event, index FROM batch
    )
    INSERT INTO journal.leaf (index, entry) SELECT index, entry FROM batch RETURNING index, entry
    """
)
_LEAVES = text("SELECT index, entry FROM journal.leaf WHERE index >= :first ORDER BY index LIMIT :most")
_PENDING = text("SELECT count(*) FROM journal.pending")
_LAST = text("SELECT note FROM journal.checkpoint ORDER BY size DESC LIMIT 1")
_KEEP = text(
    "INSERT INTO journal.checkpoint (size, root, note, signed_at) VALUES (:size, :root, :note, :at)"
    " ON CONFLICT (size) DO NOTHING"
)
_KEPT = text("SELECT root FROM journal.checkpoint WHERE size = :size")
_COSIGNED = text(
    "INSERT INTO journal.cosignature (size, witness, key_id, line, received_at)"
    " VALUES (:size, :witness, :key_id, :line, :at) ON CONFLICT DO NOTHING"
)
_MONTHS = text("SELECT journal.event_keep(:ahead)")


class LogRows:
    """The rows of the log, read and written by the one active sequencer. Raises DBAPIError where the database fails."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock(self) -> bool:
        """Take the lock of the active sequencer, for as long as the connection lives; False where another has it."""
        async with self._connection.begin():
            return bool((await self._connection.execute(_LOCK)).scalar_one())

    async def number(self, most: int) -> tuple[int, list[bytes]]:
        """Give leaves to the oldest pending events, in one transaction: the first index, and the entries in order."""
        async with self._connection.begin():
            rows = (await self._connection.execute(_NUMBER, {"most": most})).all()
        return _dense(sorted((int(row[0]), bytes(row[1])) for row in rows), None)

    async def leaves(self, first: int, most: int) -> list[bytes]:
        """The entries from leaf `first` on. Raises LogRefused where one is missing in between."""
        async with self._connection.begin():
            rows = (await self._connection.execute(_LEAVES, {"first": first, "most": most})).all()
        return _dense([(int(row[0]), bytes(row[1])) for row in rows], first)[1]

    async def pending(self) -> int:
        """How many events wait for their leaf."""
        async with self._connection.begin():
            return int((await self._connection.execute(_PENDING)).scalar_one())

    async def last_checkpoint(self) -> str | None:
        """The note of the largest checkpoint that was signed."""
        async with self._connection.begin():
            note = (await self._connection.execute(_LAST)).scalar_one_or_none()
        return None if note is None else str(note)

    async def keep_checkpoint(self, checkpoint: Checkpoint, note: str, at: datetime) -> None:
        """Keep a signed checkpoint for ever. Safe to repeat.

        Raises:
            LogRefused: another root was signed for this size.
        """
        async with self._connection.begin():
            row = {"size": checkpoint.size, "root": checkpoint.root, "note": note, "at": at}
            await self._connection.execute(_KEEP, row)
            kept = (await self._connection.execute(_KEPT, {"size": checkpoint.size})).scalar_one()
        if bytes(kept) != checkpoint.root:
            raise other_root(checkpoint.size)

    async def keep_cosignatures(self, size: int, lines: Sequence[Signature], at: datetime) -> None:
        """Keep what witnesses signed for ever; of one key's signatures over one size, the first. Safe to repeat."""
        rows = [
            {"size": size, "witness": line.name, "key_id": line.key_id, "line": str(line), "at": at} for line in lines
        ]
        async with self._connection.begin():
            await self._connection.execute(_COSIGNED, rows)

    async def keep_months(self, ahead: int) -> None:
        """Make the partitions of this month and the next ones."""
        async with self._connection.begin():
            await self._connection.execute(_MONTHS, {"ahead": ahead})


def _dense(rows: Sequence[tuple[int, bytes]], first: int | None) -> tuple[int, list[bytes]]:
    start = rows[0][0] if first is None and rows else first or 0
    for expected, (index, _) in enumerate(rows, start):
        if index != expected:
            raise gap(expected)
    return start, [entry for _, entry in rows]
