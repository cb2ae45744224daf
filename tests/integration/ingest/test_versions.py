"""Promise: a new version references what is already proved, and only one version follows another."""

from __future__ import annotations

import asyncio
import os
from uuid import UUID

from tests.support.ingest import Ingest
from tests.support.ingest_manifests import Dossier

MIB = 1 << 20


async def test_a_new_version_sends_only_what_is_new(gateway: Ingest) -> None:
    client = gateway.enrol("submitter")
    kept, dropped, added = os.urandom(MIB + 5), os.urandom(100), os.urandom(200)
    first = await gateway.deposit(client, Dossier([kept, dropped]))
    plan = (await gateway.get(client, f"/v1/packages/{first}/plan")).json()
    second = Dossier([added, kept], supersedes=UUID(first))
    declared = await gateway.declare(client, second)
    assert declared.status == 201, declared.body
    answer = declared.json()
    assert answer["version"] == 2
    assert answer["not_planned"] == [{"pointer": "/documents/1/components/0", "reason": "referenced"}]
    assert [length for _, length in answer["plan"]["components"]] == [200]
    assert (await gateway.send(client, answer["package"], 0, added)).status == 201
    assert str(await gateway.complete(answer["package"])) == "sealed"
    assert (await gateway.read(client, plan["components"][0][0])).body == kept

    third = Dossier([kept, added], supersedes=UUID(answer["package"]), code="P012.01.002")
    wholly = (await gateway.declare(client, third)).json()
    assert (wholly["parts"], wholly["state"], wholly["version"]) == (0, "verifying", 3)
    assert str(await gateway.complete(wholly["package"])) == "sealed"


async def test_only_one_version_follows_another(gateway: Ingest) -> None:
    client = gateway.enrol("submitter")
    first = await gateway.deposit(client, Dossier([b"mot"]))
    replies = await asyncio.gather(
        *(gateway.declare(client, Dossier([b"%d" % number], supersedes=UUID(first))) for number in range(4))
    )
    assert sorted(reply.status for reply in replies) == [201, 422, 422, 422]
    assert {reply.json()["code"] for reply in replies if reply.status == 422} == {"supersedes-invalid"}


async def test_another_agencys_package_cannot_be_superseded(gateway: Ingest) -> None:
    client = gateway.enrol("submitter")
    first = await gateway.deposit(client, Dossier([b"mot"]))
    agency = await gateway.add_agency("H47.66")
    stranger = gateway.enrol("submitter", agency=agency)
    reply = await gateway.declare(
        stranger, Dossier([b"mot"], fonds="F-H47.66", submitter="H47.66", supersedes=UUID(first))
    )
    assert (reply.status, reply.json()["code"]) == (422, "supersedes-invalid")
