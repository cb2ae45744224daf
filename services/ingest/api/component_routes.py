"""Reading a component under catalog's grant, whole or one byte range of it."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from services.ingest.api.wiring import Calling, Wired
from services.ingest.usecases.ports import ComponentRow, World
from services.ingest.usecases.read_component import Reading, read_component
from services.ingest.usecases.running_readings import ReadingCut
from services.kernel.canonical import b64
from services.kernel.identifiers import ClientId, ComponentId
from services.kernel.messages import Grant, GrantBroken
from services.kernel.refusals.identity import RequestReplayed
from services.kernel.refusals.packages import ComponentUnknown, GrantInvalid, RangeUnsatisfiable
from services.runtime.app import answer_refusal
from services.runtime.nonces import Nonce
from services.runtime.openapi import refusing

router = APIRouter(tags=["components"])
_RANGE = re.compile(r"bytes=(?:(\d{1,18})-(\d{1,18})?|-(\d{1,18}))", re.ASCII)


@router.get(
    "/v1/components/{component}",
    summary="Đọc một tệp / Read a component",
    description=(
        "Catalog's `GET /v1/components/{id}` leads here with a grant that is good for one use by one client within 60 "
        "seconds. One byte range can be asked for. Every byte is authenticated before it is sent; where the store's "
        "bytes turn out to be broken, or an officer holds the component meanwhile, the connection is cut, so compare the digest in Repr-Digest."
    ),
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The component's bytes.",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        },
        206: {"description": "The bytes of the range."},
        304: {"description": "The client has these bytes already (If-None-Match)."},
        **refusing(ComponentUnknown, GrantInvalid, RangeUnsatisfiable),
    },
)
async def read(
    request: Request,
    component: UUID,
    wired: Wired,
    reader: Calling,
    grant: Annotated[str, Query(max_length=2048, description="From catalog's redirect.")],
) -> Response:
    nonce = _proved(grant, reader.client, ComponentId(component), wired.grant_key, wired.world)
    try:
        reading = await read_component(
            ComponentId(component),
            reader.client,
            nonce,
            _span(request),
            plans=wired.plans,
            ledger=wired.ledger,
            vault=wired.vault,
            keys=wired.keys,
            world=wired.world,
            running=wired.running,
        )
    except RequestReplayed:
        raise GrantInvalid from None
    except RangeUnsatisfiable as refusal:
        return answer_refusal(request, refusal, {"content-range": f"bytes */{refusal.facts['length']}"})
    headers = _headers(reading.component)
    if _has_it(request, reading.component):
        return Response(status_code=304, headers={name: headers[name] for name in ("etag", "cache-control")})
    return await _streamed(reading, headers)


def _proved(text: str, reader: ClientId, component: ComponentId, key: Ed25519PublicKey, world: World) -> Nonce:
    """A grant's single-use number, where the grant is catalog's, for this reader and component, and not too old."""
    try:
        grant = Grant.verify(text, key)
    except GrantBroken:
        raise GrantInvalid from None
    if grant.subject != reader or grant.component != component or grant.expires_at <= world.now():
        raise GrantInvalid
    return Nonce(grant.expires_at.date(), "grant", grant.jti, grant.expires_at)


def _span(request: Request) -> tuple[int | None, int | None] | None:
    """The one range that is asked for; anything else in the header means the whole (RFC 9110 14.2)."""
    match = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if match is None or "if-range" in request.headers:
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        return None, int(suffix)
    if last is not None and int(last) < int(first):
        return None
    return int(first), None if last is None else int(last)


def _has_it(request: Request, component: ComponentRow) -> bool:
    known = {entry.strip().removeprefix("W/") for entry in request.headers.get("if-none-match", "").split(",")}
    return "*" in known or _etag(component) in known


def _headers(component: ComponentRow) -> dict[str, str]:
    return {
        "etag": _etag(component),
        "repr-digest": f"sha-256=:{b64(component.sha256)}:",
        "content-disposition": disposition(component.name),
        "accept-ranges": "bytes",
        "cache-control": "private, no-store",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox",
    }


def _etag(component: ComponentRow) -> str:
    return f'"{component.sha256.hex()}"'


def disposition(name: str) -> str:
    """Content-Disposition with the file's name: plain ASCII for old clients, the true one beside it (RFC 6266, 8187)."""
    last = name.rpartition("/")[2]
    plain = "".join(character if character.isalnum() or character in " .-_" else "_" for character in last)
    plain = plain.encode("ascii", "replace").decode().replace("?", "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(last, safe='')}"


async def _streamed(reading: Reading, headers: dict[str, str]) -> Response:
    """The answer with its first bytes already proved, so that a broken object is a refusal and no answer at all."""
    size, whole = reading.component.size, reading.end - reading.start == reading.component.size
    headers["content-length"] = str(reading.end - reading.start)
    if not whole:
        headers["content-range"] = f"bytes {reading.start}-{reading.end - 1}/{size}"
    try:
        first = await anext(reading.body, b"")
    except ReadingCut:
        raise ComponentUnknown from None
    return StreamingResponse(
        _rest(first, reading.body, reading.end - reading.start),
        status_code=200 if whole else 206,
        media_type=reading.component.media_type,
        headers=headers,
    )


async def _rest(first: bytes, body: AsyncIterator[bytes], length: int) -> AsyncIterator[bytes]:
    """All of it; raises, and so cuts the connection, where less comes than was announced."""
    sent = len(first)
    try:
        if first:
            yield first
        async for chunk in body:
            sent += len(chunk)
            yield chunk
        if sent != length:
            raise RuntimeError("the vault gave another length")
    finally:
        if isinstance(body, AsyncGenerator):
            await body.aclose()
