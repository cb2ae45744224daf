"""The transparency log for anybody: checkpoint and tiles (C2SP tlog-tiles), as they lie in the store."""

from __future__ import annotations

import re

from fastapi import APIRouter, Response

from services.ingest.api.wiring import Wired
from services.kernel.refusals.platform import NotFound
from services.runtime.openapi import refusing

router = APIRouter(tags=["log"])
_TILE = re.compile(r"(?:[0-9]{1,2}|entries)/(?:x[0-9]{3}/){0,6}[0-9]{3}(?:\.p/[1-9][0-9]{0,2})?", re.ASCII)
_FOR_EVER = "public, max-age=31536000, immutable"


@router.get(
    "/log/checkpoint",
    summary="Điểm kiểm tra của nhật ký / The log's newest checkpoint",
    description="A C2SP signed note.",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}, **refusing(NotFound)},
)
async def checkpoint(wired: Wired) -> Response:
    return await _note(wired, "checkpoint")


@router.get(
    "/log/checkpoint.cosigned",
    summary="Điểm kiểm tra mới nhất đủ nhân chứng đồng ký / The newest checkpoint that enough witnesses cosigned",
    description="A C2SP signed note; absent where no witness has cosigned.",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}, **refusing(NotFound)},
)
async def cosigned_checkpoint(wired: Wired) -> Response:
    return await _note(wired, "checkpoint.cosigned")


@router.get(
    "/log/tile/{path:path}",
    summary="Một mảnh của nhật ký / A tile of the log",
    description="`<L>/<N>[.p/<W>]` or `entries/<N>[.p/<W>]`; a tile never changes.",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}, **refusing(NotFound)},
)
async def tile(path: str, wired: Wired) -> Response:
    found = await wired.log.read(f"tile/{path}") if _TILE.fullmatch(path) else None
    if found is None:
        raise NotFound
    return Response(found, media_type="application/octet-stream", headers={"cache-control": _FOR_EVER})


async def _note(wired: Wired, path: str) -> Response:
    note = await wired.log.read(path)
    if note is None:
        raise NotFound
    return Response(note, media_type="text/plain; charset=utf-8", headers={"cache-control": "no-cache"})
