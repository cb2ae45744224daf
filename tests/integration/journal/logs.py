"""A log under test: its database roles, its store in a folder, its key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.ext.asyncio import AsyncEngine

from services.journal.log_rows import LogRows
from services.journal.publication import Publication
from services.journal.sequencer import Sequencer
from services.kernel.canonical import canonical
from services.kernel.tlog.notes import LogSigner, VerifierKey
from services.runtime import journal
from services.runtime.database import create_engine, transaction
from tests.support.folder_store import FolderStore
from tests.support.postgres import Database

ORIGIN = "nopluu.example/log"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNER = LogSigner(ORIGIN, KEY)


def event_bytes(number: int) -> bytes:
    return canonical({"type": "sealed", "number": number})


@asynccontextmanager
async def engine_of(database: Database, role: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(database.url_for(role), application_name="test", pool_size=4)
    try:
        yield engine
    finally:
        await engine.dispose()


@dataclass
class Log:
    """One log: append as ingest, sequence as journal, read receipts as ingest."""

    database: Database
    folder: Path
    signer: LogSigner = SIGNER
    store: FolderStore = field(init=False)

    def __post_init__(self) -> None:
        self.store = FolderStore(self.folder)

    async def append(self, *events: bytes, role: str = "nopluu_ingest") -> list[UUID]:
        async with engine_of(self.database, role) as engine:
            ids = []
            for event in events:
                async with transaction(engine) as connection:
                    ids.append(await journal.append(connection, event))
            return ids

    async def append_many(self, count: int) -> list[UUID]:
        async with engine_of(self.database, "nopluu_ingest") as engine, transaction(engine) as connection:
            return [await journal.append(connection, event_bytes(number)) for number in range(count)]

    def sequencer(self, retired: Sequence[VerifierKey] = (), publication: Publication | None = None) -> Sequencer:
        return Sequencer(
            self.signer, retired, publication=publication or Publication(self.store), now=lambda: datetime.now(UTC)
        )

    @asynccontextmanager
    async def rows(self) -> AsyncIterator[LogRows]:
        async with engine_of(self.database, "nopluu_journal") as engine, engine.connect() as connection:
            yield LogRows(connection)

    async def sequence(self, retired: Sequence[VerifierKey] = ()) -> Sequencer:
        """One whole run: open, number everything, publish."""
        async with self.rows() as rows:
            assert await rows.lock()
            sequencer = self.sequencer(retired)
            await sequencer.open(rows)
            while await sequencer.number(rows):
                pass
            if sequencer.behind:
                await sequencer.publish(rows)
            return sequencer

    async def receipt(self, event: UUID, role: str = "nopluu_ingest") -> bytes | None:
        async with engine_of(self.database, role) as engine, transaction(engine) as connection:
            return await journal.receipt(connection, self.store, event)
