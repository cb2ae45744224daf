"""Promise: what a store lost, hid, changed or was given by a stranger is found by comparing it with the rows."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

from services.ingest.adapters.reconciliation import Reconciliation, reconcile
from services.runtime.object_store.memory import MemoryStore
from services.runtime.object_store.port import VersionEntry
from tests.support.ingest import Ingest
from tests.support.ingest_manifests import Dossier

MIB = 1 << 20


class WithMarker(MemoryStore):
    """Lists one name as hidden by a delete marker."""

    def __init__(self, inner: MemoryStore, hidden: str) -> None:
        super().__init__()
        self._objects = inner._objects
        self._hidden = hidden

    async def versions(self, prefix: str) -> AsyncIterator[VersionEntry]:
        async for entry in super().versions(prefix):
            yield replace(entry, newest=entry.newest and entry.name != self._hidden)
        if self._hidden.startswith(prefix):
            yield VersionEntry(self._hidden, "marker", 0, newest=True, marker=True)


async def compared(gateway: Ingest, store: MemoryStore | None = None) -> Reconciliation:
    inner = gateway.store
    assert isinstance(inner, MemoryStore)
    return await reconcile(gateway.engine, store or inner)


async def test_what_fits_is_clean_also_while_something_is_being_sent(gateway: Ingest) -> None:
    client = gateway.enrol("submitter")
    await gateway.deposit(client, Dossier([os.urandom(2 * MIB)]))
    declared = (await gateway.declare(client, Dossier([b"mot"], code="P012.01.002"))).json()
    await gateway.send(client, declared["package"], 0, b"mot")
    found = await compared(gateway)
    assert (found.parts, found.clean) == (3, True)


async def test_every_kind_of_difference_is_named(gateway: Ingest) -> None:
    client = gateway.enrol("submitter")
    package = await gateway.deposit(client, Dossier([os.urandom(3 * MIB)]))
    store = gateway.store
    assert isinstance(store, MemoryStore)
    lost, doubled, hidden = sorted(name for name in store._objects if name.startswith("parts/"))[:3]
    unexpected = f"parts/00/{uuid4()}"
    await store.delete(lost)
    await store.delete(f"recovery/{package}")
    await store.put(doubled, b"another version")
    await store.put(unexpected, b"x")
    await store.put("parts/not-ours", b"x")
    found = await compared(gateway, WithMarker(store, hidden))
    assert not found.clean
    assert set(found.missing.names) == {lost, f"recovery/{package}"}
    assert found.foreign.names == (doubled,)
    assert set(found.unexpected.names) == {unexpected, "parts/not-ours"}
    assert found.markers.names == (hidden,)


async def test_another_length_is_as_good_as_missing(gateway: Ingest) -> None:
    client = gateway.enrol("submitter")
    await gateway.deposit(client, Dossier([b"mot"]))
    store = gateway.store
    assert isinstance(store, MemoryStore)
    name = next(name for name in store._objects if name.startswith("parts/"))
    store._objects[name] = {version: data[:-1] for version, data in store._objects[name].items()}
    assert (await compared(gateway)).missing.names == (name,)
