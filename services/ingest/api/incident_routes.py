"""Incidents: open, propose, confirm, record what was done, close; notices for agencies; counts."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.ingest.api.incident_page import report_page
from services.ingest.api.incident_schemas import (
    ConfirmationIn,
    DoneIn,
    IncidentAnswer,
    IncidentIn,
    IncidentPage,
    NoticeAnswer,
    NoticePage,
    ProposalIn,
    ProposedAnswer,
    TrailAnswer,
    ViolationAnswer,
    ViolationsAnswer,
)
from services.ingest.api.wiring import Deciding, Finding, Submitting, Watching, Wired, submitter
from services.ingest.domain.incidents import Source, State
from services.ingest.usecases.decide_incident import (
    Proposal,
    close_incident,
    confirm_decision,
    propose_decision,
    record_done,
)
from services.ingest.usecases.incident_ports import Actor
from services.ingest.usecases.open_incident import Target, open_incident
from services.ingest.usecases.read_incidents import list_incidents, notices, open_trail, violations
from services.kernel.identifiers import ComponentId, PackageId
from services.kernel.refusals.incidents import (
    CorrectionCannotStay,
    CorrectionEmpty,
    CorrectionNotDone,
    DecisionIncomplete,
    ExpulsionNotDone,
    IncidentProposalChanged,
    IncidentSameOfficer,
    IncidentStepImpossible,
    IncidentTargetUnknown,
    IncidentUnfinished,
    IncidentUnknown,
    RemedyUnknown,
)
from services.kernel.secrecy import Level
from services.runtime.callers import Caller
from services.runtime.openapi import refusing

router = APIRouter(tags=["incidents"])
_PRIVATE = {"cache-control": "private, no-store"}
After = Annotated[UUID | None, Query(description="The `next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=200)]


def _actor(caller: Caller) -> Actor:
    return Actor(caller.client, caller.officer)


@router.post(
    "/v1/incidents",
    summary="Mở vụ việc, niêm phong ngay / Open an incident and hold at once",
    description=(
        "Puts a component's document, a document or a whole package under hold in this very transaction: nothing of it "
        "can be read from its commit on, and downloads that run are cut within two seconds. `hidden_at` tells when "
        "search and the catalog had hidden it too. Only the decision of two officers lifts it."
    ),
    status_code=201,
    response_model=TrailAnswer,
    responses=refusing(IncidentTargetUnknown),
)
async def open_one(form: IncidentIn, caller: Finding, wired: Wired) -> TrailAnswer:
    incident = await open_incident(
        Target(PackageId(form.package), form.document, None if form.component is None else ComponentId(form.component)),
        Source.OFFICER if "incident-officer" in caller.scopes else Source.ARCHIVIST,
        form.kind,
        _actor(caller),
        ledger=wired.incidents,
        world=wired.world,
    )
    wired.running.look_soon()
    return await _trail(incident, wired)


@router.get(
    "/v1/incidents",
    summary="Danh sách vụ việc / Incidents",
    description="In the order of opening; with `overdue` only those whose time has run out.",
    response_model=IncidentPage,
)
async def list_all(
    _: Deciding,
    wired: Wired,
    after: After = None,
    limit: Limit = 50,
    state: Annotated[State | None, Query()] = None,
    overdue: Annotated[bool, Query()] = False,
) -> IncidentPage:
    found = await list_incidents(
        after=after, limit=limit + 1, state=state, overdue=overdue, ledger=wired.incidents, world=wired.world
    )
    items = [IncidentAnswer.of(incident) for incident in found[:limit]]
    return IncidentPage(items=items, next=items[-1].incident if len(found) > limit else None)


@router.get(
    "/v1/incidents/{incident}",
    summary="Một vụ việc và toàn bộ các bước / An incident with its trail",
    description="Also the closing report: this JSON, or a page to print at `/report`.",
    response_model=TrailAnswer,
    responses=refusing(IncidentUnknown),
)
async def show(incident: UUID, _: Deciding, wired: Wired) -> TrailAnswer:
    return await _trail(incident, wired)


@router.get(
    "/v1/incidents/{incident}/report",
    summary="Báo cáo vụ việc để lưu hồ sơ / The report as a page to file",
    response_class=Response,
    responses={200: {"description": "HTML.", "content": {"text/html": {}}}, **refusing(IncidentUnknown)},
)
async def report(incident: UUID, _: Deciding, wired: Wired) -> Response:
    page = report_page(await open_trail(incident, ledger=wired.incidents, world=wired.world))
    headers = _PRIVATE | {"content-security-policy": "default-src 'none'", "x-content-type-options": "nosniff"}
    return Response(page, media_type="text/html; charset=utf-8", headers=headers)


@router.post(
    "/v1/incidents/{incident}/proposals",
    summary="Đề xuất quyết định / Propose a decision",
    description="Another officer confirms the step whose number is answered. A new proposal replaces an earlier one.",
    status_code=201,
    response_model=ProposedAnswer,
    responses=refusing(
        IncidentUnknown, IncidentStepImpossible, DecisionIncomplete, CorrectionEmpty, CorrectionCannotStay
    ),
)
async def propose(incident: UUID, form: ProposalIn, caller: Deciding, wired: Wired) -> ProposedAnswer:
    level = None if form.level is None else Level.from_wire(form.level)
    proposal = Proposal(form.decision, form.instrument, level, form.due_on)
    step = await propose_decision(
        incident,
        proposal,
        _actor(caller),
        ledger=wired.incidents,
        world=wired.world,
        deployment=wired.deployment,
    )
    return ProposedAnswer(step=step)


@router.post(
    "/v1/incidents/{incident}/confirmation",
    summary="Xác nhận đề xuất / Confirm the proposal",
    description="By another officer at another client. A release lifts the hold; anything else is ordered and has a clock.",
    response_model=TrailAnswer,
    responses=refusing(IncidentUnknown, IncidentStepImpossible, IncidentProposalChanged, IncidentSameOfficer),
)
async def confirm(incident: UUID, form: ConfirmationIn, caller: Deciding, wired: Wired) -> TrailAnswer:
    await confirm_decision(incident, form.step, _actor(caller), ledger=wired.incidents, world=wired.world)
    return await _trail(incident, wired)


@router.post(
    "/v1/incidents/{incident}/done",
    summary="Ghi việc đã làm / Record what was done",
    description=(
        "Stops one clock. An expulsion is only accepted once the custodian has destroyed every key, "
        "a corrected level once a step of the classification has made it so since the opening."
    ),
    response_model=TrailAnswer,
    responses=refusing(IncidentUnknown, IncidentStepImpossible, RemedyUnknown, ExpulsionNotDone, CorrectionNotDone),
)
async def done(incident: UUID, form: DoneIn, caller: Deciding, wired: Wired) -> TrailAnswer:
    await record_done(
        incident,
        form.what,
        form.instrument,
        _actor(caller),
        ledger=wired.incidents,
        world=wired.world,
        deployment=wired.deployment,
    )
    return await _trail(incident, wired)


@router.post(
    "/v1/incidents/{incident}/closure",
    summary="Kết thúc vụ việc / Close the incident",
    description="Once it is decided, everything with a clock is done and catalog has confirmed.",
    response_model=TrailAnswer,
    responses=refusing(IncidentUnknown, IncidentStepImpossible, IncidentUnfinished),
)
async def close(incident: UUID, caller: Deciding, wired: Wired) -> TrailAnswer:
    await close_incident(incident, _actor(caller), ledger=wired.incidents, world=wired.world)
    return await _trail(incident, wired)


@router.get(
    "/v1/notices",
    summary="Thông báo niêm phong cho cơ quan nộp / Notices of holds to the submitter",
    description="Which document of which package, and what to do. Nothing of the content.",
    response_model=NoticePage,
)
async def read_notices(caller: Submitting, wired: Wired, after: After = None, limit: Limit = 50) -> NoticePage:
    found = await notices(
        submitter(caller), after=after, limit=limit + 1, ledger=wired.incidents, directory=wired.directory
    )
    items = [NoticeAnswer.of(notice) for notice in found[:limit]]
    return NoticePage(items=items, next=items[-1].incident if len(found) > limit else None)


@router.get(
    "/v1/violations",
    summary="Số vi phạm theo cơ quan và loại / Violations by agency and kind",
    description="Counts only, by the day in Vietnam on which they were found; both days are included.",
    response_model=ViolationsAnswer,
)
async def count(
    _: Watching,
    wired: Wired,
    since: Annotated[date, Query(description="The first day.")],
    until: Annotated[date, Query(description="The last day.")],
) -> ViolationsAnswer:
    found = await violations(since, until, ledger=wired.incidents)
    return ViolationsAnswer(since=since, until=until, items=[ViolationAnswer.of(entry) for entry in found])


async def _trail(incident: UUID, wired: Wired) -> TrailAnswer:
    return TrailAnswer.of_trail(await open_trail(incident, ledger=wired.incidents, world=wired.world))
