"""Promise: declare, send, receive: what comes back is what was sent, and the event names it."""

from __future__ import annotations

import os
from uuid import UUID

from sqlalchemy import text

from services.kernel import strict_json
from services.runtime.database import transaction
from tests.support.ingest import Ingest, sha256
from tests.support.ingest_manifests import Dossier

MIB = 1 << 20


async def test_a_dossier_goes_in_and_comes_out_byte_for_byte(gateway: Ingest) -> None:
    client = gateway.enrol("submitter")
    dossier = Dossier([os.urandom(10), os.urandom(3 * MIB + 77), b"", os.urandom(700_000), os.urandom(1)])
    declared = await gateway.declare(client, dossier)
    assert declared.status == 201, declared.body
    answer = declared.json()
    package = answer["package"]
    assert answer["state"] == "declared"
    assert (answer["parts"], answer["part_size"]) == (4, MIB)
    assert [length for _, length in answer["plan"]["components"]] == [len(data) for data in dossier.files]
    plan = await gateway.get(client, f"/v1/packages/{package}/plan")
    assert sha256(plan.body) == answer["plan_sha256"]
    assert (await gateway.get(client, f"/v1/packages/{package}/manifest")).body == dossier.manifest

    for number, data in reversed(list(enumerate(dossier.parts(MIB)))):
        assert (await gateway.send(client, package, number, data)).status == 201
    status = (await gateway.get(client, f"/v1/packages/{package}")).json()
    assert (status["state"], status["missing"]) == ("verifying", [])
    assert str(await gateway.complete(package)) == "sealed"

    for (component, _), data in zip(answer["plan"]["components"], dossier.files, strict=True):
        reply = await gateway.read(client, component)
        assert (reply.status, reply.body) == (200, data), reply.headers
        assert reply.headers["etag"] == f'"{sha256(data)}"'
    component, data = answer["plan"]["components"][1][0], dossier.files[1]
    part = await gateway.read(client, component, ("range", "bytes=1048570-1048600"))
    assert (part.status, part.body) == (206, data[1048570:1048601])
    assert part.headers["content-range"] == f"bytes 1048570-1048600/{len(data)}"
    tail = await gateway.read(client, component, ("range", "bytes=-5"))
    assert tail.body == data[-5:]
    beyond = await gateway.read(client, component, ("range", f"bytes={len(data)}-"))
    assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{len(data)}")
    assert (await gateway.read(client, component, ("if-none-match", f'"{sha256(data)}"'))).status == 304
    named = await gateway.read(client, answer["plan"]["components"][0][0])
    assert "filename*=UTF-8''t%E1%BB%87p%200.pdf" in named.headers["content-disposition"]


async def test_the_seal_event_and_the_message_say_what_was_sealed(gateway: Ingest) -> None:
    client = gateway.enrol("submitter")
    dossier = Dossier([b"mot", b"", b"hai"])
    package = await gateway.deposit(client, dossier)
    async with transaction(gateway.engine) as connection:
        events = await connection.execute(text("SELECT seal_event FROM ingest.package WHERE id = :id"), {"id": package})
        seal_event = events.scalar_one()
        message = (await connection.execute(text("SELECT target, kind, body FROM ingest.outbox"))).one()
        jobs = await connection.execute(text("SELECT task_name FROM ingest_queue.procrastinate_jobs ORDER BY id"))
        assert list(jobs.scalars()) == ["complete_package", "hold_parts", "inspect_content", "deliver_message"]
    body = strict_json.parse(message.body, max_bytes=1 << 20)
    assert isinstance(body, dict)
    assert (message.target, message.kind, body["type"]) == ("catalog", "package_sealed", "package_sealed")
    assert isinstance(seal_event, UUID)
    record = await gateway.store.get(f"recovery/{package}")
    assert record.startswith(b"NLR1")
    assert b"an ninh" not in record


async def test_an_empty_payload_is_complete_at_declaration(gateway: Ingest) -> None:
    client = gateway.enrol("submitter")
    declared = await gateway.declare(client, Dossier([b"", b""]))
    assert (declared.status, declared.json()["state"], declared.json()["parts"]) == (201, "verifying", 0)
    assert str(await gateway.complete(declared.json()["package"])) == "sealed"
