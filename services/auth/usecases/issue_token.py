"""Give a client a token for five minutes, once it has proved with its own key who it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.auth.domain.clients import Client, ClientKey
from services.auth.usecases.ports import AssertionProof, Ledger, TokenMint, World
from services.kernel.refusals.identity import (
    AssertionKeyUnknown,
    AssertionMalformed,
    AssertionReplayed,
    AssertionSubjectMismatch,
    GrantRefusal,
    GrantScopeRefused,
)
from services.kernel.signing.claims import (
    TOKEN_LIFETIME,
    AccessClaims,
    assertion_client,
    judge_assertion,
    parse_scope,
    read_assertion_header,
)
from services.kernel.signing.jws import MAX_TOKEN, JwsMalformed, parse_compact
from services.kernel.signing.keys import from_jwk


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A token request's own words. `certificate`: SHA-256 of the client certificate that the front proxy saw."""

    assertion: str
    scope: str | None = None
    client_id: str | None = None
    certificate: bytes | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """A token and for how many seconds it is good."""

    token: str
    expires_in: int
    scopes: frozenset[str]


async def issue_token(
    request: TokenRequest, *, issuer: str, ledger: Ledger, proof: AssertionProof, mint: TokenMint, world: World
) -> Issued:
    """Check the assertion (form, header, client and key, signature, claims, jti once), then mint a token.

    The jti is used up in a committed transaction before the token exists. A token never outlives its key.

    Where there is no such client, or no such key of it that may be used now, the same questions are asked of the rows
    and a signature is checked all the same, under a key that nobody holds: neither the answer nor the work tells a
    stranger whether a client exists or how a key ended.

    Raises:
        GrantRefusal: one of `refusals.identity`, in that order.

    Source: DESIGN 6, DECISION-0015.
    """
    try:
        parsed = parse_compact(request.assertion)
    except JwsMalformed as error:
        raise AssertionMalformed(limit=MAX_TOKEN) from error
    header = read_assertion_header(parsed.header)
    client_id = assertion_client(parsed.claims)
    now = world.now()
    async with ledger.transaction() as records:
        found = await records.client(client_id)
        key = None if found is None else found[0].usable_key(found[1], header.kid, now)
        public = from_jwk(proof.nobodys_jwk(header.alg) if key is None else key.jwk)
        try:
            proof.check(request.assertion, parsed, header, public)
        except GrantRefusal:
            if key is not None:
                raise
        if found is None or key is None:
            raise AssertionKeyUnknown
        claims = judge_assertion(parsed.claims, issuer=issuer, now=now)
        if request.client_id not in (None, str(client_id)):
            raise AssertionSubjectMismatch
        client = found[0]
        scopes = _scopes(client, request.scope)
        if not await records.use_assertion(client_id, claims.jti, claims.expires):
            raise AssertionReplayed
    issued = now.replace(microsecond=0)
    expires = _end(key, issued)
    token = mint.mint(
        AccessClaims(
            client=client.id,
            agency=client.agency,
            scopes=scopes,
            officer=client.officer,
            key=public,
            certificate=request.certificate,
            token_id=str(world.new_id()),
            issued=issued,
            expires=expires,
        )
    )
    return Issued(token, int((expires - issued).total_seconds()), scopes)


def _scopes(client: Client, asked: str | None) -> frozenset[str]:
    held = frozenset(scope.value for scope in client.scopes)
    if asked is None:
        return held
    try:
        wanted = parse_scope(asked)
    except ValueError as error:
        raise GrantScopeRefused from error
    if not wanted <= held:
        raise GrantScopeRefused
    return wanted


def _end(key: ClientKey, issued: datetime) -> datetime:
    """When a token ends: a usable key ends a whole second after `issued` at the earliest."""
    full = issued + timedelta(seconds=TOKEN_LIFETIME)
    return full if key.not_after is None else min(full, key.not_after.replace(microsecond=0))
