"""The life of keys as a state machine: whatever happens in whatever order, no dead key gets in and every live one does.

The model knows nothing but windows, revocations and the clock. Beside it run the real use cases on some ledger, the
kernel's fold of the facts that they publish, and the verifier that stands before every service.

Source: DESIGN 6; decisions 0013, 0015.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any, ClassVar, Final, TypeVar
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from jose.backends.base import Key

from services.agency.key_offers import offer
from services.auth.adapters.proof import StrictProof
from services.auth.adapters.world import RealWorld
from services.auth.domain.agencies import End
from services.auth.usecases.close_agency import close_agency
from services.auth.usecases.enrol_client import (
    ClientOffer,
    KeyOffer,
    disable_client,
    enrol_client,
    enrol_key,
    revoke_key,
)
from services.auth.usecases.issue_token import TokenRequest, issue_token
from services.auth.usecases.ports import Ledger, Registrar
from services.auth.usecases.register_agency import AgencyOffer, CodeOffer, register_agency
from services.kernel.identifiers import AgencyId, ClientId, parse_agency_code
from services.kernel.records import RegistryState
from services.kernel.refusals import Refusal
from services.kernel.refusals.identity import (
    AssertionKeyUnknown,
    AssertionReplayed,
    ClientDisabled,
    ClientKeyTaken,
    KeyRevoked,
    SignatureKeyMismatch,
    TokenExpired,
    ValidityInvalid,
)
from services.kernel.signing import PrivateKey, sign_request, thumbprint
from services.kernel.signing.assertions import make_assertion
from services.kernel.signing.claims import TOKEN_LIFETIME, AccessClaims
from services.kernel.vietnam import day_in_vietnam
from services.runtime.request_verifier import RequestVerifier
from services.runtime.tokens import AccessTokens, es256_key, sign_access_token
from tests.support.enrolled import ed25519, p256
from tests.support.signatures import raw

T = TypeVar("T")
ISSUER, AUDIENCE, TARGET = "https://auth.example", "nopluu-test", "https://ingest.example/v1/packages"
BEGINNING: Final = datetime(2026, 11, 24, 5, 2, 3, 400_000, tzinfo=UTC)
REGISTRAR: Final = Registrar(ClientId(UUID("01930000-0000-7000-8000-000000000001")))
CODES: Final = count(1000)

WINDOWS: Final = st.tuples(
    st.sampled_from([None, None, -3600.0, 0.75, 2.0, 90.0]),  # seconds from now to the beginning; None: not stated
    st.sampled_from([None, None, 0.5, 1.0, 1.7, 45.5, 301.0, 7200.0]),  # seconds that it lasts
)
MOVES: Final = st.sampled_from([0.25, 0.6, 1.0, 30.0, 299.4, 300.0, 3600.0])


@dataclass(slots=True)
class LivingClient:
    """A client as the model knows it."""

    id: ClientId
    agency: int
    is_officer: bool
    disabled: bool = False


@dataclass(slots=True)
class LivingKey:
    """A key as the model knows it; `end` in whole seconds."""

    private: PrivateKey
    client: LivingClient
    start: datetime
    end: datetime | None
    revoked: bool = False

    @property
    def kid(self) -> str:
        return thumbprint(self.private.public_key())

    @property
    def is_ended(self) -> bool:
        return self.revoked or self.client.disabled

    def is_alive(self, now: datetime) -> bool:
        return not self.is_ended and self.start <= now and (self.end is None or now < self.end)


@dataclass(frozen=True, slots=True)
class HeldToken:
    """A token, whose it is, and when it must stop being good."""

    token: str
    key: LivingKey
    expires: datetime


class Clock:
    """Time as the machine moves it, and real ids."""

    def __init__(self) -> None:
        self.time = BEGINNING
        self._ids = RealWorld()

    def now(self) -> datetime:
        return self.time

    def new_id(self) -> UUID:
        return self._ids.new_id()


class OneIssuer:
    """The issuer's only key, which mints tokens and is known to the verifier."""

    def __init__(self) -> None:
        self._private = ec.generate_private_key(ec.SECP256R1())
        self._kid = thumbprint(self._private.public_key())
        self._public = es256_key(self._private.public_key())

    def mint(self, claims: AccessClaims) -> str:
        return sign_access_token(claims.to_claims(issuer=ISSUER, audience=AUDIENCE), self._private, self._kid)

    async def key(self, kid: str) -> Key | None:
        return self._public if kid == self._kid else None


