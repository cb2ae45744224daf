"""Leave to take restricted documents out of the archive: asked, approved by another person, ended. Ids and papers only."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from services.catalog.api.schemas import Form
from services.catalog.api.wiring import Exporting, FollowingExports, Wired
from services.catalog.domain.exports import ExportRequest, ExportTerms, Person, Step
from services.catalog.usecases.approve_export import ask_export, list_exports, settle_export
from services.kernel.identifiers import ClientId, DocumentId
from services.kernel.refusals.catalog import DocumentUnknown
from services.kernel.refusals.exports import ExportDatesInvalid, ExportSamePerson, ExportSettled, ExportUnknown
from services.kernel.refusals.identity import ScopeMissing
from services.runtime.callers import Caller
from services.runtime.openapi import refusing

router = APIRouter(tags=["exports"])

Line = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$")]


class ExportIn(Form):
    """A request, by the approving paper. Say nothing of what is in the documents."""

    documents: list[UUID] = Field(min_length=1, max_length=500)
    number: Line = Field(examples=["15/QĐ-UBND"])
    decided_on: date
    authority: Line = Field(examples=["Chủ tịch Ủy ban nhân dân tỉnh"])
    recipient: Line = Field(description="Who gets it: a body or an office.", examples=["Thanh tra tỉnh"])
    until: date = Field(description="The last day, at most 90 days after the paper's.")

    def terms(self) -> ExportTerms:
        return ExportTerms(
            frozenset(DocumentId(document) for document in self.documents),
            self.number,
            self.decided_on,
            self.authority,
            self.recipient,
            self.until,
        )


class ExportStepOut(Form):
    """A step: by whom and when."""

    step: Step
    client: UUID
    officer: str | None
    at: datetime


class ExportOut(Form):
    """A request with its steps; only one whose last step is `approved` allows anything, and only to who asked."""

    id: UUID
    documents: list[UUID]
    number: str
    decided_on: date
    authority: str
    recipient: str
    until: date
    client: UUID
    officer: str | None
    asked_at: datetime
    steps: list[ExportStepOut]

    @classmethod
    def of(cls, request: ExportRequest) -> ExportOut:
        terms = request.terms
        return cls(
            id=request.id,
            documents=sorted(terms.documents),
            number=terms.number,
            decided_on=terms.decided_on,
            authority=terms.authority,
            recipient=terms.recipient,
            until=terms.until,
            client=request.asked_by.client,
            officer=request.asked_by.officer,
            asked_at=request.asked_at,
            steps=[
                ExportStepOut(step=step, client=by.client, officer=by.officer, at=at) for step, by, at in request.steps
            ],
        )


class ExportPage(Form):
    """Requests in the order of their asking; `next` is the `after` of the following page."""

    items: list[ExportOut]
    next: UUID | None


@router.post(
    "/v1/exports",
    status_code=201,
    response_model=ExportOut,
    summary="Đề nghị đưa tài liệu ra ngoài / Ask to take restricted documents out",
    description="For documents with access mode 03 (rule 28). Another person approves; the reader is the client that asks.",
    responses=refusing(DocumentUnknown, ExportDatesInvalid, ScopeMissing),
)
async def post_export(form: ExportIn, caller: Exporting, wiring: Wired) -> ExportOut:
    request = await ask_export(
        form.terms(), _person(caller), reader=wiring.reader(caller), ledger=wiring.ledger, world=wiring.world
    )
    return ExportOut.of(request)


@router.get(
    "/v1/exports",
    response_model=ExportPage,
    summary="Các đề nghị và bước xử lý / Requests and their steps",
    responses=refusing(ScopeMissing),
)
async def get_exports(
    caller: FollowingExports,
    wiring: Wired,
    after: Annotated[UUID | None, Query(description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> ExportPage:
    found = await list_exports(after=after, limit=limit + 1, ledger=wiring.ledger)
    shown = [ExportOut.of(request) for request in found[:limit]]
    return ExportPage(items=shown, next=shown[-1].id if len(found) > limit else None)


async def _settled(export: UUID, step: Step, caller: Caller, wiring: Wired) -> ExportOut:
    return ExportOut.of(await settle_export(export, step, _person(caller), ledger=wiring.ledger, world=wiring.world))


@router.post(
    "/v1/exports/{export}/approve",
    response_model=ExportOut,
    summary="Duyệt đề nghị của người khác / Approve another person's request",
    responses=refusing(ExportUnknown, ExportSettled, ExportSamePerson, ScopeMissing),
)
async def post_approval(export: UUID, caller: Exporting, wiring: Wired) -> ExportOut:
    return await _settled(export, Step.APPROVED, caller, wiring)


@router.post(
    "/v1/exports/{export}/decline",
    response_model=ExportOut,
    summary="Từ chối hoặc rút đề nghị / Decline or withdraw a request",
    responses=refusing(ExportUnknown, ExportSettled, ScopeMissing),
)
async def post_refusal(export: UUID, caller: Exporting, wiring: Wired) -> ExportOut:
    return await _settled(export, Step.DECLINED, caller, wiring)


@router.post(
    "/v1/exports/{export}/end",
    response_model=ExportOut,
    summary="Kết thúc phê duyệt trước hạn / End an approval before its day",
    responses=refusing(ExportUnknown, ExportSettled, ScopeMissing),
)
async def post_end(export: UUID, caller: Exporting, wiring: Wired) -> ExportOut:
    return await _settled(export, Step.ENDED, caller, wiring)


def _person(caller: Caller) -> Person:
    return Person(ClientId(caller.client), caller.officer)
