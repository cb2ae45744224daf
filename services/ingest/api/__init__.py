"""Ingest over HTTP."""

from __future__ import annotations

import re
from typing import Final

from fastapi import FastAPI

from services.ingest.api import (
    classification_routes,
    component_routes,
    content_routes,
    erasure_routes,
    incident_routes,
    inspection_routes,
    log_routes,
    media_routes,
    package_routes,
    part_routes,
    refused_routes,
    report_routes,
    rule_routes,
    service_routes,
    what_if_routes,
)
from services.runtime.app import create_app
from services.runtime.discovery import discovery_router
from services.runtime.signed_requests import RouteKind

__all__ = ["create_api", "route_kind"]

_DESCRIPTION: Final = """
Nhận hồ sơ số hóa: khai báo bản kê, gửi từng phần, lấy biên nhận.

How digitised dossiers come in: declare a manifest, send the parts of its plan, fetch the receipt; every request stands
alone and can be repeated. Every request but those to the log and the well-known addresses carries a token and an RFC
9421 signature with the tag `nopluu/1`.
"""

PUBLIC: Final = frozenset(
    {
        "/.well-known/nopluu",
        "/openapi.json",
        "/docs",
        "/docs.css",
        "/errors",
        "/log/checkpoint",
        "/log/checkpoint.cosigned",
    }
)
_PART: Final = re.compile(r"/v1/packages/[^/]+/parts/[^/]+")
_STREAMED: Final = frozenset({"/v1/packages", "/v1/packages:check", "/v1/rules", "/v1/rules:what-if"})


def create_api() -> FastAPI:
    """The application; `main` puts the wiring at `app.state.wiring` before it serves."""
    return create_app(
        service="ingest",
        title="Nộp Lưu: ingest",
        description=_DESCRIPTION.strip(),
        routers=[
            package_routes.router,
            part_routes.router,
            component_routes.router,
            erasure_routes.router,
            incident_routes.router,
            content_routes.router,
            rule_routes.router,
            classification_routes.router,
            what_if_routes.router,
            refused_routes.router,
            inspection_routes.router,
            media_routes.router,
            report_routes.router,
            service_routes.router,
            log_routes.router,
            discovery_router(),
        ],
    )


def route_kind(method: str, path: str) -> RouteKind:
    """Everything is signed but what is listed as public; a part's use case claims its nonce itself."""
    if method in ("GET", "HEAD") and (path in PUBLIC or path.startswith("/log/tile/")):
        return RouteKind.PUBLIC
    if method == "PUT" and _PART.fullmatch(path):
        return RouteKind.DEFERRED
    if method == "POST" and path in _STREAMED:
        return RouteKind.STREAMED
    return RouteKind.BUFFERED
