"""What the gateway answered, and which of our errors a refusal is.

Source: DESIGN 5 "Refusals" (RFC 9457); usability notes B1.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from services.agency.errors import AgencyError, FatalError, Fault, IdentityError, LaterError, RejectedError
from services.kernel.refusals.registry import Text

BUSY: Final = frozenset({408, 429, 502, 503, 504})
_NOT_SOON: Final = frozenset({"rules-not-published"})  # waits for people, not for seconds
_SPOILT: Final = frozenset({400, 422})  # the bytes suffered on their way, where the refusal says `retryable`


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, object]:
        """The body as a JSON object.

        Raises:
            FatalError: it is none.
        """
        try:
            value = json.loads(self.body)
        except ValueError as error:
            raise protocol_broken("the answer is not JSON") from error
        if not isinstance(value, dict):
            raise protocol_broken("the answer is not a JSON object")
        return value

    @property
    def code(self) -> str:
        """The refusal's stable code; empty where the answer is no problem document."""
        return str(self.problem.get("code", ""))

    @property
    def problem(self) -> Mapping[str, object]:
        """The problem document of a refusal, empty where there is none (a proxy's error page)."""
        if self.status < 400:
            return {}
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def passing(self) -> bool:
        """Whether the same request, signed anew, may succeed soon."""
        if self.code in _NOT_SOON:
            return False
        return self.status in BUSY or (self.status in _SPOILT and self.problem.get("retryable") is True)

    @property
    def retry_after(self) -> int | None:
        """Seconds the gateway asks to wait."""
        value = self.headers.get("retry-after", "")
        return int(value) if value.isascii() and value.isdigit() else None


def refusal(answer: Answer) -> AgencyError:
    """The error that a refusing answer is."""
    return problem_error(answer.problem, answer.status)


def problem_error(problem: Mapping[str, object], status: int) -> AgencyError:
    """The error that a problem document is; its words come from the gateway in the language asked for."""
    code = str(problem.get("code") or f"http-{status}")
    said = " — ".join(str(problem[name]) for name in ("title", "detail") if problem.get(name)) or f"HTTP {status}"
    fix = str(problem["fix"]) if problem.get("fix") else None
    if status in (401, 403):
        kind: type[AgencyError] = IdentityError
    elif status in BUSY or (problem.get("retryable") is True and status != 409):
        kind = LaterError
    elif 400 <= status < 500:
        kind = RejectedError
    else:
        kind = FatalError
    request_id = str(problem["request_id"]) if problem.get("request_id") else None
    return kind(code, Text(said, said), Text(fix, fix) if fix else None, request_id=request_id, faults=_faults(problem))


def _faults(problem: Mapping[str, object]) -> list[Fault]:
    errors = problem.get("errors")
    if not isinstance(errors, list):
        return []
    return [
        Fault(str(entry.get("pointer", "")), str(entry.get("code", "")), _text(entry.get("detail", "")))
        for entry in errors
        if isinstance(entry, dict)
    ]


def _text(value: object) -> Text:
    if isinstance(value, dict):
        vi, en = str(value.get("vi", "")), str(value.get("en", ""))
        return Text(vi or en, en or vi)
    return Text(str(value), str(value))


def protocol_broken(what: str) -> FatalError:
    """The gateway answered what its own documents rule out."""
    return FatalError(
        "protocol-broken",
        Text(f"Cổng trả lời không đúng giao thức: {what}", f"The gateway broke its protocol: {what}"),
        Text("Báo cho đơn vị vận hành cổng", "Tell the gateway's operators"),
    )
