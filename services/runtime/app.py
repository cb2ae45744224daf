"""The FastAPI application every service is made of: refusals as problem documents, OpenAPI 3.1, pages without a CDN.

`create_app` needs no connection: `make openapi` builds the documents from it. `main` puts what the routes need at
`app.state.wiring` before it serves.

Source: DESIGN 5 "Refusals", usability notes A.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from services.kernel.refusals import Pointer, Refusal, Text
from services.kernel.refusals.platform import (
    InternalError,
    MediaTypeUnsupported,
    MethodNotAllowed,
    NotFound,
    RequestInvalid,
    RequestNotJson,
)
from services.runtime.observing import log_unexpected
from services.runtime.openapi import document
from services.runtime.pages import pages
from services.runtime.problems import asked_language, encode, note_refusal, problem, problem_headers, request_id
from services.runtime.strict_bodies import read_strictly

_CLIENT_GONE = 499


def create_app(*, service: str, title: str, description: str, routers: Sequence[APIRouter]) -> FastAPI:
    """The service's application with its routes, /openapi.json, /docs and /errors."""
    app = FastAPI(
        title=title,
        description=description,
        version=version("nopluu"),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        dependencies=[Depends(_note_route)],
        separate_input_output_schemas=False,
    )
    app.state.service = service
    for router in routers:
        read_strictly(router.routes)
        app.include_router(router)
    app.include_router(pages())
    app.openapi = lambda: document(app)  # type: ignore[method-assign]  # FastAPI's documented way to extend it
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _unexpected)
    return app


def answer_refusal(request: Request, refusal: Refusal, extra: dict[str, str] | None = None) -> Response:
    """The response that a refusal is."""
    language, identifier = asked_language(request.scope), request_id(request.scope)
    note_refusal(request.scope, refusal)
    return Response(
        encode(problem(refusal, language, identifier)),
        status_code=refusal.status,
        headers=problem_headers(refusal, language, identifier) | (extra or {}),
    )


async def _note_route(request: Request) -> None:
    request.state.route_template = getattr(request.scope.get("route"), "path", None)


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, Refusal):
        raise error
    return answer_refusal(request, error)


async def _invalid(request: Request, error: Exception) -> Response:
    """FastAPI's validation errors: where and of which kind, never what was sent."""
    if not isinstance(error, RequestValidationError):
        raise error
    found = error.errors()
    if any(entry["type"] == "json_invalid" for entry in found):
        return answer_refusal(request, RequestNotJson())
    if any(entry["loc"] == ("body",) and isinstance(entry.get("input"), bytes) for entry in found):
        return answer_refusal(request, MediaTypeUnsupported())  # a body that FastAPI did not even try to read
    pointers = [_pointer(entry) for entry in found]
    return answer_refusal(request, RequestInvalid(pointers=pointers, errors=len(pointers)))


async def _http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    extra = dict(error.headers or {})
    match error.status_code:
        case 404:
            return answer_refusal(request, NotFound(), extra)
        case 405:
            return answer_refusal(request, MethodNotAllowed(), extra)
        case 415:
            return answer_refusal(request, MediaTypeUnsupported(), extra)
        case 400:
            return answer_refusal(request, RequestNotJson(), extra)
        case _:
            return await _unexpected(request, error)


async def _gone(request: Request, error: Exception) -> Response:
    """The client left before its body was whole: no one reads this answer, and it is no bug of ours."""
    return Response(status_code=_CLIENT_GONE)


async def _unexpected(request: Request, error: Exception) -> Response:
    log_unexpected(request.scope, error)
    return answer_refusal(request, InternalError())


def _pointer(entry: dict[str, Any]) -> Pointer:
    """An RFC 6901 pointer into the body; `?name`, `{name}` or `header:name` for a parameter."""
    source, *steps = entry["loc"]
    escaped = [str(step).replace("~", "~0").replace("/", "~1") for step in steps]
    match source:
        case "body":
            pointer = "".join(f"/{step}" for step in escaped)
        case "query":
            pointer = f"?{'/'.join(escaped)}"
        case "path":
            pointer = f"{{{'/'.join(escaped)}}}"
        case _:
            pointer = f"{source}:{'/'.join(escaped)}"
    return Pointer(pointer, entry["type"].replace("_", "-").replace(".", "-"), _explained(entry["type"]))


_EXPLAINED = {
    "missing": Text("Thiếu trường bắt buộc.", "A required member is missing."),
    "extra_forbidden": Text("Không có trường này.", "There is no such member."),
    "too_short": Text("Quá ngắn.", "Too short."),
    "too_long": Text("Quá dài.", "Too long."),
    "string_too_short": Text("Quá ngắn.", "Too short."),
    "string_too_long": Text("Quá dài.", "Too long."),
    "string_pattern_mismatch": Text("Không đúng dạng quy định.", "Not of the required form."),
    "enum": Text("Không thuộc các giá trị cho phép.", "Not one of the allowed values."),
    "literal_error": Text("Không thuộc các giá trị cho phép.", "Not one of the allowed values."),
    "greater_than_equal": Text("Nhỏ hơn mức tối thiểu.", "Below the minimum."),
    "less_than_equal": Text("Lớn hơn mức tối đa.", "Above the maximum."),
}
_TYPED = Text("Sai kiểu dữ liệu hoặc sai định dạng.", "Wrong type or wrong form.")


def _explained(kind: str) -> Text:
    return _EXPLAINED.get(kind, _TYPED)
