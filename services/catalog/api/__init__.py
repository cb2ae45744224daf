"""Catalog over HTTP."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI

from services.catalog.api import export_routes, message_routes, record_routes, search_routes
from services.runtime.app import create_app
from services.runtime.discovery import discovery_router
from services.runtime.signed_requests import RouteKind

__all__ = ["create_api", "route_kind"]

_DESCRIPTION: Final = """
Mục lục của kho lưu trữ: tìm văn bản như người Việt gõ, xem hồ sơ, và xin quyền đọc từng tệp.

The archive's catalog: finding documents as people type Vietnamese, opening dossiers, and leave to read components.
Every request but those to the well-known addresses carries a token and an RFC 9421 signature with the tag `nopluu/1`.
"""

PUBLIC: Final = frozenset(
    (method, path)
    for method in ("GET", "HEAD")
    for path in ("/.well-known/nopluu", "/openapi.json", "/docs", "/docs.css", "/errors")
)


def create_api() -> FastAPI:
    """The application; `main` puts the wiring at `app.state.wiring` before it serves."""
    return create_app(
        service="catalog",
        title="Nộp Lưu: catalog",
        description=_DESCRIPTION.strip(),
        routers=[
            search_routes.router,
            record_routes.router,
            export_routes.router,
            message_routes.router,
            discovery_router(),
        ],
    )


def route_kind(method: str, path: str) -> RouteKind:
    """Everything is signed but what is listed as public; a message may be large, so its route reads it."""
    if (method, path) in PUBLIC:
        return RouteKind.PUBLIC
    return RouteKind.STREAMED if path == "/v1/messages" else RouteKind.BUFFERED
