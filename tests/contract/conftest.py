"""Each contract suite runs on the fake and on every real thing that this machine has; what is missing is said loudly."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack

import pytest

from services.runtime.object_store.memory import MemoryStore
from services.runtime.object_store.port import CustodyStore, ObjectStore
from services.runtime.object_store.s3 import S3Store
from tests.support.components import did_not_run, took_part
from tests.support.stores import MINIO_MISSING, STORES, RunningStore, available, running_store

Started = Callable[[str], RunningStore]


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """Gives the running store of a kind; each is started when it is first asked for."""
    running: dict[str, RunningStore] = {}
    with ExitStack() as stack:

        def start(kind: str) -> RunningStore:
            if not available(kind):
                did_not_run(STORES[kind], MINIO_MISSING)
                pytest.skip(MINIO_MISSING)
            if kind not in running:
                running[kind] = stack.enter_context(running_store(kind, tmp_path_factory.mktemp(kind)))
                took_part(STORES[kind], "object store contract")
            return running[kind]

        yield start


@pytest.fixture(params=sorted(STORES))
def running(request: pytest.FixtureRequest, started: Started) -> RunningStore:
    """Each real store in turn."""
    return started(request.param)


@pytest.fixture
async def real(running: RunningStore) -> AsyncIterator[S3Store]:
    """The adapter on each real store."""
    store = S3Store(running.settings)
    yield store
    await store.close()


@pytest.fixture(params=["memory", *sorted(STORES)])
async def store(request: pytest.FixtureRequest, started: Started) -> AsyncIterator[ObjectStore]:
    """The fake, then the adapter on each real store."""
    if request.param == "memory":
        yield MemoryStore()
        return
    connected = S3Store(started(request.param).settings)
    yield connected
    await connected.close()


@pytest.fixture(params=["memory", *sorted(STORES)])
async def custody_store(request: pytest.FixtureRequest, started: Started) -> AsyncIterator[CustodyStore]:
    """The fake, then the adapter on each real store under the custodian's credential."""
    if request.param == "memory":
        yield MemoryStore()
        return
    connected = S3Store(started(request.param).custody)
    yield connected
    await connected.close()
