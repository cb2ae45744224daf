"""The catalog's rows on a real PostgreSQL, filled as ingest's messages fill them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.catalog.adapters.ledger_sql import SqlLedger
from services.catalog.adapters.world import RealWorld
from services.catalog.domain.labels import Reader
from services.catalog.usecases.receive_message import receive_message
from services.catalog.usecases.register_package import register_package
from services.catalog.usecases.search_documents import Page, search_documents
from services.kernel.messages import PackageSealed
from services.kernel.secrecy import Level
from services.runtime.database import create_engine, transaction
from services.runtime.jobs import Tasks
from tests.support.postgres import Database
from tests.support.shelving import FONDS, ManifestShelf, sealed

OWNER = Reader(Level.NONE, archive=False, fonds=frozenset({FONDS}))


@dataclass(frozen=True, slots=True)
class Catalog:
    """The ledger, ingest's manifests, and the two ways in and out."""

    engine: AsyncEngine
    ledger: SqlLedger
    manifests: ManifestShelf
    world: RealWorld

    async def receive(self, message: PackageSealed) -> UUID:
        return await receive_message(message.to_bytes(), ledger=self.ledger, world=self.world)

    async def register(self, message: UUID) -> None:
        await register_package(message, ledger=self.ledger, manifests=self.manifests, world=self.world)

    async def shelve(self, manifest: bytes, **sealing: Any) -> PackageSealed:
        """Have a package sealed, told and registered."""
        self.manifests.put(manifest)
        message = sealed(manifest, **sealing)
        await self.register(await self.receive(message))
        return message

    async def search(self, words: str, reader: Reader = OWNER, **asked: Any) -> Page:
        asked = {"fonds": None, "since": None, "until": None, "after": None, "limit": 20} | asked
        return await search_documents(words, **asked, reader=reader, ledger=self.ledger)

    async def subjects(self, words: str, reader: Reader = OWNER, **asked: Any) -> list[str | None]:
        """The subjects of what is found, in order."""
        return [hit.document.subject for hit in (await self.search(words, reader, **asked)).hits]

    async def count(self, statement: str) -> int:
        async with transaction(self.engine) as connection:
            return int((await connection.execute(text(statement))).scalar_one())


@pytest.fixture
async def catalog(database: Database) -> AsyncIterator[Catalog]:
    engine = create_engine(database.url_for("nopluu_catalog"), application_name="test", pool_size=4)
    yield Catalog(engine, SqlLedger(engine, Tasks("catalog_queue")), ManifestShelf(), RealWorld())
    await engine.dispose()
