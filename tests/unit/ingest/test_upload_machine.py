"""Promises 1 and 3 as a machine: whatever is sent, repeated, spoilt, given up or reaped, in whatever order.

After every step: each part row names an object that is there; each object is named by a part row or by an attempt; a
package is sealed once, and only with the bytes its manifest names.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.ingest.adapters.judgement import judge_manifest
from services.ingest.adapters.vault_s3 import S3Vault
from services.ingest.domain.package import PartOffer
from services.ingest.domain.states import HAS_RECEIPT, State
from services.ingest.usecases.abandon_package import abandon_package, expire_packages
from services.ingest.usecases.complete_package import complete_package
from services.ingest.usecases.declare_package import declare_package, standing_package
from services.ingest.usecases.plans import PlanSource
from services.ingest.usecases.ports import Judged, Rules, Submitter
from services.ingest.usecases.read_component import read_component
from services.ingest.usecases.reap_attempts import reap_attempts
from services.ingest.usecases.running_readings import RunningReadings
from services.ingest.usecases.store_part import PartStored, admit_part, store_part
from services.kernel import strict_json
from services.kernel.identifiers import AgencyId, ClientId, FondsId, PackageId
from services.kernel.layout import MIB
from services.kernel.refusals import Refusal
from services.kernel.refusals.packages import AbandonTooLate, ComponentUnknown
from services.kernel.rules import baseline_bundle, compile_bundle, load_bundle
from services.kernel.sealing.open import SealBroken
from services.kernel.secrecy import DeploymentProfile, Level
from services.runtime.object_store.memory import MemoryStore
from tests.support.ingest_manifests import Dossier
from tests.support.ingest_memory import MemoryKeys, MemoryLedger, MovedWorld, OneAgency

AGENCY, FONDS = AgencyId(UUID(int=1)), FondsId(UUID(int=2))
SUBMITTER = Submitter(ClientId(UUID(int=3)), AGENCY)
BUNDLE = load_bundle(baseline_bundle(1, date(2020, 7, 1)))
RULES = Rules(1, BUNDLE.sha256, BUNDLE.payload, compile_bundle(BUNDLE))
SIZES = st.lists(st.sampled_from([0, 1, 1000, MIB - 1, MIB, MIB + 1, 5 * MIB // 2]), min_size=1, max_size=4)
T = TypeVar("T")


class PlainJudge:
    """See `usecases.ports.Judge`: here and now, without a thread."""

    def is_large(self, manifest: bytes) -> bool:
        return False

    async def judge(self, manifest: bytes, rules: Rules, today: date, ceiling: Level) -> Judged:
        return judge_manifest(
            manifest,
            rules.compiled,
            rules_sha256=rules.sha256,
            today=today,
            deployment=DeploymentProfile.OPEN,
            ceiling=ceiling,
        )


class OneRules:
    """See `usecases.ports.RuleStore`."""

    async def current(self, *, fresh: bool = False) -> Rules:
        return RULES


@dataclass(frozen=True)
class Number:
    """See `usecases.ports.Nonce`."""

    value: UUID = field(default_factory=uuid4)
    keyid: str = "key"


@dataclass
class Sent:
    """A package, and the dossier it was declared from."""

    id: PackageId
    dossier: Dossier


class Uploads(RuleBasedStateMachine):
    """One agency, several dossiers, a store that may spoil things."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.ledger, self.store, self.keys = MemoryLedger(), MemoryStore(), MemoryKeys()
        self.vault, self.world, self.plans = S3Vault(self.store), MovedWorld(), PlanSource()
        self.directory = OneAgency(AGENCY, FONDS)
        self.sent: list[Sent] = []
        self.number = 0
        self.ends: dict[PackageId, State] = {}
        self.spoilt: set[UUID] = set()

    def teardown(self) -> None:
        self.runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @initialize(sizes=SIZES)
    def first(self, sizes: list[int]) -> None:
        self.declare(sizes, wrong=False)

    @precondition(lambda self: len(self.sent) < 3)
    @rule(sizes=SIZES, wrong=st.booleans())
    def declare(self, sizes: list[int], wrong: bool) -> None:
        self.number += 1
        chance = random.Random(self.number)  # noqa: S311 - the same bytes on each run
        files = [chance.randbytes(size) for size in sizes]
        spanning = [index for index, size in enumerate(sizes) if size > MIB]
        claimed = {spanning[0]: chance.randbytes(sizes[spanning[0]])} if wrong and spanning else {}
        dossier = Dossier(files, code=f"P012.01.{self.number:03}", claimed=claimed)
        declared = self.run(self._declare(dossier))
        self.sent.append(Sent(declared, dossier))

    @rule(data=st.data(), copies=st.integers(1, 3))
    def send(self, data: st.DataObject, copies: int) -> None:
        """One right part, perhaps several times at once."""
        sent = data.draw(st.sampled_from(self.sent))
        parts = sent.dossier.parts(MIB)
        if not parts:
            return
        number = data.draw(st.integers(0, len(parts) - 1))

        async def all_at_once() -> list[PartStored | Refusal]:
            return await asyncio.gather(*(self._send(sent.id, number, parts[number]) for _ in range(copies)))

        answers = self.run(all_at_once())
        stored = [answer for answer in answers if isinstance(answer, PartStored)]
        assert sum(answer.new for answer in stored) <= 1
        assert len({answer.part.attempt for answer in stored}) <= 1

    @rule(data=st.data(), how=st.sampled_from(["short", "long", "other", "beyond", "stranger", "cut"]))
    def send_wrong(self, data: st.DataObject, how: str) -> None:
        """Nothing that the plan does not have is ever recorded."""
        sent = data.draw(st.sampled_from(self.sent))
        parts = sent.dossier.parts(MIB)
        if not parts:
            return
        number = data.draw(st.integers(0, len(parts) - 1))
        right, body, submitter = parts[number], None, SUBMITTER
        match how:
            case "short":
                right = right[:-1]
            case "long":
                right += b"x"
            case "other":
                body = bytes([right[0] ^ 1]) + right[1:]
            case "beyond":
                number = len(parts)
            case "stranger":
                submitter = Submitter(ClientId(uuid4()), AgencyId(uuid4()))
            case "cut":
                body = right[: len(right) // 2]
        before = self._recorded()
        answer = self.run(self._send(sent.id, number, right, body=body, submitter=submitter))
        if isinstance(answer, PartStored):
            assert not answer.new  # its digest was right and it stands: the body was not read
        assert self._recorded() == before

    @rule(data=st.data(), spoilt=st.booleans(), workers=st.integers(1, 3))
    def push(self, data: st.DataObject, spoilt: bool, workers: int) -> None:
        """Whatever the package still takes, then the workers."""
        sent = data.draw(st.sampled_from(self.sent))
        for number, part in enumerate(sent.dossier.parts(MIB)):
            self.run(self._send(sent.id, number, part))
        if spoilt:
            self.spoil(data)
        self._complete_at_once(sent, workers)

    @rule(data=st.data(), workers=st.integers(1, 3))
    def complete(self, data: st.DataObject, workers: int) -> None:
        self._complete_at_once(data.draw(st.sampled_from(self.sent)), workers)

    def _complete_at_once(self, sent: Sent, workers: int) -> None:
        async def all_at_once() -> list[State | None]:
            return await asyncio.gather(*(self._complete(sent.id) for _ in range(workers)))

        outcomes = self.run(all_at_once())
        assert outcomes.count(State.SEALED) <= 1
        if State.SEALED in outcomes:
            assert not sent.dossier.claimed, "bytes were sealed that the manifest does not name"

    @rule(data=st.data())
    def spoil(self, data: st.DataObject) -> None:
        """The store loses or alters an object of a package that is not sealed."""
        rows = self.ledger.rows
        open_parts = [
            part for (package, _), part in rows.parts.items() if rows.packages[package].state not in HAS_RECEIPT
        ]
        if not open_parts:
            return
        part = data.draw(st.sampled_from(open_parts))
        self.spoilt.add(part.attempt)
        versions = self.store._objects[f"parts/{part.attempt.hex[-2:]}/{part.attempt}"]
        for version, content in versions.items():
            at = data.draw(st.integers(0, len(content) - 1))
            versions[version] = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]

    @rule(data=st.data())
    def abandon(self, data: st.DataObject) -> None:
        sent = data.draw(st.sampled_from(self.sent))
        with suppress(AbandonTooLate):
            self.run(
                abandon_package(sent.id, SUBMITTER, ledger=self.ledger, directory=self.directory, world=self.world)
            )

    @rule()
    def reap(self) -> None:
        self.run(reap_attempts(ledger=self.ledger, vault=self.vault, world=self.world))

    @rule(days=st.sampled_from([0, 1, 40]))
    def time_passes(self, days: int) -> None:
        self.world.at += timedelta(days=days, minutes=1)
        self.run(expire_packages(ledger=self.ledger, world=self.world))

    @invariant()
    def rows_and_objects_belong_together(self) -> None:
        rows = self.ledger.rows
        named = {part.attempt for part in rows.parts.values()} | set(rows.attempts)
        there = {UUID(name.rpartition("/")[2]) for name in self.store._objects if name.startswith("parts/")}
        assert {part.attempt for part in rows.parts.values()} <= there
        assert there <= named
        for package in rows.packages.values():
            count = sum(owner == package.id for owner, _ in rows.parts)
            assert count == package.stored_parts

    @invariant()
    def what_has_ended_stays_ended(self) -> None:
        rows = self.ledger.rows
        for package, state in self.ends.items():
            assert rows.packages[package].state is state
        closed = {State.SEALED, State.ABANDONED, State.EXPIRED}
        self.ends = {package.id: package.state for package in rows.packages.values() if package.state in closed}

    @invariant()
    def what_is_sealed_has_one_event_one_record_and_its_bytes(self) -> None:
        rows = self.ledger.rows
        events = [strict_json.parse(event, max_bytes=MIB) for event in rows.events.values()]
        for sent in self.sent:
            mine = [
                event
                for event in events
                if isinstance(event, dict) and (event["type"], event["package"]) == ("sealed", str(sent.id))
            ]
            sealed = rows.packages[sent.id].state is State.SEALED
            assert len(mine) == int(sealed)
            if sealed:
                assert f"recovery/{sent.id}" in self.store._objects
                assert mine[0]["components"] == [str(row.id) for row in rows.components[sent.id]]

    def _recorded(self) -> set[UUID]:
        return {part.attempt for part in self.ledger.rows.parts.values()}

    async def _declare(self, dossier: Dossier) -> PackageId:
        manifest = dossier.manifest
        assert await standing_package(manifest, MIB, SUBMITTER, ledger=self.ledger, max_open=100) is None
        declared = await declare_package(
            manifest,
            MIB,
            SUBMITTER,
            package_id=PackageId(self.world.new_id()),
            ledger=self.ledger,
            judge=PlainJudge(),
            rules=OneRules(),
            directory=self.directory,
            keys=self.keys,
            world=self.world,
        )
        return declared.package.id

    async def _send(
        self,
        package: PackageId,
        number: int,
        data: bytes,
        *,
        body: bytes | None = None,
        submitter: Submitter = SUBMITTER,
    ) -> PartStored | Refusal:
        offer = PartOffer(package, number, len(data), hashlib.sha256(data).digest())
        try:
            admitted = await admit_part(
                offer, Number(), submitter, plans=self.plans, ledger=self.ledger, world=self.world
            )
            if isinstance(admitted, PartStored):
                return admitted
            return await store_part(
                admitted,
                _chunks(data if body is None else body),
                ledger=self.ledger,
                vault=self.vault,
                keys=self.keys,
                world=self.world,
            )
        except Refusal as refusal:
            return refusal

    async def _complete(self, package: PackageId) -> State | None:
        return await complete_package(
            package, plans=self.plans, ledger=self.ledger, vault=self.vault, keys=self.keys, world=self.world
        )


