"""Promise: what an officer holds answers like what never was, from the commit on, until two officers decide."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text

from services.ingest.usecases.decide_incident import confirm_hidden
from services.ingest.usecases.expel_held import expel_held
from services.ingest.usecases.open_incident import RuleIncidents
from services.ingest.usecases.open_raised_incident import open_raised_incident
from services.ingest.usecases.read_incidents import count_open
from services.ingest.usecases.renew_record import renew_changed_record
from services.ingest.usecases.running_readings import ReadingCut
from services.kernel.classification.message import DOSSIER
from services.kernel.hold_messages import HoldChanged
from services.kernel.identifiers import PackageId
from services.runtime.database import transaction
from tests.support.asgi import Reply
from tests.support.enrolled import Enrolled
from tests.support.ingest import Ingest, ingest
from tests.support.ingest_manifests import Dossier
from tests.support.postgres import Database

MIB = 1 << 20


@dataclass
class Case:
    """A deposit of three documents, its submitter, and two officers."""

    gateway: Ingest
    client: Enrolled
    package: str
    components: list[str]
    one: Enrolled
    other: Enrolled
    dossier: Dossier

    async def post(self, who: Enrolled, target: str, body: Mapping[str, object]) -> Reply:
        return await self.gateway.post(who, target, json.dumps(body).encode())

    async def open(self, who: Enrolled | None = None, **target: object) -> Any:
        body = {"package": self.package, "kind": "secret-content"} | target
        reply = await self.post(who or self.one, "/v1/incidents", body)
        assert reply.status == 201, reply.body
        return reply.json()

    async def confirm(self) -> None:
        """Catalog confirms everything that was told it."""
        async with transaction(self.gateway.engine) as connection:
            told = (await connection.execute(text("SELECT id, body FROM ingest.outbox WHERE kind LIKE 'hold%'"))).all()
        for row in told:
            assert HoldChanged.parse(bytes(row.body)).id == row.id
            await confirm_hidden(row.id, self.gateway.parts.world.now(), ledger=self.gateway.parts.incidents)

    async def step(self, incident: str, who: Enrolled, kind: str, /, **body: object) -> Reply:
        return await self.post(who, f"/v1/incidents/{incident}/{kind}", body)

    async def expel(self, incident: str) -> None:
        """What the worker does, and a repeat of it; then the officers' last steps."""
        parts = self.gateway.parts
        for orders in (1, 0):
            assert orders == await expel_held(
                UUID(incident),
                incidents=parts.incidents,
                ledger=parts.ledger,
                plans=self.gateway.plans,
                vault=parts.vault,
                keys=parts.keys,
                world=parts.world,
            )
        for what in ("expel", "report-police"):
            assert (await self.step(incident, self.one, "done", what=what)).status == 200
        assert (await self.step(incident, self.one, "closure")).json()["state"] == "closed"

    async def decide(self, incident: str, **proposal: object) -> None:
        proposed = await self.step(incident, self.one, "proposals", **proposal)
        assert proposed.status == 201, proposed.body
        confirmed = await self.step(incident, self.other, "confirmation", step=proposed.json()["step"])
        assert confirmed.status == 200, confirmed.body

    async def state(self) -> Any:
        return (await self.gateway.get(self.client, f"/v1/packages/{self.package}")).json().get("state")

    async def classify(self, kind: str, instrument: str, **more: object) -> None:
        """A step of document 1's classification."""
        await self.gateway.registry.poll()
        decided = {
            "kind": kind,
            "document": 1,
            "decided_on": self.gateway.parts.world.today().isoformat(),
            "instrument": instrument,
            "authority": {"name": "Tỉnh ủy", "relation": "originator", "agency": str(self.gateway.agency)},
        }
        reply = await self.post(self.other, f"/v1/packages/{self.package}/classification/steps", decided | more)
        assert reply.status == 201, reply.body


@pytest.fixture
async def case(gateway: Ingest) -> Case:
    return await opened_case(gateway)


