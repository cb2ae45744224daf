"""Districts cease on 1/7/2025: who was what on which day, and who follows whom, by the API and as services fold it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from services.catalog.adapters.registry_directory import RegistryDirectory as ReadingDirectory
from services.ingest.adapters.directory import RegistryDirectory
from services.kernel.identifiers import AgencyId, FondsId
from services.kernel.records import RegistryState
from tests.integration.auth.conftest import Auth
from tests.integration.auth.test_registry import event, events, facts, post, state
from tests.support import reorganised as sample
from tests.support.reorganised import ACT, DAY, EVE, PROVINCE_ACT, Body

DAY_OF, EVE_OF = date.fromisoformat(DAY), date.fromisoformat(EVE)


class Folded:
    """Stands for `registry_feed.Registry`."""

    def __init__(self, state: RegistryState) -> None:
        self.state = state


class Clock:
    """A world in which it is always one moment."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    def now(self) -> datetime:
        return self._moment

    def token(self) -> str:
        return ""


class Province:
    """The sample as registered: every body's answer, and its fonds by (name, code)."""

    def __init__(self, auth: Auth) -> None:
        self.auth = auth
        self.bodies: dict[Body, dict[str, Any]] = {}
        self.fonds: dict[tuple[Body, str], FondsId] = {}

    async def register(self, *bodies: Body) -> None:
        for body in bodies:
            made = await post(self.auth, "/v1/agencies", body.form())
            self.bodies[body] = made
            for code in body.fonds:
                form = {
                    "code": code,
                    "name": f"Phông {body.name}",
                    "creator": made["id"],
                    "custodian": str(self.auth.agency),
                }
                self.fonds[body, code] = FondsId(UUID((await post(self.auth, "/v1/fonds", form))["id"]))

    def id(self, body: Body) -> AgencyId:
        return AgencyId(UUID(self.bodies[body]["id"]))

    async def follow(self, earlier: Sequence[Body], later: Sequence[Body], kind: str, status: int = 201) -> Any:
        form = event([self.bodies[body] for body in earlier], [self.bodies[body] for body in later], kind)
        return await post(self.auth, "/v1/successions", form, status)

    async def get(self, path: str) -> Any:
        reply = await self.auth.registrar.ask(self.auth.app, "GET", path)
        assert reply.status == 200, reply.body
        return reply.json()

    async def names_on(self, day: str) -> set[str]:
        return {entry["name"] for entry in (await self.get(f"/v1/agencies?on={day}&limit=500"))["agencies"]}


@pytest.fixture
async def province(auth: Auth) -> Province:
    made = Province(auth)
    await made.register(
        sample.DISTRICT,
        *sample.OLD_COMMUNES,
        sample.DEPARTMENT,
        sample.NEW_COMMUNE,
        sample.OTHER_COMMUNE,
        sample.BYSTANDER,
    )
    return made


async def test_districts_cease_and_nothing_is_rewritten(province: Province) -> None:
    before = {body.name for body in (sample.DISTRICT, *sample.OLD_COMMUNES, sample.DEPARTMENT, sample.BYSTANDER)}
    assert await province.names_on(EVE) == before
    await province.follow([sample.DISTRICT], [sample.DEPARTMENT], "dissolve")
    await province.follow(sample.OLD_COMMUNES, [sample.NEW_COMMUNE], "merge")
    assert await province.names_on(EVE) == before
    after = {body.name for body in (sample.DEPARTMENT, sample.NEW_COMMUNE, sample.OTHER_COMMUNE, sample.BYSTANDER)}
    assert await province.names_on(DAY) >= after
    assert not before - after & await province.names_on(DAY) - {sample.DEPARTMENT.name, sample.BYSTANDER.name}
    history = await province.get(f"/v1/agencies/{province.id(sample.DISTRICT)}/history")
    assert (history["agency"]["valid_to"], history["end_instrument"]) == (DAY, ACT)
    assert [entry["successor"] for entry in history["followed_by"]] == [str(province.id(sample.DEPARTMENT))]
    assert [(entry["code"], entry["closed_on"]) for entry in history["fonds"]] == [("P012", DAY)]
    merged = await province.get(f"/v1/agencies/{province.id(sample.NEW_COMMUNE)}/history")
    assert {entry["predecessor"] for entry in merged["follows"]} == {
        str(province.id(body)) for body in sample.OLD_COMMUNES
    }
    assert merged["fonds"][0]["closed_on"] is None


