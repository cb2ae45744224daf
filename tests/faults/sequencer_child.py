"""A sequencer that kills itself (SIGKILL) at one chosen step: `python -m tests.faults.sequencer_child URL FOLDER STEP N`.

Steps are operations on the database or the store, before or after they take effect; `N` is which occurrence. `none`
runs to the end and exits 0.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.journal.log_rows import LogRows
from services.journal.publication import Publication
from services.journal.sequencer import Sequencer
from services.kernel.tlog.checkpoints import Checkpoint
from services.kernel.tlog.notes import LogSigner
from services.runtime.database import create_engine
from services.runtime.journal import CHECKPOINT
from services.runtime.object_store.port import Stored
from tests.support.folder_store import FolderStore

ORIGIN = "nopluu.example/log"
SEED = bytes(range(32))
STEPS = (
    "before-number",
    "after-number",
    "before-tile",
    "after-tile",
    "before-keep",
    "after-keep",
    "before-checkpoint",
    "after-checkpoint",
    "before-delete",
)


class Fuse:
    """Burns down at the chosen occurrence of the chosen step."""

    def __init__(self, step: str, occurrence: int) -> None:
        self._step, self._left = step, occurrence

    def reach(self, step: str) -> None:
        if step == self._step:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class FusedStore(FolderStore):
    def __init__(self, folder: Path, fuse: Fuse) -> None:
        super().__init__(folder)
        self._fuse = fuse

    async def put(self, name: str, data: bytes) -> Stored:
        what = "checkpoint" if name == CHECKPOINT else "tile"
        self._fuse.reach(f"before-{what}")
        stored = await super().put(name, data)
        self._fuse.reach(f"after-{what}")
        return stored

    async def delete(self, name: str, *, version_id: str | None = None) -> None:
        self._fuse.reach("before-delete")
        await super().delete(name, version_id=version_id)


class FusedRows(LogRows):
    fuse: Fuse

    async def number(self, most: int) -> tuple[int, list[bytes]]:
        self.fuse.reach("before-number")
        numbered = await super().number(most)
        self.fuse.reach("after-number")
        return numbered

    async def keep_checkpoint(self, checkpoint: Checkpoint, note: str, at: datetime) -> None:
        self.fuse.reach("before-keep")
        await super().keep_checkpoint(checkpoint, note, at)
        self.fuse.reach("after-keep")


async def run(url: str, folder: Path, fuse: Fuse) -> None:
    """Open, then number in small batches and publish after each, until nothing is pending."""
    engine = create_engine(url, application_name="sequencer-child", pool_size=1)
    publication = Publication(FusedStore(folder, fuse))
    signer = LogSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(SEED))
    sequencer = Sequencer(signer, [], publication=publication, now=lambda: datetime.now(UTC), batch=97)
    async with engine.connect() as connection:
        rows = FusedRows(connection)
        rows.fuse = fuse
        while not await rows.lock():  # noqa: ASYNC110 - the lock is in the database
            await asyncio.sleep(0.02)  # the server notices a killed client within moments
        await sequencer.open(rows)
        numbered = 1
        while numbered or sequencer.behind:
            numbered = await sequencer.number(rows)
            if sequencer.behind:
                checkpoint = await sequencer.publish(rows)
                await publication.tidy(checkpoint.size)
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], Path(sys.argv[2]), Fuse(sys.argv[3], int(sys.argv[4]))))