async def opened_case(gateway: Ingest) -> Case:
    client = gateway.enrol("submitter")
    dossier = Dossier([b"mot", b"hai", b"ba"])
    package = await gateway.deposit(client, dossier)
    plan = (await gateway.get(client, f"/v1/packages/{package}/plan")).json()
    return Case(
        gateway,
        client,
        package,
        [component for component, _ in plan["components"]],
        gateway.enrol("incident-officer", officer="Đại úy Một"),
        gateway.enrol("incident-officer", officer="Thiếu tá Hai"),
        dossier,
    )


def alike(one: Reply, other: Reply) -> None:
    """Status, headers and body, but for what is drawn for each request."""
    told, expected = one.json(), other.json()
    for answer in (told, expected):
        del answer["request_id"]
        answer.pop("instance", None)
    assert (one.status, told) == (other.status, expected)
    drawn = {"x-request-id", "content-length", "date"}
    assert {name: value for name, value in one.headers.items() if name not in drawn} == {
        name: value for name, value in other.headers.items() if name not in drawn
    }


async def test_a_held_package_answers_like_none_everywhere_until_two_officers_release_it(case: Case) -> None:
    granted = f"/v1/components/{case.components[0]}?grant={case.gateway.grant(case.client, case.components[0])}"
    opened = await case.open(document=None)
    incident = opened["incident"]
    assert (opened["state"], opened["held"], opened["hidden_at"]) == ("open", True, None)
    nowhere = str(uuid4())
    for tail in ("", "/plan", "/manifest", "/receipt"):
        alike(
            await case.gateway.get(case.client, f"/v1/packages/{case.package}{tail}"),
            await case.gateway.get(case.client, f"/v1/packages/{nowhere}{tail}"),
        )
    missing = f"/v1/components/{nowhere}?grant={case.gateway.grant(case.client, nowhere)}"
    alike(await case.gateway.get(case.client, granted), await case.gateway.get(case.client, missing))
    assert (await case.gateway.get(case.client, "/v1/packages")).json()["items"] == []
    again = await case.gateway.declare(case.client, case.dossier)
    assert (again.status, again.json()["code"]) == (409, "content-held")
    async with transaction(case.gateway.engine) as connection:
        state = (await connection.execute(text("SELECT state FROM ingest.package"))).scalar_one()
    assert state == "quarantined"

    await case.confirm()
    shown = (await case.gateway.get(case.one, f"/v1/incidents/{incident}")).json()
    assert shown["hidden_at"] is not None
    await case.decide(incident, decision="release")
    assert await case.state() == "sealed"
    assert (await case.gateway.read(case.client, case.components[0])).body == b"mot"
    done = await case.step(incident, case.one, "done", what="report-police", instrument="15/BC-CAT")
    assert done.status == 200, done.body
    assert (await case.step(incident, case.one, "closure")).json()["state"] == "closed"
    trail = (await case.gateway.get(case.one, f"/v1/incidents/{incident}")).json()["steps"]
    assert [step["kind"] for step in trail] == ["opened", "hidden", "proposed", "confirmed", "done", "closed"]
    page = await case.gateway.get(case.one, f"/v1/incidents/{incident}/report")
    assert "Đại úy Một" in page.body.decode()
    assert "Kết luận" not in page.body.decode()


async def test_a_held_document_leaves_the_rest_of_its_package(case: Case) -> None:
    opened = await case.open(component=case.components[1])
    assert opened["document"] == 1
    assert (await case.gateway.read(case.client, case.components[1])).status == 404
    assert (await case.gateway.read(case.client, case.components[2])).body == b"ba"
    assert await case.state() == "sealed"
    for tail in ("/plan", "/manifest"):
        assert (await case.gateway.get(case.client, f"/v1/packages/{case.package}{tail}")).status == 404
    other = await case.gateway.declare(case.client, Dossier([b"hai"], code="P012.01.002"))
    assert (other.status, other.json()["code"]) == (409, "content-held")
    checked = await case.gateway.post(case.client, "/v1/packages:check", Dossier([b"hai"], code="P012.9").manifest)
    assert checked.json()["code"] == "content-held"


