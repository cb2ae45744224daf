"""Promise: inspections are a trail that only grows; the yearly report counts and names nobody's record."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID, uuid4

import openpyxl
import psycopg
import pytest

from services.ingest.adapters.report_sheet import LETTERHEADS, sheet_of
from services.ingest.domain.incidents import Decision, Kind, Source
from services.ingest.domain.secrets_report import AgencyCounts, Clock, IncidentCase, Overdue, Period, SecretsReport
from services.kernel.identifiers import AgencyId
from services.kernel.secrecy import Level
from tests.integration.ingest.test_classification import decision, record, run_due, stub, stubs
from tests.support.asgi import Reply
from tests.support.enrolled import Enrolled
from tests.support.ingest import Ingest
from tests.support.ingest_manifests import Dossier
from tests.support.postgres import Database


async def post(gateway: Ingest, client: Enrolled, target: str, body: Mapping[str, object]) -> Reply:
    await gateway.registry.poll()
    return await gateway.post(client, target, json.dumps(body).encode())


def inspection(gateway: Ingest, days_ago: int = 0, **more: object) -> dict[str, object]:
    return {
        "agency": str(gateway.agency),
        "on": (gateway.parts.world.today() - timedelta(days=days_ago)).isoformat(),
        "place": "Phòng số hóa, tầng 2",
        "process": "Quét, kiểm tra, ký số",
        "devices": [{"kind": "máy quét", "serial": "SN-1", "network": "none"}],
        "permissions": [{"number": "5/GP", "date": "2026-01-05", "authority": "Tỉnh ủy", "rank": "Bí thư"}],
        "minutes": "3/BB",
    } | more


async def test_an_inspection_from_its_opening_to_its_end(gateway: Ingest) -> None:
    today = gateway.parts.world.today()
    officer = gateway.enrol("incident-officer", officer="Lê C")
    made = await post(gateway, officer, "/v1/inspections", inspection(gateway, 30))
    assert made.status == 201, made.body
    address = f"/v1/inspections/{made.json()['id']}"

    async def step(kind: str, days_ago: int, **more: object) -> Reply:
        on = (today - timedelta(days=days_ago)).isoformat()
        return await post(gateway, officer, f"{address}/steps", {"kind": kind, "on": on, **more})

    due = (today - timedelta(days=10)).isoformat()
    found = await step("found", 30, violation="networked-device", due_on=due, remedy="Ngắt mạng máy quét")
    assert (found.status, found.json()["findings"][0]["overdue"]) == (201, True)
    overdue = (await gateway.get(officer, "/v1/clocks/overdue")).json()["items"]
    assert [(entry["clock"], entry["number"], entry["due_on"]) for entry in overdue] == [("inspection-remedy", 1, due)]
    assert (await step("closed", 5)).json()["code"] == "inspection-findings-open"
    assert (await step("verified", 5, finding=1)).json()["code"] == "inspection-step-unfit"
    assert (await step("remedied", -1, finding=1)).json()["code"] == "inspection-day-invalid"
    assert (await step("remedied", 5, finding=1)).status == 201
    assert (await step("verified", 4, finding=1)).status == 201
    closed = (await step("closed", 3)).json()
    assert (closed["closed_on"], [entry["number"] for entry in closed["trail"]]) == (
        (today - timedelta(days=3)).isoformat(),
        [1, 2, 3, 4, 5],
    )
    assert closed["trail"][0]["facts"]["devices"][0]["network"] == "none"
    assert (await gateway.get(officer, "/v1/clocks/overdue")).json()["items"] == []
    auditor = gateway.enrol("auditor")
    assert (await gateway.get(auditor, address)).json()["id"] == closed["id"]
    page = (await gateway.get(auditor, "/v1/inspections?limit=1")).json()
    assert [entry["id"] for entry in page["items"]] == [closed["id"]]
    assert (await gateway.get(auditor, f"/v1/inspections?after={page['next']}")).json()["items"] == []


async def test_a_finding_names_the_rule_that_was_broken(gateway: Ingest) -> None:
    """Rules 24 and 29 happen outside the gateway: the police find them, and nothing is closed before it is verified."""
    today = gateway.parts.world.today()
    officer = gateway.enrol("incident-officer", officer="Lê C")
    made = (await post(gateway, officer, "/v1/inspections", inspection(gateway, 3))).json()
    address = f"/v1/inspections/{made['id']}/steps"
    for violation in ("ai-on-secret", "medium-not-wiped", "place-unfit"):
        found = {"kind": "found", "on": today.isoformat(), "violation": violation, "due_on": today.isoformat()}
        assert (await post(gateway, officer, address, found)).status == 201
    closing = {"kind": "closed", "on": today.isoformat()}
    assert (await post(gateway, officer, address, closing)).json()["code"] == "inspection-findings-open"
    shown = (await gateway.get(officer, f"/v1/inspections/{made['id']}")).json()
    assert [entry["rule"] for entry in shown["findings"]] == ["24", "29", None]


async def test_who_may_inspect_and_whom(gateway: Ingest) -> None:
    officer = gateway.enrol("incident-officer", officer="Lê C")
    for scope in ("submitter", "archivist", "supervisor"):
        refused = await post(gateway, gateway.enrol(scope), "/v1/inspections", inspection(gateway))
        assert refused.json()["code"] == "scope-missing"
    assert (await gateway.get(gateway.enrol("submitter"), "/v1/inspections")).json()["code"] == "scope-missing"
    nobody = await post(gateway, officer, "/v1/inspections", inspection(gateway, agency=str(uuid4())))
    assert nobody.json()["code"] == "inspected-agency-unknown"
    ahead = await post(gateway, officer, "/v1/inspections", inspection(gateway, -1))
    assert ahead.json()["code"] == "inspection-day-invalid"
    assert (await gateway.get(officer, f"/v1/inspections/{UUID(int=1)}")).json()["code"] == "inspection-unknown"


async def test_the_trail_cannot_be_rewritten(gateway: Ingest, database: Database) -> None:
    officer = gateway.enrol("incident-officer", officer="Lê C")
    await post(gateway, officer, "/v1/inspections", inspection(gateway))
    for url in (database.url_for("nopluu_ingest"), database.admin_url):
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            for statement in (
                "UPDATE ingest.inspection_step SET kind = 'closed'",
                "DELETE FROM ingest.inspection_step",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement.encode())
                connection.rollback()


async def test_the_report_counts_what_the_year_held(gateway: Ingest) -> None:
    today = gateway.parts.world.today()
    year = today.year + (today.month == 12 and today.day > 14)
    submitter, officer = gateway.enrol("submitter"), gateway.enrol("incident-officer", officer="Lê C")
    ended = today.replace(year=today.year - 10) - timedelta(days=1)
    kept = stubs(stub("mat", today.isoformat()), stub("mat", ended.isoformat()), stub("tuyet_mat", "1980-01-01"))
    package = await gateway.deposit(submitter, kept)
    refused = await gateway.declare(submitter, Dossier([b"mat"], code="P012.01.009", levels={0: "mat"}))
    assert refused.status == 422, refused.body
    await run_due(gateway)
    lowered = decision(gateway, "extended", document=1, until=today.replace(year=today.year + 15).isoformat())
    assert (await record(gateway, officer, package, lowered)).status == 201
    found = {"kind": "found", "on": today.isoformat(), "violation": "no-permission", "due_on": today.isoformat()}
    opened = (await post(gateway, officer, "/v1/inspections", inspection(gateway))).json()
    assert (await post(gateway, officer, f"/v1/inspections/{opened['id']}/steps", found)).status == 201

    report = (await gateway.get(officer, f"/v1/reports/secrets/{year}")).json()
    [agency] = report["agencies"]
    assert agency["held"] == {"mat": 1, "tuyet_mat": 1}
    assert [(entry["kind"], entry["before"], entry["after"], entry["count"]) for entry in agency["steps"]] == [
        ("expired", "mat", "none", 1),
        ("extended", "mat", "mat", 1),
    ]
    assert agency["refused_packages"] == 1
    assert agency["refused"]
    assert (agency["inspections"], agency["violations"]) == (
        1,
        [{"violation": "no-permission", "found": 1, "remedied": 0, "overdue": 0}],
    )
    assert agency["overdue"] == {"declassification-decision": 1}
    assert agency["incidents"] == []
    counted = (await gateway.get(officer, f"/v1/violations?since={today}&until={today}")).json()["items"]
    assert [(entry["found"], entry["kind"], entry["count"]) for entry in counted] == [
        ("inspection", "no-permission", 1),
        ("refused", "refused-by-rules", 1),
    ]
    before = (await gateway.get(officer, f"/v1/reports/secrets/{year - 2}")).json()
    assert [entry["steps"] for entry in before["agencies"]] in ([], [[]])

    sheet = await gateway.get(officer, f"/v1/reports/secrets/{year}/sheet")
    assert sheet.status == 200
    book = openpyxl.load_workbook(io.BytesIO(sheet.body))
    assert book.sheetnames == ["Tổng hợp", "Sự cố", "Vi phạm", "Từ chối", "Quá hạn"]
    words = {
        str(cell.value) for name in book.sheetnames for row in book[name].iter_rows() for cell in row if cell.value
    }
    assert f"BÁO CÁO CÔNG TÁC BẢO VỆ BÍ MẬT NHÀ NƯỚC NĂM {year}" in words
    assert {"THỦ TRƯỞNG CƠ QUAN", "NGƯỜI LẬP BIỂU", "Không có văn bản cho phép sao, chụp"} <= words
    assert not any("Kết luận số" in entry or "Hồ sơ thu thập" in entry for entry in words)
    assert (await gateway.get(submitter, f"/v1/reports/secrets/{year}")).json()["code"] == "scope-missing"


async def test_incidents_and_their_clocks_are_in_the_report(gateway: Ingest, database: Database) -> None:
    """As of the last day of the year: what was decided or met later is not yet, and what runs out later is not late."""
    today = gateway.parts.world.today()
    year = today.year + (today.month == 12 and today.day > 14)
    submitter = gateway.enrol("submitter")
    one, two = (gateway.enrol("incident-officer", officer=name) for name in ("Lê C", "Trần D"))
    package = await gateway.deposit(submitter, Dossier([b"a", b"b"]))
    opened = []
    for document, kind in ((0, "secret-content"), (1, "leak")):
        made = await post(gateway, one, "/v1/incidents", {"kind": kind, "package": package, "document": document})
        assert made.status in (200, 201, 202), made.body
        opened.append(made.json()["incident"])
    step = await post(gateway, one, f"/v1/incidents/{opened[1]}/proposals", {"decision": "release"})
    assert (
        await post(gateway, two, f"/v1/incidents/{opened[1]}/confirmation", {"step": step.json()["step"]})
    ).status < 300

    async def counts(of: int = year) -> tuple[list[dict[str, object]], dict[str, int]]:
        report = (await gateway.get(one, f"/v1/reports/secrets/{of}")).json()
        found = [(entry["incidents"], entry["overdue"]) for entry in report["agencies"]]
        return found[0] if found else ([], {})

    incidents, late = await counts()
    assert [(entry["source"], entry["kind"], entry["decision"], entry["count"]) for entry in incidents] == [
        ("officer", "leak", "release", 1),
        ("officer", "secret-content", None, 1),
    ]
    assert late == {}
    with psycopg.connect(database.admin_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("UPDATE ingest.incident_clock SET due_on = %s", (today - timedelta(days=1),))
    assert (await counts())[1] == {"incident-report": 2}
    overdue = (await gateway.get(one, "/v1/clocks/overdue")).json()["items"]
    assert {(entry["clock"], entry["subject"], entry["number"]) for entry in overdue} == {
        ("incident-report", incident, None) for incident in opened
    }
    assert (await post(gateway, one, f"/v1/incidents/{opened[0]}/done", {"what": "report-police"})).status < 300
    assert (await counts())[1] == {"incident-report": 1}
    assert await counts(year - 1) == ([], {})


@pytest.mark.parametrize(
    ("offices", "words"),
    [
        ("state", {"CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc", "THỦ TRƯỞNG CƠ QUAN"}),
        ("party", {"ĐẢNG CỘNG SẢN VIỆT NAM", "CHÁNH VĂN PHÒNG", "*     Số ……… -BC/VPTU"}),
    ],
)
def test_each_system_of_offices_has_its_letterhead(offices: str, words: set[str]) -> None:
    case = IncidentCase(Source.OFFICER, Kind.LEAK, Decision.EXPEL, closed=True)
    agency = AgencyId(uuid4())
    counts = AgencyCounts(agency, {}, {}, {}, 0, {case: 3}, 0, {}, {Clock.INCIDENT_REPORT: 1, Clock.INCIDENT_REMEDY: 1})
    period = Period.of_year(2026)
    overdue = [Overdue(Clock.INCIDENT_REPORT, agency, str(uuid4()), None, period.first)]
    report = SecretsReport(2026, period, period.last, (counts,))
    book = openpyxl.load_workbook(
        io.BytesIO(sheet_of(report, overdue, lambda _: "Sở Xây dựng", letterhead=LETTERHEADS[offices]))
    )
    told = [[cell.value for cell in row if cell.value is not None] for row in book["Tổng hợp"].iter_rows()]
    assert words <= {str(value) for row in told for value in row}
    assert sum(str(value).startswith("……………, ngày") for row in told for value in row) == 1
    assert [value for row in told if "Sở Xây dựng" in row for value in row] == [
        *[1, "Sở Xây dựng", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        *[3, 3, 3],
        *[0, 0, 0],
        *[0, 0, 0, 2],
    ]
    case_row = [cell.value for cell in book["Sự cố"][5]]
    assert case_row == [1, "Sở Xây dựng", "Lộ, mất bí mật nhà nước", "Cán bộ Công an", "Đưa ra khỏi kho", "Có", 3]
    assert book["Quá hạn"]["C5"].value == "Báo cáo sự cố cho Công an tỉnh"


def test_no_cell_of_the_sheet_is_a_formula() -> None:
    agency = AgencyId(uuid4())
    counts = AgencyCounts(
        agency, {Level.MAT: 3}, {("raised", Level.NONE, Level.MAT): 1}, {"=R1": 2}, 2, {}, 1, {"other": (2, 1, 1)}, {}
    )
    period = Period.of_year(2026)
    overdue = [Overdue(Clock.REMEDY, agency, "=cmd", 1, period.first)]
    data = sheet_of(
        SecretsReport(2026, period, period.last, (counts,)),
        overdue,
        lambda _: '=HYPERLINK("http://x")',
        letterhead=LETTERHEADS["state"],
    )
    book = openpyxl.load_workbook(io.BytesIO(data))
    kinds = {cell.data_type for name in book.sheetnames for row in book[name].iter_rows() for cell in row}
    assert "f" not in kinds
    assert book["Tổng hợp"]["B9"].value == '=HYPERLINK("http://x")'
    assert book["Tổng hợp"]["C10"].value == 0
    assert book["Tổng hợp"]["E10"].value == 3
