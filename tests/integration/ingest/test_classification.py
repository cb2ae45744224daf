"""Promise: a decision on a classification changes the label, the log and the message together, and nothing undoes it."""

from __future__ import annotations

import json
from datetime import date, timedelta
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text

from services.ingest.usecases.classify_record import declassify_due
from services.ingest.usecases.open_raised_incident import open_raised_incident
from services.kernel.canonical import canonical
from services.kernel.classification.message import DOSSIER, ClassificationChanged
from services.kernel.identifiers import PackageId
from services.kernel.messages import PackageSealed
from services.kernel.secrecy import DeploymentProfile, Level
from services.runtime.database import transaction
from tests.integration.ingest.test_incidents import alike
from tests.support.asgi import Reply
from tests.support.enrolled import Enrolled
from tests.support.ingest import Ingest
from tests.support.ingest_manifests import Dossier
from tests.support.postgres import Database

OPEN = DeploymentProfile.OPEN


class Stubs(Dossier):
    """Documents of which the first is in the open and the others are stubs; `stated` is the secrecy of each."""

    stated: tuple[dict[str, object], ...] = ()

    @property
    def manifest(self) -> bytes:
        value = json.loads(super().manifest)
        for at, secrecy in enumerate(self.stated, 1):
            value["documents"].append(
                {"ordinal": at + 1, "metadata": {"issued_on": "03/01/2008"}, "secrecy": secrecy, "components": []}
            )
        return canonical(value)


def stubs(*stated: dict[str, object]) -> Stubs:
    made = Stubs([b"bien ban"])
    object.__setattr__(made, "stated", stated)
    return made


def stub(level: str, classified_on: str | None) -> dict[str, object]:
    secrecy: dict[str, object] = {"level": level, "stub": True, "paper_location": "Kho A, hộp 12"}
    return secrecy | ({} if classified_on is None else {"classified_on": classified_on})


def decision(gateway: Ingest, kind: str, **more: object) -> dict[str, object]:
    return {
        "kind": kind,
        "document": 0,
        "decided_on": gateway.parts.world.today().isoformat(),
        "instrument": "12/QĐ-UBND",
        "authority": {"name": "Tỉnh ủy", "relation": "originator", "agency": str(gateway.agency)},
    } | more


async def record(gateway: Ingest, client: Enrolled, package: str, body: dict[str, object]) -> Reply:
    await gateway.registry.poll()
    return await gateway.post(client, f"/v1/packages/{package}/classification/steps", json.dumps(body).encode())


async def told(gateway: Ingest) -> list[ClassificationChanged]:
    """What catalog is told, oldest first."""
    async with transaction(gateway.engine) as connection:
        query = "SELECT body FROM ingest.outbox WHERE kind = 'classification_changed' ORDER BY created_at"
        rows = (await connection.execute(text(query))).scalars()
        return [ClassificationChanged.parse(bytes(body)) for body in rows]


async def run_due(gateway: Ingest) -> None:
    for _ in range(10):
        if not await declassify_due(ledger=gateway.parts.classifications, world=gateway.parts.world, deployment=OPEN):
            return
    raise AssertionError("the periodic job never comes to an end")


async def test_what_becomes_secret_in_the_open_is_stopped_in_the_same_transaction(gateway: Ingest) -> None:
    package = await gateway.deposit(gateway.enrol("submitter"), Dossier([b"mot", b"hai"]))
    archivist = gateway.enrol("archivist", officer="Trần Thị B")
    async with transaction(gateway.engine) as connection:
        query = text("SELECT id FROM ingest.component WHERE package = :package ORDER BY position")
        first, second = (str(id_) for id_ in (await connection.execute(query, {"package": package})).scalars())
    assert (await gateway.read(archivist, first)).status == 200

    raised = decision(gateway, "raised", level="mat", list_item="II.3")
    reply = await record(gateway, archivist, package, raised)
    assert reply.status == 201, reply.body
    answer = reply.json()
    assert (answer["before"], answer["after"], answer["proof"]) == ("none", "mat", "registry")
    assert answer["notify_by"] == (gateway.parts.world.today() + timedelta(days=15)).isoformat()
    assert (await gateway.read(archivist, first)).json()["code"] == "component-unknown"
    assert (await gateway.read(archivist, second)).status == 200
    (message,) = await told(gateway)
    assert (message.revision, dict(message.labels)) == (1, {0: Level.MAT})
    status = (await gateway.get(gateway.enrol("submitter"), f"/v1/packages/{package}")).json()
    assert [found["code"] for found in status["findings"]] == ["classification-raised"]

    again = await record(gateway, archivist, package, raised)
    assert (again.status, again.json()["id"]) == (201, answer["id"])
    assert len(await told(gateway)) == 1
    other = await record(gateway, archivist, package, raised | {"instrument": "13/QĐ-UBND"})
    assert other.json()["code"] == "classification-unchanged"
    shown = (await gateway.get(archivist, f"/v1/packages/{package}/classification")).json()
    assert [(entry["document"], entry["label"], len(entry["steps"])) for entry in shown["records"]] == [(0, "mat", 1)]
    before = (await gateway.get(archivist, f"/v1/packages/{package}/classification?on=2020-01-01")).json()
    assert before["records"][0]["level"] == "none"