class ReadBack(Uploads):
    """The same, with a reader who compares everything that is sealed."""

    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        sent = data.draw(st.sampled_from(self.sent))
        rows = self.ledger.rows
        row = data.draw(st.sampled_from(rows.components[sent.id]))
        content = sent.dossier.files[row.document]
        low = data.draw(st.integers(0, len(content)))
        span = (low, None) if low < len(content) else None

        async def answer() -> bytes:
            reading = await read_component(
                row.id,
                SUBMITTER.client,
                Number(),
                lambda _: None if span is None else [span],
                plans=self.plans,
                ledger=self.ledger,
                vault=self.vault,
                keys=self.keys,
                world=self.world,
                running=RunningReadings(self.ledger),
            )
            return b"".join([chunk async for chunk in reading.pieces[0].body])

        if rows.packages[sent.id].state is State.SEALED:
            # What lies in one part is proved on its arrival, not again; spoilt afterwards, it is never given out wrong.
            spoilt = any(part.attempt in self.spoilt for (owner, _), part in rows.parts.items() if owner == sent.id)
            try:
                found = self.run(answer())
            except SealBroken:
                found = None
            assert found == (content[low:] if span else content) or (found is None and spoilt)
        else:
            with pytest.raises(ComponentUnknown):
                self.run(answer())


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(data), 300_000):
        await asyncio.sleep(0)
        yield data[at : at + 300_000]


TestUploads = ReadBack.TestCase
TestUploads.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
