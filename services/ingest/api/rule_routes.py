"""The secrecy rules: who reads them, who publishes them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from services.ingest.api.bodies import require_media_type
from services.ingest.api.schemas import RulesAnswer
from services.ingest.api.wiring import Approving, Calling, Wired
from services.ingest.usecases.publish_rules import publish_rules, rules_in_force
from services.kernel.dsse import MAX_ENVELOPE
from services.kernel.refusals.packages import RulesMissing
from services.kernel.refusals.rules import (
    BundleInvalid,
    RulesEnvelopeInvalid,
    RulesNotInForce,
    RulesNotNewer,
    RulesSameOfficer,
    RulesSignatureWrong,
    RulesSignerScope,
    RulesSignerUnknown,
    RulesSingleSigned,
    RulesUnsigned,
)
from services.runtime.openapi import refusing
from services.runtime.signed_requests import checked_body

router = APIRouter(tags=["rules"])
_ENVELOPE: dict[str, Any] = {"application/json": {"schema": {"type": "object"}}}


@router.get(
    "/v1/rules/current",
    summary="Bộ quy tắc đang hiệu lực / The rules in force",
    description="The DSSE envelope that two officers signed, byte for byte; any enrolled client may read it.",
    response_class=Response,
    responses={
        200: {"description": "The envelope; ETag is the digest of its payload.", "content": _ENVELOPE},
        **refusing(RulesMissing),
    },
)
async def current(wired: Wired, _: Calling) -> Response:
    published = await rules_in_force(ledger=wired.ledger, world=wired.world)
    headers = {"etag": f'"{published.sha256.hex()}"', "cache-control": "no-cache"}
    return Response(published.envelope, media_type="application/json", headers=headers)


@router.post(
    "/v1/rules",
    summary="Công bố bộ quy tắc / Publish rules",
    description=(
        "A DSSE envelope over a bundle (`nopluu/rules1`), signed by two different officers, one as author and one as "
        "approver. Its version must be greater than every one before it. In force at every instance within two seconds."
    ),
    status_code=201,
    response_model=RulesAnswer,
    responses=refusing(
        RulesEnvelopeInvalid,
        RulesUnsigned,
        RulesSignatureWrong,
        RulesSignerUnknown,
        RulesSingleSigned,
        RulesSameOfficer,
        RulesSignerScope,
        BundleInvalid,
        RulesNotNewer,
        RulesNotInForce,
    ),
    openapi_extra={"requestBody": {"required": True, "content": _ENVELOPE}},
)
async def publish(request: Request, sender: Approving, wired: Wired) -> RulesAnswer:
    require_media_type(request, "application/json")
    envelope = await checked_body(request, sender, max_bytes=MAX_ENVELOPE)
    published = await publish_rules(
        envelope, sender.client, ledger=wired.ledger, directory=wired.directory, world=wired.world
    )
    return RulesAnswer.of(published)
