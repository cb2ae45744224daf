"""Rules are taken up only as two officers signed them; whatever is less is passed over and the last good bundle stays."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from services.ingest.adapters.rule_store import LedgerRuleStore
from services.ingest.usecases.ports import PublishedRules
from services.kernel import dsse
from services.kernel.identifiers import AgencyId, ClientId, FondsId
from services.kernel.records import OfficerKey
from services.kernel.refusals.packages import RulesMissing
from services.kernel.refusals.platform import RegistryStale
from services.kernel.rules import baseline_bundle
from services.kernel.rules.model import PAYLOAD_TYPE
from services.kernel.signing.keys import PrivateKey, thumbprint, to_jwk
from tests.support.enrolled import ed25519
from tests.support.ingest_memory import MemoryLedger, MovedWorld, OneAgency

LONG_AGO = date(2020, 7, 1)
PUBLISHED = datetime(2026, 11, 20, tzinfo=UTC)
NOON = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
AUTHOR, APPROVER, SAME_PERSON, STRANGER = (ed25519() for _ in range(4))


def _officer(key: PrivateKey, client: int, name: str, scope: str) -> tuple[str, OfficerKey]:
    public = key.public_key()
    return thumbprint(public), OfficerKey(ClientId(UUID(int=client)), name, frozenset({scope}), to_jwk(public))


@dataclass(frozen=True)
class Officers(OneAgency):
    """Auth's word on officers: three keys of two people."""

    known: dict[str, OfficerKey] = field(
        default_factory=lambda: dict(
            [
                _officer(AUTHOR, 1, "Lê An", "rule-author"),
                _officer(APPROVER, 2, "Vũ Bình", "rule-approver"),
                _officer(SAME_PERSON, 3, "  LÊ  An", "rule-approver"),
            ]
        )
    )
    stale: list[bool] = field(default_factory=list)

    def officer_key_at(self, kid: str, moment: datetime) -> OfficerKey | None:
        if self.stale:
            raise RegistryStale(retry_after=1)
        return self.known.get(kid)


def bundle(
    version: int, since: date = LONG_AGO, signers: tuple[PrivateKey, ...] = (AUTHOR, APPROVER), kind: str = PAYLOAD_TYPE
) -> PublishedRules:
    payload = baseline_bundle(version, since)
    envelope = dsse.sign(payload, kind, signers)
    return PublishedRules(version, hashlib.sha256(payload).digest(), envelope, since, PUBLISHED)


@dataclass
class Shelf:
    """A store over rows that a test writes behind its back, with a clock that it moves."""

    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    world: MovedWorld = field(default_factory=lambda: MovedWorld(NOON))
    directory: Officers = field(default_factory=lambda: Officers(AgencyId(UUID(int=8)), FondsId(UUID(int=9))))
    seconds: float = 0.0

    def store(self) -> LedgerRuleStore:
        return LedgerRuleStore(self.ledger, self.world, self.directory, monotonic=lambda: self.seconds)

    async def put(self, published: PublishedRules) -> None:
        async with self.ledger.transaction() as books:
            await books.add_rules(published, ClientId(UUID(int=1)))


async def test_rules_are_looked_at_again_within_two_seconds_and_when_a_day_begins() -> None:
    shelf = Shelf()
    store = shelf.store()
    with pytest.raises(RulesMissing):
        await store.current()
    await shelf.put(bundle(1))
    first = await store.current()
    await shelf.put(bundle(2))
    await shelf.put(bundle(3, date(2026, 11, 25)))
    shelf.seconds = 1.0
    assert await store.current() is first
    assert (await store.current(fresh=True)).version == 2
    shelf.seconds = 4.0
    assert (await store.current()).version == 2
    shelf.world.at = datetime(2026, 11, 24, 17, 0, tzinfo=UTC)  # midnight in Vietnam
    assert (await store.current()).version == 3


