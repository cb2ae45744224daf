"""Promise (rule 23): what was handed in as no secret and bears a mark of secrecy is held, and nothing of its text is kept."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text

from services.ingest.adapters.content_inspector import ChildInspector
from services.ingest.adapters.content_sql import SqlContentLedger
from services.ingest.main import ingest_tasks
from services.ingest.usecases.inspect_content import Inspecting, find_uninspected, inspect_content
from services.kernel.identifiers import PackageId
from services.kernel.marks import MATCHER, Inspected, Outcome
from services.kernel.refusals.platform import StoreUnavailable
from services.runtime.database import transaction
from tests.integration.ingest.test_erasure import next_version
from tests.support.enrolled import Enrolled
from tests.support.ingest import Ingest
from tests.support.ingest_manifests import Dossier
from tests.support.postgres import Database

WORDS = "phương án bảo vệ kho hồ sơ"
STAMPED = f"CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM\nMẬT\n{WORDS}".encode()
PLAIN = "Bảo mật, mật khẩu và mật ong".encode()


class Eyes:
    """The real ones, counted."""

    def __init__(self) -> None:
        self.real = ChildInspector(seconds=60.0)
        self.seen = 0

    async def inspect(self, size: int, body: AsyncIterator[bytes]) -> Inspected:
        self.seen += 1
        return await self.real.inspect(size, body)


@pytest.fixture
async def eyes() -> AsyncIterator[Eyes]:
    opened = Eyes()
    yield opened
    await opened.real.close()


def ports(gateway: Ingest, eyes: Eyes, matcher: int = MATCHER) -> Inspecting:
    parts = gateway.parts
    content = SqlContentLedger(gateway.engine, ingest_tasks())
    return Inspecting(
        content, parts.incidents, gateway.plans, parts.vault, parts.keys, eyes, parts.world, matcher=matcher
    )


async def look(gateway: Ingest, eyes: Eyes, package: str, matcher: int = MATCHER) -> int:
    return await inspect_content(PackageId(UUID(package)), ports(gateway, eyes, matcher))


async def rows(gateway: Ingest, query: str) -> list[tuple[object, ...]]:
    async with transaction(gateway.engine) as connection:
        return [tuple(row) for row in await connection.execute(text(query))]


def everything(database: Database) -> str:
    """Every row of every table of ingest and its queue."""
    with psycopg.connect(database.admin_url) as connection:
        tables = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('ingest', 'ingest_queue')"
        ).fetchall()
        return "".join(
            str(connection.execute(f"SELECT string_agg(t::text, ' ') FROM {table} t").fetchone())  # noqa: S608 - the catalog's names
            for (table,) in tables
        )


async def components(gateway: Ingest, client: Enrolled, package: str) -> list[str]:
    plan = (await gateway.get(client, f"/v1/packages/{package}/plan")).json()
    return [str(component) for component, _ in plan["components"]]


async def test_a_stamp_in_what_was_declared_none_is_held_and_told_to_the_officers(
    gateway: Ingest, eyes: Eyes, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    client, officer = gateway.enrol("submitter"), gateway.enrol("incident-officer", officer="Lê C")
    package = await gateway.deposit(client, Dossier([PLAIN, STAMPED, b"\xff\xd8\xff\0 anh"]))
    plain, stamped, image = await components(gateway, client, package)
    assert await look(gateway, eyes, package) == 3
    assert (await gateway.read(client, stamped)).status == 404
    assert (await gateway.read(client, plain)).body == PLAIN
    [entry] = (await gateway.get(officer, "/v1/incidents")).json()["items"]
    shown = (await gateway.get(officer, f"/v1/incidents/{entry['incident']}")).json()
    assert (shown["source"], shown["kind"], shown["rules"]) == ("inspection", "stamp-found", ["23"])
    assert (shown["document"], shown["component"]) == (1, stamped)
    assert [clock["kind"] for clock in shown["clocks"]] == ["report-police"]
    facts = shown["steps"][0]["facts"]
    assert (facts["marks"], facts["page"]) == (["stamp-mat"], 1)
    [counts] = await rows(gateway, "SELECT counts, finished_at IS NOT NULL FROM ingest.content_inspection")
    assert counts == ({"clean": 1, "marked": 1, "unsupported": 1}, True)
    [finding] = await rows(gateway, "SELECT component::text, outcome, marks, page FROM ingest.content_finding")
    assert finding == (stamped, "marked", ["stamp-mat"], 1)
    assert image
    assert await look(gateway, eyes, package) == 0  # nothing is looked at twice
    told = everything(database) + capsys.readouterr().out
    assert "stamp-mat" in told
    assert WORDS not in told


async def test_what_two_officers_let_go_is_not_held_again_for_the_same_bytes(gateway: Ingest, eyes: Eyes) -> None:
    client = gateway.enrol("submitter")
    one, other = gateway.enrol("incident-officer", officer="Một"), gateway.enrol("incident-officer", officer="Hai")
    first = await gateway.deposit(client, Dossier([STAMPED]))
    await look(gateway, eyes, first)
    [entry] = (await gateway.get(one, "/v1/incidents")).json()["items"]
    refused = await gateway.declare(client, Dossier([STAMPED], code="P012.01.002"))
    assert refused.json()["code"] == "content-held"
    step = await gateway.post(one, f"/v1/incidents/{entry['incident']}/proposals", b'{"decision": "release"}')
    body = json.dumps({"step": step.json()["step"]}).encode()
    assert (await gateway.post(other, f"/v1/incidents/{entry['incident']}/confirmation", body)).status == 200
    second = await gateway.deposit(client, Dossier([STAMPED], code="P012.01.002"))
    assert await look(gateway, eyes, second) == 1
    assert await look(gateway, eyes, first, matcher=MATCHER + 1) == 1  # newer eyes look again, and hold nothing
    assert len((await gateway.get(one, "/v1/incidents")).json()["items"]) == 1
    (component,) = await components(gateway, client, second)
    assert (await gateway.read(client, component)).body == STAMPED


async def test_what_was_held_meanwhile_is_looked_at_once_it_is_let_go(gateway: Ingest, eyes: Eyes) -> None:
    """An archivist's hold, or another file's mark, must not hide a stamp for ever."""
    client = gateway.enrol("submitter")
    one, other = gateway.enrol("incident-officer", officer="Một"), gateway.enrol("incident-officer", officer="Hai")
    package = await gateway.deposit(client, Dossier([PLAIN, STAMPED, PLAIN + b"2"]))
    held = json.dumps({"package": package, "document": 1, "kind": "secret-content"}).encode()
    incident = (await gateway.post(one, "/v1/incidents", held)).json()["incident"]
    assert await look(gateway, eyes, package) == 2
    assert await look(gateway, eyes, package) == 0  # as long as it is held
    assert await find_uninspected(ports(gateway, eyes)) == 0
    step = await gateway.post(one, f"/v1/incidents/{incident}/proposals", b'{"decision": "release"}')
    jobs = "SELECT count(*) FROM ingest_queue.procrastinate_jobs WHERE task_name = 'inspect_content'"
    [(before,)] = await rows(gateway, jobs)
    body = json.dumps({"step": step.json()["step"]}).encode()
    assert (await gateway.post(other, f"/v1/incidents/{incident}/confirmation", body)).status == 200
    assert await rows(gateway, jobs) == [(int(str(before)) + 1,)]  # the release itself wakes it
    assert await find_uninspected(ports(gateway, eyes)) == 1
    assert await look(gateway, eyes, package) == 1
    found = [entry["kind"] for entry in (await gateway.get(one, "/v1/incidents")).json()["items"]]
    assert found == ["secret-content", "stamp-found"]
    assert await rows(gateway, "SELECT counts FROM ingest.content_inspection") == [({"clean": 2, "marked": 1},)]
    assert await look(gateway, eyes, package) == 0
    assert await find_uninspected(ports(gateway, eyes)) == 0


async def test_it_goes_on_where_it_was_cut_and_finds_the_incident_that_stands(
    gateway: Ingest, eyes: Eyes, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, officer = gateway.enrol("submitter"), gateway.enrol("incident-officer", officer="Lê C")
    package = await gateway.deposit(client, Dossier([PLAIN, STAMPED, PLAIN + b"2", PLAIN + b"3"]))
    asked = ports(gateway, eyes)

    async def away(size: int, body: AsyncIterator[bytes]) -> Inspected:
        if eyes.seen == 3:
            raise StoreUnavailable
        eyes.seen += 1
        return await eyes.real.inspect(size, body)

    monkeypatch.setattr(eyes, "inspect", away)
    with pytest.raises(StoreUnavailable):
        await inspect_content(PackageId(UUID(package)), asked)
    assert await rows(gateway, "SELECT finished_at FROM ingest.content_inspection") == [(None,)]
    # A crash between the incident and its count: the component is looked at again, and one incident stands.
    await rows(gateway, "UPDATE ingest.content_inspection SET next_position = 0, counts = '{}' RETURNING 1")
    monkeypatch.undo()
    assert await look(gateway, eyes, package) == 3  # what is held by now is not read
    assert len((await gateway.get(officer, "/v1/incidents")).json()["items"]) == 1


async def test_only_what_was_handed_in_as_no_secret_is_looked_at_and_once_for_all_versions(
    gateway: Ingest, eyes: Eyes
) -> None:
    client = gateway.enrol("submitter")
    first = await gateway.deposit(client, Dossier([PLAIN, PLAIN + b"2"]))
    assert await look(gateway, eyes, first) == 2
    later = Dossier([PLAIN, PLAIN + b"2", PLAIN + b"3"], supersedes=UUID(first))
    second = await next_version(gateway, client, later, PLAIN + b"3")
    assert await look(gateway, eyes, second) == 1
    await rows(gateway, "UPDATE ingest.component SET level = 1 RETURNING 1")
    assert await look(gateway, eyes, second, matcher=MATCHER + 1) == 0


async def test_a_hostile_file_is_counted_and_stops_nothing(gateway: Ingest, eyes: Eyes) -> None:
    client, officer = gateway.enrol("submitter"), gateway.enrol("incident-officer", officer="Lê C")
    package = await gateway.deposit(client, Dossier([b"%PDF-1.7 rubbish", STAMPED]))
    assert await look(gateway, eyes, package) == 2
    [(counts,)] = await rows(gateway, "SELECT counts FROM ingest.content_inspection")
    assert counts == {"unreadable": 1, "marked": 1}
    assert len((await gateway.get(officer, "/v1/incidents")).json()["items"]) == 1


async def test_officers_are_told_which_files_nobody_could_look_into(gateway: Ingest, eyes: Eyes) -> None:
    client, officer = gateway.enrol("submitter"), gateway.enrol("incident-officer", officer="Lê C")
    package = await gateway.deposit(client, Dossier([b"%PDF-1.7 rubbish", STAMPED, PLAIN]))
    broken, stamped, _ = await components(gateway, client, package)
    target = f"/v1/packages/{package}/content-inspection"
    assert (await gateway.get(officer, target)).json()["code"] == "package-unknown"  # nobody looked yet
    told: list[Outcome] = []
    await inspect_content(PackageId(UUID(package)), replace(ports(gateway, eyes), told=told.append))
    assert sorted(told) == [Outcome.CLEAN, Outcome.MARKED, Outcome.UNREADABLE]
    shown = (await gateway.get(officer, target)).json()
    assert shown["counts"] == {"clean": 1, "marked": 1, "unreadable": 1}
    assert shown["finished_at"]
    assert {entry["component"]: (entry["outcome"], entry["marks"], entry["page"]) for entry in shown["findings"]} == {
        broken: ("unreadable", [], 0),
        stamped: ("marked", ["stamp-mat"], 1),
    }
    for who in (client, gateway.enrol("archivist")):  # it would tell what is held
        assert (await gateway.get(who, target)).json()["code"] == "scope-missing"


async def test_what_was_sealed_before_there_were_eyes_is_found(gateway: Ingest, eyes: Eyes, database: Database) -> None:
    def jobs(statement: bytes = b"SELECT count(*) FROM ingest_queue.procrastinate_jobs WHERE task_name = %s") -> int:
        with psycopg.connect(database.admin_url, options="-c search_path=ingest_queue") as connection:
            row = connection.execute(statement, ["inspect_content"]).fetchone()
            return 0 if row is None else int(row[0])

    client = gateway.enrol("submitter")
    package = await gateway.deposit(client, Dossier([PLAIN]))
    await gateway.declare(client, Dossier([b"cho"], code="P012.01.002"))
    assert await find_uninspected(ports(gateway, eyes)) == 1
    assert jobs() == 1  # the seal's own job waits: no second one
    jobs(
        b"WITH gone AS (DELETE FROM ingest_queue.procrastinate_jobs WHERE task_name = %s RETURNING 1)"
        b" SELECT count(*) FROM gone"
    )
    assert await find_uninspected(ports(gateway, eyes)) == 1
    assert jobs() == 1
    await look(gateway, eyes, package)
    assert await find_uninspected(ports(gateway, eyes)) == 0
    assert await find_uninspected(ports(gateway, eyes, matcher=MATCHER + 1)) == 1


async def test_the_seal_itself_wakes_it(gateway: Ingest, database: Database) -> None:
    package = await gateway.deposit(gateway.enrol("submitter"), Dossier([PLAIN]))
    with psycopg.connect(database.admin_url) as connection:
        query = "SELECT queue_name, args ->> 'package' FROM ingest_queue.procrastinate_jobs WHERE task_name = %s"
        assert connection.execute(query, ["inspect_content"]).fetchall() == [("ingest_content", package)]
