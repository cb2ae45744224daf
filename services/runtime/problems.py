"""Refusals as RFC 9457 problem documents, in the language the client asked for.

A problem holds texts of the registry, facts, codes and JSON pointers; never anything the client sent.

Source: DESIGN 5 "Refusals".
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, Final, Literal

from starlette.types import Receive, Scope, Send

from services.kernel.refusals import Refusal, Text

MEDIA_TYPE: Final = "application/problem+json"
Language = Literal["vi", "en"]


def problem(refusal: Refusal, language: Language, request_id: str) -> dict[str, object]:
    """The problem document of one refusal; every pointer is in it."""
    document: dict[str, object] = {
        "type": f"/errors#{refusal.code}",
        "code": refusal.code,
        "status": refusal.status,
        "title": _in(refusal.title, language),
        "detail": _in(refusal.detail.filled(refusal.facts), language),
        "fix": _in(refusal.fix.filled(refusal.facts), language),
        "retryable": refusal.retryable,
        "request_id": request_id,
    }
    if refusal.pointers:
        document["errors"] = [
            {"pointer": entry.pointer, "code": entry.code, "detail": _in(entry.detail, language)}
            for entry in refusal.pointers
        ]
    return document


def problem_headers(refusal: Refusal, language: Language, request_id: str) -> dict[str, str]:
    """Headers that go with it, but for Content-Length."""
    headers = {
        "content-type": MEDIA_TYPE,
        "content-language": language,
        "vary": "accept-language",
        "cache-control": "no-store",
        "x-request-id": request_id,
    }
    if refusal.retry_after is not None:
        headers["retry-after"] = str(refusal.retry_after)
    return headers


async def send_problem(
    scope: Scope,
    send: Send,
    refusal: Refusal,
    *,
    headers: Iterable[tuple[bytes, bytes]] = (),
    members: Mapping[str, object] | None = None,
) -> None:
    """Answer a request with a refusal from outside the application; `headers` and `members` are added to its own."""
    language, identifier = asked_language(scope), request_id(scope)
    note_refusal(scope, refusal)
    body = encode(problem(refusal, language, identifier) | dict(members or {}))
    own = problem_headers(refusal, language, identifier) | {"content-length": str(len(body))}
    start = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in own.items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": [*start, *headers]})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def encode(document: dict[str, object]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def request_id(scope: Scope) -> str:
    """The request's id, made on first use; never taken from the client."""
    state = _state(scope)
    found = state.get("request_id")
    if isinstance(found, str):
        return found
    made = uuid.uuid4().hex
    state["request_id"] = made
    return made


def note_refusal(scope: Scope, refusal: Refusal) -> None:
    """Leave the code where the outermost layer counts and logs it."""
    _state(scope)["refusal"] = refusal.code


def asked_language(scope: Scope) -> Language:
    """English where Accept-Language prefers it to Vietnamese (RFC 9110 12.5.4), else Vietnamese."""
    weights: dict[str, float] = {}
    for name, value in scope["headers"]:
        if name == b"accept-language":
            for part in value.decode("latin-1").split(",")[:16]:
                tag, _, parameters = part.partition(";")
                weights.setdefault(tag.strip().lower().split("-")[0], _quality(parameters))
    other = weights.get("*", 0.0)
    return "en" if weights.get("en", other if weights else 0.0) > weights.get("vi", other) else "vi"


def _quality(parameters: str) -> float:
    name, _, value = parameters.partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0


def _in(text: Text, language: Language) -> str:
    return text.vi if language == "vi" else text.en


def _state(scope: Scope) -> MutableMapping[str, Any]:
    state: MutableMapping[str, Any] = scope.setdefault("state", {})
    return state


async def drain(receive: Receive, limit: int) -> bool:
    """Read and forget at most `limit` bytes of body, so that a client that is still sending can read the answer.

    False where there is more of it.
    """
    taken = 0
    while taken < limit:
        message = await receive()
        taken += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body", False):
            return True
    return False
