"""The ledger of auth in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.auth.adapters import tables as t
from services.auth.domain.agencies import Agency, CodePeriod, Fonds, Succession, SuccessionKind
from services.auth.domain.clients import Client, ClientKey, Scope
from services.auth.domain.facts import Fact
from services.auth.usecases.ports import NumberedFact
from services.kernel.identifiers import AgencyCode, AgencyId, ClientId, FondsId
from services.runtime import journal
from services.runtime.database import transaction

ClientAndKeys = tuple[Client, tuple[ClientKey, ...]]


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

    async def agencies(self, *, after: AgencyId | None, limit: int) -> list[Agency]:
        query = select(t.agency).order_by(t.agency.c.id).limit(limit)
        if after is not None:
            query = query.where(t.agency.c.id > after)
        return await self._agencies((await self._connection.execute(query)).all())

    async def _agencies(self, rows: Sequence[Row[Any]]) -> list[Agency]:
        codes: dict[UUID, list[CodePeriod]] = {row.id: [] for row in rows}
        query = (
            select(t.agency_code)
            .where(t.agency_code.c.agency.in_(list(codes)))
            .order_by(t.agency_code.c.valid_from, t.agency_code.c.code)
        )
        for row in await self._connection.execute(query):
            codes[row.agency].append(_period(row))
        return [
            Agency(AgencyId(row.id), row.name, row.kind, row.level, row.valid_from, row.valid_to, tuple(codes[row.id]))
            for row in rows
        ]

    async def holders(self, code: AgencyCode) -> list[tuple[AgencyId, CodePeriod]]:
        found = await self._connection.execute(select(t.agency_code).where(t.agency_code.c.code == code))
        return [(AgencyId(row.agency), _period(row)) for row in found]

    async def add_agency(self, agency: Agency, at: datetime) -> None:
        await self._connection.execute(
            insert(t.agency).values(
                id=agency.id,
                name=agency.name,
                kind=agency.kind,
                level=agency.level,
                valid_from=agency.valid_from,
                valid_to=agency.valid_to,
                registered_at=at,
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

    async def successions(self) -> list[Succession]:
        return [
            Succession(
                AgencyId(row.predecessor),
                AgencyId(row.successor),
                SuccessionKind(row.kind),
                row.effective_on,
                row.instrument,
            )
            for row in await self._connection.execute(select(t.succession))
        ]

    async def add_succession(self, succession: Succession, at: datetime) -> bool:
        result = await self._connection.execute(
            upsert(t.succession)
            .values(
                predecessor=succession.predecessor,
                successor=succession.successor,
                kind=succession.kind.value,
                effective_on=succession.effective_on,
                instrument=succession.instrument,
                recorded_at=at,
            )
            .on_conflict_do_nothing()
            .returning(t.succession.c.predecessor)
        )
        return result.one_or_none() is not None

    async def fonds(self, *, after: UUID | None, limit: int) -> list[Fonds]:
        query = select(t.fonds).order_by(t.fonds.c.id).limit(limit)
        if after is not None:
            query = query.where(t.fonds.c.id > after)
        return [
            Fonds(
                FondsId(row.id),
                row.code,
                row.name,
                AgencyId(row.creator),
                AgencyId(row.custodian),
                row.deposit_source,
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
        rows = (await self._connection.execute(select(t.client).where(t.client.c.id == client))).all()
        return next(iter(await self._clients(rows)), None)

    async def clients(self, *, after: ClientId | None, limit: int) -> list[ClientAndKeys]:
        query = select(t.client).order_by(t.client.c.id).limit(limit)
        if after is not None:
            query = query.where(t.client.c.id > after)
        return await self._clients((await self._connection.execute(query)).all())

    async def _clients(self, rows: Sequence[Row[Any]]) -> list[ClientAndKeys]:
        keys: dict[UUID, list[ClientKey]] = {row.id: [] for row in rows}
        query = (
            select(t.client_key)
            .where(t.client_key.c.client.in_(list(keys)))
            .order_by(t.client_key.c.not_before, t.client_key.c.kid)
        )
        for row in await self._connection.execute(query):
            keys[row.client].append(ClientKey(row.kid, row.jwk, row.not_before, row.not_after, row.revoked_at))
        return [(_client(row), tuple(keys[row.id])) for row in rows]

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


def _period(row: Row[Any]) -> CodePeriod:
    return CodePeriod(AgencyCode(row.code), row.valid_from, row.valid_to)


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
