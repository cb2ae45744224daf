"""On the independent LAN what is still protected comes in under conditions 7 to 12, each judged before a byte moves."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from services.kernel.secrecy import Level
from services.runtime.database import transaction
from tests.integration.ingest.test_ceilings import SUBJECT, TODAY, everything, fired, manifest
from tests.support.ingest import Ingest, ingest
from tests.support.ingest_manifests import Dossier
from tests.support.lawful import lawful
from tests.support.postgres import Database

MIB = 1 << 20
PERMISSION = lawful("mat")["permission"]


@pytest.fixture
async def lan(database: Database, tmp_path: Path) -> AsyncIterator[Ingest]:
    async with ingest(database, tmp_path, profile="independent-lan") as made:
        assert (await made.publish_rules()).status == 201
        await made.allow(Level.TOI_MAT, TODAY)
        yield made


async def test_what_meets_every_condition_is_deposited_under_the_keys_of_its_level(lan: Ingest) -> None:
    client = lan.enrol("submitter")
    declared = await lan.post(client, f"/v1/packages?part_size={MIB}", manifest("none", "mat", "toi_mat"))
    assert declared.status == 201, declared.body
    package = str(declared.json()["package"])
    assert {verdict["effect"] for verdict in declared.json()["verdicts"]} == {"conditional"}
    [payload] = Dossier([b"none0", b"mat1", b"toi_mat2"]).parts(MIB)
    assert (await lan.send(client, package, 0, payload)).status == 201
    await lan.complete(package)
    plan = (await lan.get(client, f"/v1/packages/{package}/plan")).json()
    read = [(await lan.read(client, component)).body for component, _ in plan["components"]]
    assert read == [b"none0", b"mat1", b"toi_mat2"]
    async with transaction(lan.engine) as connection:
        keks = (await connection.execute(text("SELECT level, kek FROM ingest.package_key ORDER BY level"))).all()
    assert [level for level, _ in keks] == [0, 1, 2]
    assert len({kek for _, kek in keks}) == 3
    archivist = await lan.get(lan.enrol("archivist"), f"/v1/packages/{package}/classification")
    assert [record["label"] for record in archivist.json()["records"]] == ["mat", "toi_mat"]


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("7", {"permission": None}),
        ("8.2025", {"permission": PERMISSION | {"rank": "staff"}}),  # type: ignore[operator]  # a JSON object
        ("9", {"copying_forbidden": True}),
        ("11", {"capture_network": "internet"}),
    ],
)
async def test_a_condition_that_is_not_met_refuses_the_package_and_keeps_nothing_of_it(
    lan: Ingest, rule: str, change: dict[str, object]
) -> None:
    value = json.loads(manifest("none", "toi_mat"))
    secrecy = value["documents"][1]["secrecy"] | change
    value["documents"][1]["secrecy"] = {name: given for name, given in secrecy.items() if given is not None}
    reply = await lan.post(lan.enrol("submitter"), f"/v1/packages?part_size={MIB}", json.dumps(value).encode())
    assert reply.status == 422, reply.body
    kept = await everything(lan)
    assert f'"{rule}"' in kept, (rule, fired(reply))
    assert SUBJECT not in kept
    assert SUBJECT.encode() not in reply.body


@pytest.mark.parametrize(
    ("rule", "change"),
    [("10", {"register_entry": None}), ("11.unstated", {"capture_network": None}), ("12", {"copies_made": 3})],
)
async def test_a_doubt_holds_the_document_and_plans_none_of_its_bytes(
    lan: Ingest, rule: str, change: dict[str, object]
) -> None:
    value = json.loads(manifest("none", "mat"))
    secrecy = value["documents"][1]["secrecy"] | change
    value["documents"][1]["secrecy"] = {name: given for name, given in secrecy.items() if given is not None}
    client = lan.enrol("submitter")
    reply = await lan.post(client, f"/v1/packages?part_size={MIB}", json.dumps(value).encode())
    assert reply.status == 201, reply.body
    [verdict] = reply.json()["verdicts"]
    assert verdict["effect"] == "quarantine"
    assert rule in verdict["rules"]
    sent = await lan.send(client, reply.json()["package"], 0, b"none0")
    assert sent.status == 201, sent.body  # all that is planned


async def test_the_same_manifest_is_refused_in_the_open(database: Database, tmp_path: Path) -> None:
    async with ingest(database, tmp_path) as gateway:
        assert (await gateway.publish_rules()).status == 201
        await gateway.allow(Level.TOI_MAT, TODAY)  # a ceiling opens no door there
        reply = await gateway.post(gateway.enrol("submitter"), f"/v1/packages?part_size={MIB}", manifest("none", "mat"))
        assert reply.status == 422, reply.body
        assert SUBJECT not in await everything(gateway)
