"""Writing to the log within the transaction that an event describes, and reading back what the log made of it.

The sequencer (`services.journal`) gives each committed event its leaf; a service may only call the two functions here
that stand in the `journal` schema, and sees only events that it appended itself.

Source: DESIGN 8.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.kernel.tlog.receipts import build_receipt, tiles_for_receipt
from services.kernel.tlog.tiles import Tile
from services.runtime.fresh_ids import new_uuid7
from services.runtime.object_store.port import ObjectMissing

PREFIX = "log/"
CHECKPOINT = f"{PREFIX}checkpoint"
COSIGNED = f"{PREFIX}checkpoint.cosigned"

_APPEND = text("SELECT journal.append(:id, :salt, :event)")
_APPENDED = text("SELECT salt, event FROM journal.appended(:id)")
_ENTRY = text('SELECT "index", salt, event FROM journal.entry(:id)')


class LogFiles(Protocol):
    """Where the log's files are read: an object store, or something that keeps what never changes."""

    async def get(self, name: str, *, version_id: str | None = None) -> bytes:
        """Raises ObjectMissing."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An event that has its leaf: where it stands, its salt and its bytes."""

    index: int
    salt: bytes
    event: bytes


@dataclass(frozen=True, slots=True)
class Ticket:
    """The id and the salt that an event will have: drawn early where they must be written elsewhere first."""

    id: UUID
    salt: bytes


def ticket() -> Ticket:
    """A fresh id (its time is when it was drawn) and a fresh salt."""
    return Ticket(new_uuid7(), secrets.token_bytes(32))


async def append(connection: AsyncConnection, event: bytes, drawn: Ticket | None = None) -> UUID:
    """Append an event in the caller's transaction; its id. Nothing is in the log before that transaction commits."""
    drawn = drawn or ticket()
    await connection.execute(_APPEND, {"id": drawn.id, "salt": drawn.salt, "event": event})
    return drawn.id


async def entry(connection: AsyncConnection, event_id: UUID) -> Entry | None:
    """The leaf of an event; None while it has none, was erased, or was appended by another service."""
    row = (await connection.execute(_ENTRY, {"id": event_id})).one_or_none()
    return None if row is None else Entry(int(row[0]), bytes(row[1]), bytes(row[2]))


async def appended(connection: AsyncConnection, event_id: UUID) -> tuple[bytes, bytes] | None:
    """Salt and bytes of an event, with or without a leaf; None where it was erased or another service appended it."""
    row = (await connection.execute(_APPENDED, {"id": event_id})).one_or_none()
    return None if row is None else (bytes(row[0]), bytes(row[1]))


async def receipt(connection: AsyncConnection, store: LogFiles, event_id: UUID) -> bytes | None:
    """The receipt of an event under the newest checkpoint; None while no checkpoint covers it."""
    found = await entry(connection, event_id)
    return None if found is None else await receipt_of(found, store)


async def receipt_of(found: Entry, store: LogFiles) -> bytes | None:
    """The receipt of an entry under the newest checkpoint that witnesses cosigned, or else under the newest one.

    None while no checkpoint covers it.

    Raises:
        ProofInvalid, NoteInvalid, TileInvalid: the log in the store does not fit the entry: an operator must look.
    """
    for name in (COSIGNED, CHECKPOINT):
        try:
            note = (await store.get(name)).decode()
        except ObjectMissing:
            continue
        needed = tiles_for_receipt(found.index, note)
        if needed is not None:
            tiles = {tile: await read_tile(store, tile) for tile in needed}
            return build_receipt(found.event, found.salt, found.index, note, tiles)
    return None


async def read_tile(store: LogFiles, tile: Tile) -> bytes:
    """A tile's bytes; of a partial one that was removed since, the head of the full one."""
    try:
        return await store.get(PREFIX + tile.path)
    except ObjectMissing:
        if tile == tile.full:
            raise
        whole = await store.get(PREFIX + tile.full.path)
        return whole[: tile.width * 32]