async def test_named_content_is_held_in_every_dossier_that_has_it(case: Case) -> None:
    twin = Dossier([b"hai", b"bon"], code="P012.01.002")
    package = await case.gateway.deposit(case.client, twin)
    plan = (await case.gateway.get(case.client, f"/v1/packages/{package}/plan")).json()
    opened = await case.open(component=case.components[1])
    assert {(entry["package"], entry["document"]) for entry in opened["covered"]} == {(case.package, 1), (package, 0)}
    assert (await case.gateway.read(case.client, plan["components"][0][0])).status == 404
    assert (await case.gateway.read(case.client, plan["components"][1][0])).body == b"bon"


async def test_the_agency_is_told_where_and_what_to_do_and_no_title(case: Case) -> None:
    opened = await case.open(document=1)
    reply = await case.gateway.get(case.client, "/v1/notices")
    [notice] = reply.json()["items"]
    assert (notice["incident"], notice["package"], notice["ordinal"]) == (opened["incident"], case.package, 2)
    assert "Công an" in notice["what_to_do"]["vi"]
    assert "Kết luận" not in reply.body.decode()
    stranger = case.gateway.enrol("submitter", agency=await case.gateway.add_agency("H47.99"))
    assert (await case.gateway.get(stranger, "/v1/notices")).json()["items"] == []
    counted = await case.gateway.get(case.one, "/v1/violations?since=2020-01-01&until=2100-01-01")
    told = [(entry["found"], entry["kind"], entry["count"]) for entry in counted.json()["items"]]
    assert told == [("incident", "secret-content", 1)]


async def test_who_proposed_never_confirms(case: Case) -> None:
    incident = (await case.open(document=1))["incident"]
    early = await case.step(incident, case.one, "confirmation", step=1)
    assert (early.status, early.json()["code"]) == (409, "incident-step-impossible")
    bare = await case.step(incident, case.one, "proposals", decision="correct-level", instrument="1/QĐ")
    assert (bare.status, bare.json()["code"]) == (422, "incident-decision-incomplete")
    step = (await case.step(incident, case.one, "proposals", decision="release")).json()["step"]
    twin = case.gateway.enrol("incident-officer", officer="Đại úy Một")
    spelt = case.gateway.enrol("incident-officer", officer="đại  uý một")
    for who in (case.one, twin, spelt):
        refused = await case.step(incident, who, "confirmation", step=step)
        assert (refused.status, refused.json()["code"]) == (409, "incident-same-officer")
    await case.step(incident, case.one, "proposals", decision="expel")
    stale = await case.step(incident, case.other, "confirmation", step=step)
    assert (stale.status, stale.json()["code"]) == (409, "incident-proposal-changed")
    assert (await case.gateway.read(case.client, case.components[1])).status == 404


async def test_an_expulsion_waits_for_the_custodian_and_its_content_never_comes_back(case: Case) -> None:
    incident = (await case.open(document=None))["incident"]
    await case.confirm()
    await case.decide(incident, decision="expel", due_on="2020-01-01")
    shown = (await case.gateway.get(case.one, f"/v1/incidents/{incident}")).json()
    [expel] = [clock for clock in shown["clocks"] if clock["kind"] == "expel"]
    assert (expel["what"]["en"], expel["overdue"]) == ("ordered, waiting for the custodian", True)
    late = (await case.gateway.get(case.one, "/v1/incidents?overdue=true")).json()["items"]
    assert [entry["incident"] for entry in late] == [incident]
    assert await count_open(ledger=case.gateway.parts.incidents, world=case.gateway.parts.world) == (1, 1)
    early = await case.step(incident, case.one, "done", what="expel")
    assert (early.status, early.json()["code"]) == (409, "incident-expulsion-not-done")
    nothing = await case.step(incident, case.one, "done", what="no-such-thing")
    assert (nothing.status, nothing.json()["code"]) == (404, "incident-remedy-unknown")
    unfinished = await case.step(incident, case.one, "closure")
    assert (unfinished.status, unfinished.json()["code"]) == (409, "incident-unfinished")
    await case.expel(incident)
    async with transaction(case.gateway.engine) as connection:
        assert (await connection.execute(text("SELECT state FROM ingest.package"))).scalar_one() == "expelled"
    again = await case.gateway.declare(case.client, case.dossier)
    assert (again.status, again.json()["code"]) == (409, "content-held")


