"""The ledger of auth in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, Row, and_, delete, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.auth.adapters import ceilings_sql
from services.auth.adapters import tables as t
from services.auth.domain.agencies import (
    Agency,
    CodePeriod,
    DepositSource,
    End,
    Fonds,
    Name,
    Succession,
    SuccessionKind,
)
from services.auth.domain.ceilings import CeilingDecision
from services.auth.domain.clients import Client, ClientKey, Scope
from services.auth.domain.facts import Fact
from services.auth.usecases.ports import NumberedFact
from services.kernel.identifiers import AgencyCode, AgencyId, ClientId, FondsId
from services.runtime import journal
from services.runtime.database import transaction

ClientAndKeys = tuple[Client, tuple[ClientKey, ...]]


def _end_of(agency: FromClause, end: FromClause = t.agency_end) -> ColumnElement[date]:
    """When an agency ended: as recorded later, or as it was registered."""
    return func.coalesce(end.c.ended_on, agency.c.valid_to)


_CODES: Final = (
    # Every code with its end: its own, as registered or recorded later, or its agency's. LEAST passes over NULL.
    select(
        t.agency_code.c.code,
        t.agency_code.c.agency,
        t.agency_code.c.valid_from,
        func.least(t.agency_code.c.valid_to, t.agency_code_end.c.ended_on, _end_of(t.agency)).label("valid_to"),
    )
    .join(t.agency, t.agency.c.id == t.agency_code.c.agency)
    .join(t.agency_end, t.agency_end.c.agency == t.agency_code.c.agency, isouter=True)
    .join(
        t.agency_code_end,
        and_(
            t.agency_code_end.c.code == t.agency_code.c.code,
            t.agency_code_end.c.valid_from == t.agency_code.c.valid_from,
        ),
        isouter=True,
    )
)

_DEPOSITOR, _ARCHIVE = t.agency.alias("depositor"), t.agency.alias("archive")
_DEPOSITOR_END, _ARCHIVE_END = t.agency_end.alias("depositor_end"), t.agency_end.alias("archive_end")
_SOURCE_END: Final = func.least(
    t.deposit_source.c.valid_to,
    t.deposit_source_end.c.ended_on,
    _end_of(_DEPOSITOR, _DEPOSITOR_END),
    _end_of(_ARCHIVE, _ARCHIVE_END),
)
_SOURCES: Final = (
    # Likewise every entry of the list of deposit sources: it ends with either of its bodies.
    select(
        t.deposit_source.c.id,
        t.deposit_source.c.agency,
        t.deposit_source.c.archive,
        t.deposit_source.c.valid_from,
        _SOURCE_END.label("valid_to"),
        t.deposit_source.c.instrument,
    )
    .join(_DEPOSITOR, _DEPOSITOR.c.id == t.deposit_source.c.agency)
    .join(_ARCHIVE, _ARCHIVE.c.id == t.deposit_source.c.archive)
    .join(_DEPOSITOR_END, _DEPOSITOR_END.c.agency == t.deposit_source.c.agency, isouter=True)
    .join(_ARCHIVE_END, _ARCHIVE_END.c.agency == t.deposit_source.c.archive, isouter=True)
    .join(t.deposit_source_end, t.deposit_source_end.c.source == t.deposit_source.c.id, isouter=True)
)


class SqlLedger:
    """Transactions on the rows of auth."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqlRecords]:
        async with transaction(self._engine) as connection:
            yield SqlRecords(connection)


