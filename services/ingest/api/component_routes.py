"""Reading a component under catalog's grant, whole or one byte range of it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from functools import partial
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from services.ingest.api.wiring import Calling, Wired
from services.ingest.domain.byte_ranges import Asked, parse_ranges
from services.ingest.usecases.ports import ComponentRow, StoredPartMissing, World
from services.ingest.usecases.read_component import Piece, Reading, read_component
from services.ingest.usecases.running_readings import ReadingCut
from services.kernel.canonical import b64
from services.kernel.identifiers import ClientId, ComponentId
from services.kernel.messages import Grant, GrantBroken
from services.kernel.refusals.identity import RequestReplayed
from services.kernel.refusals.packages import ComponentUnknown, GrantInvalid, RangeUnsatisfiable
from services.kernel.refusals.reading import ContentBroken, ContentMissing, PreconditionFailed, RangesRefused
from services.kernel.sealing.open import SealBroken
from services.runtime.app import answer_refusal
from services.runtime.nonces import Nonce
from services.runtime.openapi import refusing

router = APIRouter(tags=["components"])


@router.get(
    "/v1/components/{component}",
    summary="Đọc một tệp / Read a component",
    description=(
        "Catalog's `GET /v1/components/{id}` leads here with a grant that is good for one use by one client within 60 "
        "seconds. Up to 16 byte ranges can be asked for; several are answered as multipart/byteranges. Every byte is authenticated before it is sent; where the store's "
        "bytes turn out to be broken, or an officer holds the component meanwhile, the connection is cut, so compare the "
        "digest in Repr-Digest."
    ),
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The component's bytes.",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        },
        206: {"description": "The bytes of the range, or of each range as multipart/byteranges."},
        304: {"description": "The client has these bytes already (If-None-Match)."},
        **refusing(
            ComponentUnknown,
            GrantInvalid,
            RangeUnsatisfiable,
            RangesRefused,
            PreconditionFailed,
            ContentMissing,
            ContentBroken,
        ),
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
            partial(_wanted, request),
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
    except _NotModified as same:
        return Response(status_code=304, headers=same.headers)
    return await _streamed(reading, _headers(reading.component))


def _proved(text: str, reader: ClientId, component: ComponentId, key: Ed25519PublicKey, world: World) -> Nonce:
    """A grant's single-use number, where the grant is catalog's, for this reader and component, and not too old."""
    try:
        grant = Grant.verify(text, key)
    except GrantBroken:
        raise GrantInvalid from None
    if grant.subject != reader or grant.component != component or grant.expires_at <= world.now():
        raise GrantInvalid
    return Nonce(grant.expires_at.date(), "grant", grant.jti, grant.expires_at)


class _NotModified(Exception):
    """The client has these bytes."""

    def __init__(self, headers: dict[str, str]) -> None:
        super().__init__()
        self.headers = headers


def _wanted(request: Request, component: ComponentRow) -> Sequence[Asked] | None:
    """What of the component is to be sent, preconditions first (RFC 9110 13.2.2).

    Raises:
        PreconditionFailed, RangesRefused, _NotModified
    """
    etag = _etag(component)
    if not _among(etag, request.headers.get("if-match"), weak=False, absent=True):
        raise PreconditionFailed
    if _among(etag, request.headers.get("if-none-match"), weak=True, absent=False):
        headers = _headers(component)
        raise _NotModified({name: headers[name] for name in ("etag", "cache-control")})
    if request.headers.get("if-range", etag) != etag:  # a date is never ours, for we give none
        return None
    return parse_ranges(request.headers.get("range", ""))


def _among(etag: str, header: str | None, *, weak: bool, absent: bool) -> bool:
    """Whether a list of entity tags has ours; where `weak`, marks of weakness do not count."""
    if header is None:
        return absent
    listed = {entry.strip() for entry in header.split(",")}
    return "*" in listed or etag in listed or (weak and f"W/{etag}" in listed)


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
    """The answer with its first bytes already proved, so that a broken object is a refusal and no answer at all.

    Raises:
        ContentMissing, ContentBroken
    """
    size = reading.component.size
    try:
        first = await anext(reading.pieces[0].body, b"")
    except ReadingCut:
        raise ComponentUnknown from None
    except StoredPartMissing as error:
        raise ContentMissing from error
    except SealBroken as error:
        raise ContentBroken from error
    if len(reading.pieces) == 1:
        piece = reading.pieces[0]
        headers["content-length"] = str(piece.end - piece.start)
        if not reading.whole:
            headers["content-range"] = _content_range(piece, size)
        body, media_type = _rest(first, piece), reading.component.media_type
    else:
        boundary = secrets.token_hex(16)
        heads = [_part_head(boundary, reading.component, piece) for piece in reading.pieces]
        length = sum(len(head) + piece.end - piece.start for head, piece in zip(heads, reading.pieces, strict=True))
        headers["content-length"] = str(length + len(_tail(boundary)))
        body = _multipart(first, reading.pieces, heads, _tail(boundary))
        media_type = f"multipart/byteranges; boundary={boundary}"
    return StreamingResponse(body, status_code=200 if reading.whole else 206, media_type=media_type, headers=headers)


def _content_range(piece: Piece, size: int) -> str:
    return f"bytes {piece.start}-{piece.end - 1}/{size}"


def _part_head(boundary: str, component: ComponentRow, piece: Piece) -> bytes:
    told = f"Content-Type: {component.media_type}\r\nContent-Range: {_content_range(piece, component.size)}"
    return f"\r\n--{boundary}\r\n{told}\r\n\r\n".encode()


def _tail(boundary: str) -> bytes:
    return f"\r\n--{boundary}--\r\n".encode()


async def _multipart(
    first: bytes, pieces: Sequence[Piece], heads: Sequence[bytes], tail: bytes
) -> AsyncIterator[bytes]:
    """Every piece behind its head (RFC 9110 14.6); raises where one breaks, and so never comes to the closing line."""
    for head, piece in zip(heads, pieces, strict=True):
        yield head
        async for chunk in _rest(first, piece):
            yield chunk
        first = b""
    yield tail


async def _rest(first: bytes, piece: Piece) -> AsyncIterator[bytes]:
    """All of a piece; raises, and so cuts the connection, where less comes than was announced."""
    sent = len(first)
    try:
        if first:
            yield first
        async for chunk in piece.body:
            sent += len(chunk)
            yield chunk
        if sent != piece.end - piece.start:
            raise RuntimeError("the vault gave another length")
    finally:
        if isinstance(piece.body, AsyncGenerator):
            await piece.body.aclose()