async def test_the_calendar_declassifies_what_its_dates_say_and_nothing_else(gateway: Ingest) -> None:
    today = gateway.parts.world.today()
    soon = today.replace(year=today.year - 10) - timedelta(days=1)
    dossier = stubs(
        stub("mat", soon.isoformat()),
        stub("mat", None),
        stub("tuyet_mat", "1980-01-01"),
        stub("mat", today.isoformat()),
    )
    package = await gateway.deposit(gateway.enrol("submitter"), dossier)
    await run_due(gateway)
    shown = (await gateway.get(gateway.enrol("auditor"), f"/v1/packages/{package}/classification")).json()
    assert [(entry["document"], entry["label"]) for entry in shown["records"]] == [
        (1, "none"),
        (2, "mat"),  # no date: unexpired
        (3, "tuyet_mat"),  # never by the calendar alone
        (4, "mat"),
    ]
    (made,) = shown["records"][0]["steps"]
    assert (made["kind"], made["proof"], made["effective_on"]) == ("expired", "calendar", today.isoformat())
    (message,) = await told(gateway)
    assert message.labels[1] is Level.NONE
    await run_due(gateway)
    assert len(await told(gateway)) == 1


async def test_a_decision_for_a_later_day_waits_for_it(gateway: Ingest) -> None:
    today = gateway.parts.world.today()
    package = await gateway.deposit(gateway.enrol("submitter"), stubs(stub("mat", today.isoformat())))
    archivist = gateway.enrol("archivist")
    ahead = decision(gateway, "declassified", document=1, effective_on=(today + timedelta(days=3)).isoformat())
    reply = await record(gateway, archivist, package, ahead)
    assert (reply.status, reply.json()["after"]) == (201, "mat")
    await run_due(gateway)
    assert (await told(gateway))[-1].labels[1] is Level.MAT

    class Later:
        """The world three days on."""

        def __getattr__(self, name: str) -> object:
            return getattr(gateway.parts.world, name)

        def today(self) -> date:
            return today + timedelta(days=3)

    await declassify_due(ledger=gateway.parts.classifications, world=Later(), deployment=OPEN)  # type: ignore[arg-type]  # forwards the rest
    assert (await told(gateway))[-1].labels[1] is Level.NONE


async def test_who_may_record_what(gateway: Ingest) -> None:
    today = gateway.parts.world.today().isoformat()
    package = await gateway.deposit(gateway.enrol("submitter"), stubs(stub("mat", today)))
    archivist, officer = gateway.enrol("archivist"), gateway.enrol("incident-officer", officer="Lê C")
    other = await gateway.add_agency("H47.99")

    async def code(client: Enrolled, authority: dict[str, object]) -> object:
        body = decision(gateway, "declassified", document=1, authority={"name": "Cơ quan", **authority})
        reply = await record(gateway, client, package, body)
        return reply.json().get("code", reply.status)

    assert await code(gateway.enrol("submitter"), {"relation": "originator"}) == "scope-missing"
    assert await code(archivist, {"relation": "superior"}) == "classification-authority-unproved"
    assert (
        await code(archivist, {"relation": "successor", "agency": str(other)}) == "classification-authority-incompetent"
    )
    assert await code(officer, {"relation": "archives_administration"}) == "classification-authority-incompetent"
    assert await code(officer, {"relation": "superior"}) == 201
    missing = await record(gateway, officer, package, decision(gateway, "declassified", document=7))
    assert missing.json()["code"] == "classified-record-unknown"
    absent = await record(gateway, officer, str(UUID(int=5)), decision(gateway, "declassified"))
    assert absent.json()["code"] == "classified-record-unknown"


