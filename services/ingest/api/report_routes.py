"""The yearly secrets report, as JSON and as a sheet to be filed, and the clocks that have run out."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from services.ingest.api.wiring import FollowingInspections, Wired
from services.ingest.domain.incidents import Decision, Kind, Source
from services.ingest.domain.secrets_report import AgencyCounts, Clock, Overdue, SecretsReport
from services.ingest.usecases.report_secrets import overdue_clocks, secrets_report
from services.kernel.refusals.identity import ScopeMissing
from services.kernel.secrecy import Level
from services.runtime.openapi import refusing

router = APIRouter(tags=["secrets report"])
Year = Annotated[int, Path(ge=2020, le=2199, description="15 December of the year before to 14 December.")]
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True)


class StepCount(_Told):
    """Steps of one kind between two levels."""

    kind: str
    before: str
    after: str
    count: int


class ViolationCount(_Told):
    """Findings of one kind."""

    violation: str
    found: int
    remedied: int
    overdue: int


class IncidentCount(_Told):
    """Incidents opened in the year, by how they stood on `as_of`."""

    source: Source
    kind: Kind
    decision: Decision | None
    closed: bool
    count: int


class AgencyReport(_Told):
    """What is counted of one agency."""

    agency: UUID
    name: str
    held: dict[str, int] = Field(description="Records by the label they are read under, above none.")
    steps: list[StepCount]
    refused_packages: int
    refused: dict[str, int] = Field(description="Refused packages by rule; one package may break several.")
    incidents: list[IncidentCount]
    inspections: int
    violations: list[ViolationCount]
    overdue: dict[Clock, int]


class SecretsReportOut(_Told):
    """The report of a year; `as_of` lies before `last` while the year is not over."""

    year: int
    first: date
    last: date
    as_of: date
    agencies: list[AgencyReport]


class OverdueOut(_Told):
    """A clock that has run out. `number` is a step's, finding's or document's, none for an incident's."""

    clock: Clock
    agency: UUID
    subject: str
    number: int | None
    due_on: date


class OverdueList(_Told):
    """Everything overdue, the oldest first."""

    items: list[OverdueOut]


@router.get(
    "/v1/reports/secrets/{year}",
    response_model=SecretsReportOut,
    summary="Báo cáo bí mật nhà nước hằng năm / The yearly secrets report",
    description="NĐ 26/2020 art. 8: 15 December to 14 December. Counts by agency, level, kind, rule; names no record.",
    responses=refusing(ScopeMissing),
)
async def get_report(year: Year, _: FollowingInspections, wired: Wired) -> SecretsReportOut:
    report = await _report(year, wired)
    return SecretsReportOut(
        year=report.year,
        first=report.period.first,
        last=report.period.last,
        as_of=report.as_of,
        agencies=[_agency(counts, report, wired) for counts in report.agencies],
    )


@router.get(
    "/v1/reports/secrets/{year}/sheet",
    response_class=Response,
    summary="Báo cáo dạng bảng tính để ký và lưu / The report as a workbook to be signed and filed",
    responses={
        200: {
            "description": "An xlsx workbook.",
            "content": {_XLSX: {"schema": {"type": "string", "format": "binary"}}},
        },
        **refusing(ScopeMissing),
    },
)
async def get_sheet(year: Year, _: FollowingInspections, wired: Wired) -> Response:
    report = await _report(year, wired)
    overdue = await overdue_clocks(counter=wired.secrets, inspections=wired.inspections, world=wired.world)
    names = {
        agency: wired.names.name_on(agency, report.as_of)
        for agency in (*(counts.agency for counts in report.agencies), *(entry.agency for entry in overdue))
    }
    data = await asyncio.to_thread(wired.report_sheet, report, overdue, names.__getitem__)
    headers = {"content-disposition": f'attachment; filename="bao-cao-bmnn-{year}.xlsx"', "cache-control": "no-store"}
    return Response(data, media_type=_XLSX, headers=headers)


@router.get(
    "/v1/clocks/overdue",
    response_model=OverdueList,
    summary="Việc quá hạn / Clocks that have run out",
    responses=refusing(ScopeMissing),
)
async def get_overdue(_: FollowingInspections, wired: Wired) -> OverdueList:
    found = await overdue_clocks(counter=wired.secrets, inspections=wired.inspections, world=wired.world)
    return OverdueList(items=[_overdue(entry) for entry in found])


async def _report(year: int, wired: Wired) -> SecretsReport:
    return await secrets_report(year, counter=wired.secrets, inspections=wired.inspections, world=wired.world)


def _agency(counts: AgencyCounts, report: SecretsReport, wired: Wired) -> AgencyReport:
    return AgencyReport(
        agency=counts.agency,
        name=wired.names.name_on(counts.agency, report.as_of),
        held={level.wire: count for level, count in counts.held.items() if level is not Level.NONE},
        steps=[
            StepCount(kind=kind, before=before.wire, after=after.wire, count=count)
            for (kind, before, after), count in sorted(counts.steps.items())
        ],
        refused_packages=counts.refused_packages,
        refused=dict(sorted(counts.refused.items())),
        incidents=[
            IncidentCount(source=case.source, kind=case.kind, decision=case.decision, closed=case.closed, count=count)
            for case, count in counts.incidents.items()
        ],
        inspections=counts.inspections,
        violations=[
            ViolationCount(violation=kind, found=found, remedied=remedied, overdue=overdue)
            for kind, (found, remedied, overdue) in counts.violations.items()
        ],
        overdue=dict(counts.overdue),
    )


def _overdue(entry: Overdue) -> OverdueOut:
    return OverdueOut(
        clock=entry.clock, agency=entry.agency, subject=entry.subject, number=entry.number, due_on=entry.due_on
    )