async def test_what_is_still_arriving_is_stopped_and_expelled(case: Case) -> None:
    arriving = Dossier([os.urandom(1 << 20), b"nam"], code="P012.01.003")
    package = str((await case.gateway.declare(case.client, arriving)).json()["package"])
    first, second = arriving.parts(1 << 20)
    assert (await case.gateway.send(case.client, package, 0, first)).status == 201
    incident = (await case.open(package=package, document=1))["incident"]
    stopped = await case.gateway.send(case.client, package, 1, second)
    assert (stopped.status, stopped.json()["code"]) == (409, "content-held")
    await case.confirm()
    await case.decide(incident, decision="expel")
    await case.expel(incident)
    again = await case.gateway.declare(case.client, arriving)
    assert (again.status, again.json()["code"]) == (409, "content-held")
    rest = await case.gateway.declare(case.client, Dossier(arriving.files[:1], code="P012.01.003"))
    assert rest.status == 201, rest.body


async def test_what_is_found_in_a_superseded_version_is_held_and_expelled_in_every_version(case: Case) -> None:
    later = Dossier([b"ba", b"bon", b"hai"], supersedes=UUID(case.package))
    second = str((await case.gateway.declare(case.client, later)).json()["package"])
    plan = (await case.gateway.get(case.client, f"/v1/packages/{second}/plan")).json()
    [[new, _]] = plan["components"]
    assert (await case.gateway.send(case.client, second, 0, b"bon")).status == 201
    assert str(await case.gateway.complete(second)) == "sealed"

    opened = await case.open(document=1)
    assert {(entry["package"], entry["document"]) for entry in opened["covered"]} == {(case.package, 1), (second, 2)}
    await case.confirm()
    await case.decide(opened["incident"], decision="expel")
    await case.expel(opened["incident"])
    assert (await case.gateway.read(case.client, case.components[1])).status == 404
    assert (await case.gateway.read(case.client, case.components[2])).body == b"ba"
    assert (await case.gateway.read(case.client, new)).body == b"bon"
    for files, code in (([b"hai"], "content-held"), ([b"ba", b"sau"], None)):
        third = await case.gateway.declare(case.client, Dossier(files, supersedes=UUID(second), code="P012.01.009"))
        assert third.json().get("code") == code, third.body


async def test_correcting_a_level_is_done_only_by_a_step_of_the_classification(case: Case) -> None:
    async def done(incident: str) -> tuple[int, object]:
        reply = await case.step(incident, case.other, "done", what="correct-level", instrument="3/QĐ-UBND")
        return reply.status, reply.json().get("code")

    first = (await case.open(document=1))["incident"]
    empty = await case.step(
        first, case.one, "proposals", decision="correct-level", level="none", instrument="3/QĐ-UBND"
    )
    assert (empty.status, empty.json()["code"]) == (409, "incident-correction-empty")
    await case.decide(first, decision="release")

    await case.classify("raised", "1/QĐ-UBND", level="mat", list_item="II.3")  # before the opening: no remedy of it
    incident = (await case.open(document=1))["incident"]
    await case.decide(incident, decision="correct-level", level="none", instrument="3/QĐ-UBND")
    assert await done(incident) == (409, "incident-correction-not-done")
    await case.classify("raised", "2/QĐ-UBND", level="toi_mat", list_item="II.3")
    assert await done(incident) == (409, "incident-correction-not-done")  # a step, but to another level
    shown = (await case.gateway.get(case.one, f"/v1/incidents/{incident}")).json()
    assert (shown["held"], shown["clocks"][-1]["met_at"]) == (True, None)
    await case.classify("declassified", "3/QĐ-UBND")
    assert await done(incident) == (200, None)
    assert (await case.gateway.get(case.one, f"/v1/incidents/{incident}")).json()["held"] is False


