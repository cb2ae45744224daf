"""What agencies may hand in over the independent LAN: two officers, rows that are only added, a fact once it is approved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.auth.domain.ceilings import Officer
from services.kernel.identifiers import AgencyId, ClientId
from services.kernel.records import RegistryState
from services.kernel.secrecy import Level
from services.kernel.vietnam import day_in_vietnam
from tests.integration.auth.conftest import Auth
from tests.integration.auth.test_registry import events
from tests.support.enrolled import Enrolled


@dataclass(frozen=True, slots=True)
class Police:
    """Two officers of rules and an agency."""

    auth: Auth
    author: Enrolled
    approver: Enrolled
    agency: AgencyId

    async def ask(self, client: Enrolled, method: str, path: str, wanted: int, form: object = None) -> Any:
        reply = await client.ask(self.auth.app, method, path, form)
        assert reply.status == wanted, reply.body
        return reply.json()

    async def propose(self, wanted: int = 201, **changes: object) -> Any:
        form = {
            "level": "mat",
            "valid_from": "2026-03-01",
            "number": "15/QĐ-CAT",
            "decided_on": "2026-02-20",
            "authority": "Giám đốc Công an tỉnh",
            **changes,
        }
        return await self.ask(self.author, "POST", f"/v1/agencies/{self.agency}/ceilings", wanted, form)

    async def settle(self, client: Enrolled, decision: object, how: str, wanted: int = 200) -> Any:
        return await self.ask(client, "POST", f"/v1/ceilings/{decision}/{how}", wanted)

    async def facts(self) -> list[dict[str, Any]]:
        page = await self.ask(self.auth.service, "GET", "/v1/registry/facts?after=0", 200)
        return [fact for fact in page["facts"] if fact["type"] == "agency-ceiling"]

    async def ceiling(self, day: date) -> Level:
        state = RegistryState()
        page = await self.ask(self.auth.service, "GET", "/v1/registry/facts?after=0", 200)
        state.apply(page["facts"])
        return state.ceiling(self.agency, day)


@pytest.fixture
async def police(auth: Auth) -> Police:
    author = await auth.enrol("rule-author", officer="Lê An")
    approver = await auth.enrol("rule-approver", officer="Vũ Bình")
    form = {
        "name": "Đảng ủy xã Mẫu",
        "kind": "commune",
        "level": "commune",
        "valid_from": "2025-07-01",
        "codes": [{"code": "H17.40.01", "valid_from": "2025-07-01"}],
    }
    made = await auth.registrar.ask(auth.app, "POST", "/v1/agencies", form)
    return Police(auth, author, approver, AgencyId(UUID(made.json()["id"])))


async def test_a_proposal_is_nothing_until_another_officer_approves(police: Police) -> None:
    day = date(2026, 6, 1)
    proposed = await police.propose()
    assert (proposed["outcome"], proposed["author"]) == (None, "Lê An")
    assert await police.ceiling(day) is Level.NONE
    assert (await police.propose())["id"] == proposed["id"]  # whoever did not hear the answer asks again
    approved = await police.settle(police.approver, proposed["id"], "approve")
    assert (approved["outcome"], approved["settled_by"]) == ("approved", "Vũ Bình")
    assert await police.settle(police.approver, proposed["id"], "approve") == approved
    assert [fact["number"] for fact in await police.facts()] == ["15/QĐ-CAT"]
    assert not {"author", "author_officer", "officer"} & (await police.facts())[0].keys()
    assert [await police.ceiling(date(2026, month, 1)) for month in (2, 3)] == [Level.NONE, Level.MAT]
    lowered = await police.propose(level="none", valid_from="2026-05-01")
    assert await police.ceiling(day) is Level.MAT
    await police.settle(police.approver, lowered["id"], "approve")
    assert await police.ceiling(day) is Level.NONE
    assert await police.ceiling(date(2026, 4, 30)) is Level.MAT


async def test_nobody_else_decides(police: Police) -> None:
    waiting = (await police.propose())["id"]
    for client in (police.author, police.auth.registrar, police.auth.service):
        await police.settle(client, waiting, "approve", 403)
    for client in (police.approver, police.auth.registrar):
        path = f"/v1/agencies/{police.agency}/ceilings"
        await police.ask(client, "POST", path, 403, {})
    assert await police.facts() == []


async def test_one_person_with_two_clients_is_one_person(police: Police) -> None:
    # Enrolment refuses this pair today; an older registry may hold it.
    waiting = (await police.propose())["id"]
    with psycopg.connect(police.auth.database.admin_url) as owner:
        owner.execute("UPDATE auth.client SET officer = %s WHERE id = %s", ("  LÊ  An", police.approver.client_id))
    assert (await police.approver.obtain(police.auth.app, "auth.example")).status == 200
    assert (await police.settle(police.approver, waiting, "approve", 409))["code"] == "ceiling-same-officer"


async def test_what_is_settled_stays(police: Police) -> None:
    first, second = (await police.propose())["id"], (await police.propose(number="16/QĐ-CAT"))["id"]
    await police.settle(police.author, first, "decline")
    assert (await police.settle(police.author, first, "decline"))["outcome"] == "declined"
    assert (await police.settle(police.approver, first, "approve", 409))["code"] == "ceiling-settled"
    await police.settle(police.approver, second, "approve")
    assert (await police.settle(police.author, second, "decline", 409))["code"] == "ceiling-settled"
    assert (await police.settle(police.approver, uuid4(), "approve", 404))["code"] == "ceiling-unknown"
    page = await police.ask(police.auth.registrar, "GET", f"/v1/ceilings?agency={police.agency}", 200)
    assert [entry["outcome"] for entry in page["ceilings"]] == ["declined", "approved"]
    kinds = [str(event["type"]) for event in events(police.auth)]
    assert [kind for kind in kinds if kind.startswith("ceiling")] == [
        "ceiling-proposed",
        "ceiling-proposed",
        "ceiling-declined",
        "ceiling-approved",
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM auth.ceiling",
        "UPDATE auth.ceiling SET level = 'none'",
        "DELETE FROM auth.ceiling_settlement",
        "UPDATE auth.ceiling_settlement SET outcome = 'declined'",
    ],
)
async def test_the_service_can_change_no_row(police: Police, statement: str) -> None:
    await police.settle(police.approver, (await police.propose())["id"], "approve")
    with pytest.raises(DBAPIError, match="permission denied"):
        async with police.auth.engine.begin() as connection:
            await connection.execute(text(statement))


async def test_only_the_same_officer_s_waiting_proposal_is_the_same_one(police: Police) -> None:
    first = (await police.propose())["id"]
    await police.settle(police.author, first, "decline")
    second = (await police.propose())["id"]  # what was declined may be proposed anew
    assert second != first
    other = await police.auth.enrol("rule-author", officer="Đỗ Cường")
    assert (await replace(police, author=other).propose())["id"] not in {first, second}
    assert (await police.propose())["id"] == second


def test_two_people_need_two_clients() -> None:
    client, other = ClientId(UUID(int=1)), ClientId(UUID(int=2))
    author = Officer(client, "Lê An")
    assert Officer(other, "Vũ Bình").is_another_than(author)
    assert not Officer(client, "Vũ Bình").is_another_than(author)  # one client whose officer was entered anew
    assert not Officer(other, "lê  an").is_another_than(author)


async def test_what_cannot_be_is_refused(police: Police) -> None:
    assert (await police.propose(422, level="tuyet_mat"))["code"] == "ceiling-top-secret"
    assert (await police.propose(level="toi_mat"))["level"] == "toi_mat"  # the highest there is
    ahead = (day_in_vietnam(datetime.now(UTC)) + timedelta(days=1)).isoformat()
    for changes in (
        {"valid_from": "2026-02-19"},  # the day before it was decided
        {"valid_to": "2026-03-01"},
        {"decided_on": ahead, "valid_from": ahead},
        {"decided_on": "2025-01-01", "valid_from": "2025-06-30"},  # the agency began a day later
    ):
        assert (await police.propose(422, **changes))["code"] == "ceiling-dates-invalid", changes
    nobody = await police.author.ask(
        police.auth.app,
        "POST",
        f"/v1/agencies/{uuid4()}/ceilings",
        {"level": "mat", "valid_from": "2026-03-01", "number": "1", "decided_on": "2026-02-20", "authority": "CAT"},
    )
    assert nobody.json()["code"] == "agency-unknown"
    assert (await police.propose(valid_from="2026-02-20", valid_to="2026-02-21"))["valid_to"] == "2026-02-21"