async def test_notice_is_recorded_once(gateway: Ingest) -> None:
    today = gateway.parts.world.today()
    package = await gateway.deposit(gateway.enrol("submitter"), stubs(stub("toi_mat", today.isoformat())))
    archivist = gateway.enrol("archivist")
    made = (await record(gateway, archivist, package, decision(gateway, "lowered", document=1, level="mat"))).json()

    async def notify(step: str, on: date) -> Reply:
        body = {"notified_on": on.isoformat(), "instrument": "5/TB"}
        return await gateway.post(archivist, f"/v1/classification/steps/{step}/notice", json.dumps(body).encode())

    assert (await notify(made["id"], today + timedelta(days=1))).json()["code"] == "classification-step-ahead"
    assert (await notify(str(UUID(int=5)), today)).json()["code"] == "classified-record-unknown"
    assert (await notify(made["id"], today)).status == 204
    assert (await notify(made["id"], today - timedelta(days=1))).status == 204
    shown = (await gateway.get(archivist, f"/v1/packages/{package}/classification")).json()
    assert shown["records"][0]["steps"][0]["notified_on"] == today.isoformat()


async def test_a_notice_about_what_is_held_is_only_for_who_knows_of_it(gateway: Ingest) -> None:
    today = gateway.parts.world.today()
    package = await gateway.deposit(gateway.enrol("submitter"), stubs(stub("toi_mat", today.isoformat())))
    author, other = gateway.enrol("archivist"), gateway.enrol("archivist")
    officer = gateway.enrol("incident-officer", officer="Lê C")
    made = (await record(gateway, author, package, decision(gateway, "lowered", document=1, level="mat"))).json()
    held = {"package": package, "document": 1, "kind": "secret-content"}
    assert (await gateway.post(officer, "/v1/incidents", json.dumps(held).encode())).status == 201

    async def notify(who: Enrolled, step: str) -> Reply:
        body = json.dumps({"notified_on": today.isoformat(), "instrument": "5/TB"}).encode()
        return await gateway.post(who, f"/v1/classification/steps/{step}/notice", body)

    alike(await notify(other, made["id"]), await notify(other, str(UUID(int=5))))
    async with transaction(gateway.engine) as connection:
        count = await connection.execute(text("SELECT count(*) FROM ingest.classification_notice"))
        assert count.scalar_one() == 0
    assert (await notify(author, made["id"])).status == 204
    assert (await notify(officer, made["id"])).status == 204


async def test_a_dossier_has_a_label_of_its_own(gateway: Ingest) -> None:
    package = await gateway.deposit(gateway.enrol("submitter"), Dossier([b"mot"]))
    body = decision(gateway, "raised", document=None, level="mat", list_item="II.3")
    assert (await record(gateway, gateway.enrol("archivist"), package, body)).json()["after"] == "mat"
    assert dict((await told(gateway))[-1].labels) == {DOSSIER: Level.MAT}


async def test_no_step_is_ever_changed_or_removed(gateway: Ingest, database: Database) -> None:
    package = await gateway.deposit(gateway.enrol("submitter"), Dossier([b"mot"]))
    archivist = gateway.enrol("archivist")
    await record(gateway, archivist, package, decision(gateway, "raised", level="mat", list_item="II.3"))
    for url in (database.url_for("nopluu_ingest"), database.admin_url):
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            for statement in (
                "UPDATE ingest.classification_step SET level_after = 0",
                "DELETE FROM ingest.classification_step",
                "TRUNCATE ingest.classification_step CASCADE",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement.encode())
                connection.rollback()


async def test_a_new_version_keeps_what_was_raised_in_the_one_before(gateway: Ingest) -> None:
    """Handing the same content in again, as no secret, is no decision on its classification."""
    client, archivist = gateway.enrol("submitter"), gateway.enrol("archivist")
    package = await gateway.deposit(client, Dossier([b"mot", b"hai"]))
    for document in (1, None):
        raised = decision(gateway, "raised", document=document, level="mat", list_item="II.3")
        assert (await record(gateway, archivist, package, raised)).status == 201
    again = Dossier([b"khac", b"mot", b"hai"], supersedes=UUID(package))
    declared = await gateway.declare(client, again)
    assert declared.status == 201, declared.body
    newer = str(declared.json()["package"])
    assert (await gateway.send(client, newer, 0, b"khac")).status == 201
    await gateway.complete(newer)
    async with transaction(gateway.engine) as connection:
        query = text("SELECT body FROM ingest.outbox WHERE kind = 'package_sealed' ORDER BY created_at DESC LIMIT 1")
        sealed = PackageSealed.parse(bytes((await connection.execute(query)).scalar_one()))
    assert (str(sealed.package), dict(sealed.levels)) == (newer, {DOSSIER: "mat", 2: "mat"})
    shown = (await gateway.get(archivist, f"/v1/packages/{newer}/classification")).json()
    assert [(entry["document"], entry["label"]) for entry in shown["records"]] == [(None, "mat"), (2, "mat")]
    lifted = decision(gateway, "declassified", document=2)
    assert (await record(gateway, archivist, newer, lifted)).json()["after"] == "none"


