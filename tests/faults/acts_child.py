"""Sealing of acts that kills itself (SIGKILL): `python -m tests.faults.acts_child URL FOLDER KEYRING N`.

N counts statements and writes to the store from 1; a write is counted before it and again after it. 0 lets it end.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from services.ingest.adapters.acts_sql import SqlActLedger, StoredPages
from services.ingest.adapters.world import SystemWorld
from services.ingest.usecases.seal_acts import seal_acts
from services.runtime.database import create_engine
from services.runtime.kms.keyring import FileKeyring
from services.runtime.object_store.port import Stored
from tests.faults.rebuild_child import Fuse
from tests.support.folder_store import FolderStore


class BurningStore(FolderStore):
    """A folder whose writes burn the fuse."""

    def __init__(self, folder: Path, fuse: Fuse) -> None:
        super().__init__(folder)
        self._fuse = fuse

    async def put(self, name: str, data: bytes) -> Stored:
        self._fuse.burn()
        stored = await super().put(name, data)
        self._fuse.burn()
        return stored


async def main(url: str, folder: str, keyring: str, steps: int) -> None:
    fuse = Fuse(steps)
    engine = create_engine(url, application_name="acts", pool_size=2)
    fuse.attach(engine)
    kms = FileKeyring(Path(keyring), environment="development")
    ledger, pages = SqlActLedger(engine), StoredPages(BurningStore(Path(folder), fuse))
    while await seal_acts(ledger=ledger, pages=pages, new_key=kms.generate, world=SystemWorld()):
        pass
    await engine.dispose()


if __name__ == "__main__":
    url, folder, keyring, steps = sys.argv[1:]
    asyncio.run(main(url, folder, keyring, int(steps)))
