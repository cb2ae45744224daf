"""The admin listener: /metrics, /healthz (the process runs), /readyz (it can serve). Never on the public side.

Source: DESIGN 3 ("Each service listens twice").
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from services.kernel.refusals import Refusal
from services.runtime.logging import exception_names, logger
from services.runtime.metrics import Metrics

CHECK_SECONDS: Final = 3.0

Check = Callable[[], Awaitable[None]]
"""Returns where the thing is ready; raises where it is not."""


def create_admin(checks: Mapping[str, Check], *, metrics: Metrics) -> ASGIApp:
    """The admin application. Each check has `CHECK_SECONDS`; its name and, on failure, a code are told, no more."""

    async def healthz(_: Request) -> Response:
        return Response(b"ok\n", media_type="text/plain")

    async def readyz(_: Request) -> Response:
        outcomes = await asyncio.gather(*(_outcome(name, check) for name, check in checks.items()))
        found = dict(zip(checks, outcomes, strict=True))
        ready = all(outcome == "ok" for outcome in found.values())
        body = json.dumps({"ready": ready, "checks": found}).encode()
        return Response(body, status_code=200 if ready else 503, media_type="application/json")

    async def scrape(_: Request) -> Response:
        text = generate_latest(metrics.registry)  # type: ignore[no-untyped-call]  # the library leaves it out
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", scrape)])


async def _outcome(name: str, check: Check) -> str:
    try:
        await asyncio.wait_for(check(), CHECK_SECONDS)
    except Refusal as refusal:
        return refusal.code
    except TimeoutError:
        return "timeout"
    except Exception as error:  # noqa: BLE001 - any failure means not ready; the reason is logged
        logger().warning("check-failed", check=name, exception=exception_names(error))
        return "failed"
    return "ok"