async def test_what_was_raised_becomes_one_incident(gateway: Ingest) -> None:
    package = await gateway.deposit(gateway.enrol("submitter"), Dossier([b"mot"]))
    raised = decision(gateway, "raised", level="mat", list_item="II.3")
    step = (await record(gateway, gateway.enrol("archivist"), package, raised)).json()["id"]
    async with transaction(gateway.engine) as connection:
        query = text("SELECT args FROM ingest_queue.procrastinate_jobs WHERE task_name = 'open_raised_incident'")
        assert (await connection.execute(query)).scalars().all() == [
            {"package": package, "document": "0", "step": step}
        ]
    for _ in range(2):
        await open_raised_incident(
            PackageId(UUID(package)), 0, UUID(step), ledger=gateway.parts.incidents, world=gateway.parts.world
        )
    async with transaction(gateway.engine) as connection:
        found = (await connection.execute(text("SELECT kind, source, rules FROM ingest.incident"))).all()
        assert [tuple(row) for row in found] == [("level-raised", "rule", ["21"])]


async def test_a_step_tells_of_what_is_held_only_who_sees_incidents(gateway: Ingest) -> None:
    """To an archivist a held record is like none, except for the very step that the archivist recorded before."""
    client, archivist, other = gateway.enrol("submitter"), gateway.enrol("archivist"), gateway.enrol("archivist")
    officer = gateway.enrol("incident-officer", officer="Đại úy Một")
    package = await gateway.deposit(client, stubs(stub("mat", "2026-01-05"), stub("mat", "2026-01-05")))
    own = decision(gateway, "extended", document=1, instrument="1/QĐ", until="2040-01-01")
    made = await record(gateway, archivist, package, own)
    assert made.status == 201, made.body
    body = {"package": package, "document": 1, "kind": "leak"}
    assert (await gateway.post(officer, "/v1/incidents", json.dumps(body).encode())).status == 201
    assert (await record(gateway, archivist, package, own)).json()["id"] == made.json()["id"]
    absent = await record(gateway, archivist, package, own | {"document": 77})
    assert (absent.status, absent.json()["code"]) == (404, "classified-record-unknown")
    for who, stated in ((other, own), (archivist, own | {"instrument": "2/QĐ"}), (other, own | {"kind": "lowered"})):
        refused = await record(gateway, who, package, stated)
        assert {**refused.json(), "request_id": None} == {**absent.json(), "request_id": None}
    assert (await record(gateway, officer, package, own)).json()["id"] == made.json()["id"]
    assert (await record(gateway, other, package, own | {"document": 2})).status == 201


async def test_the_history_of_labels_tells_of_what_is_held_only_who_sees_incidents(gateway: Ingest) -> None:
    client, archivist = gateway.enrol("submitter"), gateway.enrol("archivist")
    officer, auditor = gateway.enrol("incident-officer", officer="Đại úy Một"), gateway.enrol("auditor")
    package = await gateway.deposit(client, stubs(stub("mat", None), stub("mat", None)))

    async def hold(document: int | None) -> None:
        body = {"package": package, "document": document, "kind": "leak"}
        opened = await gateway.post(officer, "/v1/incidents", json.dumps(body).encode())
        assert opened.status == 201, opened.body

    async def labelled(who: Enrolled) -> list[int]:
        shown = await gateway.get(who, f"/v1/packages/{package}/classification")
        return [entry["document"] for entry in shown.json()["records"]]

    assert await labelled(archivist) == [1, 2]
    await hold(1)
    assert (await labelled(archivist), await labelled(officer), await labelled(auditor)) == ([2], [1, 2], [1, 2])
    await hold(None)
    held, absent = [
        await gateway.get(archivist, f"/v1/packages/{asked}/classification") for asked in (package, UUID(int=5))
    ]
    assert (held.status, held.json()["code"]) == (404, "classified-record-unknown")
    assert {**held.json(), "request_id": None} == {**absent.json(), "request_id": None}
    assert await labelled(officer) == [1, 2]
