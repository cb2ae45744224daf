"""Parts: the one route through which content comes in."""

from __future__ import annotations

import hashlib
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

from services.ingest.api.bodies import PartBody, require_media_type
from services.ingest.api.schemas import PartAnswer
from services.ingest.api.wiring import Submitting, Wired, submitter
from services.ingest.domain.package import PartOffer
from services.ingest.usecases.store_part import PartStored, admit_part, store_part
from services.kernel.identifiers import PackageId
from services.kernel.refusals import Refusal
from services.kernel.refusals.incidents import ContentHeld
from services.kernel.refusals.packages import (
    AgencyBusy,
    ComponentMismatch,
    InstanceBusy,
    PackageNotReceiving,
    PackageUnknown,
    PartConflict,
    PartDigestMismatch,
    PartNotPlanned,
    PartSizeWrong,
    PartTooSlow,
    PartTruncated,
)
from services.kernel.refusals.platform import KmsUnavailable, StoreUnavailable
from services.runtime.openapi import refusing

router = APIRouter(tags=["parts"])
_OF_NOTHING = hashlib.sha256().digest()


@router.put(
    "/v1/packages/{package}/parts/{number}",
    summary="Gửi một phần / Send one part",
    description=(
        "Any order, any number at once. The length must be the plan's, the digest is that of Content-Digest. 201 says "
        "that the part is durable; a repeat with the same digest answers 200 with the same body and reads nothing. "
        "Every retry is signed anew."
    ),
    status_code=201,
    response_model=PartAnswer,
    responses={
        200: {"model": PartAnswer, "description": "The same part stands already."},
        **refusing(
            PackageUnknown, PartNotPlanned, PartSizeWrong, PartConflict, PackageNotReceiving, PartDigestMismatch,
            PartTruncated, PartTooSlow, ComponentMismatch, ContentHeld, AgencyBusy, InstanceBusy, StoreUnavailable, KmsUnavailable,
        ),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)  # fmt: skip
async def put_part(
    request: Request,
    package: UUID,
    number: Annotated[int, Path(ge=0, le=2**31 - 1, description="Counted from 0.")],
    sender: Submitting,
    wired: Wired,
) -> Response:
    body = PartBody(request, number)
    try:
        require_media_type(request, "application/octet-stream")
        offer = PartOffer(PackageId(package), number, sender.content_length or 0, sender.content_sha256 or _OF_NOTHING)
        with wired.in_flight.take(sender.agency, offer.length):
            admitted = await admit_part(
                offer, sender.nonce, submitter(sender), plans=wired.plans, ledger=wired.ledger, world=wired.world
            )
            if isinstance(admitted, PartStored):
                return _stored(package, admitted, await body.early())
            stored = await store_part(
                admitted,
                aiter(body),
                ledger=wired.ledger,
                vault=wired.vault,
                keys=wired.keys,
                world=wired.world,
            )
            return _stored(package, stored, await body.early())
    except Refusal as refusal:
        return await body.refuse(refusal)


def _stored(package: UUID, stored: PartStored, headers: dict[str, str]) -> Response:
    return Response(
        PartAnswer.of(package, stored.part).model_dump_json(),
        status_code=201 if stored.new else 200,
        media_type="application/json",
        headers={"cache-control": "private, no-store", **headers},
    )
