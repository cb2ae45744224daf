"""The registrar's side: agencies, fonds, clients, keys; and the facts that the other services follow."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Path, Query

from services.auth.api.schemas import (
    AgencyIn,
    AgencyOut,
    AgencyPage,
    ClientIn,
    ClientOut,
    ClientPage,
    CodeEndIn,
    CodeIn,
    DepositSourceIn,
    DepositSourceOut,
    DepositSourcePage,
    EndIn,
    FactsOut,
    FondsIn,
    FondsOut,
    FondsPage,
    HistoryOut,
    KeyIn,
    KeyOut,
    RenamingIn,
    SuccessionIn,
)
from services.auth.api.wiring import Looking, Registering, Serving, Wired, Wiring
from services.auth.domain.agencies import Agency, Name
from services.auth.usecases.close_agency import close_agency, rename_agency
from services.auth.usecases.enrol_client import ClientOffer, disable_client, enrol_client, enrol_key, revoke_key
from services.auth.usecases.list_deposit_source import end_deposit_source, list_deposit_source
from services.auth.usecases.ports import Registrar
from services.auth.usecases.read_registry import (
    agency_history,
    list_agencies,
    list_clients,
    list_deposit_sources,
    list_fonds,
    read_facts,
)
from services.auth.usecases.record_succession import record_succession
from services.auth.usecases.register_agency import (
    AgencyOffer,
    CodeOffer,
    add_agency_code,
    end_agency_code,
    register_agency,
)
from services.auth.usecases.register_fonds import FondsOffer, register_fonds
from services.kernel.identifiers import AgencyId, ClientId
from services.kernel.refusals.enrolment import (
    KeyProofAlgorithmRefused,
    KeyProofAudienceMismatch,
    KeyProofClaimInvalid,
    KeyProofDerEncoded,
    KeyProofExpired,
    KeyProofHeaderRefused,
    KeyProofInvalid,
    KeyProofIssuedAhead,
    KeyProofLifetimeWrong,
    KeyProofMalformed,
    KeyProofPartyMismatch,
    OfficerRolesConflict,
)
from services.kernel.refusals.identity import (
    AgencyCodeInvalid,
    AgencyCodeTaken,
    AgencyCodeUnknown,
    AgencyDatesInvalid,
    AgencyEnded,
    AgencyNameTaken,
    AgencyUnknown,
    ClientDisabled,
    ClientKeyTaken,
    ClientKeyUnknown,
    ClientKeyUnusable,
    ClientScopesInvalid,
    ClientUnknown,
    DepositSourceEnded,
    DepositSourceTaken,
    DepositSourceUnknown,
    FondsCodeTaken,
    ScopeMissing,
    SuccessionInvalid,
    SuccessionPartiesInvalid,
    SuccessionTaken,
    ValidityInvalid,
)
from services.kernel.vietnam import day_in_vietnam
from services.runtime.openapi import refusing

router = APIRouter(tags=["registry"])

After = Annotated[UUID | None, Query(description="`next` of the page before.")]
On = Annotated[date | None, Query(description="A day; what held then.", examples=["2025-06-30"])]
Limit = Annotated[int, Query(ge=1, le=500)]
_KEY_REFUSALS: Final = (
    KeyProofMalformed, KeyProofHeaderRefused, ClientKeyUnusable, KeyProofAlgorithmRefused, KeyProofDerEncoded,
    KeyProofInvalid, KeyProofAudienceMismatch, KeyProofClaimInvalid, KeyProofIssuedAhead, KeyProofExpired,
    KeyProofLifetimeWrong, KeyProofPartyMismatch, ClientKeyTaken,
)  # fmt: skip
Kid = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{43}$", description="RFC 7638 thumbprint of the key.")]


@router.post(
    "/v1/agencies",
    status_code=201,
    response_model=AgencyOut,
    summary="Register an agency",
    responses=refusing(AgencyCodeInvalid, AgencyCodeTaken, ValidityInvalid, ScopeMissing),
)
async def post_agency(form: AgencyIn, caller: Registering, wiring: Wired) -> AgencyOut:
    offer = AgencyOffer(
        name=form.name,
        kind=form.kind,
        level=form.level,
        valid_from=form.valid_from,
        valid_to=form.valid_to,
        codes=[_code(code) for code in form.codes],
        instrument=form.instrument,
    )
    registrar = Registrar(caller.client)
    return _shown(await register_agency(offer, registrar, ledger=wiring.ledger, world=wiring.world), wiring)


@router.get(
    "/v1/agencies",
    response_model=AgencyPage,
    summary="List agencies: all, or who was what on a day",
    responses=refusing(ScopeMissing),
)
async def get_agencies(_: Looking, wiring: Wired, on: On = None, after: After = None, limit: Limit = 100) -> AgencyPage:
    """With `on`, the agencies that there were, under their names and codes of that day."""
    found = await list_agencies(on=on, after=after, limit=limit, ledger=wiring.ledger)
    day = on or day_in_vietnam(wiring.world.now())
    return AgencyPage(
        agencies=[AgencyOut.of(agency, day, only=on is not None) for agency in found],
        next=found[-1].id if len(found) == limit else None,
    )


@router.get(
    "/v1/agencies/{agency}/history",
    response_model=HistoryOut,
    summary="Everything recorded of an agency: names, codes, whom it follows and who follows it, fonds, deposits",
    responses=refusing(AgencyUnknown, ScopeMissing),
)
async def get_history(agency: UUID, _: Looking, wiring: Wired) -> HistoryOut:
    found = await agency_history(AgencyId(agency), ledger=wiring.ledger)
    return HistoryOut.of(found, day_in_vietnam(wiring.world.now()))


@router.post(
    "/v1/agencies/{agency}/close",
    response_model=AgencyOut,
    summary="Record that an agency ended; its fonds close that day",
    responses=refusing(AgencyUnknown, AgencyEnded, AgencyDatesInvalid, ScopeMissing),
)
async def post_agency_end(agency: UUID, form: EndIn, caller: Registering, wiring: Wired) -> AgencyOut:
    registrar = Registrar(caller.client)
    ended = await close_agency(AgencyId(agency), form.end(), registrar, ledger=wiring.ledger, world=wiring.world)
    return _shown(ended, wiring)


@router.post(
    "/v1/agencies/{agency}/rename",
    response_model=AgencyOut,
    summary="Record that an agency is called otherwise from a day on",
    responses=refusing(AgencyUnknown, AgencyNameTaken, AgencyDatesInvalid, ScopeMissing),
)
async def post_agency_name(agency: UUID, form: RenamingIn, caller: Registering, wiring: Wired) -> AgencyOut:
    registrar, name = Registrar(caller.client), Name(form.name, form.on, form.instrument)
    renamed = await rename_agency(AgencyId(agency), name, registrar, ledger=wiring.ledger, world=wiring.world)
    return _shown(renamed, wiring)


@router.post(
    "/v1/agencies/{agency}/codes",
    status_code=201,
    response_model=AgencyOut,
    summary="Give an agency a further code",
    responses=refusing(AgencyUnknown, AgencyCodeInvalid, AgencyCodeTaken, AgencyEnded, ValidityInvalid, ScopeMissing),
)
async def post_code(agency: UUID, form: CodeIn, caller: Registering, wiring: Wired) -> AgencyOut:
    registrar = Registrar(caller.client)
    added = await add_agency_code(AgencyId(agency), _code(form), registrar, ledger=wiring.ledger, world=wiring.world)
    return _shown(added, wiring)


@router.post(
    "/v1/agencies/{agency}/codes/end",
    response_model=AgencyOut,
    summary="End a code of an agency",
    responses=refusing(AgencyUnknown, AgencyCodeUnknown, ScopeMissing),
)
async def post_code_end(agency: UUID, form: CodeEndIn, caller: Registering, wiring: Wired) -> AgencyOut:
    registrar, end = Registrar(caller.client), form.end()
    ended = await end_agency_code(AgencyId(agency), form.code, end, registrar, ledger=wiring.ledger, world=wiring.world)
    return _shown(ended, wiring)


@router.post(
    "/v1/successions",
    status_code=201,
    response_model=SuccessionIn,
    summary="Record a merger, a split, a detachment or a dissolution of agencies",
    responses=refusing(
        AgencyUnknown,
        SuccessionInvalid,
        SuccessionPartiesInvalid,
        SuccessionTaken,
        AgencyDatesInvalid,
        ScopeMissing,
    ),
)
async def post_succession(form: SuccessionIn, caller: Registering, wiring: Wired) -> SuccessionIn:
    await record_succession(form.event(), Registrar(caller.client), ledger=wiring.ledger, world=wiring.world)
    return form


@router.post(
    "/v1/deposit-sources",
    status_code=201,
    response_model=DepositSourceOut,
    summary="List an agency as a source of deposit of an archive",
    responses=refusing(AgencyUnknown, AgencyDatesInvalid, DepositSourceTaken, ValidityInvalid, ScopeMissing),
)
async def post_deposit_source(form: DepositSourceIn, caller: Registering, wiring: Wired) -> DepositSourceOut:
    registrar = Registrar(caller.client)
    return DepositSourceOut.of(
        await list_deposit_source(form.offer(), registrar, ledger=wiring.ledger, world=wiring.world)
    )


@router.get(
    "/v1/deposit-sources",
    response_model=DepositSourcePage,
    summary="The list of deposit sources: all entries, or those of a day",
    responses=refusing(ScopeMissing),
)
async def get_deposit_sources(
    _: Looking, wiring: Wired, on: On = None, agency: UUID | None = None, after: After = None, limit: Limit = 100
) -> DepositSourcePage:
    found = await list_deposit_sources(on=on, agency=agency, after=after, limit=limit, ledger=wiring.ledger)
    return DepositSourcePage(
        deposit_sources=[DepositSourceOut.of(source) for source in found],
        next=found[-1].id if len(found) == limit else None,
    )


@router.post(
    "/v1/deposit-sources/{source}/end",
    response_model=DepositSourceOut,
    summary="End an entry of the list of deposit sources",
    responses=refusing(DepositSourceUnknown, DepositSourceEnded, AgencyDatesInvalid, ScopeMissing),
)
async def post_deposit_source_end(source: UUID, form: EndIn, caller: Registering, wiring: Wired) -> DepositSourceOut:
    registrar = Registrar(caller.client)
    return DepositSourceOut.of(
        await end_deposit_source(source, form.end(), registrar, ledger=wiring.ledger, world=wiring.world)
    )


@router.post(
    "/v1/fonds",
    status_code=201,
    response_model=FondsOut,
    summary="Register a fonds",
    responses=refusing(AgencyUnknown, FondsCodeTaken, ScopeMissing),
)
async def post_fonds(form: FondsIn, caller: Registering, wiring: Wired) -> FondsOut:
    offer = FondsOffer(form.code, form.name, AgencyId(form.creator), AgencyId(form.custodian), form.deposit_source)
    registrar = Registrar(caller.client)
    return FondsOut.of(await register_fonds(offer, registrar, ledger=wiring.ledger, world=wiring.world))


@router.get("/v1/fonds", response_model=FondsPage, summary="List fonds", responses=refusing(ScopeMissing))
async def get_fonds(_: Looking, wiring: Wired, after: After = None, limit: Limit = 100) -> FondsPage:
    found = await list_fonds(after=after, limit=limit, ledger=wiring.ledger)
    return FondsPage(fonds=[FondsOut.of(fonds) for fonds in found], next=found[-1].id if len(found) == limit else None)


@router.post(
    "/v1/clients",
    status_code=201,
    response_model=ClientOut,
    summary="Enrol a client",
    responses=refusing(
        AgencyUnknown, ClientScopesInvalid, OfficerRolesConflict, *_KEY_REFUSALS, ValidityInvalid, ScopeMissing
    ),
)
async def post_client(form: ClientIn, caller: Registering, wiring: Wired) -> ClientOut:
    offer = ClientOffer(
        agency=AgencyId(form.agency),
        name=form.name,
        scopes=frozenset(form.scopes),
        officer=form.officer,
        keys=tuple(key.offer() for key in form.keys),
    )
    registrar = Registrar(caller.client)
    return ClientOut.of(
        await enrol_client(offer, registrar, issuer=wiring.issuer, ledger=wiring.ledger, world=wiring.world)
    )


@router.get("/v1/clients", response_model=ClientPage, summary="List clients", responses=refusing(ScopeMissing))
async def get_clients(_: Looking, wiring: Wired, after: After = None, limit: Limit = 100) -> ClientPage:
    found = await list_clients(after=after, limit=limit, ledger=wiring.ledger)
    return ClientPage(
        clients=[ClientOut.of(entry) for entry in found], next=found[-1].client.id if len(found) == limit else None
    )


@router.post(
    "/v1/clients/{client}/keys",
    status_code=201,
    response_model=KeyOut,
    summary="Add a key beside the client's others",
    responses=refusing(ClientUnknown, ClientDisabled, *_KEY_REFUSALS, ValidityInvalid, ScopeMissing),
)
async def post_key(client: UUID, form: KeyIn, caller: Registering, wiring: Wired) -> KeyOut:
    registrar = Registrar(caller.client)
    key = await enrol_key(
        ClientId(client), form.offer(), registrar, issuer=wiring.issuer, ledger=wiring.ledger, world=wiring.world
    )
    return KeyOut.of(key)


@router.post(
    "/v1/clients/{client}/keys/{kid}/revoke",
    response_model=KeyOut,
    summary="End a key at once",
    responses=refusing(ClientUnknown, ClientKeyUnknown, ScopeMissing),
)
async def post_key_revocation(client: UUID, kid: Kid, caller: Registering, wiring: Wired) -> KeyOut:
    registrar = Registrar(caller.client)
    return KeyOut.of(await revoke_key(ClientId(client), kid, registrar, ledger=wiring.ledger, world=wiring.world))


@router.post(
    "/v1/clients/{client}/disable",
    response_model=ClientOut,
    summary="End a client and all its keys at once",
    responses=refusing(ClientUnknown, ScopeMissing),
)
async def post_client_end(client: UUID, caller: Registering, wiring: Wired) -> ClientOut:
    registrar = Registrar(caller.client)
    return ClientOut.of(await disable_client(ClientId(client), registrar, ledger=wiring.ledger, world=wiring.world))


@router.get(
    "/v1/registry/facts",
    response_model=FactsOut,
    summary="Facts of the registry after a number (services only)",
    responses=refusing(ScopeMissing),
)
async def get_facts(_: Serving, wiring: Wired, after: Annotated[int, Query(ge=0, le=2**53 - 1)] = 0) -> FactsOut:
    page = await read_facts(after, ledger=wiring.ledger)
    return FactsOut(facts=[{**fact.body, "seq": fact.seq} for fact in page.facts], last=page.last)


def _shown(agency: Agency, wiring: Wiring) -> AgencyOut:
    return AgencyOut.of(agency, day_in_vietnam(wiring.world.now()))


def _code(form: CodeIn) -> CodeOffer:
    return CodeOffer(form.code, form.valid_from, form.valid_to)
