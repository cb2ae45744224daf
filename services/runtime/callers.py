"""Who sends a request, once that is proved, and the roles that a route asks of the caller."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer

from services.kernel.identifiers import AgencyId, ClientId
from services.kernel.refusals.identity import ScopeMissing, TokenMissing
from services.runtime.nonces import Nonce

STATE_KEY: Final = "caller"

# Only so that the OpenAPI documents say it; `SignedRequests` has judged the request before a route is reached.
_SIGNED: Final = HTTPBearer(
    scheme_name="SignedRequest",
    bearerFormat="at+jwt",
    description=(
        "An access token (RFC 9068) of the token endpoint, and an RFC 9421 signature with the tag `nopluu/1` by the "
        'key that obtained it, covering `"@method" "@target-uri" "authorization"` and, with a body, `"content-type" '
        '"content-length" "content-digest"`. The names listed are scopes, any one of which is enough.'
    ),
    auto_error=False,
)


@dataclass(frozen=True, slots=True)
class Caller:
    """A client whose token and signature hold and whose key is not revoked.

    `keyid` is the RFC 7638 thumbprint of the key that signed this request. `content_sha256` (32 bytes) and
    `content_length` (bytes) are what the signature states of the body, None where the request has none.
    """

    client: ClientId
    agency: AgencyId
    scopes: frozenset[str]
    officer: str | None
    keyid: str
    nonce: Nonce
    content_sha256: bytes | None
    content_length: int | None
    token_id: str


def caller(request: Request) -> Caller:
    """The caller of a request that `SignedRequests` let pass.

    Raises:
        TokenMissing: the route is public, or stands outside `SignedRequests`.
    """
    found = request.scope.get("state", {}).get(STATE_KEY)
    if not isinstance(found, Caller):
        raise TokenMissing
    return found


def require(*scopes: str) -> Any:
    """A dependency that gives the caller if it has at least one of the scopes: `Annotated[Caller, require("submitter")]`.

    Raises (when the route is called):
        ScopeMissing: it has none of them.
    """
    return Depends(_having(frozenset(scopes)))


def _having(scopes: frozenset[str]) -> Callable[[Request], Awaitable[Caller]]:
    if not scopes:
        raise ValueError("a route that asks for no scope is public")

    documented = Security(_SIGNED, scopes=sorted(scopes))

    # Not a plain function: FastAPI would send every call through a thread.
    async def caller_with_scope(request: Request, _: Any = documented) -> Caller:
        found = caller(request)
        if not scopes & found.scopes:
            raise ScopeMissing(scopes=", ".join(sorted(scopes)))
        return found

    return caller_with_scope
