"""For integrators, in development only: which line of a signature base differs from the server's.

A request refused with `signature-invalid` is remembered for ten minutes under its request id; the problem says where to
ask. Whoever posts there the base that he signed learns the first line that differs. What the server shows is what that
very request carried, never a key and never the token: the value of every component that the profile does not name, and
of `authorization`, is told by its length only.

In production there is no such route, nothing is remembered, and the address is as unknown as any other: an attacker who
could ask would learn how far a forged request got on its way through proxies.

Source: usability notes A4; DESIGN 6.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Annotated, Final

from fastapi import APIRouter, FastAPI, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from services.kernel.refusals.platform import NotFound
from services.runtime.openapi import refusing
from services.runtime.settings import ServiceSettings

PREFIX: Final = "/v1/signature-bases/"
KEPT: Final = 256  # refused requests; a base is at most as long as a head, 32 KiB
KEPT_SECONDS: Final = 600.0
_SHOWN: Final = frozenset(
    {"@method", "@target-uri", "@authority", "@signature-params", "content-type", "content-length", "content-digest"}
)


class RefusedBases:
    """Signature bases of requests whose signature did not verify; the oldest are forgotten first."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._kept: OrderedDict[str, tuple[float, bytes]] = OrderedDict()

    def remember(self, request_id: str, base: bytes) -> str:
        """The address at which one may ask."""
        self._kept[request_id] = (self._monotonic(), base)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return f"{PREFIX}{request_id}"

    def find(self, request_id: str) -> bytes | None:
        """The base, for `KEPT_SECONDS`."""
        at, base = self._kept.get(request_id, (0.0, None))
        return base if base is not None and self._monotonic() - at < KEPT_SECONDS else None


class BaseLine(BaseModel):
    """One line of the base as the server built it from the request that arrived."""

    model_config = ConfigDict(frozen=True)

    component: str
    server: str = Field(description="The line; a value that is withheld is told by its length.")
    same: bool = Field(description="Whether the same line stands at this place in what was posted.")


class BaseComparison(BaseModel):
    """The server's base beside the one that was posted."""

    model_config = ConfigDict(frozen=True)

    equal: bool = Field(description="Then the base is right, and the key or the encoding of the signature is not.")
    first_difference: int | None = Field(description="Number of the first line that differs, from 1.")
    client: str | None = Field(description="That line as it was posted; none where the posted base is shorter.")
    lines: list[BaseLine]
    hints: list[str] = Field(
        description="`ends-with-a-line-feed`, `has-carriage-returns`, `more-lines`, `fewer-lines`, `another-order`."
    )


def compare(server: bytes, client: bytes) -> BaseComparison:
    """Line by line, byte for byte."""
    ours, theirs = server.split(b"\n"), client.split(b"\n")
    lines = [
        BaseLine(component=_component(line), server=_shown(line), same=number < len(theirs) and theirs[number] == line)
        for number, line in enumerate(ours)
    ]
    different = next((number for number, line in enumerate(lines) if not line.same), None)
    if different is None and len(theirs) > len(ours):
        different = len(ours)
    return BaseComparison(
        equal=server == client,
        first_difference=None if different is None else different + 1,
        client=None if different is None or different >= len(theirs) else _shown(theirs[different]),
        lines=lines,
        hints=_hints(ours, theirs),
    )


def _hints(ours: list[bytes], theirs: list[bytes]) -> list[str]:
    found = {
        "ends-with-a-line-feed": theirs[-1] == b"",
        "has-carriage-returns": any(b"\r" in line for line in theirs),
        "more-lines": len(theirs) > len(ours),
        "fewer-lines": len(theirs) < len(ours),
        "another-order": ours != theirs and sorted(ours) == sorted(theirs),
    }
    return [name for name, holds in found.items() if holds]


def _component(line: bytes) -> str:
    return line.partition(b": ")[0].decode("ascii", "replace").strip('"')


def _shown(line: bytes) -> str:
    if _component(line) in _SHOWN:
        return line.decode("ascii", "backslashreplace")
    name, separator, value = line.partition(b": ")
    return f"{name.decode('ascii', 'backslashreplace')}{separator.decode()}({len(value)} characters)"


def offer_help(api: FastAPI, settings: ServiceSettings) -> RefusedBases | None:
    """In development give the application its route, and SignedRequests the memory it fills; else None."""
    if settings.environment != "development":
        return None
    kept = RefusedBases()
    api.include_router(_router(kept))
    return kept


def asks_for_help(method: str, path: str) -> bool:
    """Whether a request goes to the route; it carries no signature, because that is what goes wrong."""
    return method == "POST" and path.startswith(PREFIX)


def _router(bases: RefusedBases) -> APIRouter:
    router = APIRouter(tags=["development"])

    @router.post(
        PREFIX + "{request_id}",
        response_model=BaseComparison,
        summary="Which line of a signature base differs (development only)",
        responses=refusing(NotFound),
        openapi_extra={"requestBody": {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def post_base(
        request: Request, request_id: Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
    ) -> BaseComparison:
        """Post the exact bytes that were signed for the request that was refused with this request id."""
        base = bases.find(request_id)
        if base is None:
            raise NotFound
        return compare(base, await request.body())

    return router
