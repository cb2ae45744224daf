"""Promise: the verdict comes before a byte, with every pointer; nothing of a refused manifest is kept but codes."""

from __future__ import annotations

import asyncio
import json
import os
import time
from uuid import uuid4

import pytest
from sqlalchemy import text

from services.runtime.database import transaction
from tests.support.asgi import Reply
from tests.support.enrolled import Enrolled
from tests.support.ingest import Ingest
from tests.support.ingest_manifests import Dossier

MIB = 1 << 20


def code(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.json()["code"]


async def test_the_same_manifest_is_the_same_package(gateway: Ingest) -> None:
    client = gateway.enrol("submitter")
    dossier = Dossier([b"mot", b"hai"])
    first = await gateway.declare(client, dossier)
    again = await gateway.declare(gateway.enrol("submitter"), dossier)
    assert (first.status, again.status) == (201, 200)
    assert first.json() == again.json()
    replies = await asyncio.gather(*(gateway.declare(client, Dossier([b"ba"])) for _ in range(5)))
    assert sorted(reply.status for reply in replies) == [200, 200, 200, 200, 201]
    assert len({reply.json()["package"] for reply in replies}) == 1


async def test_the_part_size_changes_until_the_first_attempt(gateway: Ingest) -> None:
    client = gateway.enrol("submitter")
    dossier = Dossier([os.urandom(3 * MIB)])
    first = (await gateway.declare(client, dossier, 4 * MIB)).json()
    second = (await gateway.declare(client, dossier, MIB)).json()
    assert (first["parts"], second["parts"]) == (1, 3)
    assert first["package"] == second["package"]
    assert first["plan_sha256"] != second["plan_sha256"]
    assert second["plan"]["components"] == first["plan"]["components"]
    parts = dossier.parts(MIB)
    assert (await gateway.send(client, second["package"], 0, parts[0])).status == 201
    third = (await gateway.declare(client, dossier, 2 * MIB)).json()
    assert third["parts"] == 3
    for number in (1, 2):
        assert (await gateway.send(client, second["package"], number, parts[number])).status == 201
    assert str(await gateway.complete(second["package"])) == "sealed"


async def test_every_problem_is_in_one_answer_and_nothing_is_stored(gateway: Ingest) -> None:
    client = gateway.enrol("submitter")
    value = json.loads(Dossier([b"mot", b"hai", b"ba"]).manifest)
    value["documents"][0]["components"][0]["sha256"] = "x"
    value["documents"][2]["components"][0]["size"] = -1
    del value["documents"][1]["ordinal"]
    body = json.dumps(value).encode()
    for target in ("/v1/packages", "/v1/packages:check"):
        reply = await gateway.post(client, target, body)
        assert code(reply) == (422, "manifest-invalid")
        pointers = {entry["pointer"] for entry in reply.json()["errors"]}
        assert pointers >= {
            "/documents/0/components/0/sha256",
            "/documents/1/ordinal",
            "/documents/2/components/0/size",
        }
    await _nothing_stored(gateway)


async def test_a_check_says_what_a_declaration_would_and_stores_nothing(gateway: Ingest) -> None:
    client = gateway.enrol("submitter")
    reply = await gateway.post(client, "/v1/packages:check", Dossier([b"mot", b"hai!"]).manifest)
    assert reply.status == 200, reply.body
    assert (reply.json()["components"], reply.json()["payload_size"]) == (2, 7)
    await _nothing_stored(gateway)


async def test_what_the_rules_refuse_keeps_only_codes_and_can_be_read_again(gateway: Ingest) -> None:
    client = gateway.enrol("submitter")
    secret = Dossier([b"mot", b"hai"], levels={1: "mat"})
    reply = await gateway.declare(client, secret)
    assert code(reply) == (422, "package-refused-by-rules")
    problem = reply.json()
    assert {entry["pointer"] for entry in problem["errors"]} == {"/documents/1"}
    address = problem["fix"].rpartition("/v1/packages/")[2].rstrip(".")
    again = await gateway.get(client, f"/v1/packages/{address}")
    assert again.status == 200, again.body
    assert (again.json()["state"], again.json()["problem"]["errors"]) == ("refused", problem["errors"])
    stranger = gateway.enrol("submitter", agency=await gateway.add_agency("H47.77"))
    assert code(await gateway.get(stranger, f"/v1/packages/{address}")) == (404, "package-unknown")
    async with transaction(gateway.engine) as connection:
        row = (await connection.execute(text("SELECT * FROM ingest.package"))).one()._asdict()
        assert (await connection.execute(text("SELECT count(*) FROM ingest.package_document"))).scalar_one() == 0
    assert row["manifest_sha256"] is None
    assert "an ninh" not in str(row)
    assert "Kết luận" not in str(row)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"fonds": "P999"}, "fonds-unknown"),
        ({"submitter": "H47.13"}, "submitter-mismatch"),
        ({"supersedes": uuid4()}, "supersedes-invalid"),
    ],
)
async def test_what_the_manifest_names_must_be_known(gateway: Ingest, change: dict[str, object], expected: str) -> None:
    client = gateway.enrol("submitter")
    reply = await gateway.declare(client, Dossier([b"mot"], **change))  # type: ignore[arg-type]  # one member each
    assert code(reply) == (422, expected)
    assert len(reply.json()["errors"]) == 1
    await _nothing_stored(gateway)


