"""Writing the log to a folder for an auditor's disk: the published files, and what the database holds of it.

Source: FORMATS "Exported log".
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.kernel.tlog.auditing import LeafRow
from services.kernel.tlog.checkpoints import open_checkpoint
from services.kernel.tlog.exports import (
    CHECKPOINTS,
    LEAVES,
    WITHOUT_LEAF,
    checkpoint_line,
    leaf_line,
    without_leaf_line,
)
from services.kernel.tlog.notes import VerifierKey
from services.kernel.tlog.tiles import WIDTH, Bundle, tiles_of
from services.runtime.journal import CHECKPOINT, COSIGNED, PREFIX
from services.runtime.object_store.port import ObjectMissing, ObjectStore

_PAGE: Final = 2_000
_LEAVES: Final = text(
    "SELECT leaf.index, leaf.entry, place.event, event.id IS NOT NULL, event.salt, event.event FROM journal.leaf"
    " LEFT JOIN journal.place ON place.index = leaf.index LEFT JOIN journal.event ON event.id = place.event"
    " WHERE leaf.index > :after ORDER BY leaf.index LIMIT :most"
)
_CHECKPOINTS: Final = text(
    "SELECT c.size, c.note, coalesce(array_agg(s.line ORDER BY s.witness) FILTER (WHERE s.line IS NOT NULL), '{}')"
    " FROM journal.checkpoint c LEFT JOIN journal.cosignature s USING (size)"
    " WHERE c.size > :after GROUP BY c.size, c.note ORDER BY c.size LIMIT :most"
)
_WITHOUT_LEAF: Final = text(
    "SELECT id, EXISTS (SELECT FROM journal.pending WHERE pending.event = id) FROM journal.event"
    " WHERE NOT EXISTS (SELECT FROM journal.place WHERE place.event = id) ORDER BY id"
)


@dataclass(frozen=True, slots=True)
class Exported:
    """How many leaves the published checkpoint covers, how many files of the log and rows of leaves were written."""

    leaves: int
    files: int
    rows: int


async def export(
    connection: AsyncConnection, store: ObjectStore, keys: Sequence[VerifierKey], folder: Path, *, rows: bool
) -> Exported:
    """Export to a new or empty folder. The database is read at one moment, after the store.

    Raises:
        FileExistsError: something lies in the folder.
        ObjectMissing: the published log is not whole.
        NoteInvalid: the published checkpoint is not this log's.
    """
    _empty(folder)
    note = await store.get(CHECKPOINT)
    size = open_checkpoint(note.decode("utf-8", "replace"), keys).checkpoint.size
    paths = [tile.path for tile in tiles_of(size)]
    paths += [Bundle(first // WIDTH, min(WIDTH, size - first)).path for first in range(0, size, WIDTH)]
    for path in paths:
        _write(folder / PREFIX / path, await _file(store, path))
    _write(folder / CHECKPOINT, note)
    with suppress(ObjectMissing):  # no witness cosigned yet, or there is none
        _write(folder / COSIGNED, await store.get(COSIGNED))
    return Exported(size, len(paths), await _rows(connection, folder) if rows else 0)


async def _rows(connection: AsyncConnection, folder: Path) -> int:
    (folder / LEAVES).parent.mkdir(parents=True, exist_ok=True)
    async with connection.begin():
        await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        count, after = 0, -1
        with (folder / LEAVES).open("wb") as out:
            while page := (await connection.execute(_LEAVES, {"after": after, "most": _PAGE})).all():
                for index, entry, event, found, salt, body in page:
                    out.write(
                        leaf_line(LeafRow(int(index), bytes(entry), event, bool(found), _or_none(salt), _or_none(body)))
                    )
                count, after = count + len(page), int(page[-1][0])
        after = -1
        with (folder / CHECKPOINTS).open("wb") as out:
            while page := (await connection.execute(_CHECKPOINTS, {"after": after, "most": _PAGE})).all():
                for _, note, lines in page:
                    out.write(checkpoint_line(str(note), [str(line) for line in lines]))
                after = int(page[-1][0])
        with (folder / WITHOUT_LEAF).open("wb") as out:
            for event, waits in (await connection.execute(_WITHOUT_LEAF)).all():
                out.write(without_leaf_line(event, bool(waits)))
    return count


async def _file(store: ObjectStore, path: str) -> bytes:
    """A published file; of a partial one that was removed since, the head of the full one."""
    try:
        return await store.get(PREFIX + path)
    except ObjectMissing:
        whole, partial, width = path.partition(".p/")
        if not partial:
            raise
        return (await store.get(PREFIX + whole))[: int(width) * (34 if path.startswith("tile/entries/") else 32)]


def _empty(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(folder)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _or_none(value: object) -> bytes | None:
    return bytes(value) if isinstance(value, bytes | memoryview) else None
