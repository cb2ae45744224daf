"""The outermost layer of a public listener: gives each request its id, counts it, and writes its one line of log.

Source: usability notes D (route templates only, one line a request).
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.kernel.refusals.platform import InstanceStopping, InternalError
from services.runtime.logging import exception_names, logger, places
from services.runtime.metrics import METHODS, Metrics
from services.runtime.problems import request_id, send_problem
from services.runtime.standing import AnswerCut

NO_ROUTE: Final = "(none)"
_STOPPING_SECONDS: Final = 2


class Observed:
    """Wraps everything else. An exception that nothing inside answered becomes `internal-error` here."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["state"] = dict(scope.get("state") or {})
        identifier = request_id(scope)
        answer = _Answer(send, identifier)
        begun = time.perf_counter()
        self._metrics.requests_in_flight.inc()
        try:
            await self._app(scope, receive, answer)
        except asyncio.CancelledError:
            # The server is stopping and its grace is over: a client should know that it may try elsewhere.
            if answer.status is None:
                await send_problem(scope, answer, InstanceStopping(retry_after=_STOPPING_SECONDS))
            raise
        except AnswerCut:
            raise  # told below by its code; half an answer is not to pass for a whole one
        except Exception as error:
            if answer.status is None:
                log_unexpected(scope, error)
                await send_problem(scope, answer, InternalError())
            elif not answer.complete:
                # The server must cut the connection: half an answer is not to pass for a whole one.
                log_unexpected(scope, error)
                raise
            # else Starlette re-raises what the application has already told and answered
        finally:
            self._metrics.requests_in_flight.dec()
            self._tell(scope, answer, time.perf_counter() - begun)

    def _tell(self, scope: Scope, answer: _Answer, seconds: float) -> None:
        route = route_template(scope)
        method = scope["method"] if scope["method"] in METHODS else "OTHER"
        status = str(answer.status or "none")
        self._metrics.requests.labels(route, method, status).inc()
        self._metrics.request_seconds.labels(route, method).observe(seconds)
        state = scope["state"]
        code = state.get("refusal")
        if isinstance(code, str):
            self._metrics.problems.labels(code).inc()
        client = getattr(state.get("caller"), "client", None)
        fields: dict[str, object] = {
            "request_id": state["request_id"],
            "route": route,
            "method": method,
            "status": answer.status,
            "milliseconds": round(seconds * 1000, 1),
            "bytes": answer.bytes,
        }
        if client is not None:
            fields["client"] = str(client)
        if code is not None:
            fields["code"] = code
        logger().info("request", **fields)


class _Answer:
    """Passes the answer on, remembers its status and size, and adds X-Request-Id where it lacks."""

    def __init__(self, send: Send, identifier: str) -> None:
        self._send = send
        self._header = (b"x-request-id", identifier.encode("ascii"))
        self.status: int | None = None
        self.bytes = 0
        self.complete = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", ()))
            if not any(name.lower() == b"x-request-id" for name, _ in headers):
                headers.append(self._header)
            message = {**message, "headers": headers}
        elif message["type"] == "http.response.body":
            self.bytes += len(message.get("body", b""))
            self.complete = not message.get("more_body", False)
        await self._send(message)


def route_template(scope: Scope) -> str:
    """`/v1/packages/{id}`, or a fixed word where no route matched; never the path that was asked for."""
    template = scope["state"].get("route_template") or getattr(scope.get("route"), "path", None)
    return template if isinstance(template, str) else NO_ROUTE


def log_unexpected(scope: Scope, error: Exception) -> None:
    """Tell of a bug: the type and the places, never the message, the body or the path."""
    logger().error(
        "unexpected-error",
        request_id=request_id(scope),
        route=route_template({**scope, "state": scope.get("state") or {}}),
        method=scope["method"],
        exception=exception_names(error),
        places=places(error),
    )
