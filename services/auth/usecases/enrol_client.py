"""Enrol a client and its keys; end either.

A key is bound to one client for ever: its thumbprint is its name in tokens, signatures and the log, and must never
come to mean somebody else. Whoever offers it proves that it holds the private half (`kernel.signing.key_proofs`), and
for whom the key is meant; else a registrar could be led to bind one party's key to another.

Source: DESIGN 6 "Enrolment", DECISION-0013.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from services.auth.domain.clients import Client, ClientKey, Scope, conflicting_role, scopes_fit
from services.auth.domain.facts import (
    client_disabled_fact,
    client_fact,
    key_facts,
    key_revoked_fact,
    key_row,
    log_event,
)
from services.auth.usecases.ports import Ledger, Records, Registrar, World
from services.kernel.identifiers import AgencyId, ClientId
from services.kernel.refusals.enrolment import KeyProofPartyMismatch, OfficerRolesConflict
from services.kernel.refusals.identity import (
    AgencyUnknown,
    ClientDisabled,
    ClientKeyTaken,
    ClientKeyUnknown,
    ClientKeyUnusable,
    ClientScopesInvalid,
    ClientUnknown,
    ValidityInvalid,
)
from services.kernel.signing.key_proofs import Party, read_key_proof
from services.kernel.signing.keys import KeyUnusable, PublicKey, from_pem, thumbprint, to_jwk


@dataclass(frozen=True, slots=True)
class KeyOffer:
    """A key as its holder offers it, with proof of possession. `not_before` None means from now on.

    `not_after` counts in whole seconds, rounded down.
    """

    proof: str
    not_before: datetime | None = None
    not_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class VouchedKey:
    """A public key (PEM) without a proof: the operator takes it from the machine on which it was made.

    Only for a client that the operator enrols; there is no registrar yet who could be deceived, and no issuer running
    that an offer could name.
    """

    pem: bytes


@dataclass(frozen=True, slots=True)
class ClientOffer:
    """A client as the registrar describes it."""

    agency: AgencyId
    name: str
    scopes: frozenset[str]
    officer: str | None
    keys: tuple[KeyOffer | VouchedKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A client and all its keys."""

    client: Client
    keys: tuple[ClientKey, ...]


async def enrol_client(
    offer: ClientOffer, registrar: Registrar, *, issuer: str, ledger: Ledger, world: World
) -> Enrolled:
    """Add a client with its first keys, each offered under a code of its agency.

    A service's client is enrolled only by the operator (no registrar client), and so is a key without a proof.

    Raises:
        ClientScopesInvalid, AgencyUnknown, OfficerRolesConflict, ClientKeyUnusable, ClientKeyTaken, ValidityInvalid.
        KeyProofPartyMismatch: a key is offered for another agency, or for a client that there is.
        Refusal: of `refusals.enrolment`; what else is wrong with a proof.
    """
    scopes = _scopes(offer, registrar)
    now = world.now()
    client = Client(ClientId(world.new_id()), offer.agency, offer.name, scopes, offer.officer)
    keys = [_key(key, registrar, issuer, now) for key in offer.keys]
    async with ledger.transaction() as records:
        await records.alone()
        agency = await records.agency(client.agency)
        if agency is None:
            raise AgencyUnknown
        for _, party in keys:
            if party not in (None, *(code.code for code in agency.codes)):
                raise KeyProofPartyMismatch
        if other := conflicting_role(scopes, offer.officer, await records.officers_clients()):
            raise OfficerRolesConflict(client=str(other.id))
        await records.add_client(client, now)
        fact = client_fact(client)
        await records.publish(fact, now)
        await records.journal(
            log_event("client-enrolled", by=registrar.client, at=now, row=fact, client=str(client.id))
        )
        for key, _ in keys:
            await _add_key(records, client, key, registrar, now)
    return Enrolled(client, tuple(key for key, _ in keys))


async def enrol_key(
    client_id: ClientId, offer: KeyOffer, registrar: Registrar, *, issuer: str, ledger: Ledger, world: World
) -> ClientKey:
    """Add a key beside those the client has, so that one replaces the other with an overlap.

    Raises:
        ClientUnknown, ClientDisabled, ClientKeyUnusable, ClientKeyTaken, ValidityInvalid.
        KeyProofPartyMismatch: the key is not offered for this very client.
        Refusal: of `refusals.enrolment`; what else is wrong with the proof.
    """
    now = world.now()
    key, party = _key(offer, registrar, issuer, now)
    async with ledger.transaction() as records:
        await records.alone()
        client, _ = await _client(records, client_id)
        if client.disabled_at is not None:
            raise ClientDisabled
        if party != client_id:
            raise KeyProofPartyMismatch
        await _add_key(records, client, key, registrar, now)
    return key


