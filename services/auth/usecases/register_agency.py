"""Register an agency, and give one a further code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from services.auth.domain.agencies import Agency, CodePeriod, code_is_free
from services.auth.domain.facts import agency_code_fact, log_event
from services.auth.usecases.ports import Ledger, Records, Registrar, World
from services.kernel.identifiers import AgencyId, parse_agency_code
from services.kernel.refusals.identity import AgencyCodeInvalid, AgencyCodeTaken, AgencyUnknown, ValidityInvalid


@dataclass(frozen=True, slots=True)
class CodeOffer:
    """A code as the registrar gives it."""

    code: str
    valid_from: date
    valid_to: date | None


@dataclass(frozen=True, slots=True)
class AgencyOffer:
    """An agency as the registrar describes it."""

    name: str
    kind: str
    level: str
    valid_from: date
    valid_to: date | None
    codes: Sequence[CodeOffer]


async def register_agency(offer: AgencyOffer, registrar: Registrar, *, ledger: Ledger, world: World) -> Agency:
    """Add an agency with its codes. Not repeatable: a second call meets its own codes.

    Raises:
        AgencyCodeInvalid, AgencyCodeTaken, ValidityInvalid.
    """
    if offer.valid_to is not None and offer.valid_to <= offer.valid_from:
        raise ValidityInvalid
    codes = tuple(sorted((_period(code) for code in offer.codes), key=lambda code: code.valid_from))
    for position, code in enumerate(codes):
        if not code_is_free(code, [(AgencyId(world.new_id()), other) for other in codes[:position]]):
            raise AgencyCodeTaken
    now = world.now()
    agency = Agency(
        AgencyId(world.new_id()), offer.name, offer.kind, offer.level, offer.valid_from, offer.valid_to, codes
    )
    async with ledger.transaction() as records:
        await records.alone()
        for code in codes:
            await _demand_free(records, code)
        await records.add_agency(agency, now)
        for code in codes:
            await records.publish(agency_code_fact(agency, code), now)
        await records.journal(
            log_event("agency-registered", by=registrar.client, at=now, row=_row(agency), agency=str(agency.id))
        )
    return agency


async def add_agency_code(
    agency_id: AgencyId, offer: CodeOffer, registrar: Registrar, *, ledger: Ledger, world: World
) -> Agency:
    """Give an agency one more code; its earlier ones stay.

    Raises:
        AgencyUnknown, AgencyCodeInvalid, AgencyCodeTaken, ValidityInvalid.
    """
    code = _period(offer)
    now = world.now()
    async with ledger.transaction() as records:
        await records.alone()
        before = await records.agency(agency_id)
        if before is None:
            raise AgencyUnknown
        await _demand_free(records, code)
        await records.add_code(agency_id, code)
        fact = agency_code_fact(before, code)
        await records.publish(fact, now)
        await records.journal(
            log_event("agency-code-added", by=registrar.client, at=now, row=fact, agency=str(agency_id))
        )
        after = await records.agency(agency_id)
        if after is None:
            raise AgencyUnknown
        return after


def _period(offer: CodeOffer) -> CodePeriod:
    if offer.valid_to is not None and offer.valid_to <= offer.valid_from:
        raise ValidityInvalid
    try:
        return CodePeriod(parse_agency_code(offer.code), offer.valid_from, offer.valid_to)
    except ValueError as error:
        raise AgencyCodeInvalid from error


async def _demand_free(records: Records, code: CodePeriod) -> None:
    if not code_is_free(code, await records.holders(code.code)):
        raise AgencyCodeTaken


def _row(agency: Agency) -> dict[str, object]:
    return {
        "id": str(agency.id),
        "name": agency.name,
        "kind": agency.kind,
        "level": agency.level,
        "valid_from": agency.valid_from.isoformat(),
        "valid_to": None if agency.valid_to is None else agency.valid_to.isoformat(),
        "codes": [dict(agency_code_fact(agency, code)) for code in agency.codes],
    }
