"""Inspections of agencies: the police record, supervisors and auditors look."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from services.ingest.api.inspection_schemas import InspectionIn, InspectionOut, InspectionPage, InspectionStepIn
from services.ingest.api.wiring import FollowingInspections, Inspecting, Wired
from services.ingest.domain.inspections import InspectionStep, StepKind
from services.ingest.usecases.inspect_agency import (
    Inspector,
    add_step,
    list_inspections,
    open_inspection,
    read_inspection,
)
from services.kernel.identifiers import AgencyId
from services.kernel.refusals.identity import ScopeMissing
from services.kernel.refusals.inspections import (
    InspectedAgencyUnknown,
    InspectionDayInvalid,
    InspectionFindingsOpen,
    InspectionStepUnfit,
    InspectionUnknown,
)
from services.runtime.openapi import refusing

router = APIRouter(tags=["inspections"])


@router.post(
    "/v1/inspections",
    status_code=201,
    response_model=InspectionOut,
    summary="Ghi nhận một cuộc kiểm tra / Record an inspection of an agency",
    description="Place, process, devices and permissions as they were found. Nothing of it is ever changed.",
    responses=refusing(InspectedAgencyUnknown, InspectionDayInvalid, ScopeMissing),
)
async def post_inspection(form: InspectionIn, caller: Inspecting, wired: Wired) -> InspectionOut:
    made = await open_inspection(
        AgencyId(form.agency),
        InspectionStep(StepKind.OPENED, form.on),
        form.facts(),
        Inspector(caller.client, caller.officer),
        ledger=wired.inspections,
        names=wired.names,
        world=wired.world,
    )
    return InspectionOut.of(made, wired.world.today())


@router.post(
    "/v1/inspections/{inspection}/steps",
    status_code=201,
    response_model=InspectionOut,
    summary="Ghi nhận phát hiện, khắc phục, xác nhận, kết thúc / Add a finding, a remedy, a verification, the end",
    description="An inspection closes once every finding is verified as remedied.",
    responses=refusing(
        InspectionUnknown, InspectionStepUnfit, InspectionFindingsOpen, InspectionDayInvalid, ScopeMissing
    ),
)
async def post_inspection_step(
    inspection: UUID, form: InspectionStepIn, caller: Inspecting, wired: Wired
) -> InspectionOut:
    made = await add_step(
        inspection,
        form.step(),
        form.facts(),
        Inspector(caller.client, caller.officer),
        ledger=wired.inspections,
        world=wired.world,
    )
    return InspectionOut.of(made, wired.world.today())


@router.get(
    "/v1/inspections/{inspection}",
    response_model=InspectionOut,
    summary="Một cuộc kiểm tra / One inspection",
    responses=refusing(InspectionUnknown, ScopeMissing),
)
async def get_inspection(inspection: UUID, _: FollowingInspections, wired: Wired) -> InspectionOut:
    return InspectionOut.of(await read_inspection(inspection, ledger=wired.inspections), wired.world.today())


@router.get(
    "/v1/inspections",
    response_model=InspectionPage,
    summary="Các cuộc kiểm tra / Inspections",
    responses=refusing(ScopeMissing),
)
async def get_inspections(
    _: FollowingInspections,
    wired: Wired,
    agency: UUID | None = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> InspectionPage:
    of = None if agency is None else AgencyId(agency)
    found = await list_inspections(of, after=after, limit=limit, ledger=wired.inspections)
    today = wired.world.today()
    return InspectionPage(
        items=[InspectionOut.of(entry, today) for entry in found], next=found[-1].id if len(found) == limit else None
    )
