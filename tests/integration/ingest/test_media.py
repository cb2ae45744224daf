"""Promise (rule 29): a medium that held secrets is not used again before another person saw that it was wiped."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.support.asgi import Reply
from tests.support.enrolled import Enrolled
from tests.support.ingest import Ingest
from tests.support.postgres import Database


async def register(gateway: Ingest, who: Enrolled, **other: object) -> Reply:
    await gateway.registry.poll()
    form = {
        "agency": str(gateway.agency),
        "kind": "hard-disk",
        "mark": "WD-4471",
        "level": "mat",
        "on": gateway.parts.world.today().isoformat(),
        "instrument": "3/BB",
    }
    return await gateway.post(who, "/v1/media", json.dumps(form | other).encode())


async def step(gateway: Ingest, who: Enrolled, medium: object, kind: str, **other: object) -> Reply:
    form = {"kind": kind, "on": gateway.parts.world.today().isoformat(), "instrument": "4/BB"} | other
    return await gateway.post(who, f"/v1/media/{medium}/steps", json.dumps(form).encode())


@pytest.fixture
def officers(gateway: Ingest) -> tuple[Enrolled, Enrolled]:
    return gateway.enrol("incident-officer", officer="Một"), gateway.enrol("archivist", officer="Hai")


async def test_no_medium_is_used_again_before_another_person_saw_it_wiped(
    gateway: Ingest, officers: tuple[Enrolled, Enrolled]
) -> None:
    one, other = officers

    async def code(who: Enrolled, kind: str, **more: object) -> object:
        reply = await step(gateway, who, medium, kind, **more)
        return reply.json().get("code", reply.status)

    made = (await register(gateway, one)).json()
    medium = made["id"]
    assert (made["blocked"], made["level"]) == (True, "mat")
    assert await code(one, "reused") == "medium-not-wiped"
    assert await code(other, "verified") == "medium-step-unfit"  # nobody wiped it
    assert await code(one, "wiped") == 201
    assert await code(one, "reused") == "medium-not-wiped"
    assert await code(one, "verified") == "medium-same-person"
    twin = gateway.enrol("archivist", officer="Một")
    assert await code(twin, "verified") == "medium-same-person"
    spelt = gateway.enrol("archivist", officer=" MỘT")  # one person, however the name is spelt
    assert await code(spelt, "verified") == "medium-same-person"
    assert await code(other, "verified") == 201
    assert await code(one, "reused") == 201
    assert await code(one, "held") == "medium-step-unfit"  # of which level?
    assert await code(one, "held", level="toi_mat") == 201
    assert await code(one, "reused") == "medium-not-wiped"
    assert await code(one, "wiped") == 201
    assert await code(one, "held", level="mat") == 201  # used again in between: the wiping is no longer the last step
    assert await code(other, "verified") == "medium-step-unfit"
    [shown] = (await gateway.get(other, "/v1/media")).json()["items"]
    assert (shown["blocked"], shown["level"], len(shown["trail"])) == (True, "toi_mat", 7)
    assert await code(one, "destroyed") == 201
    for kind in ("wiped", "reused", "destroyed"):
        assert await code(one, kind) == "medium-step-unfit"


async def test_what_does_not_fit_is_refused(gateway: Ingest, officers: tuple[Enrolled, Enrolled]) -> None:
    one, other = officers
    today = gateway.parts.world.today()
    tomorrow, before = (today + timedelta(days=1)).isoformat(), (today - timedelta(days=1)).isoformat()
    assert (await register(gateway, one, on=tomorrow)).json()["code"] == "medium-day-invalid"
    assert (await register(gateway, one, agency=str(uuid4()))).json()["code"] == "inspected-agency-unknown"
    assert (await register(gateway, gateway.enrol("submitter"))).json()["code"] == "scope-missing"
    assert (await step(gateway, one, uuid4(), "wiped")).json()["code"] == "medium-unknown"
    medium = (await register(gateway, one)).json()["id"]
    for day in (tomorrow, before):
        assert (await step(gateway, one, medium, "wiped", on=day)).json()["code"] == "medium-day-invalid"
    clean = (await register(gateway, other, level="none", mark="new")).json()
    assert clean["blocked"] is False
    assert (await step(gateway, other, clean["id"], "reused")).status == 201
    page = (await gateway.get(gateway.enrol("auditor"), f"/v1/media?limit=1&agency={gateway.agency}")).json()
    rest = (await gateway.get(gateway.enrol("supervisor"), f"/v1/media?after={page['next']}")).json()
    assert [entry["id"] for entry in (*page["items"], *rest["items"])] == [medium, clean["id"]]
    assert (await gateway.get(one, f"/v1/media?agency={uuid4()}")).json() == {"items": [], "next": None}


async def test_the_register_is_only_added_to_and_its_steps_are_in_the_log(
    gateway: Ingest, officers: tuple[Enrolled, Enrolled], database: Database
) -> None:
    medium = (await register(gateway, officers[0])).json()["id"]
    with psycopg.connect(database.admin_url) as owner:
        for statement in (b"DELETE FROM ingest.medium_step", b"UPDATE ingest.medium_step SET mark = 'x'"):
            with pytest.raises(psycopg.Error), owner.transaction():
                owner.execute(statement)
        events: list[dict[str, Any]] = [
            json.loads(bytes(event)) for (event,) in owner.execute("SELECT event FROM journal.event").fetchall()
        ]
        acts = owner.execute("SELECT count(*) FROM ingest.act WHERE relation = 'medium_step'").fetchone()
    [logged] = [event for event in events if event["type"] == "medium_step"]
    assert (logged["medium"], logged["number"], logged["step"]) == (medium, 1, "registered")
    assert "WD-4471" not in json.dumps(events)
    assert acts == (1,)
