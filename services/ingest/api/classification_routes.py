"""The life of classifications: who records a step, who reads the history."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from services.ingest.api.classification_schemas import ClassificationOut, NoticeIn, RecordOut, StepIn, StepOut
from services.ingest.api.wiring import SEEING_INCIDENTS, Classifying, FollowingClassification, Wired, submitter
from services.ingest.usecases.classification_ports import Notice
from services.ingest.usecases.classify_record import Recorder, histories, record_notice, record_step
from services.kernel.identifiers import PackageId
from services.kernel.refusals.classification import (
    AnnulledStepUnfit,
    AuthorityIncompetent,
    AuthorityUnproved,
    ClassificationUnchanged,
    ClassifiedUnknown,
    ExtensionLate,
    ExtensionTooLong,
    ListItemMissing,
    StepAhead,
    TermTooLong,
    TermUnknown,
)
from services.kernel.refusals.identity import ScopeMissing
from services.runtime.callers import Caller
from services.runtime.openapi import refusing

router = APIRouter(tags=["classification"])
_ATTESTING = "incident-officer"


def _sees_held(caller: Caller) -> bool:
    return not SEEING_INCIDENTS.isdisjoint(caller.scopes)


@router.get(
    "/v1/packages/{package}/classification",
    response_model=ClassificationOut,
    summary="Lịch sử độ mật của một gói / A package's classifications",
    description="Levels, dates and instruments of the records that have or had a label; never a title or a subject. "
    "What an officer holds is told only to whoever may see incidents.",
    responses=refusing(ClassifiedUnknown, ScopeMissing),
)
async def get_classification(
    package: UUID,
    caller: FollowingClassification,
    wired: Wired,
    on: Annotated[date | None, Query(description="As of this day; today without.")] = None,
) -> ClassificationOut:
    found = await histories(
        PackageId(package), on, sees_held=_sees_held(caller), ledger=wired.classifications, world=wired.world
    )
    return ClassificationOut(package=package, records=[RecordOut.of(entry) for entry in found])


@router.post(
    "/v1/packages/{package}/classification/steps",
    status_code=201,
    response_model=StepOut,
    summary="Ghi nhận quyết định về độ mật / Record a decision on a classification",
    description=(
        "Declassification, delisting, extension, raising, lowering, or the annulment of an earlier step. Whether the "
        "body could decide it on that day is proved by the registry of agencies; what the registry cannot prove, only "
        "an incident officer records. The same decision again answers the step that stands."
    ),
    responses=refusing(
        ClassifiedUnknown,
        AuthorityIncompetent,
        AuthorityUnproved,
        StepAhead,
        ClassificationUnchanged,
        ExtensionLate,
        ExtensionTooLong,
        TermTooLong,
        TermUnknown,
        ListItemMissing,
        AnnulledStepUnfit,
        ScopeMissing,
    ),
)
async def post_step(package: UUID, form: StepIn, caller: Classifying, wired: Wired) -> StepOut:
    recorded = await record_step(
        form.decision(package),
        Recorder(
            submitter(caller),
            caller.officer,
            may_attest=_ATTESTING in caller.scopes,
            sees_held=_sees_held(caller),
        ),
        ledger=wired.classifications,
        bodies=wired.bodies,
        world=wired.world,
        deployment=wired.deployment,
    )
    return StepOut.of(recorded)


@router.post(
    "/v1/classification/steps/{step}/notice",
    status_code=204,
    summary="Ghi nhận đã thông báo / Record that whoever has the record was told",
    description="Within 15 days of the decision (Law 29/2018/QH14 art. 20, 21). A repeat changes nothing.",
    responses=refusing(ClassifiedUnknown, StepAhead, ScopeMissing),
)
async def post_notice(step: UUID, form: NoticeIn, caller: Classifying, wired: Wired) -> None:
    notice = Notice(step, form.notified_on, form.instrument, caller.client, caller.officer, wired.world.now())
    await record_notice(notice, sees_held=_sees_held(caller), ledger=wired.classifications, world=wired.world)
