"""JSON bodies read by the kernel's strict parser, wherever a route has a model of its body.

FastAPI reads with the standard library, which takes the last of two members with one name, and NaN: two readers of one
signed body could then see two things.

Source: security register §8 ("JSON").
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.routing import BaseRoute

from services.kernel import strict_json

MAX_MODEL_BODY: Final = 4 * 1024 * 1024
_MARK: Final = "_nopluu_strict"

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def read_strictly(routes: Sequence[BaseRoute]) -> None:
    """Make every route among these that has a model of its body read it strictly; safe to repeat."""
    for route in routes:
        if isinstance(route, APIRoute) and route.body_field is not None and not hasattr(route, _MARK):
            _wrap(route)
        elif isinstance(route, APIRouter):
            read_strictly(route.routes)


class StrictRequest(Request):
    """Reads JSON by the kernel's parser."""

    async def json(self) -> Any:
        try:
            return strict_json.parse(await self.body(), max_bytes=MAX_MODEL_BODY)
        except ValueError:
            raise json.JSONDecodeError("not strict JSON", "", 0) from None  # FastAPI's own error, without the body


def _wrap(route: APIRoute) -> None:
    make = route.get_route_handler

    def get_route_handler() -> Handler:
        handler = make()

        async def strictly(request: Request) -> Response:
            return await handler(StrictRequest(request.scope, request.receive))

        return strictly

    setattr(route, _MARK, True)
    route.get_route_handler = get_route_handler  # type: ignore[method-assign]  # this one route, not its class
