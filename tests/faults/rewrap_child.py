"""A re-wrapping that kills itself at a batch, as the machine would: `python -m tests.faults.rewrap_child URL KEYRING KEK BATCH`.

BATCH counts from 1; 0 lets it end. The kill comes between a batch's keys from the KMS and its rows, and again just after
the rows, by turns.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from services.ingest.adapters.key_rows import SqlKeyLedger
from services.ingest.adapters.world import SystemWorld
from services.ingest.usecases.rotate_kek import rewrap_keys
from services.runtime.database import create_engine
from services.runtime.jobs import Tasks
from services.runtime.kms.keyring import FileKeyring


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DyingKeyring(FileKeyring):
    """Dies after it has re-wrapped batch `last`, before its caller hears."""

    last = 0
    batches = 0

    async def rewrap(self, kek: str, wrapped: Sequence[bytes]) -> list[bytes]:
        moved = await super().rewrap(kek, wrapped)
        self.batches += 1
        if self.last and self.batches == self.last and self.last % 2:
            _die()
        return moved


async def main(url: str, keyring: str, kek: str, batch: int) -> None:
    kms = DyingKeyring(Path(keyring), environment="development")
    kms.last = batch
    engine = create_engine(url, application_name="rewrap", pool_size=2)

    def moved(_: int) -> None:
        if kms.last and kms.batches == kms.last:
            _die()

    ledger = SqlKeyLedger(engine, Tasks("ingest_queue"))
    await rewrap_keys(kek, ledger=ledger, kms=kms, world=SystemWorld(), batch=50, moved=moved)
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
