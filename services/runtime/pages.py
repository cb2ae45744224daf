"""The pages a service shows of itself: /openapi.json, /docs and /errors. No script, no font, nothing from elsewhere.

The pages are made here from the OpenAPI document and the registry of refusals, so they work in a closed network and
under a Content-Security-Policy that lets in nothing but our own style sheet.

Source: DECISION-0006; usability notes A1.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from services.kernel.refusals import registered
from services.runtime.pages_style import STYLE

POLICY: Final = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "public, max-age=300",
}
_METHODS: Final = ("get", "put", "post", "delete", "patch")


def pages() -> APIRouter:
    """Routes that are not part of the API they describe."""
    router = APIRouter(include_in_schema=False)

    @router.get("/openapi.json")
    async def openapi(request: Request) -> Response:
        body = json.dumps(request.app.openapi(), ensure_ascii=False).encode()
        return Response(body, media_type="application/json", headers=_HEADERS)

    @router.get("/docs")
    async def docs(request: Request) -> Response:
        return HTMLResponse(docs_page(request.app.openapi()), headers=_HEADERS)

    @router.get("/errors")
    async def errors() -> Response:
        return HTMLResponse(errors_page(), headers=_HEADERS)

    @router.get("/docs.css")
    async def docs_style() -> Response:
        return Response(STYLE, media_type="text/css", headers=_HEADERS)

    return router


def errors_page() -> str:
    """Every refusal the gateway knows, in both languages, each at its own anchor."""
    parts = [
        "<h1>Mã từ chối <small>Refusals</small></h1>",
        f"<p>{len(registered())} mã; mỗi nguyên nhân một mã. One code a cause.</p>",
    ]
    for code, refusal in registered().items():
        parts.append(f'<article id="{code}"><h3><code>{code}</code> · HTTP {refusal.status}</h3>')
        for language, title, detail, fix in (
            ("vi", refusal.title.vi, refusal.detail.vi, refusal.fix.vi),
            ("en", refusal.title.en, refusal.detail.en, refusal.fix.en),
        ):
            parts.append(f'<p lang="{language}"><b>{escape(title)}</b><br>{escape(detail)}<br>→ {escape(fix)}</p>')
        if refusal.retryable:
            parts.append("<p>Có thể gửi lại nguyên yêu cầu. The same request may be sent again.</p>")
        parts.append("</article>")
    return _page("Mã từ chối", "".join(parts))


def docs_page(document: Mapping[str, Any]) -> str:
    """The OpenAPI document as one page to read."""
    info = document["info"]
    parts = [
        f"<h1>{escape(info['title'])} <small>{escape(info['version'])}</small></h1>",
        _paragraphs(info.get("description", "")),
        "<h2>Địa chỉ <small>Operations</small></h2>",
    ]
    for path, operations in document.get("paths", {}).items():
        for method in _METHODS:
            if method in operations:
                parts.extend(_operation(method, path, operations[method]))
    parts.append("<h2>Kiểu dữ liệu <small>Schemas</small></h2>")
    for name, schema in document.get("components", {}).get("schemas", {}).items():
        parts.append(f'<article id="{escape(name)}"><h3>{escape(name)}</h3>')
        parts.append(_paragraphs(schema.get("description", "")))
        parts.append("".join(_members(schema)))
        parts.append("</article>")
    return _page(info["title"], "".join(parts))


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    identifier = escape(operation.get("operationId", f"{method}{path}"))
    yield f'<details id="{identifier}"><summary><span class="method">{method.upper()}</span>'
    yield f"<code>{escape(path)}</code> {escape(operation.get('summary', ''))}</summary>"
    yield _paragraphs(operation.get("description", ""))
    parameters = operation.get("parameters", [])
    if parameters:
        yield "<table><tr><th>Tham số</th><th>Vị trí</th><th>Kiểu</th><th></th></tr>"
        for entry in parameters:
            required = " *" if entry.get("required") else ""
            yield f"<tr><td><code>{escape(entry['name'])}</code>{required}</td><td>{entry['in']}</td>"
            yield f"<td>{_kind(entry.get('schema', {}))}</td><td>{escape(entry.get('description', ''))}</td></tr>"
        yield "</table>"
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"<p>Nội dung <code>{escape(media)}</code>: {_kind(content.get('schema', {}))}</p>"
    yield "<table><tr><th>Trả lời</th><th></th><th>Kiểu</th></tr>"
    for status, response in operation.get("responses", {}).items():
        kinds = ", ".join(
            f"<code>{escape(media)}</code> {_kind(content.get('schema', {}))}"
            for media, content in response.get("content", {}).items()
        )
        yield f"<tr><td>{escape(str(status))}</td><td>{escape(response.get('description', ''))}</td><td>{kinds}</td></tr>"
    yield "</table></details>"


def _members(schema: Mapping[str, Any]) -> Iterator[str]:
    required = schema.get("required", ())
    properties = schema.get("properties")
    if not properties:
        yield f"<p>{_kind(schema)}</p>"
        return
    yield "<table>"
    for name, member in properties.items():
        star = " *" if name in required else ""
        yield f"<tr><td><code>{escape(name)}</code>{star}</td><td>{_kind(member)}</td>"
        yield f"<td>{escape(member.get('description', ''))}</td></tr>"
    yield "</table>"


def _kind(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rsplit("/", 1)[-1])
        return f'<a href="#{name}">{name}</a>'
    for joiner in ("anyOf", "oneOf", "allOf"):
        if joiner in schema:
            return " | ".join(_kind(entry) for entry in schema[joiner])
    if "enum" in schema:
        return " | ".join(f"<code>{escape(json.dumps(value, ensure_ascii=False))}</code>" for value in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(json.dumps(schema['const'], ensure_ascii=False))}</code>"
    kind = schema.get("type", "any")
    if kind == "array":
        return f"[{_kind(schema.get('items', {}))}]"
    name = " | ".join(kind) if isinstance(kind, list) else str(kind)
    form = schema.get("format") or schema.get("pattern")
    return escape(f"{name} ({form})" if form else name)


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(part)}</p>" for part in text.split("\n\n") if part.strip())


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="vi"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="stylesheet" href="/docs.css"></head><body>'
        '<nav><a href="/docs">Tài liệu</a><a href="/errors">Mã từ chối</a><a href="/openapi.json">OpenAPI</a></nav>'
        f"<main>{body}</main></body></html>"
    )
