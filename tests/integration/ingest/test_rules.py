"""Promise: rules count once two officers signed them; versions only grow; instances follow within two seconds."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from services.kernel import dsse
from services.kernel.rules import baseline_bundle
from services.kernel.rules.model import PAYLOAD_TYPE
from tests.support.ingest import Ingest, ingest
from tests.support.ingest_manifests import Dossier
from tests.support.postgres import Database

SINCE = date(2020, 7, 1)


async def test_without_rules_no_package_is_taken(database: Database, tmp_path: Path) -> None:
    async with ingest(database, tmp_path) as gateway:
        client = gateway.enrol("submitter")
        reply = await gateway.declare(client, Dossier([b"mot"]))
        assert (reply.status, reply.json()["code"]) == (503, "rules-not-published")
        assert (await gateway.get(client, "/v1/rules/current")).json()["code"] == "rules-not-published"
        assert (await gateway.publish_rules()).status == 201
        assert (await gateway.declare(client, Dossier([b"mot"]))).status == 201


async def test_versions_only_grow_and_a_repeat_answers_as_it_stands(gateway: Ingest) -> None:
    author, approver = await gateway.officer("rule-author", "A"), await gateway.officer("rule-approver", "B")

    def envelope(version: int, *, since: date = SINCE, single: bool = False) -> bytes:
        signers = [author.key] if single else [author.key, approver.key]
        return dsse.sign(baseline_bundle(version, since), PAYLOAD_TYPE, signers)

    async def publish(data: bytes) -> tuple[int, str]:
        await gateway.registry.poll()
        reply = await gateway.post(approver, "/v1/rules", data)
        return reply.status, reply.json().get("code", "")

    assert await publish(envelope(3)) == (201, "")
    assert await publish(envelope(3)) == (201, "")
    assert await publish(envelope(2)) == (409, "rules-not-newer")
    assert await publish(envelope(3, since=date(2021, 1, 1))) == (409, "rules-not-newer")
    assert await publish(envelope(4, single=True)) == (422, "rules-single-signed")
    ahead = gateway.parts.world.today() + timedelta(days=2)
    assert await publish(envelope(5, since=ahead)) == (201, "")
    assert await publish(envelope(5, since=ahead)) == (201, "")
    assert await publish(envelope(6, since=ahead + timedelta(days=9))) == (201, "")
    assert await publish(envelope(4)) == (409, "rules-not-newer")
    known = await gateway.get(author, "/v1/rules")
    assert [(entry["version"], entry["effective_from"]) for entry in known.json()] == [
        (3, "2020-07-01"),
        (5, ahead.isoformat()),
        (6, (ahead + timedelta(days=9)).isoformat()),
    ]
    current = await gateway.get(gateway.enrol("submitter"), "/v1/rules/current")
    assert current.body == envelope(3)
    submitter = gateway.enrol("submitter")
    assert (await gateway.post(submitter, "/v1/rules", envelope(7))).status == 403
    assert (await gateway.get(submitter, "/v1/rules")).status == 403
    stated = (await gateway.get(submitter, "/v1/rules/current/signers")).json()
    assert {entry["kid"] for entry in stated["signers"]} == {author.kid, approver.kid}
    assert stated["sha256"] == current.headers["etag"].strip('"')
    await gateway.registry.poll()
    assert (await gateway.wiring.rules.current()).version in (1, 3)  # what was read less than two seconds ago
