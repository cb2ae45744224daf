"""Promise: what was erased or expelled is so in a rebuilt catalog too, row for row, whatever order it was told in."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID

import pytest

from services.runtime.kms.keyring import FileKeyring
from services.runtime.object_store.memory import MemoryStore
from tests.integration.rebuild.test_rebuild import deposit_of
from tests.support.ingest import ingest
from tests.support.ingest_manifests import Dossier
from tests.support.postgres import Database
from tests.support.rebuilding import rebuild_catalog, rebuild_ingest, register_all, restore_log, rows_of, sequence


@pytest.mark.parametrize("reverse", [False, True])
async def test_erased_and_expelled_row_for_row_as_before(
    database: Database, lost_and_found: Database, tmp_path: Path, reverse: bool
) -> None:
    store = MemoryStore()
    async with ingest(database, tmp_path, store) as gateway:
        assert (await gateway.publish_rules()).status == 201
        client, custodian = gateway.enrol("submitter"), gateway.enrol("custodian", officer="Trần Giữ")
        kept, files = os.urandom(500), [os.urandom(60), os.urandom(70), os.urandom(80)]
        first = await deposit_of(gateway, client, Dossier([kept, *files]), [kept, *files])
        newer = Dossier([kept, files[0]], supersedes=UUID(first))
        await deposit_of(gateway, client, newer, [])
        plan = (await gateway.get(client, f"/v1/packages/{first}/plan")).json()
        _, shared, disposed, expelled = (str(entry[0]) for entry in plan["components"])
        whole = await deposit_of(gateway, client, Dossier([b"x"], code="P012.01.002"), [b"x"])
        for package, named, kind in (
            (first, [shared, disposed], "disposal"),  # the newer version keeps what it refers to
            (first, [disposed, expelled], "expulsion"),
            (whole, [], "expulsion"),
        ):
            ordered = await gateway.erase(custodian, package, *named, kind=kind)
            assert ordered.status == 202, ordered.body
            assert await gateway.finish(ordered.json()["erasure"])
        await sequence(database, store)
        await register_all(database, reverse=reverse)
        before = rows_of(database)
    told = {str(row["id"]): row["expelled"] for row in before["catalog.erased_component"]}
    assert [told.pop(disposed), told.pop(expelled), *told.values()] == [True, True, True]
    assert [str(row["id"]) for row in before["catalog.package"] if row["held"]] == [whole]
    assert len(before["catalog.document_words"]) == 2

    kms = FileKeyring(tmp_path / "keyring.json", environment="development")
    await restore_log(lost_and_found, store)
    assert (await rebuild_ingest(lost_and_found, store, kms)).refused == ()
    assert (await rebuild_catalog(lost_and_found, store, kms)).refused == ()
    assert rows_of(lost_and_found) == before
