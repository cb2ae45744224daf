"""Begin a deployment: the archive office, the first registrar and the services' own clients.

Only the operator on the machine does this; everybody else is enrolled by the registrar that it makes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.auth.domain.clients import Scope
from services.auth.usecases.enrol_client import ClientOffer, VouchedKey, enrol_client
from services.auth.usecases.ports import Ledger, Registrar, World
from services.auth.usecases.register_agency import AgencyOffer, CodeOffer, register_agency
from services.kernel.identifiers import AgencyId, ClientId, parse_agency_code
from services.kernel.refusals.identity import (
    AgencyCodeInvalid,
    ClientKeyTaken,
    ClientKeyUnusable,
    ClientScopesInvalid,
)
from services.kernel.signing.keys import KeyUnusable, from_pem, thumbprint
from services.kernel.vietnam import day_in_vietnam


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a deployment begins with: the office's code and name, and public keys in PEM."""

    agency_code: str
    agency_name: str
    registrar_key: bytes
    registrar_officer: str | None
    services: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Begun:
    """The ids that the settings of the services need."""

    agency: AgencyId
    registrar: ClientId
    registrar_kid: str
    services: Mapping[str, tuple[ClientId, str]]


async def bootstrap(beginning: Beginning, *, ledger: Ledger, world: World) -> Begun:
    """Make what is missing and name what is there; safe to repeat with the same keys, or with further services.

    Raises:
        AgencyCodeInvalid, ClientKeyUnusable.
        ClientKeyTaken: a key is revoked, or its client is disabled or of another agency.
        ClientScopesInvalid: a key's client has other scopes than asked for here.
    """
    operator = Registrar(None)
    agency = await _agency(beginning, operator, ledger, world)
    registrar, registrar_kid = await _client(
        ClientOffer(agency, "registrar", frozenset({Scope.REGISTRAR}), beginning.registrar_officer),
        beginning.registrar_key,
        operator,
        ledger,
        world,
    )
    services: dict[str, tuple[ClientId, str]] = {}
    for name, key in beginning.services.items():
        offer = ClientOffer(agency, name, frozenset({Scope.SERVICE}), None)
        services[name] = await _client(offer, key, operator, ledger, world)
    return Begun(agency, registrar, registrar_kid, services)


async def _agency(beginning: Beginning, operator: Registrar, ledger: Ledger, world: World) -> AgencyId:
    try:
        code = parse_agency_code(beginning.agency_code)
    except ValueError as error:
        raise AgencyCodeInvalid from error
    today = day_in_vietnam(world.now())
    async with ledger.transaction() as records:
        for holder, period in await records.holders(code):
            if period.holds_on(today):
                return holder
    code_offer = CodeOffer(beginning.agency_code, today, None)
    offer = AgencyOffer(beginning.agency_name, "archive", "province", today, None, [code_offer])
    return (await register_agency(offer, operator, ledger=ledger, world=world)).id


async def _client(
    offer: ClientOffer, pem: bytes, operator: Registrar, ledger: Ledger, world: World
) -> tuple[ClientId, str]:
    try:
        kid = thumbprint(from_pem(pem))
    except KeyUnusable as error:
        raise ClientKeyUnusable from error
    async with ledger.transaction() as records:
        owner = await records.key_owner(kid)
        found = None if owner is None else await records.client(owner)
    if found is None:
        with_key = ClientOffer(offer.agency, offer.name, offer.scopes, offer.officer, (VouchedKey(pem),))
        # No offer is read here: there is no registrar yet who could be deceived, so no issuer that one would name.
        made = await enrol_client(with_key, operator, issuer="", ledger=ledger, world=world)
        return made.client.id, kid
    client, keys = found
    if client.agency != offer.agency or client.usable_key(keys, kid, world.now()) is None:
        raise ClientKeyTaken
    if client.scopes != offer.scopes:
        raise ClientScopesInvalid
    return client.id, kid
