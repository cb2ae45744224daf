"""The ledger in memory and the one in PostgreSQL keep the same promises."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from services.ingest.adapters.judgement import judge_manifest
from services.ingest.adapters.ledger_sql import SqlLedger
from services.ingest.domain.package import Package, PartOffer, StoredPart
from services.ingest.domain.states import State
from services.ingest.usecases.ports import (
    Attempt,
    ComponentRow,
    Finding,
    Ledger,
    PackageDescription,
    PackageKey,
    PublishedRules,
    Submitter,
    Verdict,
)
from services.kernel.identifiers import AgencyId, AttemptId, ClientId, ComponentId, FondsId, KeyId, PackageId, uuid7
from services.kernel.layout import MIB, Plan, PlannedComponent
from services.kernel.refusals.identity import RequestReplayed
from services.kernel.rules import baseline_bundle, compile_bundle, load_bundle
from services.kernel.sealing.ciphertext_digest import CiphertextDigest
from services.kernel.secrecy import DeploymentProfile, Level
from services.runtime.database import create_engine
from services.runtime.jobs import Tasks
from services.runtime.nonces import Nonce
from tests.support.ingest_manifests import Dossier
from tests.support.ingest_memory import MemoryLedger

NOW = datetime(2026, 11, 24, 5, 2, 3, 123456, tzinfo=UTC)
AGENCY, CLIENT = AgencyId(UUID(int=1)), ClientId(UUID(int=2))
SUBMITTER = Submitter(CLIENT, AGENCY)


@pytest.fixture(params=["memory", "postgresql"])
async def ledger(request: pytest.FixtureRequest) -> AsyncIterator[Ledger]:
    if request.param == "memory":
        yield MemoryLedger()
        return
    database = request.getfixturevalue("database")
    engine = create_engine(database.url_for("nopluu_ingest"), application_name="test", pool_size=4)
    yield SqlLedger(engine, Tasks("ingest_queue"))
    await engine.dispose()


def new_id(at: datetime = NOW) -> UUID:
    return uuid7(int(at.timestamp() * 1000), os.urandom(10))


def package_of(plan: Plan, **changes: object) -> Package:
    id_ = PackageId(new_id())
    package = Package(
        id=id_,
        chain=id_,
        version=1,
        supersedes=None,
        agency=AGENCY,
        client=CLIENT,
        fonds=FondsId(UUID(int=3)),
        fonds_code="P012",
        profile="party",
        state=State.DECLARED,
        manifest_sha256=os.urandom(32),
        plan_sha256=plan.digest(),
        rules_sha256=os.urandom(32),
        part_size=plan.part_size,
        part_count=plan.part_count,
        payload_size=plan.payload_size,
        component_count=len(plan.components),
        stored_parts=0,
        declared_at=NOW,
        expires_at=NOW + timedelta(days=60),
        sealed_at=None,
        seal_event=None,
    )
    return replace(package, **changes)  # type: ignore[arg-type]  # members by name


PLAN = Plan(MIB, [PlannedComponent(ComponentId(new_id()), size) for size in (10, 0, 3 * MIB, 5)])
DESCRIPTION = PackageDescription(
    verdicts=(Verdict("/documents/3", "quarantine", True, ("10",), date(2008, 1, 3), (("giữ lại", "held"),)),),
    not_planned=(("/documents/3", "quarantine"),),
    warnings=(("/documents/0", "name-alike", "vi", "en"),),
    levels=((3, Level.MAT),),
)


def rows_of(package: Package, plan: Plan = PLAN) -> list[ComponentRow]:
    return [
        ComponentRow(
            position=position,
            id=component.id,
            key_id=KeyId(uuid4()),
            wrapped_key=os.urandom(40),
            level=Level.NONE,
            document=position,
            name=f"tệp {position}.pdf",
            media_type="application/pdf",
            size=component.length,
            sha256=os.urandom(32),
            plan_position=position,
            origin=package.id,
        )
        for position, component in enumerate(plan.components)
    ]


async def declared(ledger: Ledger, package: Package | None = None) -> tuple[Package, list[ComponentRow]]:
    package = package or package_of(PLAN)
    rows = rows_of(package)
    async with ledger.transaction() as books:
        assert await books.declare(
            package,
            DESCRIPTION,
            manifest=b"manifest " + package.manifest_sha256,
            plan=PLAN.canonical(),
            keys=[PackageKey(Level.NONE, "kek", b"wrapped")],
            components=rows,
        )
    return package, rows


def part_of(number: int, attempt: AttemptId | None = None) -> StoredPart:
    return StoredPart(
        number=number,
        attempt=attempt or AttemptId(new_id()),
        sha256=os.urandom(32),
        size=MIB,
        stored_size=MIB + 1000,
        ciphertext_digest=CiphertextDigest("blake3", os.urandom(32)),
        object_version="v1",
        stored_at=NOW,
        heads=os.urandom(60),
    )


async def test_a_declaration_is_read_back_as_it_was_made(ledger: Ledger) -> None:
    package, rows = await declared(ledger)
    async with ledger.transaction() as books:
        assert await books.package(package.id) == package
        assert await books.package(package.id, lock=True) == package
        assert await books.package(PackageId(uuid4())) is None
        assert await books.description(package.id) == DESCRIPTION
        assert await books.manifest(package.id) == b"manifest " + package.manifest_sha256
        assert await books.manifest_with_digest(package.manifest_sha256) == b"manifest " + package.manifest_sha256
        assert await books.manifest_with_digest(os.urandom(32)) is None
        assert await books.plan(package.id) == PLAN.canonical()
        assert await books.components(package.id) == rows
        keys = await books.planned_keys(package.id, 1, 2)
        assert [(key.plan_position, key.key_id, key.wrapped_key, key.sha256) for key in keys] == [
            (row.plan_position, row.key_id, row.wrapped_key, row.sha256) for row in rows[1:3]
        ]
        assert await books.package_keys(package.id) == [PackageKey(Level.NONE, "kek", b"wrapped")]
        place = await books.place(rows[2].id)
        assert place is not None
        assert (place.component, place.origin, place.held, place.erased) == (rows[2], package, False, False)
        assert await books.place(ComponentId(uuid4())) is None
        assert await books.open_packages(AGENCY) == 1


async def test_the_same_live_manifest_is_declared_once(ledger: Ledger) -> None:
    package, _ = await declared(ledger)
    twin = package_of(PLAN, manifest_sha256=package.manifest_sha256)

    async def again(books_of: Package) -> bool:
        async with ledger.transaction() as books:
            return await books.declare(
                books_of, DESCRIPTION, manifest=b"", plan=b"", keys=[], components=rows_of(books_of)
            )

    assert await again(twin) is False
    assert await again(package_of(PLAN, manifest_sha256=package.manifest_sha256, agency=AgencyId(uuid4()))) is True
    async with ledger.transaction() as books:
        assert await books.live_package(AGENCY, package.manifest_sha256) == package
        assert await books.package(twin.id) is None
        await books.set_state(package.id, State.ABANDONED, stored_parts=0)
        assert await books.live_package(AGENCY, package.manifest_sha256) is None
        assert await books.open_packages(AGENCY) == 0
    assert await again(twin) is True


async def test_one_version_follows_another(ledger: Ledger) -> None:
    first, _ = await declared(ledger)
    second = package_of(PLAN, chain=first.chain, version=2, supersedes=first.id)
    await declared(ledger, second)
    third = package_of(PLAN, chain=first.chain, version=2, supersedes=first.id)
    async with ledger.transaction() as books:
        assert await books.latest_of_chain(first.chain) == second
        assert not await books.declare(third, DESCRIPTION, manifest=b"", plan=b"", keys=[], components=[])
        await books.set_state(second.id, State.EXPIRED)
        assert await books.latest_of_chain(first.chain) == first


async def test_a_block_that_raises_leaves_nothing(ledger: Ledger) -> None:
    package = package_of(PLAN)

    async def broken() -> None:
        async with ledger.transaction() as books:
            await books.declare(package, DESCRIPTION, manifest=b"", plan=b"", keys=[], components=rows_of(package))
            await books.open_declaration(package.id, SUBMITTER, NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await broken()
    async with ledger.transaction() as books:
        assert await books.package(package.id) is None
        assert await books.components(package.id) == []
        assert await books.declaration(package.id) is None


async def test_a_nonce_counts_once(ledger: Ledger) -> None:
    nonce = Nonce(datetime.now(UTC).date(), "key", "value", datetime.now(UTC) + timedelta(seconds=300))

    async def claim() -> bool:
        try:
            async with ledger.transaction() as books:
                await books.claim(nonce)
                await books.keep_nonces(datetime.now(UTC).date())
        except RequestReplayed:
            return False
        return True

    assert sorted(await asyncio.gather(*(claim() for _ in range(4)))) == [False, False, False, True]


async def test_parts_are_recorded_withdrawn_and_left_to_the_reaper(ledger: Ledger) -> None:
    package, _ = await declared(ledger)
    parts = [part_of(number) for number in range(4)]
    async with ledger.transaction() as books:
        for part in parts:
            await books.open_attempt(Attempt(part.attempt, package.id, part.number, NOW), _offer(package, part))
            assert await books.has_attempts(package.id)
            assert await books.win_attempt(part.attempt)
            await books.record_part(package.id, part)
        assert not await books.has_attempts(package.id)
    async with ledger.transaction() as books:
        assert await books.parts(package.id) == parts
        assert await books.parts(package.id, 1, 2) == parts[1:3]
        assert await books.part(package.id, 3) == parts[3]
        assert await books.part(package.id, 4) is None
        assert await books.withdraw_parts(package.id, [1, 2, 9]) == 2
        assert await books.part_numbers(package.id) == [0, 3]
        lost = await books.lost_attempts(NOW, 10)
        assert {(attempt.id, attempt.part) for attempt in lost} == {(parts[n].attempt, n) for n in (1, 2)}
        assert await books.withdraw_parts(package.id) == 2
        assert await books.withdraw_parts(package.id) == 0
        assert len(await books.lost_attempts(NOW, 10)) == 4
        await books.forget_attempt(parts[1].attempt)
        assert len(await books.lost_attempts(NOW, 2)) == 2
        assert len(await books.lost_attempts(NOW, 10)) == 3


async def test_a_lost_attempt_cannot_win_and_a_won_one_cannot_be_lost(ledger: Ledger) -> None:
    package, _ = await declared(ledger)
    won, lost, old, fresh = (AttemptId(new_id()) for _ in range(4))
    async with ledger.transaction() as books:
        for attempt, at in ((won, NOW), (lost, NOW), (old, NOW - timedelta(hours=9)), (fresh, NOW)):
            await books.open_attempt(Attempt(attempt, package.id, 0, at), _offer(package, part_of(0)))
    async with ledger.transaction() as books:
        await books.lose_attempt(lost)
        assert not await books.win_attempt(lost)
        assert await books.win_attempt(won)
        await books.lose_attempt(won)
        assert {attempt.id for attempt in await books.lost_attempts(NOW - timedelta(hours=6), 10)} == {lost, old}
        assert not await books.win_attempt(old)
        assert await books.win_attempt(fresh)
        assert not await books.win_attempt(fresh)


async def test_state_and_proofs_are_kept(ledger: Ledger) -> None:
    package, rows = await declared(ledger)
    event = new_id()
    async with ledger.transaction() as books:
        await books.mark_checked(package.id, rows[2].id, NOW)
        await books.add_finding(package.id, Finding("/documents/0", "code", "vi", "en", NOW))
        await books.add_finding(package.id, Finding("/documents/1", "code", "vi", "en", NOW))
        await books.set_state(package.id, State.SEALED, stored_parts=4, sealed_at=NOW, seal_event=event)
    async with ledger.transaction() as books:
        assert [row.checked_at for row in await books.components(package.id)] == [None, None, NOW, None]
        assert [finding.pointer for finding in await books.findings(package.id)] == ["/documents/0", "/documents/1"]
        sealed = replace(package, state=State.SEALED, stored_parts=4, sealed_at=NOW, seal_event=event)
        assert await books.package(package.id) == sealed
        await books.unmark_checked(package.id, [rows[2].id, rows[0].id])
        assert {row.checked_at for row in await books.components(package.id)} == {None}


async def test_another_part_size_replaces_the_plan(ledger: Ledger) -> None:
    package, _ = await declared(ledger)
    plan = Plan(2 * MIB, PLAN.components)
    changed = replace(package, part_size=plan.part_size, part_count=plan.part_count, plan_sha256=plan.digest())
    async with ledger.transaction() as books:
        await books.replan(changed, plan.canonical())
    async with ledger.transaction() as books:
        assert await books.package(package.id) == changed
        assert await books.plan(package.id) == plan.canonical()


async def test_overdue_packages_are_those_that_still_take_parts(ledger: Ledger) -> None:
    package, _ = await declared(ledger)
    sealed, _ = await declared(ledger)
    async with ledger.transaction() as books:
        await books.set_state(sealed.id, State.SEALED)
        assert await books.overdue_packages(NOW + timedelta(days=60), 10) == []
        assert await books.overdue_packages(NOW + timedelta(days=61), 10) == [package.id]


async def test_packages_are_listed_in_the_order_of_their_ids(ledger: Ledger) -> None:
    made = sorted([(await declared(ledger))[0] for _ in range(5)], key=lambda package: package.id)
    await declared(ledger, package_of(PLAN, agency=AgencyId(uuid4())))
    async with ledger.transaction() as books:
        assert await books.packages_of([AGENCY], after=None, limit=3, state=None) == made[:3]
        assert await books.packages_of([AGENCY], after=made[2].id, limit=3, state=None) == made[3:]
        assert await books.packages_of([AGENCY], after=None, limit=9, state=State.SEALED) == []
        assert await books.packages_of([], after=None, limit=9, state=None) == []


async def test_of_a_refused_package_only_codes_are_kept(ledger: Ledger) -> None:
    bundle = load_bundle(baseline_bundle(1, date(2020, 7, 1)))
    judged = judge_manifest(
        Dossier([b"mot", b"hai"], levels={1: "mat"}).manifest,
        compile_bundle(bundle),
        rules_sha256=bundle.sha256,
        today=NOW.date(),
        deployment=DeploymentProfile.OPEN,
        ceiling=Level.NONE,
    )
    assert judged.refused
    id_ = PackageId(new_id())
    async with ledger.transaction() as books:
        await books.refuse(id_, SUBMITTER, at=NOW, salt=b"s" * 32, salted=b"d" * 32, judged=judged)
    async with ledger.transaction() as books:
        refused = await books.refused(id_)
        assert refused is not None
        assert (refused.agency, refused.at, refused.rules_sha256) == (AGENCY, NOW, bundle.sha256)
        assert refused.verdicts == judged.verdicts
        assert await books.package(id_) is None
        assert await books.packages_of([AGENCY], after=None, limit=9, state=None) == []


async def test_messages_are_delivered_once(ledger: Ledger) -> None:
    message = new_id()
    async with ledger.transaction() as books:
        await books.post(message, "catalog", "package_sealed", b"body", NOW)
        await books.wake_completion(PackageId(new_id()))
    async with ledger.transaction() as books:
        assert await books.pending_message(message) == ("catalog", b"body")
        await books.delivered(message, NOW)
        assert await books.pending_message(message) is None
        assert await books.pending_message(new_id()) is None


async def test_the_newest_rules_that_are_effective_are_in_force(ledger: Ledger) -> None:
    def rules(version: int, since: date) -> PublishedRules:
        return PublishedRules(version, os.urandom(32), b"envelope", since, NOW)

    first, third, second = rules(1, date(2026, 1, 1)), rules(3, date(2026, 12, 1)), rules(2, date(2026, 2, 1))
    async with ledger.transaction() as books:
        assert await books.newest_rules_version() == 0
        assert await books.rules_in_force(date(2026, 11, 24)) is None
        for entry in (first, third, second):
            await books.add_rules(entry, CLIENT)
        assert await books.newest_rules_version() == 3
        assert await books.rules_in_force(date(2025, 11, 24)) is None
        assert await books.rules_in_force(date(2026, 1, 5)) == first
        assert await books.rules_in_force(date(2026, 11, 24)) == second
        assert await books.rules_in_force(date(2026, 12, 1)) == third


async def test_a_declaration_lives_until_it_is_closed_or_forgotten(ledger: Ledger) -> None:
    done, refused = PackageId(new_id()), PackageId(new_id())
    async with ledger.transaction() as books:
        for id_ in (done, refused):
            await books.open_declaration(id_, SUBMITTER, NOW)
        await books.touch_declaration(done, NOW + timedelta(seconds=5))
        found = await books.declaration(done)
        assert found is not None
        assert (found.agency, found.seen_at, found.outcome) == (AGENCY, NOW + timedelta(seconds=5), None)
        await books.close_declaration(done, None)
        await books.close_declaration(refused, {"code": "manifest-invalid", "errors": [["/a", "b", "c", "d"]]})
        assert await books.declaration(done) is None
        kept = await books.declaration(refused)
        assert kept is not None
        assert kept.outcome == {"code": "manifest-invalid", "errors": [["/a", "b", "c", "d"]]}
        await books.forget_declarations(NOW)
        assert await books.declaration(refused) is not None
        await books.forget_declarations(NOW + timedelta(seconds=1))
        assert await books.declaration(refused) is None


async def test_events_are_appended_under_their_tickets(ledger: Ledger) -> None:
    async with ledger.transaction() as books:
        first, second = await books.journal(b"{}"), await books.journal(b"{}")
        assert first != second


def _offer(package: Package, part: StoredPart) -> PartOffer:
    return PartOffer(package.id, part.number, part.size, part.sha256)