async def test_a_wrong_part_size_media_type_or_role_is_refused(gateway: Ingest) -> None:
    client = gateway.enrol("submitter")
    assert code(await gateway.declare(client, Dossier([b"mot"]), 3 * MIB)) == (422, "part-size-invalid")
    assert code(await gateway.post(client, "/v1/packages?part_size=x", Dossier([b"mot"]).manifest)) == (
        422,
        "request-invalid",
    )
    assert code(await gateway.declare(gateway.enrol("archivist"), Dossier([b"mot"])))[0] == 403
    await _nothing_stored(gateway)


async def _nothing_stored(gateway: Ingest) -> None:
    async with transaction(gateway.engine) as connection:
        for table in ("package", "package_document", "component", "declaration"):
            found = await connection.execute(text(f"SELECT count(*) FROM ingest.{table}"))  # noqa: S608 - fixed names
            assert found.scalar_one() == 0, table


async def _judged(gateway: Ingest, client: Enrolled, package: str) -> Reply:
    until = time.monotonic() + 60
    while True:
        await gateway.registry.poll()
        reply = await gateway.get(client, f"/v1/packages/{package}")
        if reply.status != 200 or reply.json()["state"] != "judging":
            return reply
        assert time.monotonic() < until
        await asyncio.sleep(0.2)


async def test_a_large_manifest_is_judged_in_a_child(gateway: Ingest) -> None:
    client = gateway.enrol("submitter")
    dossier = Dossier([b"%d" % number for number in range(1500)])
    reply = await gateway.declare(client, dossier)
    assert reply.status == 202, reply.body
    package = reply.json()["package"]
    same = await gateway.declare(client, dossier)
    assert (same.status, same.json()["package"]) == (202, package)
    status = await _judged(gateway, client, package)
    assert (status.json()["state"], status.json()["components"]) == ("declared", 1500)
    declared = await gateway.declare(client, dossier)
    assert (declared.status, declared.json()["package"]) == (200, package)
    assert (await gateway.send(client, package, 0, dossier.payload)).status == 201
    assert str(await gateway.complete(package)) == "sealed"


async def test_a_large_manifest_with_errors_tells_all_of_them_at_its_status(gateway: Ingest) -> None:
    client = gateway.enrol("submitter")
    value = json.loads(Dossier([b"%d" % number for number in range(2000)]).manifest)
    for document in value["documents"][::2]:
        document["components"][0]["sha256"] = "wrong"
    reply = await gateway.post(client, "/v1/packages", json.dumps(value).encode())
    assert reply.status == 202
    status = await _judged(gateway, client, reply.json()["package"])
    assert status.json()["state"] == "refused"
    problem = status.json()["problem"]
    assert (problem["code"], len(problem["errors"])) == ("manifest-invalid", 1000)
    checked = await gateway.post(client, "/v1/packages:check", json.dumps(value).encode())
    assert len(checked.json()["errors"]) == 1000


async def test_a_declaration_whose_instance_died_is_gone(gateway: Ingest) -> None:
    client = gateway.enrol("submitter")
    package = uuid4()
    async with transaction(gateway.engine) as connection:
        await connection.execute(
            text("INSERT INTO ingest.declaration VALUES (:id, :agency, :client, now() - interval '31 seconds', NULL)"),
            {"id": package, "agency": gateway.agency, "client": client.client_id},
        )
    reply = await gateway.get(client, f"/v1/packages/{package}")
    assert code(reply) == (410, "declaration-lost")
    assert reply.json()["retryable"] is True


async def test_packages_are_listed_page_by_page(gateway: Ingest) -> None:
    client = gateway.enrol("submitter")
    declared = [(await gateway.declare(client, Dossier([b"%d" % number]))).json()["package"] for number in range(5)]
    found: list[str] = []
    after = ""
    while True:
        page = (await gateway.get(client, f"/v1/packages?limit=2{after}")).json()
        found += [item["package"] for item in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert found == declared
    assert (await gateway.get(client, "/v1/packages?state=sealed")).json()["items"] == []