async def test_a_successor_follows_from_the_day_on_and_nobody_else_does(province: Province) -> None:
    await province.follow([sample.DISTRICT], [sample.DEPARTMENT], "dissolve")
    folded = await state(province.auth)
    district, department = province.id(sample.DISTRICT), province.id(sample.DEPARTMENT)
    fonds = province.fonds[sample.DISTRICT, "P012"]
    assert folded.followed_by(department, EVE_OF) == (department,)
    assert folded.followed_by(district, EVE_OF) == (district,)
    assert folded.followed_by(department, DAY_OF) == (department, district)
    assert folded.followed_by(district, DAY_OF) == ()
    assert folded.fonds_of(department, EVE_OF) == frozenset()
    assert folded.fonds_of(department, DAY_OF) == {fonds}
    assert (folded.closed_on(fonds), folded.closed_on(province.fonds[sample.BYSTANDER, "P777"])) == (DAY_OF, None)
    code = sample.DISTRICT.code
    assert [folded.has_code(district, code, day) for day in (EVE_OF, DAY_OF)] == [True, False]
    for body in (sample.BYSTANDER, sample.NEW_COMMUNE, *sample.OLD_COMMUNES):
        assert fonds not in folded.fonds_of(province.id(body), DAY_OF)
        assert folded.fonds_for(province.id(body), "P012", DAY_OF) is None


async def test_services_ask_by_the_day_in_vietnam(province: Province) -> None:
    await province.follow([sample.DISTRICT], [sample.DEPARTMENT], "dissolve")
    folded: Any = Folded(await state(province.auth))
    department, fonds = province.id(sample.DEPARTMENT), province.fonds[sample.DISTRICT, "P012"]
    for moment, theirs in (
        (datetime(2025, 6, 30, 16, 59, 59, tzinfo=UTC), None),
        (datetime(2025, 6, 30, 17, tzinfo=UTC), fonds),  # midnight of 1/7 there
    ):
        ingest = RegistryDirectory(folded, clock=Clock(moment).now)
        catalog = ReadingDirectory(folded, Clock(moment))
        assert ingest.fonds_for(department, "P012", sample.DISTRICT.code) == theirs
        assert catalog.fonds_of(department) == (frozenset() if theirs is None else {theirs})


async def test_fonds_of_merged_bodies_with_one_code_are_told_apart_by_their_creator(province: Province) -> None:
    await province.follow(sample.OLD_COMMUNES, [sample.NEW_COMMUNE], "merge")
    folded, heir = await state(province.auth), province.id(sample.NEW_COMMUNE)
    assert folded.fonds_for(heir, "P001", DAY_OF) is None  # three have it: none is guessed
    for body in (*sample.OLD_COMMUNES, sample.NEW_COMMUNE):
        found = folded.fonds_for(heir, "P001", DAY_OF, creator=body.code)
        assert found is not None
        assert found.id == province.fonds[body, "P001"]
    assert folded.fonds_for(heir, "P001", DAY_OF, creator=sample.DISTRICT.code) is None


async def test_a_split_body_is_followed_by_each_and_a_detached_part_follows_nothing(province: Province) -> None:
    await province.follow([sample.DISTRICT], [sample.NEW_COMMUNE, sample.OTHER_COMMUNE], "split")
    await province.follow([sample.DEPARTMENT], [sample.BYSTANDER], "detach")
    folded = await state(province.auth)
    fonds = province.fonds[sample.DISTRICT, "P012"]
    for body in (sample.NEW_COMMUNE, sample.OTHER_COMMUNE):
        assert fonds in folded.fonds_of(province.id(body), DAY_OF)
    department = province.id(sample.DEPARTMENT)
    assert folded.followed_by(department, DAY_OF) == (department,)  # it goes on
    assert department not in folded.followed_by(province.id(sample.BYSTANDER), DAY_OF)
    form = event([province.bodies[sample.BYSTANDER]], [province.bodies[sample.DEPARTMENT]], "merge", "2026-07-01")
    await post(province.auth, "/v1/successions", form)  # what was detached may come back


async def test_a_renamed_body_is_the_same_one(province: Province) -> None:
    path = f"/v1/agencies/{province.id(sample.BYSTANDER)}/rename"
    renamed = {"name": "UBND phường Xa", "on": "2010-01-01", "instrument": "QĐ 7"}
    assert (await post(province.auth, path, renamed, 200))["name"] == "UBND phường Xa"
    before = len(await facts(province.auth))
    await post(province.auth, path, renamed, 200)
    assert len(await facts(province.auth)) == before
    assert "UBND xã Xa" in await province.names_on("2009-12-31")
    assert "UBND phường Xa" in await province.names_on("2010-01-01")
    other = {**renamed, "name": "UBND thị trấn Xa"}
    assert (await post(province.auth, path, other, 409))["code"] == "agency-renamed-otherwise"
    early = {**renamed, "on": "1996-01-01"}
    assert (await post(province.auth, path, early, 422))["code"] == "agency-dates-invalid"
    history = await province.get(f"/v1/agencies/{province.id(sample.BYSTANDER)}/history")
    assert [entry["instrument"] for entry in history["names"]] == [None, "QĐ 7"]