class KeyLife(RuleBasedStateMachine):
    """See the module. `asks_everything`: after every step each key and each token is tried, else only what a rule tries."""

    asks_everything: ClassVar[bool]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock, self.issuer, self.proof = Clock(), OneIssuer(), StrictProof()
        self.ledger = self.open_ledger()
        self.registry = RegistryState()
        self.verifier = RequestVerifier(
            AccessTokens(self.issuer, issuer=ISSUER, audience=AUDIENCE), self, clock=self.clock.now
        )
        self.agencies: list[AgencyId] = []
        self.codes: list[str] = []
        self.closed: dict[int, date] = {}
        self.clients: list[LivingClient] = []
        self.keys: list[LivingKey] = []
        self.tokens: list[HeldToken] = []
        self.assertions: list[tuple[str, LivingKey]] = []

    def open_ledger(self) -> Ledger:
        """The rows that the use cases work on."""
        raise AssertionError("a machine runs on some ledger")

    async def revoked_by_rows(self, kid: str, client: ClientId) -> bool | None:
        """What auth's own door answers of the rows, where there is one."""
        return None

    def teardown(self) -> None:
        self.runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    async def is_revoked(self, kid: str, client: ClientId) -> bool:
        """As every service answers it, of the folded facts; and auth itself must say the same."""
        await self._fold()
        folded = self.registry.is_revoked(kid, client)
        assert await self.revoked_by_rows(kid, client) in (None, folded)
        return folded

    # --- steps ---

    @initialize()
    def two_agencies(self) -> None:
        self.run(self._skip_facts())
        for _ in range(2):
            number = next(CODES)
            code = f"H{number % 100:02}.{number // 100:03}"
            offered = AgencyOffer("x", "x", "x", date(2020, 1, 1), None, [CodeOffer(code, date(2020, 1, 1), None)])
            made = self.run(register_agency(offered, REGISTRAR, ledger=self.ledger, world=self.clock))
            self.agencies.append(made.id)
            self.codes.append(code)

    @precondition(lambda self: len(self.clients) < 3)
    @rule(agency=st.integers(0, 1), is_officer=st.booleans(), is_p256=st.booleans(), window=WINDOWS)
    def enrol(self, agency: int, is_officer: bool, is_p256: bool, window: tuple[float | None, float | None]) -> None:
        key, party = (p256() if is_p256 else ed25519()), parse_agency_code(self.codes[agency])
        offered, start, end = self._window(offer(key, party, ISSUER, self.clock.now()), window)
        client = ClientOffer(
            agency=self.agencies[agency],
            name="x",
            scopes=frozenset({"rule-author" if is_officer else "submitter"}),
            officer=f"Lan {next(CODES)}" if is_officer else None,
            keys=(offered,),
        )
        work = enrol_client(client, REGISTRAR, issuer=ISSUER, ledger=self.ledger, world=self.clock)
        if not self._can_begin(start, end):
            self._refused(work, ValidityInvalid)
            return
        made = LivingClient(self.run(work).client.id, agency, is_officer)
        self.clients.append(made)
        self.keys.append(LivingKey(key, made, start, end))

    @precondition(lambda self: self.clients and len(self.keys) < 6)
    @rule(data=st.data(), is_p256=st.booleans(), window=WINDOWS)
    def rotate(self, data: st.DataObject, is_p256: bool, window: tuple[float | None, float | None]) -> None:
        """Another key of a client, beside those that it has."""
        client, key = data.draw(st.sampled_from(self.clients)), p256() if is_p256 else ed25519()
        offered, start, end = self._window(offer(key, client.id, ISSUER, self.clock.now()), window)
        work = enrol_key(client.id, offered, REGISTRAR, issuer=ISSUER, ledger=self.ledger, world=self.clock)
        if not self._can_begin(start, end):
            self._refused(work, ValidityInvalid)
        elif client.disabled:
            self._refused(work, ClientDisabled)
        else:
            assert self.run(work).kid == thumbprint(key.public_key())
            self.keys.append(LivingKey(key, client, start, end))

    @precondition(lambda self: self.keys)
    @rule(data=st.data())
    def enrol_again(self, data: st.DataObject) -> None:
        """A key never comes back, alive or dead, for its client or another one."""
        key, client = data.draw(st.sampled_from(self.keys)), data.draw(st.sampled_from(self.clients))
        offered = KeyOffer(offer(key.private, client.id, ISSUER, self.clock.now()))
        self._refused(
            enrol_key(client.id, offered, REGISTRAR, issuer=ISSUER, ledger=self.ledger, world=self.clock),
            ClientDisabled if client.disabled else ClientKeyTaken,
        )

    @precondition(lambda self: self.keys)
    @rule(data=st.data())
    def revoke(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(self.keys))
        work = revoke_key(key.client.id, key.kid, REGISTRAR, ledger=self.ledger, world=self.clock)
        assert self.run(work).revoked_at is not None
        key.revoked = True

    @precondition(lambda self: self.clients)
    @rule(data=st.data())
    def disable(self, data: st.DataObject) -> None:
        client = data.draw(st.sampled_from(self.clients))
        self.run(disable_client(client.id, REGISTRAR, ledger=self.ledger, world=self.clock))
        client.disabled = True

    @precondition(lambda self: len(self.closed) < 2)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        """Its clients may still prove who they are; they speak for nobody any more."""
        agency = data.draw(st.sampled_from([number for number in range(2) if number not in self.closed]))
        day = day_in_vietnam(self.clock.now())
        end = End(day, "QĐ 1")
        self.run(close_agency(self.agencies[agency], end, REGISTRAR, ledger=self.ledger, world=self.clock))
        self.closed[agency] = day

    @rule(seconds=MOVES)
    def wait(self, seconds: float) -> None:
        self.clock.time += timedelta(seconds=seconds)

    @precondition(lambda self: self.keys)
    @rule(data=st.data())
    def obtain(self, data: st.DataObject) -> None:
        self._obtain(data.draw(st.sampled_from(self.keys)), keep=True)

    @precondition(lambda self: self.assertions)
    @rule(data=st.data())
    def obtain_with_the_same_assertion(self, data: st.DataObject) -> None:
        assertion, key = data.draw(st.sampled_from(self.assertions))
        with pytest.raises(Refusal) as refused:
            self.run(self._issue(assertion))
        if key.is_alive(self.clock.now()) and refused.value.code != "assertion-expired":
            assert refused.value.code == AssertionReplayed.code

    @precondition(lambda self: len(self.clients) > 1)
    @rule(data=st.data())
    def obtain_as_somebody_else(self, data: st.DataObject) -> None:
        key, client = data.draw(st.sampled_from(self.keys)), data.draw(st.sampled_from(self.clients))
        if key.client is not client:
            self._refused(self._issue(self._assertion(key, client)), AssertionKeyUnknown)

    @precondition(lambda self: self.tokens)
    @rule(data=st.data())
    def send(self, data: st.DataObject) -> None:
        self._send(data.draw(st.sampled_from(self.tokens)))

    @precondition(lambda self: self.tokens)
    @rule(data=st.data())
    def send_with_a_stolen_token(self, data: st.DataObject) -> None:
        held, key = data.draw(st.sampled_from(self.tokens)), data.draw(st.sampled_from(self.keys))
        if key is not held.key:
            expected = SignatureKeyMismatch if self.clock.now() < held.expires else TokenExpired
            self._refused(self._verify(held.token, key), expected)

    # --- what always holds ---

    @invariant()
    def no_dead_key_gets_in_and_every_live_one_does(self) -> None:
        if self.asks_everything:
            for key in self.keys:
                self._obtain(key, keep=False)
            for held in self.tokens:
                self._send(held)

    @invariant()
    def services_know_the_officers_keys_and_the_agencies_of_today(self) -> None:
        if not self.asks_everything:
            return
        self.run(self._fold())
        now = self.clock.now()
        for key in self.keys:
            known = self.registry.officer_key(key.kid, now)
            assert (known is not None) == (key.client.is_officer and key.is_alive(now))
        for number, agency in enumerate(self.agencies):
            today = day_in_vietnam(now)
            is_closed = number in self.closed and today >= self.closed[number]
            assert (agency in self.registry.followed_by(agency, today)) is not is_closed

    # --- how it is done ---

    def _obtain(self, key: LivingKey, *, keep: bool) -> None:
        assertion = self._assertion(key, key.client)
        if not key.is_alive(self.clock.now()):
            self._refused(self._issue(assertion), AssertionKeyUnknown)
            return
        issued = self.run(self._issue(assertion))
        begun = self.clock.now().replace(microsecond=0)
        expires = begun + timedelta(seconds=issued.expires_in)
        assert issued.expires_in > 0
        assert expires == min(begun + timedelta(seconds=TOKEN_LIFETIME), key.end or datetime.max.replace(tzinfo=UTC))
        if keep:
            self.tokens.append(HeldToken(issued.token, key, expires))
            self.assertions.append((assertion, key))

    def _send(self, held: HeldToken) -> None:
        now = self.clock.now()
        work = self._verify(held.token, held.key)
        if now >= held.expires:
            self._refused(work, TokenExpired)
        elif held.key.is_ended:
            self._refused(work, KeyRevoked)
        else:
            assert held.key.is_alive(now)
            caller = self.run(work)
            assert (caller.client, caller.keyid) == (held.key.client.id, held.key.kid)
            assert caller.agency == self.agencies[held.key.client.agency]

    def _assertion(self, key: LivingKey, client: LivingClient) -> str:
        return make_assertion(str(client.id), ISSUER, key.private, self.clock.now(), os.urandom(16).hex())

    def _issue(self, assertion: str) -> Coroutine[Any, Any, Any]:
        return issue_token(
            TokenRequest(assertion),
            issuer=ISSUER,
            ledger=self.ledger,
            proof=self.proof,
            mint=self.issuer,
            world=self.clock,
        )

    def _verify(self, token: str, key: LivingKey) -> Coroutine[Any, Any, Any]:
        headers = sign_request(
            "GET",
            TARGET,
            {"authorization": f"Bearer {token}"},
            content=None,
            key=key.private,
            now=self.clock.now(),
            nonce=os.urandom(16),
        )
        return self.verifier.verify("GET", TARGET, raw(headers.items()))

    def _window(
        self, proof: str, window: tuple[float | None, float | None]
    ) -> tuple[KeyOffer, datetime, datetime | None]:
        begins, lasts = window
        now = self.clock.now()
        start = now if begins is None else now + timedelta(seconds=begins)
        end = None if lasts is None else start + timedelta(seconds=lasts)
        offered = KeyOffer(proof, None if begins is None else start, end)
        return offered, start, None if end is None else end.replace(microsecond=0)

    def _can_begin(self, start: datetime, end: datetime | None) -> bool:
        return end is None or end > max(start, self.clock.now())

    def _refused(self, work: Coroutine[Any, Any, object], refusal: type[Refusal]) -> None:
        with pytest.raises(refusal):
            self.run(work)

    async def _fold(self) -> None:
        async with self.ledger.transaction() as records:
            facts, _ = await records.facts(after=self.registry.position, limit=1000)
        self.registry.apply({**fact.body, "seq": fact.seq} for fact in facts)

    async def _skip_facts(self) -> None:
        """Leave out what earlier machines published into the same rows."""
        async with self.ledger.transaction() as records:
            _, self.registry.position = await records.facts(after=0, limit=1)
