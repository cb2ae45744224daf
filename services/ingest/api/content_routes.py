"""What came of looking into a package's files: for whoever sees incidents, in words of closed sets."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from services.ingest.api.wiring import Watching, Wired
from services.ingest.usecases.content_ports import PackageInspection
from services.ingest.usecases.inspect_content import read_content_inspection
from services.kernel.identifiers import PackageId
from services.kernel.marks import Mark, Outcome
from services.kernel.refusals.identity import ScopeMissing
from services.kernel.refusals.packages import PackageUnknown
from services.runtime.openapi import refusing

router = APIRouter(tags=["incidents"])


class ContentFindingOut(BaseModel):
    """A file with marks of secrecy, or one that nobody could look into."""

    model_config = ConfigDict(frozen=True)

    component: UUID
    outcome: Outcome
    marks: list[Mark]
    page: int = Field(description="The first page with a mark, from 1; 0 where there is none.")


class ContentInspectionOut(BaseModel):
    """How far the files were looked into; `counts` by outcome."""

    model_config = ConfigDict(frozen=True)

    package: UUID
    matcher: int = Field(description="Which version of the matcher looked.")
    finished_at: datetime | None = Field(description="Null while it goes on.")
    counts: dict[Outcome, int]
    findings: list[ContentFindingOut]

    @classmethod
    def of(cls, package: UUID, found: PackageInspection) -> ContentInspectionOut:
        return cls(
            package=package,
            matcher=found.matcher,
            finished_at=found.finished_at,
            counts={Outcome(outcome): count for outcome, count in found.counts.items()},
            findings=[
                ContentFindingOut(
                    component=entry.component,
                    outcome=entry.outcome,
                    marks=[Mark(mark) for mark in entry.marks],
                    page=entry.page,
                )
                for entry in found.findings
            ],
        )


@router.get(
    "/v1/packages/{package}/content-inspection",
    response_model=ContentInspectionOut,
    summary="Kết quả tìm dấu mật trong các tệp / What came of looking into the files",
    description="Counts by outcome; the files with marks, and those that nobody could look into. Nothing of their text.",
    responses=refusing(PackageUnknown, ScopeMissing),
)
async def get_content_inspection(package: UUID, _: Watching, wired: Wired) -> ContentInspectionOut:
    return ContentInspectionOut.of(package, await read_content_inspection(PackageId(package), content=wired.content))