async def test_an_end_is_recorded_once_and_frees_the_codes(province: Province) -> None:
    path = f"/v1/agencies/{province.id(sample.DISTRICT)}/close"
    end = {"on": DAY, "instrument": PROVINCE_ACT}
    assert (await post(province.auth, path, end, 200))["valid_to"] == DAY
    await post(province.auth, path, end, 200)
    refused = await post(province.auth, path, {**end, "on": "2025-08-01"}, 409)
    assert refused["code"] == "agency-ended"
    assert DAY in refused["detail"]
    late = {"code": "H17.50", "valid_from": DAY}
    codes = f"/v1/agencies/{province.id(sample.DISTRICT)}/codes"
    assert (await post(province.auth, codes, late, 409))["code"] == "agency-ended"
    taken = {"code": sample.DISTRICT.code, "valid_from": EVE}
    heir = f"/v1/agencies/{province.id(sample.DEPARTMENT)}/codes"
    assert (await post(province.auth, heir, taken, 409))["code"] == "agency-code-taken"
    await post(province.auth, heir, {**taken, "valid_from": DAY})
    folded = await state(province.auth)
    assert folded.has_code(province.id(sample.DEPARTMENT), sample.DISTRICT.code, DAY_OF)
    assert folded.followed_by(province.id(sample.DISTRICT), DAY_OF) == ()
    await province.follow([sample.DISTRICT], [sample.DEPARTMENT], "dissolve")  # who follows may be known later
    bystander = f"/v1/agencies/{province.id(sample.DEPARTMENT)}/close"
    needed = await post(province.auth, bystander, {"on": DAY, "instrument": "QĐ"}, 422)
    assert needed["code"] == "agency-dates-invalid"


async def test_a_code_is_ended_by_an_entry_of_its_own(province: Province) -> None:
    path = f"/v1/agencies/{province.id(sample.BYSTANDER)}/codes/end"
    end = {"code": sample.BYSTANDER.code, "on": DAY, "instrument": "QĐ 20"}
    ended = await post(province.auth, path, end, 200)
    assert [code["valid_to"] for code in ended["codes"]] == [DAY]
    assert (await post(province.auth, path, end, 404))["code"] == "agency-code-unknown"
    folded = await state(province.auth)
    found = [folded.has_code(province.id(sample.BYSTANDER), sample.BYSTANDER.code, day) for day in (EVE_OF, DAY_OF)]
    assert found == [True, False]


async def test_an_event_that_cannot_be_is_refused_whole(province: Province) -> None:
    before = (await facts(province.auth), events(province.auth))
    district, department, bystander = sample.DISTRICT, sample.DEPARTMENT, sample.BYSTANDER
    for earlier, later, kind in (
        ([district], [department], "split"),
        ([district, bystander], [department], "dissolve"),
        ([district], [department, bystander], "merge"),
        ([district], [district], "merge"),
        ([district, district], [department], "merge"),
    ):
        assert (await province.follow(earlier, later, kind, 422))["code"] == "succession-parties-invalid"
    early = event([province.bodies[district]], [province.bodies[sample.NEW_COMMUNE]], "dissolve", EVE)
    assert (await post(province.auth, "/v1/successions", early, 422))["code"] == "agency-dates-invalid"
    young = event([province.bodies[sample.NEW_COMMUNE]], [province.bodies[department]], "merge")
    assert (await post(province.auth, "/v1/successions", young, 422))["code"] == "agency-dates-invalid"
    assert (await facts(province.auth), events(province.auth)) == before
    await province.follow([district], [department], "dissolve")
    assert (await province.follow([district], [department], "merge", 409))["code"] == "succession-recorded-otherwise"


async def test_the_list_of_deposit_sources_holds_for_days(province: Province) -> None:
    form = {
        "agency": str(province.id(sample.DISTRICT)),
        "archive": str(province.auth.agency),
        "valid_from": "2026-01-01",
        "instrument": "QĐ 100",
    }
    made = await post(province.auth, "/v1/deposit-sources", form)
    assert made["valid_to"] is None
    assert (await post(province.auth, "/v1/deposit-sources", form, 409))["code"] == "deposit-source-taken"
    early = {**form, "valid_from": "1990-01-01"}
    assert (await post(province.auth, "/v1/deposit-sources", early, 422))["code"] == "agency-dates-invalid"
    end = {"on": "2027-01-01", "instrument": "QĐ 101"}
    path = f"/v1/deposit-sources/{made['id']}/end"
    assert (await post(province.auth, path, {**end, "on": "2025-01-01"}, 422))["code"] == "agency-dates-invalid"
    assert (await post(province.auth, path, end, 200))["valid_to"] == "2027-01-01"
    await post(province.auth, path, end, 200)
    assert (await post(province.auth, path, {**end, "on": "2028-01-01"}, 409))["code"] == "deposit-source-ended"
    nobody = f"/v1/deposit-sources/{province.auth.agency}/end"
    assert (await post(province.auth, nobody, end, 404))["code"] == "deposit-source-unknown"
    for day, count in (("2025-12-31", 0), ("2026-06-01", 1), ("2027-01-01", 0)):
        assert len((await province.get(f"/v1/deposit-sources?on={day}"))["deposit_sources"]) == count
    assert len((await province.get("/v1/deposit-sources"))["deposit_sources"]) == 1
