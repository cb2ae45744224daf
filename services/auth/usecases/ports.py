"""What the use cases of auth need from the world, each as a role."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from services.auth.domain.agencies import Agency, CodePeriod, DepositSource, End, Fonds, Name, Succession
from services.auth.domain.ceilings import CeilingDecision
from services.auth.domain.clients import Client, ClientKey
from services.auth.domain.facts import Fact
from services.kernel.identifiers import AgencyCode, AgencyId, ClientId
from services.kernel.signing.claims import AccessClaims, JoseHeader
from services.kernel.signing.jws import CompactJws
from services.kernel.signing.keys import PublicKey


@dataclass(frozen=True, slots=True)
class Registrar:
    """Who changes the registry: a client with that scope, or (None) the operator on the machine itself."""

    client: ClientId | None


@dataclass(frozen=True, slots=True)
class NumberedFact:
    """A fact with its place in the sequence."""

    seq: int
    body: Mapping[str, object]


class Records(Protocol):
    """The rows of auth within one transaction: committed when the block ends, rolled back when it raises."""

    async def alone(self) -> None:
        """Take the registry for this transaction: every other change waits. First in every change."""

    async def agency(self, agency: AgencyId) -> Agency | None: ...

    async def agencies(self, *, on: date | None, after: AgencyId | None, limit: int) -> list[Agency]:
        """Those that existed on the day, or all; in the order of their ids."""

    async def holders(self, code: AgencyCode) -> list[tuple[AgencyId, CodePeriod]]:
        """Every period in which anyone held the code; an agency's end ends its codes."""

    async def add_agency(self, agency: Agency, at: datetime) -> None:
        """With its first name, its codes and, where it has ended, its end."""

    async def add_code(self, agency: AgencyId, code: CodePeriod) -> None: ...

    async def end_code(self, code: CodePeriod, end: End, at: datetime) -> None:
        """Of a code that has no end."""

    async def add_name(self, agency: AgencyId, name: Name, at: datetime) -> None: ...

    async def end_agency(self, agency: AgencyId, end: End, at: datetime) -> None:
        """Of an agency that has no end."""

    async def successions(self) -> list[Succession]: ...

    async def add_succession(self, succession: Succession, at: datetime) -> None: ...

    async def deposit_source(self, source: UUID) -> DepositSource | None: ...

    async def deposit_sources(
        self, *, on: date | None, agency: AgencyId | None, after: UUID | None, limit: int
    ) -> list[DepositSource]:
        """Entries that held on the day, or all; an entry ends with either of its bodies."""

    async def add_deposit_source(self, source: DepositSource, at: datetime) -> None: ...

    async def end_deposit_source(self, source: UUID, end: End, at: datetime) -> None: ...

    async def ceiling(self, decision: UUID) -> CeilingDecision | None: ...

    async def ceilings(
        self, *, agency: AgencyId | None, after: UUID | None, limit: int | None
    ) -> list[CeilingDecision]:
        """Decisions, settled or not, in the order of their ids."""

    async def add_ceiling(self, decision: CeilingDecision) -> None: ...

    async def settle_ceiling(self, decision: CeilingDecision) -> None:
        """Keep how it was settled, of one that was not."""

    async def fonds(self, *, creator: AgencyId | None, after: UUID | None, limit: int) -> list[Fonds]: ...

    async def add_fonds(self, fonds: Fonds, at: datetime) -> bool:
        """False where the creator has one with this code."""

    async def client(self, client: ClientId) -> tuple[Client, tuple[ClientKey, ...]] | None: ...

    async def clients(self, *, after: ClientId | None, limit: int) -> list[tuple[Client, tuple[ClientKey, ...]]]: ...

    async def officers_clients(self) -> list[Client]:
        """Every client that names an officer and is not disabled."""

    async def key_owner(self, kid: str) -> ClientId | None: ...

    async def add_client(self, client: Client, at: datetime) -> None: ...

    async def add_key(self, client: ClientId, key: ClientKey, at: datetime) -> None: ...

    async def revoke_key(self, kid: str, at: datetime) -> None: ...

    async def disable_client(self, client: ClientId, at: datetime) -> None: ...

    async def publish(self, fact: Fact, at: datetime) -> None:
        """Give a fact the next number. The caller holds `alone`."""

    async def facts(self, *, after: int, limit: int) -> tuple[list[NumberedFact], int]:
        """Facts in order, and the number of the last one there is."""

    async def journal(self, event: bytes) -> UUID:
        """Append to the log in this transaction."""

    async def use_assertion(self, client: ClientId, jti: str, expires: datetime) -> bool:
        """False where this jti was used before."""


class Ledger(Protocol):
    """Opens transactions on the rows of auth."""

    def transaction(self) -> AbstractAsyncContextManager[Records]: ...


class AssertionProof(Protocol):
    """Checks a client assertion's signature."""

    def check(self, token: str, parsed: CompactJws, header: JoseHeader, key: PublicKey) -> None:
        """Raises AssertionAlgorithmRefused, AssertionDerEncoded, AssertionSignatureInvalid."""

    def nobodys_jwk(self, alg: str) -> Mapping[str, str]:
        """A key for this algorithm whose private half nobody has."""


class TokenMint(Protocol):
    """Signs access tokens with the issuer's current key."""

    def mint(self, claims: AccessClaims) -> str: ...


class World(Protocol):
    """Time and chance."""

    def now(self) -> datetime: ...

    def new_id(self) -> UUID:
        """A UUIDv7."""
