"""Expulsion and disposal, by the custodian."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.ingest.api.schemas import Answer
from services.ingest.api.wiring import Custodian, SeeingErasures, Wired
from services.ingest.domain.erasure import Erasure, ErasureKind, ErasureOrder
from services.ingest.usecases.order_erasure import order_erasure
from services.kernel.identifiers import ComponentId, PackageId
from services.kernel.refusals.erasure import (
    ErasureComponentsUnknown,
    ErasureConflict,
    ErasureHeld,
    ErasureTooEarly,
    ErasureUnknown,
)
from services.kernel.refusals.packages import PackageUnknown
from services.runtime.openapi import refusing

router = APIRouter(tags=["erasure"])
_MOST = 10_000  # components of one order that are named one by one

Instrument = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=3, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")
]


class ErasureIn(BaseModel):
    """What a custodian orders."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["expulsion", "disposal"] = Field(
        description="`expulsion`: content that may not be here goes from every version. `disposal`: this version lets go."
    )
    package: UUID
    components: list[UUID] | None = Field(
        default=None, min_length=1, max_length=_MOST, description="All that the package holds where absent."
    )
    instrument: Instrument = Field(
        description="Number and date of the decision; never a title of a document.", examples=["12/QĐ-UBND 2026-11-02"]
    )


class ErasureAnswer(Answer):
    """An order, and how far it is carried out."""

    erasure: UUID
    kind: Literal["expulsion", "disposal"]
    package: UUID
    components: list[UUID] = Field(description="Gone for every version: nobody can read them from `ordered_at` on.")
    kept: list[UUID] = Field(description="This version let go of them; another version still holds them.")
    instrument: str
    state: Literal["under-way", "finished"] = Field(
        description="`finished` once the stored bytes are zeros, in every version that the store had of them."
    )
    ordered_at: datetime
    finished_at: datetime | None
    complete_from: datetime | None = Field(
        description="Until then backups of the database may still hold the keys; known once it is finished."
    )

    @classmethod
    def of(cls, erasure: Erasure, backups: timedelta) -> ErasureAnswer:
        order = erasure.order
        return cls.model_validate(
            {
                "erasure": order.id,
                "kind": order.kind.value,
                "package": order.package,
                "components": list(erasure.components),
                "kept": list(erasure.kept),
                "instrument": order.instrument,
                "state": "under-way" if erasure.finished_at is None else "finished",
                "ordered_at": erasure.ordered_at,
                "finished_at": erasure.finished_at,
                "complete_from": erasure.complete_from(backups),
            }
        )


@router.put(
    "/v1/erasures/{erasure}",
    summary="Trục xuất hoặc tiêu hủy nội dung / Expel or dispose of content",
    description=(
        "Under a UUID of the custodian's choosing, so that the order can be repeated. The keys are destroyed before the "
        "answer; from then on the components answer like absent ones. The stored copies are replaced afterwards."
    ),
    status_code=202,
    response_model=ErasureAnswer,
    responses=refusing(PackageUnknown, ErasureTooEarly, ErasureComponentsUnknown, ErasureHeld, ErasureConflict),
)
async def put_erasure(erasure: UUID, form: ErasureIn, sender: Custodian, wired: Wired) -> ErasureAnswer:
    components = None if form.components is None else frozenset(ComponentId(id_) for id_ in form.components)
    order = ErasureOrder(
        id=erasure,
        kind=ErasureKind(form.kind),
        package=PackageId(form.package),
        components=components,
        instrument=form.instrument,
        client=sender.client,
        officer=sender.officer or "",
    )
    done = await order_erasure(
        order, plans=wired.plans, ledger=wired.ledger, vault=wired.vault, keys=wired.keys, world=wired.world
    )
    return ErasureAnswer.of(done, wired.backups)


@router.get(
    "/v1/erasures/{erasure}",
    summary="Một lệnh xóa / An erasure",
    response_model=ErasureAnswer,
    responses=refusing(ErasureUnknown),
)
async def get_erasure(erasure: UUID, _: SeeingErasures, wired: Wired) -> ErasureAnswer:
    async with wired.ledger.transaction() as books:
        found = await books.erasures.find(erasure)
    if found is None:
        raise ErasureUnknown
    return ErasureAnswer.of(found, wired.backups)
