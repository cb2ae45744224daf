"""Promise: no part counts twice, none is taken that the plan does not have, and one attempt wins."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from services.ingest.usecases import reap_attempts as reaping
from services.kernel.identifiers import PackageId
from services.runtime.database import transaction
from services.runtime.object_store.memory import MemoryStore
from tests.support.asgi import Reply, call
from tests.support.enrolled import Enrolled
from tests.support.ingest import Ingest, sha256
from tests.support.ingest_manifests import Dossier
from tests.support.later import Later

MIB = 1 << 20


async def declared(gateway: Ingest, *files: bytes) -> tuple[Enrolled, str, Dossier]:
    client = gateway.enrol("submitter")
    dossier = Dossier(files)
    reply = await gateway.declare(client, dossier)
    assert reply.status == 201, reply.body
    return client, reply.json()["package"], dossier


async def rows(gateway: Ingest, query: str) -> list[object]:
    async with transaction(gateway.engine) as connection:
        return list((await connection.execute(text(query))).scalars())


async def parts_in_store(gateway: Ingest) -> list[str]:
    return [entry.name async for entry in gateway.store.list("parts/")]


def code(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.json()["code"]


async def test_a_repeat_answers_the_same_and_stores_nothing(gateway: Ingest) -> None:
    client, package, dossier = await declared(gateway, b"x" * 1000)
    first = await gateway.send(client, package, 0, dossier.payload)
    again = await gateway.send(client, package, 0, dossier.payload)
    assert (first.status, again.status) == (201, 200)
    assert first.body == again.body
    assert len(await parts_in_store(gateway)) == 1
    assert code(await gateway.send(client, package, 0, b"y" * 1000)) == (409, "part-conflict")


async def test_the_very_same_request_is_a_replay(gateway: Ingest) -> None:
    client, package, dossier = await declared(gateway, b"x" * 1000)
    scope = client.scope(
        "PUT", f"/v1/packages/{package}/parts/0", dossier.payload, content_type="application/octet-stream"
    )
    replies = await asyncio.gather(*(call(gateway.app, dict(scope) | {"state": {}}, dossier.payload) for _ in range(6)))
    assert sorted(reply.status for reply in replies) == [201, 409, 409, 409, 409, 409]
    assert {reply.json()["code"] for reply in replies if reply.status == 409} == {"request-replayed"}
    assert len(await parts_in_store(gateway)) == 1


async def test_two_clients_that_send_one_part_at_once_have_one_winner(gateway: Ingest) -> None:
    client, package, dossier = await declared(gateway, os.urandom(2 * MIB))
    other = gateway.enrol("submitter")
    parts = dossier.parts(MIB)
    replies = await asyncio.gather(
        *(gateway.send(sender, package, 0, parts[0]) for sender in (client, other, client, other))
    )
    assert {reply.status for reply in replies} <= {200, 201}
    assert sum(reply.status == 201 for reply in replies) == 1
    assert len({reply.body for reply in replies}) == 1
    await gateway.send(client, package, 1, parts[1])
    assert str(await gateway.complete(package)) == "sealed"
    winner = await rows(gateway, "SELECT attempt FROM ingest.part WHERE number = 0")
    lost = await rows(gateway, "SELECT id FROM ingest.attempt WHERE lost")
    assert winner[0] not in lost
    await reaping.reap_attempts(ledger=gateway.parts.ledger, vault=gateway.parts.vault, world=gateway.parts.world)
    assert len(await parts_in_store(gateway)) == 2
    assert await rows(gateway, "SELECT id FROM ingest.attempt") == []
    component = (await rows(gateway, "SELECT id FROM ingest.component"))[0]
    assert (await gateway.read(client, str(component))).body == dossier.payload


async def test_a_part_outside_the_plan_leaves_no_trace(gateway: Ingest) -> None:
    client, package, dossier = await declared(gateway, b"x" * 1000)
    assert code(await gateway.send(client, package, 1, b"x")) == (404, "part-not-planned")
    assert code(await gateway.send(client, package, 0, b"x" * 999)) == (422, "part-length-wrong")
    assert code(await gateway.send(client, str(uuid4()), 0, b"x")) == (404, "package-unknown")
    scope = client.scope("PUT", f"/v1/packages/{package}/parts/-1", b"x", content_type="application/octet-stream")
    assert (await call(gateway.app, scope, b"x")).status == 422
    scope = client.scope("PUT", f"/v1/packages/{package}/parts/0", dossier.payload, content_type="text/plain")
    assert code(await call(gateway.app, scope, dossier.payload)) == (415, "media-type-unsupported")
    assert await parts_in_store(gateway) == []
    assert await rows(gateway, "SELECT id FROM ingest.attempt") == []


async def test_bytes_that_are_not_those_declared_are_refused_by_name(gateway: Ingest) -> None:
    client = gateway.enrol("submitter")
    right, wrong = os.urandom(500), os.urandom(500)
    dossier = Dossier([right, wrong], claimed={1: os.urandom(500)})
    package = (await gateway.declare(client, dossier)).json()["package"]
    reply = await gateway.send(client, package, 0, dossier.payload)
    assert code(reply) == (422, "component-digest-mismatch")
    changed = await gateway.send(client, package, 0, dossier.payload, body=b"z" * 1000)
    assert code(changed) == (422, "part-digest-mismatch")
    assert await parts_in_store(gateway) == []
    assert len(await rows(gateway, "SELECT id FROM ingest.attempt WHERE lost")) == 2


async def test_a_body_that_ends_early_leaves_nothing(gateway: Ingest) -> None:
    client, package, dossier = await declared(gateway, b"x" * 1000)
    cut = await gateway.send(client, package, 0, dossier.payload, body=[b"x" * 400])
    assert code(cut) == (400, "part-truncated")
    assert await parts_in_store(gateway) == []
    status = (await gateway.get(client, f"/v1/packages/{package}")).json()
    assert status["missing"] == [[0, 0]]


async def test_another_agency_sees_no_package_and_cannot_send(gateway: Ingest) -> None:
    client, package, dossier = await declared(gateway, b"x" * 1000)
    stranger = gateway.enrol("submitter", agency=await gateway.add_agency("H47.99"))
    nowhere = str(uuid4())
    for path in ("", "/plan", "/manifest", "/receipt"):
        seen = await gateway.get(stranger, f"/v1/packages/{package}{path}")
        absent = await gateway.get(stranger, f"/v1/packages/{nowhere}{path}")
        assert code(seen) == code(absent) == (404, "package-unknown")
        told, expected = seen.json(), absent.json()
        del told["request_id"], expected["request_id"]
        assert told == expected
    assert code(await gateway.send(stranger, package, 0, dossier.payload)) == (404, "package-unknown")
    scope = stranger.scope("DELETE", f"/v1/packages/{package}")
    assert code(await call(gateway.app, scope)) == (404, "package-unknown")
    assert (await gateway.get(stranger, "/v1/packages")).json() == {"items": [], "next": None}
    archivist = gateway.enrol("archivist")
    assert code(await gateway.get(archivist, f"/v1/packages/{package}"))[0] == 403
    assert (await gateway.get(client, f"/v1/packages/{package}")).status == 200


async def test_an_attempt_that_the_reaper_gave_up_cannot_win(gateway: Ingest) -> None:
    """The object would be gone: a row that names it would be a lie."""
    client, package, dossier = await declared(gateway, b"x" * 1000)
    later = Later(gateway.parts.world, timedelta(hours=7))
    sending = asyncio.Event()

    class Slow(MemoryStore):
        async def put(self, name: str, data: bytes):  # type: ignore[no-untyped-def]  # as MemoryStore
            stored = await super().put(name, data)
            if name.startswith("parts/"):
                sending.set()
                await reaping.reap_attempts(ledger=gateway.parts.ledger, vault=gateway.parts.vault, world=later)
            return stored

    store = gateway.store
    assert isinstance(store, MemoryStore)
    store.__class__ = Slow
    try:
        reply = await gateway.send(client, package, 0, dossier.payload)
    finally:
        store.__class__ = MemoryStore
    assert sending.is_set()
    assert code(reply) == (408, "part-too-slow")
    assert await parts_in_store(gateway) == []
    assert await rows(gateway, "SELECT number FROM ingest.part") == []
    assert (await gateway.send(client, package, 0, dossier.payload)).status == 201


async def test_too_much_at_once_is_refused_before_the_body(gateway: Ingest) -> None:
    client, package, dossier = await declared(gateway, b"x" * 1000)
    flights = gateway.wiring.in_flight
    with flights.take(gateway.wiring.directory.agencies_followed_by(gateway.agency)[0], 512 * MIB):  # type: ignore[arg-type]  # an AgencyId
        reply = await gateway.send(client, package, 0, dossier.payload)
        assert code(reply) == (429, "agency-in-flight-limit")
        assert int(reply.headers["retry-after"]) > 0
        with flights.take(uuid4(), 2048 * MIB - 512 * MIB):  # type: ignore[arg-type]  # an AgencyId
            stranger = gateway.enrol("submitter", agency=await gateway.add_agency("H47.98"))
            full = await gateway.send(stranger, package, 0, dossier.payload)
            assert code(full) == (503, "instance-in-flight-limit")
    assert flights.total == 0
    assert await rows(gateway, "SELECT id FROM ingest.attempt") == []


async def test_a_client_that_waits_for_100_continue_gets_the_answer_and_the_end(gateway: Ingest) -> None:
    client, package, dossier = await declared(gateway, b"x" * 1000)
    await gateway.send(client, package, 0, dossier.payload)
    target = f"/v1/packages/{package}/parts/0"
    scope = client.scope("PUT", target, dossier.payload, content_type="application/octet-stream")
    scope["headers"].append((b"expect", b"100-continue"))
    asked: list[str] = []

    async def receive():  # type: ignore[no-untyped-def]  # ASGI
        asked.append("body")
        return {"type": "http.request", "body": b"", "more_body": False}

    sent: list[dict[str, object]] = []

    async def send(message) -> None:  # type: ignore[no-untyped-def]  # ASGI
        sent.append(message)

    await gateway.app(scope, receive, send)
    assert sent[0]["status"] == 200
    assert (b"connection", b"close") in sent[0]["headers"]  # type: ignore[operator]  # a list of pairs
    assert asked == []


@pytest.mark.parametrize("ending", ["abandon", "expire"])
async def test_an_ended_package_takes_nothing_and_keeps_nothing(gateway: Ingest, ending: str) -> None:
    client, package, dossier = await declared(gateway, os.urandom(MIB + 1))
    parts = dossier.parts(MIB)
    await gateway.send(client, package, 0, parts[0])
    if ending == "abandon":
        for _ in range(2):
            assert (await call(gateway.app, client.scope("DELETE", f"/v1/packages/{package}"))).status == 204
    else:
        from services.ingest.usecases.abandon_package import expire_packages

        assert await expire_packages(ledger=gateway.parts.ledger, world=gateway.parts.world) == 0
        later = Later(gateway.parts.world, timedelta(days=61))
        assert await expire_packages(ledger=gateway.parts.ledger, world=later) == 1
    assert code(await gateway.send(client, package, 1, parts[1])) == (409, "package-not-receiving")
    assert code(await gateway.send(client, package, 0, parts[0])) == (409, "package-not-receiving")
    await reaping.reap_attempts(ledger=gateway.parts.ledger, vault=gateway.parts.vault, world=gateway.parts.world)
    assert await parts_in_store(gateway) == []
    again = await gateway.declare(client, dossier)
    assert again.status == 201
    assert again.json()["package"] != package


async def test_a_sealed_package_cannot_be_abandoned(gateway: Ingest) -> None:
    client = gateway.enrol("submitter")
    package = await gateway.deposit(client, Dossier([b"x"]))
    reply = await call(gateway.app, client.scope("DELETE", f"/v1/packages/{package}"))
    assert code(reply) == (409, "abandon-too-late")
    assert str(await gateway.complete(package)) == "None"
    assert UUID(package) == PackageId(UUID(package))
    assert sha256(b"x")
