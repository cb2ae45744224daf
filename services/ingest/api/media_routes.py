"""The register of media that held state secrets: the police and the archive record, supervisors and auditors look."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from services.ingest.api.classification_schemas import Form, Line
from services.ingest.api.wiring import FollowingMedia, KeepingMedia, Wired
from services.ingest.domain.media import MediumKind, MediumStep, MediumStepKind
from services.ingest.usecases.keep_media import (
    RegisteredMedium,
    ShownMedium,
    add_medium_step,
    list_media,
    register_medium,
)
from services.kernel.identifiers import AgencyId
from services.kernel.refusals.identity import ScopeMissing
from services.kernel.refusals.inspections import InspectedAgencyUnknown
from services.kernel.refusals.media import (
    MediumDayInvalid,
    MediumNotWiped,
    MediumSamePerson,
    MediumStepUnfit,
    MediumUnknown,
)
from services.kernel.secrecy import Level, LevelWord
from services.runtime.callers import Caller
from services.runtime.openapi import refusing

router = APIRouter(tags=["media"])


class MediumIn(Form):
    """A medium that held, or may have held, state secrets. No title of a record belongs into any text."""

    agency: UUID
    kind: MediumKind
    mark: Line = Field(description="Serial or inventory number by which it is found.", examples=["WD-4471-0923"])
    level: LevelWord = Field(description="The highest level it held; `none` where it held no secret yet.")
    on: date
    instrument: Line = Field(description="Number of the minutes (biên bản).")


class MediumStepIn(Form):
    """What happened to it. `held` needs a level."""

    kind: Literal[
        MediumStepKind.HELD,
        MediumStepKind.WIPED,
        MediumStepKind.VERIFIED,
        MediumStepKind.REUSED,
        MediumStepKind.DESTROYED,
    ]
    on: date
    level: LevelWord = "none"
    instrument: Line


class MediumStepOut(BaseModel):
    """A step as it is kept for ever."""

    model_config = ConfigDict(frozen=True)

    number: int
    kind: MediumStepKind
    on: date
    level: LevelWord
    instrument: str
    officer: str | None
    recorded_at: datetime


class MediumOut(BaseModel):
    """A medium and everything that happened to it; `blocked` until another person verified that it was wiped."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    agency: UUID
    kind: MediumKind
    mark: str
    level: LevelWord = Field(description="The highest level since it was last verified.")
    blocked: bool
    trail: list[MediumStepOut]

    @classmethod
    def of(cls, shown: ShownMedium) -> MediumOut:
        registered, medium = shown.registered, shown.medium
        return cls.model_validate(
            {
                "id": registered.id,
                "agency": registered.agency,
                "kind": registered.kind,
                "mark": registered.mark,
                "level": medium.level.wire,
                "blocked": medium.blocked,
                "trail": [
                    {
                        "number": entry.number,
                        "kind": entry.step.kind,
                        "on": entry.step.on,
                        "level": entry.step.level.wire,
                        "instrument": entry.instrument,
                        "officer": entry.step.officer,
                        "recorded_at": entry.at,
                    }
                    for entry in shown.trail
                ],
            }
        )


class MediumPage(BaseModel):
    """A page in the order of registering; `next` is the value of `after` for the following one."""

    model_config = ConfigDict(frozen=True)

    items: list[MediumOut]
    next: UUID | None


@router.post(
    "/v1/media",
    status_code=201,
    response_model=MediumOut,
    summary="Đăng ký vật mang tin từng chứa bí mật / Register a medium that held state secrets",
    responses=refusing(InspectedAgencyUnknown, MediumDayInvalid, ScopeMissing),
)
async def post_medium(form: MediumIn, caller: KeepingMedia, wired: Wired) -> MediumOut:
    medium = RegisteredMedium(wired.world.new_id(), AgencyId(form.agency), form.kind, form.mark)
    step = _step(MediumStepKind.REGISTERED, form.on, form.level, caller)
    made = await register_medium(
        medium, step, form.instrument, ledger=wired.media, names=wired.names, world=wired.world
    )
    return MediumOut.of(made)


@router.post(
    "/v1/media/{medium}/steps",
    status_code=201,
    response_model=MediumOut,
    summary="Ghi việc xóa, xác nhận, dùng lại, tiêu hủy / Record wiping, verifying, reuse, destruction",
    description="A medium that held secrets is used again only after another person verified that it was wiped (rule 29).",
    responses=refusing(
        MediumUnknown, MediumNotWiped, MediumSamePerson, MediumStepUnfit, MediumDayInvalid, ScopeMissing
    ),
)
async def post_medium_step(medium: UUID, form: MediumStepIn, caller: KeepingMedia, wired: Wired) -> MediumOut:
    step = _step(form.kind, form.on, form.level, caller)
    return MediumOut.of(await add_medium_step(medium, step, form.instrument, ledger=wired.media, world=wired.world))


@router.get(
    "/v1/media",
    response_model=MediumPage,
    summary="Sổ vật mang tin / The register of media",
    responses=refusing(ScopeMissing),
)
async def get_media(
    _: FollowingMedia,
    wired: Wired,
    agency: UUID | None = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> MediumPage:
    of = None if agency is None else AgencyId(agency)
    found = await list_media(of, after=after, limit=limit + 1, ledger=wired.media)
    items = [MediumOut.of(entry) for entry in found[:limit]]
    return MediumPage(items=items, next=items[-1].id if len(found) > limit else None)


def _step(kind: MediumStepKind, on: date, level: LevelWord, caller: Caller) -> MediumStep:
    return MediumStep(kind, on, caller.client, caller.officer, Level.from_wire(level))
