"""Promise: whatever is sent again, by whomever and however it broke, is sealed under another message key."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from uuid import UUID

from sqlalchemy import text

from services.kernel.sealing.header import HEADER_LENGTH, PREFIX_LENGTH
from services.kernel.sealing.keys import unwrap_component_key
from services.runtime.database import transaction
from services.runtime.object_store.memory import MemoryStore
from tests.support.asgi import call
from tests.support.ingest import Ingest
from tests.support.ingest_manifests import Dossier

MIB = 1 << 20


class Hoarding(MemoryStore):
    """Gives nothing up: what the gateway removes may still be on somebody's disk."""

    async def delete(self, name: str, *, version_id: str | None = None) -> None:
        return


def heads(store: MemoryStore) -> list[bytes]:
    """Salt and commitment of the first segment of every object that was ever written."""
    return [
        data[HEADER_LENGTH : HEADER_LENGTH + PREFIX_LENGTH]
        for name, versions in store._objects.items()
        if name.startswith("parts/")
        for data in versions.values()
    ]


async def component_keys(gateway: Ingest) -> list[bytes]:
    async with transaction(gateway.engine) as connection:
        rows = await connection.execute(
            text(
                "SELECT c.wrapped_key, k.kek, k.wrapped FROM ingest.component c JOIN ingest.package_key k"
                " ON k.package = c.origin AND k.level = c.level WHERE c.package = c.origin"
            )
        )
        found = rows.all()
    return [
        unwrap_component_key(await gateway.parts.management.unwrap(row.kek, bytes(row.wrapped)), bytes(row.wrapped_key))
        for row in found
    ]


async def test_races_retries_and_new_declarations_share_no_key(gateway: Ingest) -> None:
    store = gateway.store
    assert isinstance(store, MemoryStore)
    store.__class__ = Hoarding
    content = os.urandom(MIB)
    client = gateway.enrol("submitter")
    written = 0
    for round_ in range(3):  # the same bytes, given up and declared anew
        package = str((await gateway.declare(client, Dossier([content, b"hai"]))).json()["package"])
        replies = await asyncio.gather(*(gateway.send(client, package, 0, content) for _ in range(5)))
        assert {reply.status for reply in replies} <= {200, 201}
        broken = await gateway.send(client, package, 1, b"hai", body=[b"h"])
        assert broken.status >= 400
        if round_ < 2:
            given_up = await call(gateway.app, client.scope("DELETE", f"/v1/packages/{package}"))
            assert given_up.status == 204
        written += 5
    assert UUID(package)
    found = heads(store)
    assert len(found) >= 3
    assert len(found) <= written
    assert Counter(found).most_common(1)[0][1] == 1
    assert len({head[:24] for head in found}) == len({head[24:] for head in found}) == len(found)
    keys = await component_keys(gateway)
    assert len(keys) == 6
    assert len(set(keys)) == len(keys)
