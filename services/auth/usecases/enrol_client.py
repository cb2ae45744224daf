"""Enrol a client and its keys; end either.

A key is bound to one client for ever: its thumbprint is its name in tokens, signatures and the log, and must never
come to mean somebody else.

Source: DESIGN 6 "Enrolment".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from services.auth.domain.clients import Client, ClientKey, Scope, scopes_fit
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
from services.kernel.signing.keys import KeyUnusable, PublicKey, from_jwk, from_pem, thumbprint, to_jwk


@dataclass(frozen=True, slots=True)
class KeyOffer:
    """A public key as the registrar gives it: PEM or JWK. `not_before` None means from now on."""

    material: bytes | Mapping[str, object]
    not_before: datetime | None = None
    not_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class ClientOffer:
    """A client as the registrar describes it."""

    agency: AgencyId
    name: str
    scopes: frozenset[str]
    officer: str | None
    keys: tuple[KeyOffer, ...] = ()


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A client and all its keys."""

    client: Client
    keys: tuple[ClientKey, ...]


async def enrol_client(offer: ClientOffer, registrar: Registrar, *, ledger: Ledger, world: World) -> Enrolled:
    """Add a client with its first keys. A service's client is enrolled only by the operator (no registrar client).

    Raises:
        ClientScopesInvalid, AgencyUnknown, ClientKeyUnusable, ClientKeyTaken, ValidityInvalid.
    """
    scopes = _scopes(offer, registrar)
    now = world.now()
    client = Client(ClientId(world.new_id()), offer.agency, offer.name, scopes, offer.officer)
    keys = tuple(_key(key, now) for key in offer.keys)
    async with ledger.transaction() as records:
        await records.alone()
        if await records.agency(client.agency) is None:
            raise AgencyUnknown
        await records.add_client(client, now)
        fact = client_fact(client)
        await records.publish(fact, now)
        await records.journal(
            log_event("client-enrolled", by=registrar.client, at=now, row=fact, client=str(client.id))
        )
        for key in keys:
            await _add_key(records, client, key, registrar, now)
    return Enrolled(client, keys)


async def enrol_key(
    client_id: ClientId, offer: KeyOffer, registrar: Registrar, *, ledger: Ledger, world: World
) -> ClientKey:
    """Add a key beside those the client has, so that one replaces the other with an overlap.

    Raises:
        ClientUnknown, ClientDisabled, ClientKeyUnusable, ClientKeyTaken, ValidityInvalid.
    """
    now = world.now()
    key = _key(offer, now)
    async with ledger.transaction() as records:
        await records.alone()
        client, _ = await _client(records, client_id)
        if client.disabled_at is not None:
            raise ClientDisabled
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


def _key(offer: KeyOffer, now: datetime) -> ClientKey:
    public = _public(offer.material)
    start = offer.not_before or now
    if offer.not_after is not None and offer.not_after <= max(start, now):
        raise ValidityInvalid
    return ClientKey(thumbprint(public), to_jwk(public), start, offer.not_after)


def _public(material: bytes | Mapping[str, object]) -> PublicKey:
    try:
        return from_pem(material) if isinstance(material, bytes) else from_jwk(material)
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
