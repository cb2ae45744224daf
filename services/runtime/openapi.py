"""The OpenAPI 3.1 document of a service: what FastAPI finds, and the problem document on every operation.

Source: DESIGN 12, usability notes A2; style notes §7 habit 9.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from services.kernel.refusals import Refusal
from services.runtime.problems import MEDIA_TYPE

_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_REFERENCE: Final = {"$ref": "#/components/schemas/Problem"}
_CONTENT: Final = {MEDIA_TYPE: {"schema": _REFERENCE}}

PROBLEM_SCHEMA: Final[dict[str, Any]] = {
    "title": "Problem",
    "description": "RFC 9457. Every refusal of every operation has this form; `code` is stable, one code a cause.",
    "type": "object",
    "required": ["type", "code", "status", "title", "detail", "fix", "retryable", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "examples": ["/errors#package-unknown"]},
        "code": {"type": "string", "pattern": "^[a-z0-9-]+$"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "title": {"type": "string", "description": "In the language of Accept-Language (vi, en)."},
        "detail": {"type": "string"},
        "fix": {"type": "string", "description": "What to do about it."},
        "retryable": {"type": "boolean", "description": "Whether the very same request may succeed later."},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {
                    "pointer": {
                        "type": "string",
                        "description": "RFC 6901 pointer into the body; ?name or {name} for a parameter.",
                    },
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}


def refusing(*refusals: type[Refusal]) -> dict[int | str, dict[str, Any]]:
    """What a route's `responses=` says of its refusals: their codes, by status."""
    by_status: dict[int, list[type[Refusal]]] = defaultdict(list)
    for refusal in refusals:
        by_status[refusal.status].append(refusal)
    return {
        status: {
            "description": "; ".join(f"`{entry.code}`: {entry.title.en}" for entry in entries),
            "content": _CONTENT,
        }
        for status, entries in sorted(by_status.items())
    }


def document(app: FastAPI) -> dict[str, Any]:
    """The document, made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            openapi_version="3.1.0",
        )
        schemas = made.setdefault("components", {}).setdefault("schemas", {})
        schemas["Problem"] = PROBLEM_SCHEMA
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        for path in made.get("paths", {}).values():
            for method in _METHODS:
                if method in path:
                    _problems(path[method]["responses"])
        made["components"]["schemas"] = dict(sorted(schemas.items()))
        app.openapi_schema = made
    return app.openapi_schema


def _problems(responses: dict[str, Any]) -> None:
    """FastAPI's own 422 becomes ours; every other refusal is the default answer."""
    own = responses.get("422")
    if own is not None and MEDIA_TYPE not in own.get("content", {}):
        responses["422"] = {"description": "`request-invalid`: The request is not valid", "content": _CONTENT}
    responses["default"] = {"description": "A refusal", "content": _CONTENT}
