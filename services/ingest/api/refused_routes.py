"""What was refused, as the police see it: which agency, when, by which rules; never what it was about."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from services.ingest.api.schemas import Answer, Digest, Pointer_
from services.ingest.api.wiring import RefusedReading, Wired
from services.ingest.usecases.holdings import RefusedReport
from services.kernel.identifiers import PackageId

router = APIRouter(tags=["rules"])


class RefusedVerdict(Answer):
    """Why one document was refused or reported."""

    pointer: Pointer_
    effect: str
    report: bool
    rules: list[str]


class RefusedPackageAnswer(Answer):
    """One refused package. Its manifest was not kept; the salted digest tells two refusals apart and names none."""

    package: UUID
    agency: UUID
    refused_at: datetime
    rules_sha256: Digest
    manifest_salted: Digest
    report: bool = Field(description="Whether a rule demands that it be reported.")
    verdicts: list[RefusedVerdict]

    @classmethod
    def of(cls, found: RefusedReport) -> RefusedPackageAnswer:
        return cls(
            package=found.package,
            agency=found.agency,
            refused_at=found.at,
            rules_sha256=found.rules_sha256.hex(),
            manifest_salted=found.manifest_salted.hex(),
            report=found.reported,
            verdicts=[
                RefusedVerdict(
                    pointer=verdict.pointer, effect=verdict.effect, report=verdict.report, rules=list(verdict.rules)
                )
                for verdict in found.verdicts
            ],
        )


class RefusedPage(Answer):
    """Refused packages in the order of refusal; `next` is the value of `after` for the following page."""

    refused: list[RefusedPackageAnswer]
    next: UUID | None


@router.get(
    "/v1/refused-packages",
    summary="Gói bị quy tắc từ chối / Packages that the rules refused",
    description="For incident officers and who approves rules: codes, places and a salted digest; no subject, no title.",
    response_model=RefusedPage,
)
async def refused(
    wired: Wired,
    _: RefusedReading,
    after: Annotated[UUID | None, Query(description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> RefusedPage:
    found = await wired.holdings.refused(None if after is None else PackageId(after), limit)
    return RefusedPage(
        refused=[RefusedPackageAnswer.of(entry) for entry in found],
        next=found[-1].package if len(found) == limit else None,
    )
