"""A rebuild that kills itself (SIGKILL) at its Nth statement: `python -m tests.faults.rebuild_child WHAT OWNER CATALOG FOLDER KEYRING N`.

WHAT is `ingest` or `catalog`; N counts from 1 over every connection, 0 lets it end. Batches are of two records.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from services.catalog.adapters.ledger_sql import SqlLedger
from services.catalog.adapters.rebuild_sql import OwnersFacts, SqlEmptyShelves
from services.catalog.usecases.rebuild_catalog import rebuild_catalog
from services.ingest.adapters.erasures_sql import CUSTODY_JOBS
from services.ingest.adapters.rebuild_sql import OwnersBooks
from services.ingest.usecases.rebuild_packages import rebuild_packages
from services.kernel.sealing.recovered import Refused
from services.runtime.database import create_engine
from services.runtime.jobs import Tasks
from services.runtime.kms.keyring import FileKeyring
from services.runtime.recovered_acts import RecoveredActs
from services.runtime.recovered_records import RecoveredRecords
from tests.support.folder_store import FolderStore


class CopiedParts:
    """The folder is a copy, so its versions are others than the rows name: parts are no matter here."""

    async def lost(self) -> list[Refused]:
        return []


class Fuse:
    """Burns down at the Nth statement."""

    def __init__(self, statements: int) -> None:
        self._left = statements

    def attach(self, engine: AsyncEngine) -> None:
        event.listen(engine.sync_engine, "before_cursor_execute", self.burn)

    def burn(self, *_: object) -> None:
        """A step nearer to the end."""
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def now() -> datetime:
    return datetime.now(UTC)


async def main(what: str, owner_url: str, catalog_url: str, folder: str, keyring: str, statements: int) -> int:
    fuse = Fuse(statements)
    owner, catalog = (create_engine(url, application_name="rebuild", pool_size=2) for url in (owner_url, catalog_url))
    fuse.attach(owner)
    fuse.attach(catalog)
    kms = FileKeyring(Path(keyring), environment="development")
    records = RecoveredRecords(FolderStore(Path(folder)), kms, owner, owner, batch_records=2)
    if what == "ingest":
        pages = RecoveredActs(FolderStore(Path(folder)), kms, owner, owner)
        books = OwnersBooks(owner, Tasks("ingest_queue", queues=CUSTODY_JOBS))
        done = await rebuild_packages(
            records=records, pages=pages, parts=CopiedParts(), books=books, now=now, told=lambda _: None
        )
        refused = len(done.refused)
    else:
        ledger = SqlLedger(catalog, Tasks("catalog_queue"))
        shelved = await rebuild_catalog(
            records=records,
            facts=OwnersFacts(owner),
            shelves=SqlEmptyShelves(catalog, ledger),
            now=now,
            told=lambda _: None,
        )
        refused = len(shelved.refused)
    await owner.dispose()
    await catalog.dispose()
    return refused


if __name__ == "__main__":
    what, owner, catalog, store, ring, statement = sys.argv[1:]
    sys.exit(asyncio.run(main(what, owner, catalog, store, ring, int(statement))))
