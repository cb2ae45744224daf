"""Register an agency, give one a further code, end a code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from services.auth.domain.agencies import Agency, CodePeriod, End, Name, code_is_free
from services.auth.domain.facts import agency_code_ended_fact, agency_code_fact, agency_ended_fact, log_event
from services.auth.usecases.ports import Ledger, Records, Registrar, World
from services.kernel.identifiers import AgencyId, parse_agency_code
from services.kernel.refusals.identity import (
    AgencyCodeInvalid,
    AgencyCodeTaken,
    AgencyCodeUnknown,
    AgencyEnded,
    AgencyUnknown,
    ValidityInvalid,
)


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
    instrument: str | None = None


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
    end = None if offer.valid_to is None else End(offer.valid_to, None)
    agency = Agency(
        id=AgencyId(world.new_id()),
        kind=offer.kind,
        level=offer.level,
        valid_from=offer.valid_from,
        names=(Name(offer.name, offer.valid_from, None),),
        codes=tuple(code.until(offer.valid_to) for code in codes if _begins_before(code, offer.valid_to)),
        instrument=offer.instrument,
        end=end,
    )
    async with ledger.transaction() as records:
        await records.alone()
        for code in agency.codes:
            await _demand_free(records, code)
        await records.add_agency(agency, now)
        for code in agency.codes:
            await records.publish(agency_code_fact(agency, code), now)
        if end is not None:
            await records.publish(agency_ended_fact(agency.id, end), now)
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
        AgencyEnded: it ended before the code would begin.
    """
    code = _period(offer)
    now = world.now()
    async with ledger.transaction() as records:
        await records.alone()
        before = await known_agency(records, agency_id)
        if before.end is not None:
            if not _begins_before(code, before.end.on):
                raise AgencyEnded(ended_on=before.end.on.isoformat())
            code = code.until(before.end.on)
        await _demand_free(records, code)
        await records.add_code(agency_id, code)
        fact = agency_code_fact(before, code)
        await records.publish(fact, now)
        await records.journal(
            log_event("agency-code-added", by=registrar.client, at=now, row=fact, agency=str(agency_id))
        )
        return await known_agency(records, agency_id)


async def end_agency_code(
    agency_id: AgencyId, code: str, end: End, registrar: Registrar, *, ledger: Ledger, world: World
) -> Agency:
    """End a code that holds; from that day on another agency may have it. Not repeatable: it then holds no more.

    Raises:
        AgencyUnknown.
        AgencyCodeUnknown: the agency has no such code that held on the day before and has no end yet.
    """
    now = world.now()
    async with ledger.transaction() as records:
        await records.alone()
        before = await known_agency(records, agency_id)
        held = next((entry for entry in before.codes if _may_end(entry, code, end.on)), None)
        if held is None:
            raise AgencyCodeUnknown
        await records.end_code(held, end, now)
        fact = agency_code_ended_fact(agency_id, held, end)
        await records.publish(fact, now)
        await records.journal(
            log_event("agency-code-ended", by=registrar.client, at=now, row=fact, agency=str(agency_id))
        )
        return await known_agency(records, agency_id)


async def known_agency(records: Records, agency_id: AgencyId) -> Agency:
    """Raises AgencyUnknown."""
    found = await records.agency(agency_id)
    if found is None:
        raise AgencyUnknown
    return found


def _may_end(entry: CodePeriod, code: str, day: date) -> bool:
    return entry.code == code and entry.valid_to is None and entry.valid_from < day


def _begins_before(code: CodePeriod, end: date | None) -> bool:
    return end is None or code.valid_from < end


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
        "name": agency.names[0].name,
        "kind": agency.kind,
        "level": agency.level,
        "valid_from": agency.valid_from.isoformat(),
        "valid_to": None if agency.valid_to is None else agency.valid_to.isoformat(),
        "instrument": agency.instrument,
        "codes": [dict(agency_code_fact(agency, code)) for code in agency.codes],
    }
