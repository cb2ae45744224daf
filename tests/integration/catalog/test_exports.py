"""Promise (rule 28): what has access mode 03 leaves the archive only under another person's approval that is in force."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

import psycopg
import pytest

from services.catalog.domain.description import document_id
from services.kernel.identifiers import PackageId
from tests.integration.catalog.test_api import Door, auth, auth_settings, door
from tests.support.asgi import Reply
from tests.support.enrolled import Enrolled
from tests.support.shelving import document, manifest

__all__ = ["auth", "auth_settings", "door"]


def today(door: Door) -> date:
    return door.catalog.world.today()


def form(door: Door, *documents: UUID, **other: object) -> dict[str, object]:
    return {
        "documents": [str(document) for document in documents],
        "number": "15/QĐ-UBND",
        "decided_on": today(door).isoformat(),
        "authority": "Chủ tịch Ủy ban nhân dân tỉnh",
        "recipient": "Thanh tra tỉnh",
        "until": (today(door) + timedelta(days=10)).isoformat(),
    } | other


async def ask(door: Door, who: Enrolled, *documents: UUID, **other: object) -> Reply:
    return await door.post(who, "/v1/exports", json.dumps(form(door, *documents, **other)).encode())


async def step(door: Door, who: Enrolled, export: object, word: str) -> Reply:
    return await door.post(who, f"/v1/exports/{export}/{word}", b"")


async def shelved(door: Door) -> PackageId:
    """Document 0 is restricted by its own mode, document 1 is free."""
    restricted = document(1, "kế hoạch năm 1990", files=["a.pdf"], access_mode="Mật")
    message = await door.catalog.shelve(manifest([restricted, document(2, "mở", files=["b.pdf"])]), fonds=door.fonds)
    return message.package


async def read(door: Door, who: Enrolled, package: PackageId, index: int) -> tuple[int, Any]:
    reply = await door.get(who, f"/v1/components/{uuid5(package, f'{index}/0')}")
    return reply.status, None if reply.status == 307 else reply.json()["code"]


@pytest.fixture
async def archivists(door: Door) -> tuple[Enrolled, Enrolled]:
    return await door.client(door.auth.agency, "archivist"), await door.client(door.auth.agency, "archivist")


async def test_no_restricted_document_leaves_without_an_approval_in_force(
    door: Door, archivists: tuple[Enrolled, Enrolled]
) -> None:
    package = await shelved(door)
    asker, other = archivists
    assert await read(door, asker, package, 0) == (403, "export-not-approved")
    assert await read(door, asker, package, 1) == (307, None)
    assert await read(door, door.submitter, package, 0) == (307, None)  # its own
    asked = (await ask(door, asker, document_id(package, 0))).json()
    assert await read(door, asker, package, 0) == (403, "export-not-approved")  # asked is not approved
    own = await step(door, asker, asked["id"], "approve")
    assert (own.status, own.json()["code"]) == (409, "export-same-person")
    approved = await step(door, other, asked["id"], "approve")
    assert (approved.status, approved.json()["steps"][0]["step"]) == (200, "approved")
    assert await read(door, asker, package, 0) == (307, None)
    assert await read(door, other, package, 0) == (403, "export-not-approved")  # it is the asker's alone
    [granted] = door.logged("reading_granted")
    assert (granted["export"], granted["document"]) == (asked["id"], str(document_id(package, 0)))
    assert (await step(door, asker, asked["id"], "end")).status == 200
    assert await read(door, asker, package, 0) == (403, "export-not-approved")
    assert [event["step"] for event in door.logged("export_step")] == ["approved", "ended"]
    logged = json.dumps([door.logged(kind) for kind in ("export_asked", "export_step", "reading_granted")])
    assert "Thanh tra" not in logged


async def test_an_approval_is_for_its_documents_and_its_days(door: Door, archivists: tuple[Enrolled, Enrolled]) -> None:
    asker, other = archivists
    package = await shelved(door)
    second = await door.catalog.shelve(
        manifest([document(1, "khác", files=["c.pdf"], access_mode="03")], code="P012.2020-2025.01.01.002"),
        fonds=door.fonds,
    )
    wrong = (await ask(door, asker, document_id(second.package, 0))).json()
    assert (await step(door, other, wrong["id"], "approve")).status == 200
    assert await read(door, asker, package, 0) == (403, "export-not-approved")
    right = (await ask(door, asker, document_id(package, 0))).json()
    assert (await step(door, other, right["id"], "approve")).status == 200
    assert await read(door, asker, package, 0) == (307, None)
    with psycopg.connect(door.auth.database.admin_url) as owner:  # its last day is past
        owner.execute("UPDATE catalog.export_request SET until = %s", [today(door) - timedelta(days=1)])
    assert await read(door, asker, package, 0) == (403, "export-not-approved")
    with psycopg.connect(door.auth.database.admin_url) as owner:  # the last day itself counts
        owner.execute("UPDATE catalog.export_request SET until = %s", [today(door)])
    assert await read(door, asker, package, 0) == (307, None)


async def test_the_dossiers_own_mode_restricts_all_of_it(door: Door, archivists: tuple[Enrolled, Enrolled]) -> None:
    value = json.loads(manifest([document(1, "một", files=["a.pdf"])]))
    value["dossier"]["metadata"]["access_mode"] = "03"
    message = await door.catalog.shelve(json.dumps(value, ensure_ascii=False).encode(), fonds=door.fonds)
    assert await read(door, archivists[0], message.package, 0) == (403, "export-not-approved")


async def test_what_does_not_fit_is_refused_and_nothing_is_undone(
    door: Door, archivists: tuple[Enrolled, Enrolled]
) -> None:
    asker, other = archivists
    package = await shelved(door)
    wanted = document_id(package, 0)
    day = today(door)
    for days in (
        {"decided_on": (day + timedelta(days=1)).isoformat()},
        {"until": (day - timedelta(days=1)).isoformat()},
        {"until": (day + timedelta(days=91)).isoformat()},
    ):
        reply = await ask(door, asker, wanted, **days)
        assert (reply.status, reply.json()["code"]) == (422, "export-dates-invalid"), days
    assert (await ask(door, asker, wanted, until=(day + timedelta(days=90)).isoformat())).status == 201
    unknown = await ask(door, asker, wanted, uuid4())
    assert (unknown.status, unknown.json()["code"]) == (404, "document-unknown")
    assert (await ask(door, door.submitter, wanted)).json()["code"] == "scope-missing"
    assert (await step(door, other, uuid4(), "approve")).json()["code"] == "export-unknown"
    asked = (await ask(door, asker, wanted)).json()
    assert (await step(door, other, asked["id"], "end")).json()["code"] == "export-settled"
    for _ in range(2):  # a repeat answers the same
        assert (await step(door, other, asked["id"], "decline")).status == 200
    assert (await step(door, other, asked["id"], "approve")).json()["code"] == "export-settled"
    assert await read(door, asker, package, 0) == (403, "export-not-approved")
    page = (await door.get(other, "/v1/exports?limit=1")).json()
    rest = (await door.get(other, f"/v1/exports?after={page['next']}")).json()
    assert [entry["id"] for entry in [*page["items"], *rest["items"]]][-1] == asked["id"]
    assert rest["next"] is None


async def test_what_the_reader_may_not_see_is_absent_whatever_was_approved(
    door: Door, archivists: tuple[Enrolled, Enrolled]
) -> None:
    secret = document(1, "x", files=["a.pdf"], access_mode="03", secrecy={"level": "mat", "issued_on": "2026-01-01"})
    message = await door.catalog.shelve(manifest([secret]), fonds=door.fonds, levels={0: "mat"})
    assert await read(door, archivists[0], message.package, 0) == (404, "component-unknown")
    reply = await ask(door, archivists[0], document_id(message.package, 0))
    assert (reply.status, reply.json()["code"]) == (404, "document-unknown")


@pytest.mark.parametrize("table", ["export_request", "export_step"])
async def test_the_service_can_change_no_row(door: Door, archivists: tuple[Enrolled, Enrolled], table: str) -> None:
    asked = (await ask(door, archivists[0], document_id(await shelved(door), 0))).json()
    assert (await step(door, archivists[1], asked["id"], "approve")).status == 200
    with psycopg.connect(door.auth.database.url_for("nopluu_catalog").replace("+psycopg", "")) as service:
        for statement in ("DELETE FROM catalog.{}", "UPDATE catalog.{} SET officer = 'x'"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), service.transaction():
                service.execute(statement.format(table))