class SqlRecords:
    """See `usecases.ports.Records`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def alone(self) -> None:
        await self._connection.execute(select(t.fact_counter.c.last).with_for_update())

    async def agency(self, agency: AgencyId) -> Agency | None:
        rows = (await self._connection.execute(select(t.agency).where(t.agency.c.id == agency))).all()
        return next(iter(await self._agencies(rows)), None)

    async def agencies(self, *, on: date | None, after: AgencyId | None, limit: int) -> list[Agency]:
        query = select(t.agency).order_by(t.agency.c.id).limit(limit)
        if after is not None:
            query = query.where(t.agency.c.id > after)
        if on is not None:
            end = _end_of(t.agency)
            query = query.join(t.agency_end, t.agency_end.c.agency == t.agency.c.id, isouter=True)
            query = query.where(t.agency.c.valid_from <= on, or_(end.is_(None), end > on))
        return await self._agencies((await self._connection.execute(query)).all())

    async def _agencies(self, rows: Sequence[Row[Any]]) -> list[Agency]:
        wanted = [row.id for row in rows]
        ends = {
            row.agency: End(row.ended_on, row.instrument)
            for row in await self._connection.execute(select(t.agency_end).where(t.agency_end.c.agency.in_(wanted)))
        }
        names: dict[UUID, list[Name]] = {row.id: [Name(row.name, row.valid_from, None)] for row in rows}
        renamed = select(t.agency_name).where(t.agency_name.c.agency.in_(wanted)).order_by(t.agency_name.c.valid_from)
        for row in await self._connection.execute(renamed):
            names[row.agency].append(Name(row.name, row.valid_from, row.instrument))
        codes: dict[UUID, list[CodePeriod]] = {row.id: [] for row in rows}
        query = _CODES.where(t.agency_code.c.agency.in_(wanted))
        for row in await self._connection.execute(query.order_by(t.agency_code.c.valid_from, t.agency_code.c.code)):
            codes[row.agency].append(_period(row))
        return [
            Agency(
                id=AgencyId(row.id),
                kind=row.kind,
                level=row.level,
                valid_from=row.valid_from,
                names=tuple(names[row.id]),
                codes=tuple(codes[row.id]),
                instrument=row.instrument,
                end=ends.get(row.id, None if row.valid_to is None else End(row.valid_to, None)),
            )
            for row in rows
        ]

    async def holders(self, code: AgencyCode) -> list[tuple[AgencyId, CodePeriod]]:
        found = await self._connection.execute(_CODES.where(t.agency_code.c.code == code))
        return [(AgencyId(row.agency), _period(row)) for row in found]

    async def add_agency(self, agency: Agency, at: datetime) -> None:
        await self._connection.execute(
            insert(t.agency).values(
                id=agency.id,
                name=agency.names[0].name,
                kind=agency.kind,
                level=agency.level,
                valid_from=agency.valid_from,
                valid_to=agency.valid_to,
                registered_at=at,
                instrument=agency.instrument,
            )
        )
        for code in agency.codes:
            await self.add_code(agency.id, code)

    async def add_code(self, agency: AgencyId, code: CodePeriod) -> None:
        await self._connection.execute(
            insert(t.agency_code).values(
                code=code.code,
                scheme=code.scheme.value,
                agency=agency,
                valid_from=code.valid_from,
                valid_to=code.valid_to,
            )
        )

    async def add_name(self, agency: AgencyId, name: Name, at: datetime) -> None:
        await self._connection.execute(
            insert(t.agency_name).values(
                agency=agency, valid_from=name.valid_from, name=name.name, instrument=name.instrument, recorded_at=at
            )
        )

    async def end_agency(self, agency: AgencyId, end: End, at: datetime) -> None:
        await self._connection.execute(
            insert(t.agency_end).values(agency=agency, ended_on=end.on, instrument=end.instrument, recorded_at=at)
        )

    async def end_code(self, code: CodePeriod, end: End, at: datetime) -> None:
        await self._connection.execute(
            insert(t.agency_code_end).values(
                code=code.code, valid_from=code.valid_from, ended_on=end.on, instrument=end.instrument, recorded_at=at
            )
        )

    async def successions(self) -> list[Succession]:
        return [
            Succession(
                AgencyId(row.predecessor),
                AgencyId(row.successor),
                SuccessionKind(row.kind),
                row.effective_on,
                row.instrument,
            )
            for row in await self._connection.execute(select(t.succession).order_by(*t.succession.primary_key))
        ]

    async def add_succession(self, succession: Succession, at: datetime) -> None:
        await self._connection.execute(
            insert(t.succession).values(
                predecessor=succession.predecessor,
                successor=succession.successor,
                kind=succession.kind.value,
                effective_on=succession.effective_on,
                instrument=succession.instrument,
                recorded_at=at,
            )
        )

    async def deposit_source(self, source: UUID) -> DepositSource | None:
        rows = await self._connection.execute(_SOURCES.where(t.deposit_source.c.id == source))
        return next((_source(row) for row in rows), None)

    async def deposit_sources(
        self, *, on: date | None, agency: AgencyId | None, after: UUID | None, limit: int
    ) -> list[DepositSource]:
        query = _SOURCES.order_by(t.deposit_source.c.id).limit(limit)
        if after is not None:
            query = query.where(t.deposit_source.c.id > after)
        if agency is not None:
            query = query.where(t.deposit_source.c.agency == agency)
        if on is not None:
            query = query.where(t.deposit_source.c.valid_from <= on, or_(_SOURCE_END.is_(None), on < _SOURCE_END))
        return [_source(row) for row in await self._connection.execute(query)]

    async def add_deposit_source(self, source: DepositSource, at: datetime) -> None:
        await self._connection.execute(
            insert(t.deposit_source).values(
                id=source.id,
                agency=source.agency,
                archive=source.archive,
                valid_from=source.valid_from,
                valid_to=source.valid_to,
                instrument=source.instrument,
                recorded_at=at,
            )
        )

    async def end_deposit_source(self, source: UUID, end: End, at: datetime) -> None:
        await self._connection.execute(
            insert(t.deposit_source_end).values(
                source=source, ended_on=end.on, instrument=end.instrument, recorded_at=at
            )
        )

    async def ceiling(self, decision: UUID) -> CeilingDecision | None:
        return await ceilings_sql.ceiling(self._connection, decision)

    async def ceilings(
        self, *, agency: AgencyId | None, after: UUID | None, limit: int | None
    ) -> list[CeilingDecision]:
        return await ceilings_sql.ceilings(self._connection, agency=agency, after=after, limit=limit)

    async def add_ceiling(self, decision: CeilingDecision) -> None:
        await ceilings_sql.add(self._connection, decision)

    async def settle_ceiling(self, decision: CeilingDecision) -> None:
        await ceilings_sql.settle(self._connection, decision)

    async def fonds(self, *, creator: AgencyId | None, after: UUID | None, limit: int) -> list[Fonds]:
        query = (
            select(t.fonds, _end_of(t.agency).label("closed_on"))
            .join(t.agency, t.agency.c.id == t.fonds.c.creator)
            .join(t.agency_end, t.agency_end.c.agency == t.fonds.c.creator, isouter=True)
            .order_by(t.fonds.c.id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(t.fonds.c.id > after)
        if creator is not None:
            query = query.where(t.fonds.c.creator == creator)
        return [
            Fonds(
                FondsId(row.id),
                row.code,
                row.name,
                AgencyId(row.creator),
                AgencyId(row.custodian),
                row.deposit_source,
                row.closed_on,
            )
            for row in await self._connection.execute(query)
        ]

    async def add_fonds(self, fonds: Fonds, at: datetime) -> bool:
        result = await self._connection.execute(
            upsert(t.fonds)
            .values(
                id=fonds.id,
                code=fonds.code,
                name=fonds.name,
                creator=fonds.creator,
                custodian=fonds.custodian,
                deposit_source=fonds.deposit_source,
                registered_at=at,
            )
            .on_conflict_do_nothing()
            .returning(t.fonds.c.id)
        )
        return result.one_or_none() is not None

    async def client(self, client: ClientId) -> ClientAndKeys | None:
        row = (await self._connection.execute(select(t.client).where(t.client.c.id == client))).one_or_none()
        keys = await self._keys([client])  # asked for a stranger too: DECISION-0015
        return None if row is None else (_client(row), keys[client])

    async def clients(self, *, after: ClientId | None, limit: int) -> list[ClientAndKeys]:
        query = select(t.client).order_by(t.client.c.id).limit(limit)
        if after is not None:
            query = query.where(t.client.c.id > after)
        return await self._clients((await self._connection.execute(query)).all())

    async def _clients(self, rows: Sequence[Row[Any]]) -> list[ClientAndKeys]:
        keys = await self._keys([row.id for row in rows])
        return [(_client(row), keys[row.id]) for row in rows]

    async def _keys(self, clients: Sequence[UUID]) -> dict[UUID, tuple[ClientKey, ...]]:
        """Every client's keys in the order of their beginnings."""
        keys: dict[UUID, list[ClientKey]] = {client: [] for client in clients}
        query = (
            select(t.client_key)
            .where(t.client_key.c.client.in_(clients))
            .order_by(t.client_key.c.not_before, t.client_key.c.kid)
        )
        for row in await self._connection.execute(query):
            keys[row.client].append(ClientKey(row.kid, row.jwk, row.not_before, row.not_after, row.revoked_at))
        return {client: tuple(found) for client, found in keys.items()}

    async def officers_clients(self) -> list[Client]:
        query = select(t.client).where(t.client.c.officer.is_not(None), t.client.c.disabled_at.is_(None))
        return [_client(row) for row in await self._connection.execute(query.order_by(t.client.c.id))]

    async def key_owner(self, kid: str) -> ClientId | None:
        found = await self._connection.execute(select(t.client_key.c.client).where(t.client_key.c.kid == kid))
        owner = found.scalar_one_or_none()
        return None if owner is None else ClientId(owner)

    async def add_client(self, client: Client, at: datetime) -> None:
        await self._connection.execute(
            insert(t.client).values(
                id=client.id,
                agency=client.agency,
                name=client.name,
                scopes=_names(client.scopes),
                officer=client.officer,
                enrolled_at=at,
            )
        )

    async def add_key(self, client: ClientId, key: ClientKey, at: datetime) -> None:
        await self._connection.execute(
            insert(t.client_key).values(
                kid=key.kid,
                client=client,
                jwk=dict(key.jwk),
                not_before=key.not_before,
                not_after=key.not_after,
                enrolled_at=at,
                proof=key.proof,
            )
        )

    async def revoke_key(self, kid: str, at: datetime) -> None:
        await self._connection.execute(
            update(t.client_key)
            .where(t.client_key.c.kid == kid, t.client_key.c.revoked_at.is_(None))
            .values(revoked_at=at)
        )

    async def disable_client(self, client: ClientId, at: datetime) -> None:
        await self._connection.execute(
            update(t.client).where(t.client.c.id == client, t.client.c.disabled_at.is_(None)).values(disabled_at=at)
        )

    async def publish(self, fact: Fact, at: datetime) -> None:
        counted = await self._connection.execute(
            update(t.fact_counter).values(last=t.fact_counter.c.last + 1).returning(t.fact_counter.c.last)
        )
        await self._connection.execute(insert(t.fact).values(seq=counted.scalar_one(), at=at, body=dict(fact)))

    async def facts(self, *, after: int, limit: int) -> tuple[list[NumberedFact], int]:
        last = int((await self._connection.execute(select(t.fact_counter.c.last))).scalar_one())
        query = select(t.fact.c.seq, t.fact.c.body).where(t.fact.c.seq > after, t.fact.c.seq <= last)
        rows = await self._connection.execute(query.order_by(t.fact.c.seq).limit(limit))
        return [NumberedFact(row.seq, row.body) for row in rows], last

    async def journal(self, event: bytes) -> UUID:
        return await journal.append(self._connection, event)

    async def use_assertion(self, client: ClientId, jti: str, expires: datetime) -> bool:
        result = await self._connection.execute(
            upsert(t.used_assertion)
            .values(client=client, jti=jti, expires_at=expires)
            .on_conflict_do_nothing()
            .returning(t.used_assertion.c.jti)
        )
        return result.one_or_none() is not None


