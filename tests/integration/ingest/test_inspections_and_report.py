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

from services.ingest.adapters.report_sheet import sheet_of
from services.ingest.domain.secrets_report import AgencyCounts, Clock, Overdue, Period, SecretsReport
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
    before = (await gateway.get(officer, f"/v1/reports/secrets/{year - 2}")).json()
    assert [entry["steps"] for entry in before["agencies"]] in ([], [[]])

    sheet = await gateway.get(officer, f"/v1/reports/secrets/{year}/sheet")
    assert sheet.status == 200
    book = openpyxl.load_workbook(io.BytesIO(sheet.body))
    assert book.sheetnames == ["Tổng hợp", "Vi phạm", "Từ chối", "Quá hạn"]
    words = {
        str(cell.value) for name in book.sheetnames for row in book[name].iter_rows() for cell in row if cell.value
    }
    assert f"BÁO CÁO CÔNG TÁC BẢO VỆ BÍ MẬT NHÀ NƯỚC NĂM {year}" in words
    assert {"THỦ TRƯỞNG CƠ QUAN", "NGƯỜI LẬP BIỂU", "Không có văn bản cho phép sao, chụp"} <= words
    assert not any("Kết luận số" in entry or "Hồ sơ thu thập" in entry for entry in words)
    assert (await gateway.get(submitter, f"/v1/reports/secrets/{year}")).json()["code"] == "scope-missing"


def test_no_cell_of_the_sheet_is_a_formula() -> None:
    agency = AgencyId(uuid4())
    counts = AgencyCounts(
        agency, {Level.MAT: 3}, {("raised", Level.NONE, Level.MAT): 1}, {"=R1": 2}, 2, 1, {"other": (2, 1, 1)}, {}
    )
    period = Period.of_year(2026)
    overdue = [Overdue(Clock.REMEDY, agency, "=cmd", 1, period.first)]
    data = sheet_of(SecretsReport(2026, period, period.last, (counts,)), overdue, lambda _: '=HYPERLINK("http://x")')
    book = openpyxl.load_workbook(io.BytesIO(data))
    kinds = {cell.data_type for name in book.sheetnames for row in book[name].iter_rows() for cell in row}
    assert "f" not in kinds
    assert book["Tổng hợp"]["B9"].value == '=HYPERLINK("http://x")'
    assert book["Tổng hợp"]["C10"].value == 0
    assert book["Tổng hợp"]["E10"].value == 3
