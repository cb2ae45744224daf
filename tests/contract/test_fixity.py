"""Promise: one changed byte in a store is found without any key, and nothing else is called broken."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from services.ingest.adapters.fixity import Fault, Fixity, PartRead, Slice, check_fixity
from services.ingest.adapters.vault_s3 import part_key
from services.kernel.identifiers import AttemptId
from services.kernel.refusals.platform import StoreUnavailable
from services.runtime.database import transaction
from services.runtime.object_store.port import ObjectStore
from tests.support.ingest import Ingest, ingest
from tests.support.ingest_manifests import Dossier
from tests.support.postgres import Database

MIB = 1 << 20


@pytest.fixture
async def gateway(database: Database, tmp_path: Path, store: ObjectStore) -> AsyncIterator[Ingest]:
    async with ingest(database, tmp_path, store) as opened:
        assert (await opened.publish_rules()).status == 201
        yield opened


async def rows(gateway: Ingest) -> list[tuple[str, str, str, str]]:
    """Each part's name in a report, its object, that object's version, the row's digest."""
    async with transaction(gateway.engine) as connection:
        found = await connection.execute(text("SELECT * FROM ingest.part ORDER BY package, number"))
        return [
            (f"{row.package}/{row.number}", part_key(AttemptId(row.attempt)), row.object_version, row.ciphertext_digest)
            for row in found
        ]


async def change(gateway: Ingest, part: int, edit: Callable[[bytes], bytes]) -> str:
    """Have a row name a version with other bytes, as a store that rots would give them; the part's name."""
    name, key, version, _ = (await rows(gateway))[part]
    data = await gateway.store.get(key, version_id=version)
    other = await gateway.store.put(key, edit(data))
    async with transaction(gateway.engine) as connection:
        await connection.execute(
            text(
                "UPDATE ingest.part SET object_version = :other WHERE object_version = :version AND attempt = :attempt"
            ),
            {"other": other.version_id, "version": version, "attempt": key.rpartition("/")[2]},
        )
    return name


async def test_one_flipped_bit_is_found_and_named(gateway: Ingest) -> None:
    await gateway.deposit(gateway.enrol("submitter"), Dossier([os.urandom(3 * MIB)]))
    clean = await check_fixity(gateway.engine, gateway.store)
    assert (clean.parts, clean.clean) == (3, True)
    assert clean.bytes > 3 * MIB
    flipped = await change(gateway, 1, lambda data: data[:500_000] + bytes([data[500_000] ^ 1]) + data[500_001:])
    cut = await change(gateway, 2, lambda data: data[:-1])
    told: list[Fault | None] = []

    async def hear(part: PartRead) -> None:
        told.append(part.fault)

    found = await check_fixity(gateway.engine, gateway.store, told=hear)
    assert (found.damaged, found.missing) == ([flipped], [cut])
    assert told == [None, Fault.DAMAGED, Fault.MISSING]


async def test_a_digest_of_before_is_compared_by_its_own_function(gateway: Ingest) -> None:
    await gateway.deposit(gateway.enrol("submitter"), Dossier([os.urandom(MIB)]))
    [(_, key, version, _)] = await rows(gateway)
    data = await gateway.store.get(key, version_id=version)
    for digest, clean in ((hashlib.sha256(data).hexdigest(), True), ("00" * 32, False)):
        async with transaction(gateway.engine) as connection:
            await connection.execute(
                text("UPDATE ingest.part SET ciphertext_digest = :digest"), {"digest": f"sha256:{digest}"}
            )
        assert (await check_fixity(gateway.engine, gateway.store)).clean is clean


async def test_slices_are_disjoint_and_together_everything(gateway: Ingest) -> None:
    await gateway.deposit(gateway.enrol("submitter"), Dossier([os.urandom(9 * MIB)]))
    assert sum([await _count(gateway, Slice(n, 7)) for n in range(7)]) == 9
    broken = await change(gateway, 4, lambda data: bytes(len(data)))
    empty, *_ = [n for n in range(10, 30) if await _count(gateway, Slice(n, 256)) == 0]
    again = await check_fixity(gateway.engine, gateway.store, which=Slice(empty, 256), again=[broken])
    assert again == Fixity(1, again.bytes, [broken])


async def _count(gateway: Ingest, which: Slice) -> int:
    return (await check_fixity(gateway.engine, gateway.store, which=which)).parts


async def test_what_is_replaced_while_it_is_read_is_judged_by_its_new_row(database: Database, tmp_path: Path) -> None:
    async with ingest(database, tmp_path) as gateway:
        assert (await gateway.publish_rules()).status == 201
        await _replaced_while_read(gateway)


async def _replaced_while_read(gateway: Ingest) -> None:
    client, custodian = gateway.enrol("submitter"), gateway.enrol("custodian", officer="Trần Giữ")
    package = await gateway.deposit(client, Dossier([b"mot", b"hai"]))
    component = (await gateway.get(client, f"/v1/packages/{package}/plan")).json()["components"][0][0]
    order = (await gateway.erase(custodian, package, component)).json()

    class Replacing:
        """The erasure is finished between the row's reading and the object's."""

        async def get_range(
            self, name: str, start: int, length: int, *, version_id: str | None = None
        ) -> AsyncIterator[bytes]:
            await gateway.finish(str(order["erasure"]))
            async for piece in gateway.store.get_range(name, start, length, version_id=version_id):
                yield piece

    found = await check_fixity(gateway.engine, Replacing())  # type: ignore[arg-type]  # only ranges are asked for
    assert (found.parts, found.clean) == (1, True)


class Rotten:
    """Gives all but some objects, for which it answers as a store does that cannot read its own disk."""

    def __init__(self, store: ObjectStore, *rotten: str) -> None:
        self._store, self._rotten = store, rotten

    async def get_range(
        self, name: str, start: int, length: int, *, version_id: str | None = None
    ) -> AsyncIterator[bytes]:
        if name in self._rotten:
            raise StoreUnavailable
        async for piece in self._store.get_range(name, start, length, version_id=version_id):
            yield piece


async def test_what_the_store_cannot_read_itself_is_named_and_the_rest_is_read(
    database: Database, tmp_path: Path
) -> None:
    async with ingest(database, tmp_path) as gateway:
        assert (await gateway.publish_rules()).status == 201
        await gateway.deposit(gateway.enrol("submitter"), Dossier([os.urandom(8 * MIB)]))
        keys = [key for _, key, _, _ in await rows(gateway)]
        names = [name for name, _, _, _ in await rows(gateway)]
        one = Rotten(gateway.store, keys[2])
        found = await check_fixity(gateway.engine, one)  # type: ignore[arg-type]  # only ranges are asked for
        assert (found.parts, found.unread, found.broken, found.clean) == (8, [names[2]], [names[2]], False)
        many = Rotten(gateway.store, *keys[:6])
        found = await check_fixity(gateway.engine, many, again=names[:6])  # type: ignore[arg-type]  # as above
        assert (found.parts, set(found.broken)) == (6 + 8, set(names[:6]))  # a bad disk hides nothing of another
        told: list[str] = []

        async def hear(part: PartRead) -> None:
            told.append(part.name)

        away = Rotten(gateway.store, *keys)
        with pytest.raises(StoreUnavailable):
            await check_fixity(gateway.engine, away, told=hear)  # type: ignore[arg-type]  # as above
        assert told == names[:4]
