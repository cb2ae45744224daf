"""An agency has only so many packages open at once; what is complete, and what another agency has, does not count."""

from __future__ import annotations

from tests.support.ingest import Ingest
from tests.support.ingest_manifests import Dossier


async def test_one_more_than_may_be_open_is_refused_until_one_is_complete(gateway: Ingest) -> None:
    object.__setattr__(gateway.wiring, "max_open", 1)  # frozen for the service, not for this test
    client = gateway.enrol("submitter")
    first, second = Dossier([b"mot"]), Dossier([b"hai"], code="P012.01.002")
    declared = await gateway.declare(client, first)
    assert declared.status == 201
    assert (await gateway.declare(client, first)).status == 200  # the standing one is no new one

    refused = await gateway.declare(client, second)
    assert (refused.status, refused.json()["code"]) == (429, "agency-open-packages-limit")
    assert int(refused.headers["retry-after"]) > 0

    package = declared.json()["package"]
    assert (await gateway.send(client, package, 0, first.payload)).status == 201
    await gateway.complete(package)
    assert (await gateway.declare(client, second)).status == 201