async def revoke_key(client_id: ClientId, kid: str, registrar: Registrar, *, ledger: Ledger, world: World) -> ClientKey:
    """End a key at once: no token any more, and within two seconds no request anywhere. Safe to repeat.

    Raises:
        ClientUnknown, ClientKeyUnknown.
    """
    now = world.now()
    async with ledger.transaction() as records:
        await records.alone()
        _, keys = await _client(records, client_id)
        key = _named(keys, kid)
        if key.revoked_at is not None:
            return key
        await records.revoke_key(kid, now)
        fact = key_revoked_fact(client_id, kid, now)
        await records.publish(fact, now)
        await records.journal(
            log_event("key-revoked", by=registrar.client, at=now, row=fact, client=str(client_id), kid=kid)
        )
        _, keys = await _client(records, client_id)
        return _named(keys, kid)


async def disable_client(client_id: ClientId, registrar: Registrar, *, ledger: Ledger, world: World) -> Enrolled:
    """End a client with all its keys at once, for ever. Safe to repeat.

    Raises:
        ClientUnknown.
    """
    now = world.now()
    async with ledger.transaction() as records:
        await records.alone()
        client, keys = await _client(records, client_id)
        if client.disabled_at is None:
            await records.disable_client(client_id, now)
            fact = client_disabled_fact(client_id, now)
            await records.publish(fact, now)
            await records.journal(
                log_event("client-disabled", by=registrar.client, at=now, row=fact, client=str(client_id))
            )
            client, keys = await _client(records, client_id)
        return Enrolled(client, keys)


def _scopes(offer: ClientOffer, registrar: Registrar) -> frozenset[Scope]:
    try:
        scopes = frozenset(Scope(scope) for scope in offer.scopes)
    except ValueError as error:
        raise ClientScopesInvalid from error
    if not scopes_fit(scopes, offer.officer) or (Scope.SERVICE in scopes and registrar.client is not None):
        raise ClientScopesInvalid
    return scopes


def _key(
    offer: KeyOffer | VouchedKey, registrar: Registrar, issuer: str, now: datetime
) -> tuple[ClientKey, Party | None]:
    """The key, and for whom it is meant; None where the operator vouches for it."""
    if isinstance(offer, VouchedKey):
        if registrar.client is not None:
            raise ClientKeyUnusable
        public = _public(offer.pem)
        return ClientKey(thumbprint(public), to_jwk(public), now, None), None
    proved = read_key_proof(offer.proof, issuer=issuer, now=now)
    start = offer.not_before or now
    end = None if offer.not_after is None else offer.not_after.replace(microsecond=0)
    if end is not None and end <= max(start, now):
        raise ValidityInvalid
    kid = thumbprint(proved.key)
    return ClientKey(kid, to_jwk(proved.key), start, end, proof=offer.proof), proved.party


def _public(pem: bytes) -> PublicKey:
    try:
        return from_pem(pem)
    except KeyUnusable as error:
        raise ClientKeyUnusable from error


async def _add_key(records: Records, client: Client, key: ClientKey, registrar: Registrar, now: datetime) -> None:
    if await records.key_owner(key.kid) is not None:
        raise ClientKeyTaken
    await records.add_key(client.id, key, now)
    for fact in key_facts(client, key):
        await records.publish(fact, now)
    await records.journal(
        log_event(
            "key-enrolled",
            by=registrar.client,
            at=now,
            row=key_row(client, key),
            client=str(client.id),
            kid=key.kid,
            proof_sha256=None if key.proof is None else hashlib.sha256(key.proof.encode("ascii")).hexdigest(),
        )
    )


async def _client(records: Records, client_id: ClientId) -> tuple[Client, tuple[ClientKey, ...]]:
    found = await records.client(client_id)
    if found is None:
        raise ClientUnknown
    return found


def _named(keys: Iterable[ClientKey], kid: str) -> ClientKey:
    found = next((key for key in keys if key.kid == kid), None)
    if found is None:
        raise ClientKeyUnknown
    return found
