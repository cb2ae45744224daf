"""What only the archive's other services may ask."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from services.ingest.api.wiring import Serving, Wired
from services.ingest.usecases.read_manifest import read_manifest
from services.kernel.refusals.packages import ManifestUnknown
from services.runtime.openapi import refusing

router = APIRouter(tags=["services"])


@router.get(
    "/v1/manifests/{sha256}",
    summary="Bản kê theo mã băm, cho các dịch vụ / A manifest by its digest, for services",
    description="What catalog indexes after the message that a package is sealed.",
    response_model=dict[str, object],
    responses=refusing(ManifestUnknown),
)
async def manifest(_: Serving, wired: Wired, sha256: Annotated[str, Path(pattern="^[0-9a-f]{64}$")]) -> Response:
    found = await read_manifest(bytes.fromhex(sha256), ledger=wired.ledger)
    return Response(found, media_type="application/json", headers={"cache-control": "private, no-store"})
