"""How secret a record each agency may hand in over the independent LAN: the officers of rules decide, the registry keeps."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from services.auth.api.schemas import Form, Line
from services.auth.api.wiring import Approving, Authoring, RuleOfficer, RulesReader, Wired
from services.auth.domain.ceilings import CeilingDecision, CeilingTerms, Officer, Outcome
from services.auth.usecases.decide_ceiling import approve_ceiling, decline_ceiling, list_ceilings, propose_ceiling
from services.kernel.identifiers import AgencyId
from services.kernel.refusals.ceilings import (
    CeilingDatesInvalid,
    CeilingSameOfficer,
    CeilingSettled,
    CeilingTopSecret,
    CeilingUnknown,
)
from services.kernel.refusals.identity import AgencyUnknown, ScopeMissing
from services.kernel.secrecy import Level, LevelWord
from services.runtime.callers import Caller
from services.runtime.openapi import refusing

router = APIRouter(tags=["ceilings"])


class CeilingIn(Form):
    """A decision of the police. From its first day on it replaces what was decided before, also where it ends again."""

    level: LevelWord = Field(
        description="The highest level the agency may hand in; `none` withdraws. Never `tuyet_mat`."
    )
    valid_from: date
    valid_to: date | None = Field(default=None, description="The first day on which it no longer holds.")
    number: Line = Field(examples=["15/QĐ-CAT"])
    decided_on: date
    authority: Line = Field(examples=["Giám đốc Công an tỉnh"])

    def terms(self, agency: UUID) -> CeilingTerms:
        return CeilingTerms(
            agency=AgencyId(agency),
            level=Level.from_wire(self.level),
            valid_from=self.valid_from,
            valid_to=self.valid_to,
            number=self.number,
            decided_on=self.decided_on,
            authority=self.authority,
        )


class CeilingOut(Form):
    """A decision as it stands: it waits, or it was approved or declined by another officer."""

    id: UUID
    agency: UUID
    level: LevelWord
    valid_from: date
    valid_to: date | None
    number: str
    decided_on: date
    authority: str
    author: str = Field(description="The officer who proposed it.")
    proposed_at: datetime
    outcome: Outcome | None = Field(description="Null while it waits; only what is approved has an effect.")
    settled_by: str | None
    settled_at: datetime | None = Field(description="It counts for what is declared from this moment on.")

    @classmethod
    def of(cls, decision: CeilingDecision) -> CeilingOut:
        terms, settled = decision.terms, decision.settled
        return cls.model_validate(
            {
                "id": decision.id,
                "agency": terms.agency,
                "level": terms.level.wire,
                "valid_from": terms.valid_from,
                "valid_to": terms.valid_to,
                "number": terms.number,
                "decided_on": terms.decided_on,
                "authority": terms.authority,
                "author": decision.author.name,
                "proposed_at": decision.proposed_at,
                "outcome": None if settled is None else settled.outcome,
                "settled_by": None if settled is None else settled.by.name,
                "settled_at": None if settled is None else settled.at,
            }
        )


class CeilingPage(Form):
    """Decisions in the order of their proposal; `next` is the `after` of the following page."""

    ceilings: list[CeilingOut]
    next: UUID | None


@router.post(
    "/v1/agencies/{agency}/ceilings",
    status_code=201,
    response_model=CeilingOut,
    summary="Đề xuất mức mật cao nhất của một cơ quan / Propose what an agency may hand in over the independent LAN",
    responses=refusing(AgencyUnknown, CeilingTopSecret, CeilingDatesInvalid, ScopeMissing),
)
async def post_ceiling(agency: UUID, form: CeilingIn, caller: Authoring, wiring: Wired) -> CeilingOut:
    return CeilingOut.of(
        await propose_ceiling(form.terms(agency), _officer(caller), ledger=wiring.ledger, world=wiring.world)
    )


@router.get(
    "/v1/ceilings",
    response_model=CeilingPage,
    summary="Các quyết định về mức mật cao nhất / Decisions on what agencies may hand in",
    responses=refusing(ScopeMissing),
)
async def get_ceilings(
    _: RulesReader,
    wiring: Wired,
    agency: UUID | None = None,
    after: Annotated[UUID | None, Query(description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> CeilingPage:
    found = await list_ceilings(agency=agency, after=after, limit=limit, ledger=wiring.ledger)
    return CeilingPage(
        ceilings=[CeilingOut.of(decision) for decision in found], next=found[-1].id if len(found) == limit else None
    )


@router.post(
    "/v1/ceilings/{ceiling}/approve",
    response_model=CeilingOut,
    summary="Duyệt đề xuất của cán bộ khác / Approve another officer's proposal",
    responses=refusing(CeilingUnknown, CeilingSettled, CeilingSameOfficer, ScopeMissing),
)
async def post_approval(ceiling: UUID, caller: Approving, wiring: Wired) -> CeilingOut:
    return CeilingOut.of(await approve_ceiling(ceiling, _officer(caller), ledger=wiring.ledger, world=wiring.world))


@router.post(
    "/v1/ceilings/{ceiling}/decline",
    response_model=CeilingOut,
    summary="Bác hoặc rút đề xuất / Decline or withdraw a proposal",
    responses=refusing(CeilingUnknown, CeilingSettled, ScopeMissing),
)
async def post_refusal(ceiling: UUID, caller: RuleOfficer, wiring: Wired) -> CeilingOut:
    return CeilingOut.of(await decline_ceiling(ceiling, _officer(caller), ledger=wiring.ledger, world=wiring.world))


def _officer(caller: Caller) -> Officer:
    return Officer(caller.client, caller.officer or str(caller.client))