async def test_several_may_wait_and_each_holds_from_its_day() -> None:
    shelf = Shelf()
    store = shelf.store()
    for version, since in ((1, LONG_AGO), (2, date(2026, 12, 1)), (3, date(2026, 12, 20)), (4, date(2026, 12, 10))):
        await shelf.put(bundle(version, since))
    held = {}
    for day in (1, 9, 10, 19, 20, 31):
        shelf.world.at = datetime(2026, 12, day, 5, 0, tzinfo=UTC)
        held[day] = (await store.current()).version
    # From 10 December version 4 holds; version 3, whose day comes later, is older than that and never does.
    assert held == {1: 2, 9: 2, 10: 4, 19: 4, 20: 4, 31: 4}


def _altered(good: PublishedRules) -> PublishedRules:
    read = dsse.parse(good.envelope)
    payload = read.payload.replace(b'"effect":"refuse"', b'"effect":"admit"', 1)
    envelope = dsse.Envelope(payload, read.payload_type, read.signatures).to_bytes()
    return replace(good, envelope=envelope, sha256=hashlib.sha256(payload).digest())


BAD = {
    "unsigned": bundle(2, signers=()),
    "single-signed": bundle(2, signers=(AUTHOR,)),
    "twice by one officer": bundle(2, signers=(AUTHOR, SAME_PERSON)),
    "by a stranger too": bundle(2, signers=(AUTHOR, APPROVER, STRANGER)),
    "by two approvers": bundle(2, signers=(APPROVER, SAME_PERSON)),
    "altered": _altered(bundle(2)),
    "another bundle than its row says": replace(bundle(2), sha256=bytes(32)),
    "an old bundle under a new number": replace(bundle(1), version=2),
    "not yet effective, its row moved": replace(bundle(2, date(2027, 1, 1)), effective_from=LONG_AGO),
    "another payload type": bundle(2, kind="text/plain"),
    "no envelope": replace(bundle(2), envelope=b"{}"),
}


@pytest.mark.parametrize("name", BAD)
async def test_what_two_officers_did_not_sign_is_passed_over_running_and_after_a_start(name: str) -> None:
    shelf = Shelf()
    running = shelf.store()
    await shelf.put(bundle(1))
    good = await running.current()
    await shelf.put(BAD[name])
    assert await running.current(fresh=True) is good
    assert (await shelf.store().current()).version == 1
    await shelf.put(bundle(3))
    assert (await running.current(fresh=True)).version == 3


@pytest.mark.parametrize("name", BAD)
async def test_alone_it_judges_nothing(name: str) -> None:
    shelf = Shelf()
    await shelf.put(BAD[name])
    with pytest.raises(RulesMissing):
        await shelf.store().current()


async def test_an_officer_whom_this_instance_learns_of_a_moment_later_counts_then() -> None:
    shelf = Shelf()
    store = shelf.store()
    await shelf.put(bundle(1))
    late = {kid: shelf.directory.known.pop(kid) for kid in [thumbprint(APPROVER.public_key())]}
    with pytest.raises(RulesMissing):
        await store.current()
    shelf.directory.known.update(late)
    assert (await store.current()).version == 1


async def test_rules_are_never_taken_back(capsys: pytest.CaptureFixture[str]) -> None:
    shelf = Shelf()
    store = shelf.store()
    await shelf.put(bundle(1))
    await shelf.put(bundle(2))
    assert (await store.current()).version == 2
    shelf.ledger.rows.rules.pop(2)
    for _ in range(3):
        assert (await store.current(fresh=True)).version == 2
    shelf.ledger.rows.rules.clear()
    assert (await store.current(fresh=True)).version == 2


async def test_while_auth_s_word_is_stale_the_held_rules_serve_and_new_ones_wait() -> None:
    shelf = Shelf()
    store = shelf.store()
    await shelf.put(bundle(1))
    await store.current()
    shelf.directory.stale.append(True)
    assert (await store.current(fresh=True)).version == 1
    await shelf.put(bundle(2))
    with pytest.raises(RegistryStale):
        await store.current(fresh=True)
    shelf.directory.stale.clear()
    assert (await store.current(fresh=True)).version == 2
