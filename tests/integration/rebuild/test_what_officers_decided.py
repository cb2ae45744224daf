"""Promise: the catalog is rebuilt under every hold, label and erasure that stood, out of ingest's rows and the store alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from services.ingest.usecases.open_raised_incident import open_raised_incident
from services.ingest.usecases.renew_record import renew_changed_record
from services.kernel.identifiers import PackageId
from services.runtime.kms.keyring import FileKeyring
from services.runtime.object_store.memory import MemoryStore
from tests.integration.ingest.test_classification import decision, record, stub, stubs
from tests.integration.rebuild.test_rebuild import deposit_of
from tests.support.enrolled import Enrolled
from tests.support.ingest import Ingest, ingest
from tests.support.ingest_manifests import Dossier
from tests.support.postgres import Database
from tests.support.rebuilding import (
    rebuild_catalog,
    rebuild_ingest,
    register_all,
    restore_log,
    rows_of,
    seal_all_acts,
    sequence,
    unfinished,
)


class Officers:
    """Two officers, and what they do."""

    def __init__(self, gateway: Ingest) -> None:
        self.gateway = gateway
        self.one = gateway.enrol("incident-officer", officer="Đại úy Một")
        self.other = gateway.enrol("incident-officer", officer="Thiếu tá Hai")

    async def hold(self, package: str, document: int | None) -> str:
        body = {"package": package, "kind": "secret-content", "document": document}
        return str((await self._done(self.one, "/v1/incidents", body))["incident"])

    async def release(self, incident: str) -> None:
        proposed = await self._done(self.one, f"/v1/incidents/{incident}/proposals", {"decision": "release"})
        await self._done(self.other, f"/v1/incidents/{incident}/confirmation", {"step": proposed["step"]})

    async def _done(self, who: Enrolled, target: str, body: Mapping[str, object]) -> Any:
        reply = await self.gateway.post(who, target, json.dumps(body).encode())
        assert reply.status in (200, 201), reply.body
        return reply.json()


@pytest.mark.parametrize("reverse", [False, True])
async def test_holds_labels_and_erasures_row_for_row_as_before(
    database: Database, lost_and_found: Database, tmp_path: Path, reverse: bool
) -> None:
    store = MemoryStore()
    async with ingest(database, tmp_path, store) as gateway:
        assert (await gateway.publish_rules()).status == 201
        client, archivist = gateway.enrol("submitter"), gateway.enrol("archivist", officer="Trần Thị B")
        officers, packages = Officers(gateway), []
        for number in range(7):
            files = [b"%d mot" % number, b"%d hai" % number, b"%d ba" % number]
            packages.append(await gateway.deposit(client, Dossier(files, code=f"P012.01.{number:03}")))
        _plain, in_part, whole, released, twice, raised, expelled = packages
        newer = Dossier([b"1 mot", b"1 hai"], code="P012.01.001", supersedes=UUID(in_part))
        packages.append(await deposit_of(gateway, client, newer, []))
        packages.append(await gateway.deposit(client, stubs(stub("mat", None), stub("toi_mat", None))))
        if not reverse:  # what comes now finds its rows there, else it waits for them
            await register_all(database)
        await officers.hold(in_part, 1)  # in both versions
        await officers.hold(whole, None)
        await officers.release(await officers.hold(released, None))
        await officers.release(await officers.hold(twice, 0))
        await officers.hold(twice, 0)
        for package, body in (
            (raised, decision(gateway, "raised", level="mat", list_item="II.3")),
            (raised, decision(gateway, "raised", level="toi_mat", list_item="II.3", document=2)),
            (packages[-1], decision(gateway, "declassified", document=1)),
        ):
            reply = await record(gateway, archivist, package, body)
            assert reply.status == 201, reply.body
        for document, step in steps(database, raised):
            await open_raised_incident(
                PackageId(UUID(raised)),
                document,
                step,
                ledger=gateway.parts.incidents,
                world=gateway.parts.world,
            )
        custodian = gateway.enrol("custodian", officer="Trần Giữ")
        plan = (await gateway.get(client, f"/v1/packages/{expelled}/plan")).json()
        ordered = await gateway.erase(custodian, expelled, str(plan["components"][0][0]), kind="expulsion")
        assert ordered.status == 202, ordered.body
        for package in packages:
            await renew_changed_record(
                PackageId(UUID(package)),
                ledger=gateway.parts.ledger,
                vault=gateway.parts.vault,
                keys=gateway.parts.keys,
                world=gateway.parts.world,
            )
        await register_all(database, reverse=reverse)
        kms = FileKeyring(tmp_path / "keyring.json", environment="development")
        assert await seal_all_acts(database, store, kms)
        await sequence(database, store)
    before = rows_of(database)
    assert {len(before[f"catalog.{table}"]) for table in ("hold", "classification")} == {7, 2}
    assert [str(row["id"]) for row in before["catalog.package"] if row["held"]] == [whole]
    assert before["catalog.held_words"]
    assert {row["label"] for row in before["catalog.document"]} == {0, 1, 2}

    await restore_log(lost_and_found, store)
    assert unfinished(lost_and_found) == []
    assert (await rebuild_ingest(lost_and_found, store, kms, alone=False)).refused == ()
    assert unfinished(lost_and_found) == ["catalog"]
    assert (await rebuild_catalog(lost_and_found, store, kms)).refused == ()
    assert unfinished(lost_and_found) == []
    assert rows_of(lost_and_found) == before


def steps(database: Database, package: str) -> list[tuple[int, UUID]]:
    with psycopg.connect(database.admin_url) as connection:
        query = "SELECT document, id FROM ingest.classification_step WHERE package = %s"
        return connection.execute(query, (package,)).fetchall()
