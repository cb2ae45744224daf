"""Promise: a package's recovery record is written anew with every change, and the log knows each writing."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text

from services.ingest.domain.states import State
from services.ingest.usecases.renew_record import RecordUnwritable, draw_record_key, renew_record
from services.kernel.identifiers import PackageId
from services.kernel.sealing.recovery import RecordHeader, RecoveryRecord, open_sealed, renewal_event, renewal_salt
from services.runtime.database import transaction
from tests.support.ingest import Ingest
from tests.support.ingest_manifests import Dossier
from tests.support.postgres import Database


async def record_of(gateway: Ingest, package: str) -> RecoveryRecord:
    sealed = await gateway.store.get(f"recovery/{package}")
    header = RecordHeader.unpack(sealed)
    key = await gateway.parts.kms.unwrap(header.kek, header.wrapped)
    return RecoveryRecord.parse(open_sealed(sealed, key))


async def inspect(gateway: Ingest, package: str) -> None:
    """A change of a sealed package, as any use case makes one."""
    id_ = PackageId(UUID(package))
    parts = gateway.parts
    async with parts.ledger.transaction() as books:
        found = await books.package(id_)
        assert found is not None
        drawn = await draw_record_key(found, await books.components(id_), parts.keys)
    async with parts.ledger.transaction() as books:
        await books.set_state(id_, State.INSPECTED)
        await renew_record(books, id_, drawn, vault=parts.vault, world=parts.world)


async def test_a_change_renews_the_record_and_the_log_tells_of_it(gateway: Ingest, database: Database) -> None:
    client = gateway.enrol("submitter")
    package = await gateway.deposit(client, Dossier([b"mot", b"", b"hai"]))
    first = await record_of(gateway, package)
    assert (first.package.state, first.writing.number) == ("sealed", 1)
    await inspect(gateway, package)
    second = await record_of(gateway, package)
    assert (second.package.state, second.writing) == ("inspected", first.writing.next)
    assert (second.seal, second.components, second.parts) == (first.seal, first.components, first.parts)
    async with transaction(gateway.engine) as connection:
        query = text("SELECT record_number, record_secret FROM ingest.package WHERE id = :id")
        assert tuple((await connection.execute(query, {"id": package})).one()) == (2, first.writing.secret)
    expected = (renewal_salt(first.writing.secret, 2), renewal_event(PackageId(UUID(package)), 2))
    with psycopg.connect(database.admin_url) as owner:
        assert expected in owner.execute("SELECT salt, event FROM journal.event").fetchall()


async def test_what_is_not_sealed_has_no_record(gateway: Ingest) -> None:
    client = gateway.enrol("submitter")
    declared = (await gateway.declare(client, Dossier([b"mot"]))).json()
    with pytest.raises(RecordUnwritable):
        await inspect(gateway, declared["package"])
    async with gateway.parts.ledger.transaction() as books:
        found = await books.package(PackageId(UUID(declared["package"])))
    assert found is not None
    assert found.state is State.DECLARED
