"""What reading records and reading pages out of the store have in common: objects, keys, and their leaves in the log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA
from sqlalchemy.ext.asyncio import AsyncEngine

from services.kernel.sealing.keys import KeyAccess, KeyBroken
from services.kernel.sealing.recovered import Refused
from services.runtime.database import transaction
from services.runtime.object_store.port import ObjectMissing, ObjectStore

_AT_ONCE: Final = 8
_INDEX: Final = text("CREATE INDEX IF NOT EXISTS leaf_entry ON journal.leaf (entry)")
_NO_INDEX: Final = text("DROP INDEX IF EXISTS journal.leaf_entry")
_LEAF_OF: Final = text("SELECT entry, index FROM journal.leaf_of(:entries)").bindparams(
    bindparam("entries", type_=ARRAY(BYTEA))
)


@asynccontextmanager
async def entries_indexed(owner: AsyncEngine) -> AsyncIterator[None]:
    """An index on the log's entries meanwhile, for nothing else ever asks by entry; after a failure it stays for the next run."""
    async with transaction(owner) as connection:
        await connection.execute(_INDEX)
    yield
    async with transaction(owner) as connection:
        await connection.execute(_NO_INDEX)


async def leaves_of(engine: AsyncEngine, entries: Sequence[bytes]) -> dict[bytes, int]:
    """The log's leaf of each entry that has one; `engine` has a role that may execute `journal.leaf_of`.

    Raises:
        DatabaseUnavailable
    """
    async with transaction(engine) as connection:
        rows = (await connection.execute(_LEAF_OF, {"entries": list(entries)})).all()
    return {bytes(entry): int(index) for entry, index in rows}


async def fetched(store: ObjectStore, names: Sequence[str], missing: str, refused: list[Refused]) -> dict[str, bytes]:
    """The newest bytes of each object, a few at once; what is gone since it was listed is refused as `missing`.

    Raises:
        StoreUnavailable
    """
    found: dict[str, bytes] = {}
    turns = asyncio.Semaphore(_AT_ONCE)

    async def fetch(name: str) -> None:
        async with turns:
            try:
                found[name] = await store.get(name)
            except ObjectMissing:
                refused.append(Refused(name, missing))

    await asyncio.gather(*map(fetch, names))
    return found


async def unwrapped(kms: KeyAccess, kek: str, wrapped: Sequence[bytes]) -> list[bytes | None]:
    """Each key, None where the KMS refuses it. All at once; one by one where that fails, for one must not speak for the others.

    Raises:
        KmsUnavailable
    """
    try:
        return list(await kms.unwrap_many(kek, wrapped))
    except KeyBroken:
        return [await _unwrapped(kms, kek, entry) for entry in wrapped]


async def _unwrapped(kms: KeyAccess, kek: str, wrapped: bytes) -> bytes | None:
    try:
        return await kms.unwrap(kek, wrapped)
    except KeyBroken:
        return None
