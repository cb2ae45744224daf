"""Messages from the other services."""

from __future__ import annotations

from fastapi import APIRouter, Request

from services.catalog.api.schemas import MessageTaken
from services.catalog.api.wiring import Serving, Wired
from services.catalog.usecases.receive_message import receive_message
from services.kernel.messages import MAX_MESSAGE
from services.kernel.refusals.catalog import MessageMalformed
from services.kernel.refusals.identity import ContentDigestMismatch, ContentLengthMismatch, ScopeMissing
from services.kernel.refusals.platform import BodyTooLarge
from services.runtime.openapi import refusing
from services.runtime.signed_requests import checked_body

router = APIRouter(tags=["messages"])


@router.post(
    "/v1/messages",
    status_code=202,
    response_model=MessageTaken,
    summary="Take a message from another service",
    description="The body is a `nopluu/message1` message. It is kept before it is acknowledged; repeats change nothing.",
    responses=refusing(MessageMalformed, BodyTooLarge, ContentLengthMismatch, ContentDigestMismatch, ScopeMissing),
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}},
)
async def post_message(request: Request, caller: Serving, wiring: Wired) -> MessageTaken:
    body = await checked_body(request, caller, max_bytes=MAX_MESSAGE)
    return MessageTaken(message=await receive_message(body, ledger=wiring.ledger, world=wiring.world))
