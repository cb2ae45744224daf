"""Auth over HTTP."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI

from services.auth.api import ceiling_routes, registry_routes, token_routes
from services.runtime.app import create_app
from services.runtime.discovery import discovery_router
from services.runtime.signed_requests import RouteKind

__all__ = ["create_api", "route_kind"]

_DESCRIPTION: Final = """
Máy chủ cấp token và danh bạ cơ quan, phông, tài khoản, khóa của cổng Nộp Lưu.

Agencies, fonds, clients and their keys; tokens for those keys (RFC 6749 client_credentials with private_key_jwt, RFC
9068). Every request but those to the token endpoint and the well-known addresses carries a token and an RFC 9421
signature with the tag `nopluu/1`.
"""

PUBLIC: Final = frozenset(
    {
        ("POST", "/v1/token"),
        *(
            (method, path)
            for method in ("GET", "HEAD")
            for path in (
                "/.well-known/oauth-authorization-server",
                "/.well-known/jwks.json",
                "/.well-known/nopluu",
                "/openapi.json",
                "/docs",
                "/docs.css",
                "/errors",
            )
        ),
    }
)


def create_api() -> FastAPI:
    """The application; `main` puts the wiring at `app.state.wiring` before it serves."""
    return create_app(
        service="auth",
        title="Nộp Lưu: auth",
        description=_DESCRIPTION.strip(),
        routers=[token_routes.router, registry_routes.router, ceiling_routes.router, discovery_router()],
    )


def route_kind(method: str, path: str) -> RouteKind:
    """Everything is signed but what is listed as public."""
    return RouteKind.PUBLIC if (method, path) in PUBLIC else RouteKind.BUFFERED
