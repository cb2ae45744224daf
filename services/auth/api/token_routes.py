"""The public side: the token endpoint and what the issuer says of itself.

Source: RFC 6749 §4.4, §5; RFC 7523 §2.2; RFC 8414; RFC 7517.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response

from services.auth.api.schemas import JwkSetOut, ServerMetadataOut, TokenOut
from services.auth.api.wiring import Wired
from services.auth.domain.clients import Scope
from services.auth.usecases.issue_token import TokenRequest, issue_token
from services.kernel.refusals.identity import (
    AssertionKeyUnknown,
    AssertionMissing,
    AssertionReplayed,
    AssertionSignatureInvalid,
    GrantRefusal,
    GrantRequestMalformed,
    GrantScopeRefused,
    GrantTypeUnsupported,
)
from services.kernel.refusals.platform import BodyTooLarge
from services.kernel.signing.assertions import ASSERTION_TYPE
from services.kernel.signing.claims import write_scope
from services.runtime.openapi import refusing
from services.runtime.problems import asked_language, encode, note_refusal, problem, problem_headers, request_id
from services.runtime.request_verifier import front_certificate

MAX_FORM: Final = 16 * 1024  # bytes
_FORM: Final = "application/x-www-form-urlencoded"
_NO_STORE: Final = {"cache-control": "no-store", "pragma": "no-cache"}
_CACHED: Final = {"cache-control": "public, max-age=60"}

router = APIRouter(tags=["token"])

_FORM_SCHEMA: Final = {
    "requestBody": {
        "required": True,
        "content": {
            _FORM: {
                "schema": {
                    "type": "object",
                    "required": ["grant_type", "client_assertion_type", "client_assertion"],
                    "properties": {
                        "grant_type": {"type": "string", "const": "client_credentials"},
                        "client_assertion_type": {"type": "string", "const": ASSERTION_TYPE},
                        "client_assertion": {
                            "type": "string",
                            "description": "JWT signed by a registered key (EdDSA or ES256), `kid` its RFC 7638 "
                            "thumbprint, `typ` JWT or client-authentication+jwt; iss = sub = client id, aud = the "
                            "issuer, exp at most 300 s after iat, jti used once.",
                        },
                        "scope": {"type": "string", "description": "Fewer scopes than the client has."},
                        "client_id": {"type": "string", "format": "uuid", "description": "Must equal sub."},
                    },
                }
            }
        },
    }
}


@router.post(
    "/v1/token",
    response_model=TokenOut,
    summary="Obtain an access token (client_credentials, private_key_jwt)",
    openapi_extra=_FORM_SCHEMA,
    responses=refusing(
        GrantRequestMalformed,
        GrantTypeUnsupported,
        GrantScopeRefused,
        AssertionMissing,
        AssertionKeyUnknown,
        AssertionSignatureInvalid,
        AssertionReplayed,
        BodyTooLarge,
    ),
)
async def token(request: Request, response: Response, wiring: Wired) -> TokenOut | Response:
    """A token for five minutes, bound to the key that signed the assertion. Refusals carry RFC 6749's `error` too."""
    try:
        asked = _token_request(await _form(request), request, trusts_front=wiring.trusts_front)
        issued = await issue_token(
            asked,
            issuer=wiring.issuer,
            ledger=wiring.ledger,
            proof=wiring.proof,
            mint=wiring.keys,
            world=wiring.world,
        )
    except GrantRefusal as refusal:
        return _refused(request, refusal)
    response.headers.update(_NO_STORE)
    return TokenOut(access_token=issued.token, expires_in=issued.expires_in, scope=write_scope(issued.scopes))


@router.get(
    "/.well-known/oauth-authorization-server",
    response_model=ServerMetadataOut,
    summary="Authorization server metadata (RFC 8414)",
)
async def metadata(response: Response, wiring: Wired) -> ServerMetadataOut:
    """Where to obtain tokens and how."""
    response.headers.update(_CACHED)
    return ServerMetadataOut(
        issuer=wiring.issuer,
        token_endpoint=f"{wiring.issuer}/v1/token",
        jwks_uri=f"{wiring.issuer}/.well-known/jwks.json",
        scopes_supported=list(Scope),
        response_types_supported=[],
        grant_types_supported=["client_credentials"],
        token_endpoint_auth_methods_supported=["private_key_jwt"],
        token_endpoint_auth_signing_alg_values_supported=["EdDSA", "ES256"],
        service_documentation=f"{wiring.issuer}/docs",
    )


@router.get("/.well-known/jwks.json", response_model=JwkSetOut, summary="The issuer's public keys (RFC 7517)")
async def jwks(response: Response, wiring: Wired) -> JwkSetOut:
    """All keys that may have signed a token that is still good, and those that will sign next."""
    response.headers.update(_CACHED)
    return JwkSetOut.model_validate(wiring.keys.jwks())


async def _form(request: Request) -> dict[str, str]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise GrantRequestMalformed(parameter="content-type")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM:
            raise BodyTooLarge(limit=MAX_FORM)
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=20
        )
    except ValueError as error:
        raise GrantRequestMalformed(parameter="body") from error
    form = dict(pairs)
    if len(form) != len(pairs):
        raise GrantRequestMalformed(parameter="body")
    return form


def _token_request(form: dict[str, str], request: Request, *, trusts_front: bool) -> TokenRequest:
    if "grant_type" not in form:
        raise GrantRequestMalformed(parameter="grant_type")
    if form["grant_type"] != "client_credentials":
        raise GrantTypeUnsupported
    assertion = form.get("client_assertion", "")
    if form.get("client_assertion_type") != ASSERTION_TYPE or not assertion:
        raise AssertionMissing
    return TokenRequest(
        assertion=assertion,
        scope=form.get("scope"),
        client_id=form.get("client_id"),
        certificate=front_certificate(request.scope["headers"]) if trusts_front else None,
    )


def _refused(request: Request, refusal: GrantRefusal) -> Response:
    language, identifier = asked_language(request.scope), request_id(request.scope)
    note_refusal(request.scope, refusal)
    document = problem(refusal, language, identifier)
    document |= {"error": refusal.error, "error_description": refusal.detail.en.format_map(refusal.facts)}
    headers = problem_headers(refusal, language, identifier) | _NO_STORE
    return Response(encode(document), status_code=refusal.status, headers=headers)