async def test_in_the_open_a_level_above_none_is_no_remedy_for_files(case: Case) -> None:
    incident = (await case.open(document=1))["incident"]
    for level in ("mat", "toi_mat", "tuyet_mat"):
        refused = await case.step(
            incident, case.one, "proposals", decision="correct-level", level=level, instrument="3/QĐ-UBND"
        )
        assert (refused.status, refused.json()["code"]) == (409, "incident-correction-cannot-stay")
    assert "expel" in refused.json()["fix"]


async def test_on_the_independent_lan_a_corrected_level_lets_it_stay(database: Database, tmp_path: Path) -> None:
    async with ingest(database, tmp_path, profile="independent-lan") as gateway:
        assert (await gateway.publish_rules()).status == 201
        case = await opened_case(gateway)
        incident = (await case.open(document=1))["incident"]
        never = await case.step(
            incident, case.one, "proposals", decision="correct-level", level="tuyet_mat", instrument="3/QĐ-UBND"
        )
        assert (never.status, never.json()["code"]) == (409, "incident-correction-cannot-stay")
        await case.decide(incident, decision="correct-level", level="mat", instrument="3/QĐ-UBND")
        await case.classify("raised", "3/QĐ-UBND", level="mat", list_item="II.3")
        assert (await case.gateway.get(case.one, f"/v1/incidents/{incident}")).json()["held"] is True
        for what in ("correct-level", "report-police"):
            assert (await case.step(incident, case.other, "done", what=what, instrument="3/QĐ-UBND")).status == 200
        await case.confirm()
        shown = (await case.gateway.get(case.one, f"/v1/incidents/{incident}")).json()
        assert shown["held"] is False
        assert (await case.step(incident, case.one, "closure")).json()["state"] == "closed"
        assert await case.state() == "sealed"


async def test_two_holds_are_lifted_one_by_one(case: Case) -> None:
    first, second = (
        (await case.open(document=1))["incident"],
        (await case.open(component=case.components[1]))["incident"],
    )
    await case.decide(first, decision="release")
    assert (await case.gateway.read(case.client, case.components[1])).status == 404
    await case.decide(second, decision="declassified-elsewhere", instrument="7/QĐ-BCA")
    assert (await case.gateway.read(case.client, case.components[1])).body == b"hai"


async def test_a_rule_opens_one_incident_for_a_document_and_a_bundle(case: Case) -> None:
    opener = RuleIncidents(case.gateway.parts.incidents, case.gateway.parts.world)
    for _ in range(2):
        await opener.open_by_rule(PackageId(UUID(case.package)), 2, rules=("r04",), bundle_sha256=b"b" * 32)
    await opener.open_by_rule(PackageId(uuid4()), 0, rules=(), bundle_sha256=b"b" * 32)  # ended meanwhile: nothing
    [entry] = (await case.gateway.get(case.one, "/v1/incidents")).json()["items"]
    assert (entry["source"], entry["rules"], entry["document"]) == ("rule", ["r04"], 2)


