"""Auth's ledger in memory: what the life of clients and keys needs of `usecases.ports.Records`, and nothing of the rest."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID, uuid4

from services.auth.domain.agencies import Agency, CodePeriod, End, Succession
from services.auth.domain.clients import Client, ClientKey
from services.auth.domain.facts import Fact
from services.auth.usecases.ports import NumberedFact
from services.kernel.identifiers import AgencyCode, AgencyId, ClientId


@dataclass(slots=True)
class MemoryRecords:
    """See `usecases.ports.Records`."""

    agencies_by_id: dict[AgencyId, Agency] = field(default_factory=dict)
    clients_by_id: dict[ClientId, Client] = field(default_factory=dict)
    keys: dict[str, tuple[ClientId, ClientKey]] = field(default_factory=dict)
    published: list[Fact] = field(default_factory=list)
    events: list[bytes] = field(default_factory=list)
    assertions: set[tuple[ClientId, str]] = field(default_factory=set)

    async def alone(self) -> None:
        return

    async def agency(self, agency: AgencyId) -> Agency | None:
        return self.agencies_by_id.get(agency)

    async def holders(self, code: AgencyCode) -> list[tuple[AgencyId, CodePeriod]]:
        return [
            (agency.id, period)
            for agency in self.agencies_by_id.values()
            for period in agency.codes
            if period.code == code
        ]

    async def add_agency(self, agency: Agency, at: datetime) -> None:
        self.agencies_by_id[agency.id] = agency

    async def end_agency(self, agency: AgencyId, end: End, at: datetime) -> None:
        self.agencies_by_id[agency] = replace(self.agencies_by_id[agency], end=end)

    async def successions(self) -> list[Succession]:
        return []

    async def client(self, client: ClientId) -> tuple[Client, tuple[ClientKey, ...]] | None:
        found = self.clients_by_id.get(client)
        return None if found is None else (found, tuple(key for owner, key in self.keys.values() if owner == client))

    async def officers_clients(self) -> list[Client]:
        return [client for client in self.clients_by_id.values() if client.officer and client.disabled_at is None]

    async def key_owner(self, kid: str) -> ClientId | None:
        return self.keys[kid][0] if kid in self.keys else None

    async def add_client(self, client: Client, at: datetime) -> None:
        self.clients_by_id[client.id] = client

    async def add_key(self, client: ClientId, key: ClientKey, at: datetime) -> None:
        self.keys[key.kid] = (client, key)

    async def revoke_key(self, kid: str, at: datetime) -> None:
        owner, key = self.keys[kid]
        self.keys[kid] = (owner, replace(key, revoked_at=at))

    async def disable_client(self, client: ClientId, at: datetime) -> None:
        self.clients_by_id[client] = replace(self.clients_by_id[client], disabled_at=at)

    async def publish(self, fact: Fact, at: datetime) -> None:
        self.published.append(fact)

    async def facts(self, *, after: int, limit: int) -> tuple[list[NumberedFact], int]:
        numbered = [NumberedFact(number, fact) for number, fact in enumerate(self.published, 1)]
        return numbered[after : after + limit], len(numbered)

    async def journal(self, event: bytes) -> UUID:
        self.events.append(event)
        return uuid4()

    async def use_assertion(self, client: ClientId, jti: str, expires: datetime) -> bool:
        if (client, jti) in self.assertions:
            return False
        self.assertions.add((client, jti))
        return True


class MemoryAuth:
    """A ledger whose transactions are copies that take the rows' place where the block ends well."""

    def __init__(self) -> None:
        self.rows = MemoryRecords()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[MemoryRecords]:
        rows = MemoryRecords(
            **{name: copy.copy(getattr(self.rows, name)) for name in MemoryRecords.__dataclass_fields__}
        )
        yield rows
        self.rows = rows
