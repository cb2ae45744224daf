"""Real object stores for tests: each started once a session, in a folder of its own, and ended with it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.onebox.processes import Child, Children
from deploy.onebox.stores import Store, find_minio, minio, seaweedfs
from services.runtime.object_store.s3 import S3Settings

STORES = {"seaweedfs": "SeaweedFS", "minio": "MinIO"}
MINIO_MISSING = "no binary: make minio, or name one in NOPLUU_MINIO; its contract is not proved by this run"


def available(kind: str) -> bool:
    """Whether this machine has the program of a store; SeaweedFS comes with the environment."""
    return kind != "minio" or find_minio() is not None


class RunningStore:
    """A store that answers. `crash` is a kill -9; `again` starts it on the same folder and the same ports."""

    def __init__(self, store: Store, children: Children) -> None:
        self._store = store
        self._children = children
        self._child: Child = store.start(children)

    @property
    def settings(self) -> S3Settings:
        return self._store.settings

    @property
    def custody(self) -> S3Settings:
        """The credential that may set and lift legal holds."""
        return self._store.custody

    @property
    def owner(self) -> S3Settings:
        return self._store.owner

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def folder(self) -> Path:
        return self._store.folder

    def crash(self) -> None:
        os.kill(self._child.pid, signal.SIGKILL)
        self._child.process.wait()

    def again(self) -> None:
        self._children.stop()
        self._child = self._store.start(self._children)


@contextmanager
def running_store(kind: str, folder: Path) -> Iterator[RunningStore]:
    """Start a store for the block; afterwards it is killed: what it acknowledged is on disk, and nobody asks for more."""
    children = Children(folder / "logs", folder / "children.json", grace=0.0)
    store = {"seaweedfs": seaweedfs, "minio": minio}[kind](folder / kind)
    try:
        yield RunningStore(store, children)
    finally:
        children.stop()