async def forget_assertions(connection: AsyncConnection, before: datetime) -> int:
    """Forget used assertions that expired before a time; how many."""
    result = await connection.execute(delete(t.used_assertion).where(t.used_assertion.c.expires_at < before))
    return result.rowcount


class SqlRevocations:
    """Auth's own answer to `request_verifier.Revocations`: its rows, without delay."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def is_revoked(self, kid: str, client: ClientId) -> bool:
        query = (
            select(t.client.c.disabled_at, t.client_key.c.revoked_at)
            .join(t.client_key, t.client_key.c.client == t.client.c.id)
            .where(t.client.c.id == client, t.client_key.c.kid == kid)
        )
        async with transaction(self._engine) as connection:
            row = (await connection.execute(query)).one_or_none()
        return row is None or row.disabled_at is not None or row.revoked_at is not None


def _period(row: Row[*tuple[Any, ...]]) -> CodePeriod:
    return CodePeriod(AgencyCode(row.code), row.valid_from, row.valid_to)


def _source(row: Row[*tuple[Any, ...]]) -> DepositSource:
    return DepositSource(
        row.id, AgencyId(row.agency), AgencyId(row.archive), row.valid_from, row.valid_to, row.instrument
    )


def _client(row: Row[Any]) -> Client:
    return Client(
        ClientId(row.id),
        AgencyId(row.agency),
        row.name,
        frozenset(Scope(scope) for scope in row.scopes),
        row.officer,
        row.disabled_at,
    )


def _names(scopes: Iterable[Scope]) -> list[str]:
    return sorted(scope.value for scope in scopes)
