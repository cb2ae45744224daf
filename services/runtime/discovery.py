"""`/.well-known/nopluu`: what a client must know of a deployment before its first signed request.

Source: DESIGN 6 ("Discovery"), usability notes A (the origin to sign).
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from services.runtime.settings import ServiceSettings

PROFILE: Final = "nopluu/1"
MIB: Final = 1024 * 1024


class Origins(BaseModel):
    """Where each service is; the origin is part of what a client signs."""

    model_config = ConfigDict(frozen=True)

    auth: str
    ingest: str
    catalog: str


class Discovery(BaseModel):
    """The deployment, as it states itself."""

    model_config = ConfigDict(frozen=True)

    origins: Origins
    profile: str = Field(description="Tag of the request signatures.")
    secrecy_profile: str = Field(description="`open` or `independent-lan`: what may be sent here at all.")
    log_keys: list[str] = Field(description="Public keys of the log, as C2SP vkeys.")
    limits: dict[str, int | list[int]]
    versions: dict[str, str]


LIMITS: Final[dict[str, int | list[int]]] = {
    "manifest_bytes": 64 * MIB,
    "part_sizes": [size * MIB for size in (1, 2, 4, 8, 16)],
    "signature_seconds": 300,
    "clock_ahead_seconds": 10,
    "assertion_seconds": 300,
}


def discovery_of(settings: ServiceSettings) -> Discovery:
    """What the settings say; `main` puts it at `app.state.discovery`."""
    return Discovery(
        origins=Origins(auth=settings.auth_origin, ingest=settings.ingest_origin, catalog=settings.catalog_origin),
        profile=PROFILE,
        secrecy_profile=settings.secrecy_profile,
        log_keys=list(settings.log_keys()),
        limits=LIMITS,
        versions={"gateway": version("nopluu"), "manifest": "nopluu/manifest1", "receipt": "nopluu/receipt1"},
    )


def discovery_router() -> APIRouter:
    """The public route; it answers from `app.state.discovery`."""
    router = APIRouter(tags=["discovery"])

    @router.get("/.well-known/nopluu", response_model=Discovery, summary="The deployment as it states itself")
    async def nopluu(request: Request) -> Any:
        return request.app.state.discovery

    return router