async def test_the_same_rules_on_the_same_document_are_one_incident_in_whatever_bundle(case: Case) -> None:
    opener = RuleIncidents(case.gateway.parts.incidents, case.gateway.parts.world)
    package = PackageId(UUID(case.package))

    async def find(bundle: int, *rules: str) -> list[list[str]]:
        await opener.open_by_rule(package, 2, rules=rules, bundle_sha256=bytes([bundle]) * 32)
        items = (await case.gateway.get(case.one, "/v1/incidents")).json()["items"]
        return [entry["rules"] for entry in items if entry["document"] == 2]

    await asyncio.gather(*(find(bundle, "r04", "r07") for bundle in range(4)))
    assert await find(4, "r07", "r04") == [["r04", "r07"]]
    [entry] = (await case.gateway.get(case.one, "/v1/incidents")).json()["items"]
    await case.confirm()
    await case.decide(entry["incident"], decision="release")
    assert await find(5, "r04", "r07") == [["r04", "r07"]]
    assert (await case.gateway.read(case.client, case.components[2])).body == b"ba"
    assert await find(6, "r04") == [["r04", "r07"], ["r04"]]
    assert (await case.gateway.read(case.client, case.components[2])).status == 404


async def test_a_dossier_raised_by_one_step_is_one_incident_however_often_its_job_runs(case: Case) -> None:
    package, step, parts = PackageId(UUID(case.package)), uuid4(), case.gateway.parts

    async def job(raising: UUID) -> None:
        await open_raised_incident(package, DOSSIER, raising, ledger=parts.incidents, world=parts.world)

    await asyncio.gather(*(job(step) for _ in range(4)))
    assert len((await case.gateway.get(case.one, "/v1/incidents")).json()["items"]) == 1
    await job(uuid4())
    assert len((await case.gateway.get(case.one, "/v1/incidents")).json()["items"]) == 2


@pytest.mark.parametrize(
    ("index", "document", "kind", "cause"),
    [
        ("incident_of_cause", None, "level-raised", "same"),
        ("incident_of_cause", 2, "level-raised", "same"),
        ("incident_of_rules", 2, "rules-changed", "other"),
    ],
)
async def test_the_database_itself_refuses_a_second_incident_to_whoever_took_no_lock(
    case: Case, database: Database, index: str, document: int | None, kind: str, cause: str
) -> None:
    query = (
        "INSERT INTO ingest.incident (id, source, kind, rules, bundle_sha256, package, document, agency, fonds, state,"
        " opened_at) SELECT %s, 'rule', %s, %s, %s, id, %s, agency, fonds, 'open', now() FROM ingest.package WHERE id = %s"
    )

    def insert(on: psycopg.Connection[tuple[object, ...]], named: str) -> None:
        digest = hashlib.sha256(named.encode()).digest()
        on.execute(query, (uuid4(), kind, '["r04"]', digest, document, case.package))

    with psycopg.connect(database.admin_url) as one, psycopg.connect(database.admin_url) as other:
        insert(one, "same")
        waiting = asyncio.get_running_loop().run_in_executor(None, insert, other, cause)
        one.commit()
        with pytest.raises(psycopg.errors.UniqueViolation) as refused:
            await waiting
        assert refused.value.diag.constraint_name == index


async def test_archivists_open_and_only_officers_go_on(case: Case) -> None:
    archivist = case.gateway.enrol("archivist")
    incident = (await case.open(archivist, document=0, kind="stamp-found"))["incident"]
    assert (await case.step(incident, archivist, "proposals", decision="release")).status == 403
    assert (await case.gateway.get(archivist, "/v1/incidents")).status == 403
    assert (await case.gateway.get(case.one, f"/v1/incidents/{uuid4()}")).json()["code"] == "incident-unknown"
    for target in ({"package": str(uuid4())}, {"document": 9}, {"component": str(uuid4())}):
        body = {"package": case.package, "kind": "leak"} | target
        reply = await case.post(case.one, "/v1/incidents", body)
        assert (reply.status, reply.json()["code"]) == (404, "incident-target-unknown")


