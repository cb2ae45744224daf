"""A moving of keys that kills itself at a record: `python -m tests.faults.rekey_child URL STORE KEYRING PACKAGE RECORD`.

RECORD counts from 1; 0 lets it end. The kill comes before the record is in the store where RECORD is odd, just after it,
and before its transaction commits, where it is even: 1 and 2 are the first record, 3 and 4 the second.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from uuid import UUID

from services.ingest.adapters.package_keys import KmsKeys
from services.ingest.adapters.raised_keys_sql import SqlRaisedKeyLedger
from services.ingest.adapters.vault_s3 import S3Vault
from services.ingest.adapters.world import SystemWorld
from services.ingest.usecases.rekey_raised import Rekeying, rekey_raised
from services.kernel.identifiers import PackageId
from services.runtime.database import create_engine
from services.runtime.jobs import Tasks
from services.runtime.kms.cache import CachedKeys
from services.runtime.kms.keyring import FileKeyring
from tests.support.folder_store import FolderStore


class DyingVault(S3Vault):
    """Dies at record `last`."""

    last = 0
    records = 0

    async def put_record(self, package: PackageId, sealed: bytes) -> None:
        self.records += 1
        if self.last == 2 * self.records - 1:
            os.kill(os.getpid(), signal.SIGKILL)
        await super().put_record(package, sealed)
        if self.last == 2 * self.records:
            os.kill(os.getpid(), signal.SIGKILL)


async def main(url: str, store: str, keyring: str, package: str, record: int) -> None:
    vault = DyingVault(FolderStore(Path(store)))
    vault.last = record
    engine = create_engine(url, application_name="rekey", pool_size=2)
    keys = KmsKeys(CachedKeys(FileKeyring(Path(keyring), environment="development")))
    ledger = SqlRaisedKeyLedger(engine, Tasks("ingest_queue"))
    await rekey_raised(PackageId(UUID(package)), Rekeying(ledger, vault, keys, SystemWorld()))
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5])))
