"""The secrecy rules: who reads them, who publishes them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from services.ingest.api.bodies import require_media_type
from services.ingest.api.schemas import RulesAnswer, RulesSigners
from services.ingest.api.wiring import Approving, Calling, RuleOfficer, Wired
from services.ingest.usecases.publish_rules import publish_rules, published_rules, signers_of
from services.kernel.dsse import MAX_ENVELOPE
from services.kernel.refusals.packages import RulesMissing
from services.kernel.refusals.rules import (
    BundleInvalid,
    RulesEnvelopeInvalid,
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
    rules = await wired.rules.current(fresh=True)
    headers = {"etag": f'"{rules.sha256.hex()}"', "cache-control": "no-cache"}
    return Response(rules.envelope, media_type="application/json", headers=headers)


@router.get(
    "/v1/rules/current/signers",
    summary="Khóa của người ký bộ quy tắc / Who signed the rules in force",
    description=(
        "The public keys by which the rules in force are checked offline, with the scopes their owners had. A client "
        "may pin them; an officer is named by client only. With them what the caller's own agency may hand in over the "
        "independent LAN, which its offline check needs as well."
    ),
    response_model=RulesSigners,
    responses=refusing(RulesMissing),
)
async def signers(wired: Wired, caller: Calling) -> RulesSigners:
    rules = await wired.rules.current(fresh=True)
    return RulesSigners.of(rules, signers_of(rules, directory=wired.directory), wired.directory.ceilings(caller.agency))


@router.get(
    "/v1/rules",
    summary="Các bộ quy tắc đã công bố / Published rules",
    description="The bundle in force and those that wait for their first day, for the officers of rules.",
    response_model=list[RulesAnswer],
    responses=refusing(RulesMissing),
)
async def published(wired: Wired, _: RuleOfficer) -> list[RulesAnswer]:
    found = await published_rules(ledger=wired.ledger, rules=wired.rules, world=wired.world)
    return [RulesAnswer.of(entry) for entry in found]


@router.post(
    "/v1/rules",
    summary="Công bố bộ quy tắc / Publish rules",
    description=(
        "A DSSE envelope over a bundle (`nopluu/rules1`), signed by two different officers, one as author and one as "
        "approver. Its version must be greater than every one before it. In force from its first day, at every instance "
        "within two seconds; until then the rules in force stay, and several bundles may wait."
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
    ),
    openapi_extra={"requestBody": {"required": True, "content": _ENVELOPE}},
)
async def publish(request: Request, sender: Approving, wired: Wired) -> RulesAnswer:
    require_media_type(request, "application/json")
    envelope = await checked_body(request, sender, max_bytes=MAX_ENVELOPE)
    rules = await publish_rules(
        envelope, sender.client, ledger=wired.ledger, directory=wired.directory, world=wired.world
    )
    return RulesAnswer.of(rules)