@pytest.mark.parametrize(
    ("kind", "rules", "clocks"),
    [
        ("stamp-found", ["23"], {"report-police": 0}),
        ("read-outside-enclave", ["24"], {"report-police": 0}),
        ("leak", ["26"], {"report-police": 0}),
        ("export-unapproved", ["28"], {}),
        ("medium-reused", ["29"], {"report-police": 0}),
        ("level-raised", ["21"], {"report-police": 0, "act-on-raised-level": 15}),
        ("access-contradiction", ["31"], {}),
        ("secret-content", [], {"report-police": 0}),  # which rule speaks of it only whoever found it knows
    ],
)
async def test_an_incident_names_the_rule_of_its_kind_and_starts_its_clocks(
    case: Case, kind: str, rules: list[str], clocks: dict[str, int]
) -> None:
    opened = await case.open(document=1, kind=kind)
    today = case.gateway.parts.world.today()
    assert (opened["rules"], opened["steps"][0]["facts"]["rules"], opened["held"]) == (rules, rules, True)
    due = {clock["kind"]: clock["due_on"] for clock in opened["clocks"]}
    assert due == {name: (today + timedelta(days=days)).isoformat() for name, days in clocks.items()}
    assert (await case.gateway.read(case.client, case.components[1])).status == 404


async def test_a_manifest_under_a_hold_goes_to_services_only_once_catalog_has_hidden_it(case: Case) -> None:
    digest = case.dossier.manifest
    target = f"/v1/manifests/{hashlib.sha256(digest).hexdigest()}"
    service = case.gateway.enrol("service")
    await case.open(document=1)
    assert (await case.gateway.get(service, target)).json()["code"] == "manifest-unknown"
    await case.confirm()
    assert (await case.gateway.get(service, target)).status == 200


async def test_the_trail_cannot_be_rewritten_with_the_services_rights(case: Case, database: Database) -> None:
    await case.open(document=1)
    with psycopg.connect(database.url_for("nopluu_ingest"), autocommit=True) as connection:
        for statement in (
            "UPDATE ingest.incident_step SET kind = 'closed'",
            "DELETE FROM ingest.incident_step",
            "DELETE FROM ingest.hold",
            "UPDATE ingest.hold_item SET document = 0",
            "DELETE FROM ingest.incident",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())


async def test_the_record_in_the_store_tells_of_the_hold(case: Case) -> None:
    await case.open(document=1)
    parts, package = case.gateway.parts, PackageId(UUID(case.package))
    async with parts.ledger.transaction() as books:
        before = await books.writing(package)
    await renew_changed_record(package, ledger=parts.ledger, vault=parts.vault, keys=parts.keys, world=parts.world)
    async with parts.ledger.transaction() as books:
        after = await books.writing(package)
    assert before is not None
    assert after is not None
    assert after.next.number == before.next.number + 1


async def test_a_running_download_is_cut_and_never_ends_as_whole(gateway: Ingest) -> None:
    client, officer = gateway.enrol("submitter"), gateway.enrol("incident-officer", officer="Đại úy Một")
    package = await gateway.deposit(client, Dossier([os.urandom(4 * MIB)]))
    [[component, _]] = (await gateway.get(client, f"/v1/packages/{package}/plan")).json()["components"]
    case = Case(gateway, client, package, [component], officer, officer, Dossier([b""]))
    held = asyncio.Event()
    sent: list[dict[str, Any]] = []

    received: list[str] = []

    async def receive() -> dict[str, object]:
        if received:
            await asyncio.Event().wait()  # the client stays
        received.append("head")
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)
        if len(sent) == 3 and not held.is_set():  # the head and two chunks have left
            await case.open(document=0)
            held.set()
            await asyncio.sleep(timedelta(seconds=2.5).total_seconds())

    target = f"/v1/components/{component}?grant={gateway.grant(client, component)}"
    with pytest.raises(ReadingCut):  # the server closes the connection where the application raises
        await gateway.app(client.scope("GET", target), receive, send)
    assert held.is_set()
    assert len(sent) == 3
    assert all(message.get("more_body", True) for message in sent)
    assert sum(len(message.get("body", b"")) for message in sent) < 4 * MIB
