"""Promise: what is raised comes under a KEK of its new level, while it is read, and the older KEK may go."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from services.ingest.adapters.package_keys import KmsKeys
from services.ingest.usecases.ports import ComponentRow, PackageKey
from services.ingest.usecases.rekey_raised import Rekeying, find_raised, rekey_raised
from services.ingest.usecases.renew_record import renew_changed_record
from services.ingest.usecases.retire_kek import retire_kek
from services.ingest.usecases.rotate_kek import rewrap_keys, rotate_kek
from services.kernel.identifiers import FondsId, PackageId
from services.kernel.refusals.platform import KmsUnavailable, StoreUnavailable
from services.kernel.sealing.keys import kek_name
from services.kernel.sealing.recovered import Believed, believe, header_of
from services.kernel.secrecy import Level
from services.runtime.database import transaction
from services.runtime.object_store.port import Stored
from tests.integration.ingest.test_classification import decision, record
from tests.support.enrolled import Enrolled
from tests.support.ingest import FONDS_ID, Ingest, ingest
from tests.support.ingest_manifests import Dossier
from tests.support.later import Later
from tests.support.postgres import Database


@pytest.fixture
async def lan(database: Database, tmp_path: Path) -> AsyncIterator[Ingest]:
    """Ingest on an independent network, where labelled records may be."""
    async with ingest(database, tmp_path, profile="independent-lan") as made:
        assert (await made.publish_rules()).status == 201
        yield made


def kek(gateway: Ingest, level: Level) -> str:
    return kek_name(FondsId(FONDS_ID), level, gateway.parts.world.now().year)


async def rows_of(gateway: Ingest, package: str) -> list[ComponentRow]:
    async with gateway.parts.ledger.transaction() as books:
        return await books.components(PackageId(UUID(package)))


async def keks_of(gateway: Ingest, package: str) -> list[str]:
    async with gateway.parts.ledger.transaction() as books:
        return [key.kek for key in await books.package_keys(PackageId(UUID(package)))]


async def raise_level(gateway: Ingest, package: str, document: int, level: str = "mat") -> None:
    """A recorded step, which catalog has confirmed a while ago."""
    archivist = gateway.enrol("archivist", officer="Trần Thị B")
    body = decision(gateway, "raised", document=document, level=level, list_item="II.3")
    reply = await record(gateway, archivist, package, body)
    assert reply.status == 201, reply.body
    async with transaction(gateway.engine) as connection:
        await connection.execute(text("UPDATE ingest.outbox SET delivered_at = now() - interval '5 minutes'"))


async def waiting(gateway: Ingest) -> list[str]:
    query = text("SELECT args ->> 'package' FROM ingest_queue.procrastinate_jobs WHERE task_name = 'rekey_raised'")
    async with transaction(gateway.engine) as connection:
        return list((await connection.execute(query)).scalars())


async def rekey(gateway: Ingest, package: str, ports: Rekeying | None = None) -> int:
    return await rekey_raised(PackageId(UUID(package)), ports or gateway.parts.rekeying)


async def read(gateway: Ingest, client: Enrolled, row: ComponentRow) -> bytes:
    answer = await gateway.read(client, str(row.id))
    assert answer.status == 200, answer.body
    return answer.body


async def believed(gateway: Ingest, package: str) -> Believed:
    """The record as a rebuild would believe it."""
    name = f"recovery/{package}"
    sealed = await gateway.store.get(name)
    header = header_of(name, sealed)
    return believe(header, sealed, await gateway.parts.management.unwrap(header.kek, header.wrapped))


async def parts_in(gateway: Ingest) -> dict[str, bytes]:
    return {entry.name: await gateway.store.get(entry.name) async for entry in gateway.store.list("parts/")}


async def test_a_raised_component_no_longer_opens_with_the_lower_kek(lan: Ingest) -> None:
    client = lan.enrol("archivist", "submitter")
    files = [os.urandom(400_000), os.urandom(50)]
    package = await lan.deposit(client, Dossier(files))
    raised, other = await rows_of(lan, package)
    objects = await parts_in(lan)
    await raise_level(lan, package, 0)
    assert await waiting(lan) == [package]
    assert await read(lan, client, raised) == files[0]

    assert await rekey(lan, package) == 1
    after, left = await rows_of(lan, package)
    assert (after.level, left.level) == (Level.MAT, Level.NONE)
    assert (after.id, after.key_id) == (raised.id, raised.key_id)
    assert after.wrapped_key != raised.wrapped_key
    assert left == other
    assert await keks_of(lan, package) == [kek(lan, Level.NONE), kek(lan, Level.MAT)]
    assert await parts_in(lan) == objects
    found = await believed(lan, package)
    assert [component.level for component in found.record.components] == [Level.MAT, Level.NONE]
    assert [key.kek for key in found.record.keys] == await keks_of(lan, package)
    assert header_of(f"recovery/{package}", await lan.store.get(f"recovery/{package}")).kek == kek(lan, Level.MAT)

    # The whole cohort of the lower level is destroyed in the KMS, by hand: nothing of the raised one hangs on it.
    await lan.parts.management.rotate(kek(lan, Level.NONE))
    await lan.parts.management.destroy_version(kek(lan, Level.NONE), 1)
    lan.parts.kms.forget()
    assert await read(lan, client, raised) == files[0]
    assert (await lan.read(client, str(other.id))).status == 503
    assert await rekey(lan, package) == 0


async def test_what_no_component_needs_is_gone_and_the_older_kek_retires(lan: Ingest) -> None:
    client = lan.enrol("archivist", "submitter")
    content = os.urandom(1000)
    package = await lan.deposit(client, Dossier([content]))
    bystander = await lan.deposit(client, Dossier([b"khac"], code="P012.01.002"))
    (row,), (untouched,) = await rows_of(lan, package), await rows_of(lan, bystander)
    await raise_level(lan, package, 0, "mat")
    await rekey(lan, package)
    await raise_level(lan, package, 0, "toi_mat")
    assert await rekey(lan, package) == 1
    assert await keks_of(lan, package) == [kek(lan, Level.TOI_MAT)]

    parts = lan.parts
    for level in (Level.NONE, Level.TOI_MAT):
        await rotate_kek(kek(lan, level), ledger=parts.key_ledger, kms=parts.management, world=parts.world)
        await rewrap_keys(kek(lan, level), ledger=parts.key_ledger, kms=parts.management, world=parts.world)
        later = replace(parts.retiring, world=Later(parts.world, timedelta(hours=2)))
        assert (await retire_kek(kek(lan, level), later)).through == 1
    parts.kms.forget()
    assert await read(lan, client, row) == content
    assert await read(lan, client, untouched) == b"khac"
    await believed(lan, package)
    await believed(lan, bystander)


async def test_every_version_that_refers_to_it_is_moved_at_once(lan: Ingest) -> None:
    client, custodian = lan.enrol("archivist", "submitter"), lan.enrol("custodian", officer="Trần Giữ")
    shared, own, new = os.urandom(90), os.urandom(91), os.urandom(92)
    first = await lan.deposit(client, Dossier([shared, own]))
    declared = await lan.declare(client, Dossier([new, shared], supersedes=UUID(first)))
    second = str(declared.json()["package"])
    assert (await lan.send(client, second, 0, new)).status == 201
    await lan.complete(second)
    third = str((await lan.declare(client, Dossier([shared, new, b"ba"], supersedes=UUID(second)))).json()["package"])
    await raise_level(lan, second, 1)
    assert await rekey(lan, second) == 1
    found = [row for package in (first, second, third) for row in await rows_of(lan, package) if row.size == 90]
    assert len({(row.id, row.level, row.wrapped_key) for row in found}) == 1
    assert found[0].level is Level.MAT
    assert await keks_of(lan, first) == [kek(lan, Level.NONE), kek(lan, Level.MAT)]
    assert await keks_of(lan, second) == [kek(lan, Level.NONE)]
    for package in (first, second):
        await believed(lan, package)
    assert (await lan.send(client, third, 0, b"ba")).status == 201  # its record is drawn under the level it has now
    assert str(await lan.complete(third)) == "sealed"
    await believed(lan, third)
    ordered = await lan.erase(custodian, first, str(found[0].id), kind="disposal")
    assert ordered.status == 202, ordered.body
    lan.parts.kms.forget()
    assert await read(lan, client, found[0]) == shared


async def test_a_new_version_with_the_former_label_refers_to_what_was_raised(lan: Ingest) -> None:
    client = lan.enrol("submitter")
    package = await lan.deposit(client, Dossier([b"mot", b"hai"]))
    await raise_level(lan, package, 0)
    await rekey(lan, package)
    answer = (await lan.declare(client, Dossier([b"mot", b"hai", b"ba"], supersedes=UUID(package)))).json()
    assert [length for _, length in answer["plan"]["components"]] == [2]
    (first, *_), (again, *_) = await rows_of(lan, package), await rows_of(lan, answer["package"])
    assert (again.id, again.level, again.wrapped_key) == (first.id, Level.MAT, first.wrapped_key)


async def test_a_declaration_that_read_the_former_key_reads_anew(lan: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    client = lan.enrol("submitter")
    package = await lan.deposit(client, Dossier([b"mot"]))
    await raise_level(lan, package, 0)
    moved = _meanwhile(lan, package, monkeypatch)
    answer = (await lan.declare(client, Dossier([b"mot", b"hai"], supersedes=UUID(package)))).json()
    assert moved == [1]
    (first,), (again, _) = await rows_of(lan, package), await rows_of(lan, answer["package"])
    assert (again.id, again.wrapped_key) == (first.id, first.wrapped_key)


async def test_a_record_whose_key_was_drawn_under_the_former_level_is_drawn_anew(
    lan: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, custodian = lan.enrol("submitter"), lan.enrol("custodian", officer="Trần Giữ")
    package = await lan.deposit(client, Dossier([b"mot", b"hai"]))
    await raise_level(lan, package, 0)
    moved = _meanwhile(lan, package, monkeypatch)
    _, other = await rows_of(lan, package)
    assert (await lan.erase(custodian, package, str(other.id))).status == 202
    assert moved == [1]
    assert [row.wrapped_key == b"" for row in await rows_of(lan, package)] == [False, True]
    await believed(lan, package)

    await raise_level(lan, package, 0, "toi_mat")
    monkeypatch.undo()
    moved = _meanwhile(lan, package, monkeypatch)
    parts = lan.parts
    await renew_changed_record(
        PackageId(UUID(package)), ledger=parts.ledger, vault=parts.vault, keys=parts.keys, world=parts.world
    )
    assert moved == [1]
    await believed(lan, package)


async def test_jobs_at_once_with_readers_agree(lan: Ingest) -> None:
    client = lan.enrol("archivist", "submitter")
    files = [os.urandom(70_000 + at) for at in range(6)]
    package = await lan.deposit(client, Dossier(files))
    for document in range(0, 6, 2):
        await raise_level(lan, package, document)
    rows = await rows_of(lan, package)
    done = asyncio.Event()
    passes = 0

    async def keep_reading() -> None:
        nonlocal passes
        while not done.is_set() or not passes:
            for row, content in zip(rows, files, strict=True):
                assert await read(lan, client, row) == content
            passes += 1

    async def move() -> list[int]:
        try:
            return await asyncio.gather(*(rekey(lan, package) for _ in range(3)))
        finally:
            done.set()

    _, moved = await asyncio.gather(keep_reading(), move())
    assert sum(moved) == 3
    assert await keks_of(lan, package) == [kek(lan, Level.NONE), kek(lan, Level.MAT)]
    assert [row.level for row in await rows_of(lan, package)] == [Level.MAT, Level.NONE] * 3
    await believed(lan, package)


async def test_a_kms_or_a_store_that_goes_away_ends_nothing(lan: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    client = lan.enrol("archivist", "submitter")
    draw, put = lan.parts.management.generate, lan.store.put
    left = 0

    async def drawing(kek: str) -> tuple[bytes, bytes]:
        nonlocal left
        left -= 1
        if not left:
            raise KmsUnavailable
        return await draw(kek)

    async def putting(name: str, data: bytes) -> Stored:
        nonlocal left
        left -= 1
        if not left:
            raise StoreUnavailable
        return await put(name, data)

    failed = []
    for call in range(1, 8):  # the package's key; then in each of three steps a record's key and the record
        package = await lan.deposit(client, Dossier([b"mot"], code=f"P012.01.00{call}"))
        (row,) = await rows_of(lan, package)
        await raise_level(lan, package, 0)
        left = call
        monkeypatch.setattr(lan.parts.management, "generate", drawing)
        monkeypatch.setattr(lan.store, "put", putting)
        with pytest.raises((KmsUnavailable, StoreUnavailable)) as fallen:
            await rekey(lan, package)
        monkeypatch.undo()
        failed.append(fallen.type)
        assert await read(lan, client, row) == b"mot"
        await believed(lan, package)
        await rekey(lan, package)
        assert await keks_of(lan, package) == [kek(lan, Level.MAT)]
        assert await read(lan, client, row) == b"mot"
        await believed(lan, package)
    assert failed == [KmsUnavailable, *([KmsUnavailable, StoreUnavailable] * 3)]


async def test_what_lost_its_job_is_found_and_what_was_lowered_stays(lan: Ingest) -> None:
    client = lan.enrol("submitter")
    raised, plain = [await lan.deposit(client, Dossier([b"mot"], code=f"P012.01.00{n}")) for n in (1, 2)]
    await raise_level(lan, raised, 0)
    async with transaction(lan.engine) as connection:
        await connection.execute(text("DELETE FROM ingest_queue.procrastinate_jobs"))
    assert await find_raised(lan.parts.rekeying) == 1
    assert await waiting(lan) == [raised]
    await rekey(lan, raised)
    assert await rekey(lan, plain) == 0
    assert await find_raised(lan.parts.rekeying) == 0
    body = decision(lan, "declassified", document=0)
    assert (await record(lan, lan.enrol("archivist"), raised, body)).status == 201
    assert await find_raised(lan.parts.rekeying) == 0
    assert await rekey(lan, raised) == 0
    assert await keks_of(lan, raised) == [kek(lan, Level.MAT)]
    assert await keks_of(lan, plain) == [kek(lan, Level.NONE)]


async def test_in_the_open_nothing_gets_a_key_of_a_level_that_may_not_be_there(gateway: Ingest) -> None:
    package = await gateway.deposit(gateway.enrol("submitter"), Dossier([b"mot"]))
    await raise_level(gateway, package, 0)
    assert await waiting(gateway) == []
    assert await keks_of(gateway, package) == [kek(gateway, Level.NONE)]


def _meanwhile(gateway: Ingest, package: str, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Have the keys moved the next time that a key is drawn: between somebody's look at the rows and his transaction."""
    whole, moved = KmsKeys.new_package_key, list[int]()
    begun = False

    async def first_move(keys: KmsKeys, fonds: FondsId, level: Level, year: int) -> tuple[PackageKey, bytes]:
        nonlocal begun
        drawn = await whole(keys, fonds, level, year)
        if not begun:
            begun = True
            moved.append(await rekey(gateway, package))
        return drawn

    monkeypatch.setattr(KmsKeys, "new_package_key", first_move)
    return moved
