"""Promise: what a custodian erases is gone from rows, records and store, and nothing else is."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
from collections.abc import AsyncIterator, Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text

from services.ingest.adapters.vault_s3 import part_key
from services.ingest.domain.package import PartOffer, StoredPart
from services.ingest.usecases.erasure_ports import Copy, Custody
from services.ingest.usecases.finish_erasure import AttemptsStand
from services.ingest.usecases.hold_parts import hold_parts
from services.ingest.usecases.ports import Submitter
from services.ingest.usecases.reap_attempts import reap_attempts
from services.ingest.usecases.store_part import PartAdmitted, admit_part, store_part
from services.kernel.erasure_message import ComponentsErased
from services.kernel.identifiers import AgencyId, AttemptId, ClientId, PackageId
from services.kernel.refusals.packages import PackageNotReceiving
from services.kernel.sealing.recovery import ErasureFacts
from services.runtime.database import transaction
from services.runtime.nonces import Nonce
from services.runtime.object_store.memory import MemoryStore
from services.runtime.object_store.port import ObjectHeld
from tests.integration.ingest.test_renewed_records import record_of
from tests.support.enrolled import Enrolled
from tests.support.ingest import Ingest
from tests.support.ingest_manifests import Dossier
from tests.support.postgres import Database

MIB = 1 << 20
T = TypeVar("T")


@pytest.fixture
def custodian(gateway: Ingest) -> Enrolled:
    return gateway.enrol("custodian", officer="Trần Giữ")


async def components_of(gateway: Ingest, client: Enrolled, package: str) -> list[str]:
    plan = (await gateway.get(client, f"/v1/packages/{package}/plan")).json()
    return [str(entry[0]) for entry in plan["components"]]


async def status_of(gateway: Ingest, client: Enrolled, component: str) -> int:
    return (await gateway.read(client, component)).status


async def next_version(gateway: Ingest, client: Enrolled, dossier: Dossier, sent: bytes = b"") -> str:
    """A superseding version of which only `sent` has to be sent."""
    package = str((await gateway.declare(client, dossier)).json()["package"])
    if sent:
        assert (await gateway.send(client, package, 0, sent)).status == 201
    await gateway.complete(package)
    return package


def objects(gateway: Ingest) -> dict[str, dict[str, bytes]]:
    store = gateway.store
    assert isinstance(store, MemoryStore)
    return {name: versions for name, versions in store._objects.items() if name.startswith("parts/")}


async def test_an_expelled_component_is_gone_and_its_neighbours_are_not(gateway: Ingest, custodian: Enrolled) -> None:
    client = gateway.enrol("submitter")
    files = [b"mot", os.urandom(3 * MIB), os.urandom(MIB // 2), b"bon"]
    package = await gateway.deposit(client, Dossier(files))
    await hold_parts(PackageId(UUID(package)), ledger=gateway.parts.ledger, custody=gateway.custody)
    before = {name: dict(versions) for name, versions in objects(gateway).items()}
    components = await components_of(gateway, client, package)

    ordered = await gateway.erase(custodian, package, components[1])
    assert ordered.status == 202, ordered.body
    answer = ordered.json()
    assert (answer["components"], answer["kept"], answer["state"]) == ([components[1]], [], "under-way")
    assert answer["complete_from"] is None
    assert [await status_of(gateway, client, component) for component in components] == [200, 404, 200, 200]

    assert await gateway.finish(answer["erasure"])
    assert not await gateway.finish(answer["erasure"])
    told = (await gateway.get(custodian, f"/v1/erasures/{answer['erasure']}")).json()
    assert told["state"] == "finished"
    finished, complete = (datetime.fromisoformat(told[name]) for name in ("finished_at", "complete_from"))
    assert complete - finished == timedelta(days=400)

    # One version a part is left, on hold, with zeros where the component was and every other byte as it was.
    after = objects(gateway)
    assert after.keys() == before.keys()
    for name, versions in after.items():
        ((version, data),) = versions.items()
        ((_, old),) = before[name].items()
        assert len(data) == len(old)
        assert all(new in (was, 0) for new, was in zip(data, old, strict=True))
        with pytest.raises(ObjectHeld):
            await gateway.store.delete(name, version_id=version)
    zeroed = sum(data.count(0) for versions in after.values() for data in versions.values())
    assert zeroed > 3 * MIB
    read = [(await gateway.read(client, component)).body for component in components]
    assert [read[0], read[2], read[3]] == [files[0], files[2], files[3]]
    record = await record_of(gateway, package)
    assert [component.wrapped_key is None for component in record.components] == [False, True, False, False]
    async with gateway.parts.ledger.transaction() as books:
        parts = await books.parts(PackageId(UUID(package)))
    assert [(part.object_version, part.ciphertext_digest) for part in parts] == [
        (part.object_version, part.ciphertext_digest) for part in record.parts
    ]


async def test_disposal_keeps_what_another_version_refers_to(gateway: Ingest, custodian: Enrolled) -> None:
    client = gateway.enrol("submitter")
    kept, gone = os.urandom(5000), os.urandom(7000)
    first = await gateway.deposit(client, Dossier([kept, gone]))
    second = await next_version(gateway, client, Dossier([kept], supersedes=UUID(first), code="P012.01.002"))
    components = await components_of(gateway, client, first)

    disposed = (await gateway.erase(custodian, first, kind="disposal")).json()
    assert (disposed["components"], disposed["kept"]) == ([components[1]], [components[0]])
    await gateway.finish(disposed["erasure"])
    assert [await status_of(gateway, client, component) for component in components] == [200, 404]
    assert (await gateway.read(client, components[0])).body == kept
    assert [row.wrapped_key is None for row in (await record_of(gateway, first)).components] == [True, True]
    assert [row.wrapped_key is None for row in (await record_of(gateway, second)).components] == [False]

    last = (await gateway.erase(custodian, second, kind="disposal")).json()
    assert (last["components"], last["kept"]) == ([components[0]], [])
    await gateway.finish(last["erasure"])
    assert await status_of(gateway, client, components[0]) == 404
    ((data,),) = (list(versions.values()) for versions in objects(gateway).values())
    assert data.count(0) >= 12000


async def told(gateway: Ingest) -> list[ComponentsErased]:
    """What catalog is told of erasures, in order."""
    query = text("SELECT body FROM ingest.outbox WHERE kind = 'components_erased' ORDER BY created_at")
    async with transaction(gateway.engine) as connection:
        return [ComponentsErased.parse(bytes(body)) for body in (await connection.execute(query)).scalars()]


async def test_catalog_and_the_records_are_told_what_is_gone_and_not_what_another_version_keeps(
    gateway: Ingest, custodian: Enrolled
) -> None:
    client = gateway.enrol("submitter")
    kept, gone = os.urandom(5000), os.urandom(7000)
    first = await gateway.deposit(client, Dossier([kept, gone]))
    second = await next_version(gateway, client, Dossier([kept], supersedes=UUID(first), code="P012.01.002"))
    shared, alone = await components_of(gateway, client, first)
    for package, kind in ((first, "disposal"), (second, "disposal"), (first, "expulsion")):
        assert (await gateway.erase(custodian, package, kind=kind)).status == 202
    messages = await told(gateway)
    assert [(message.expelled, {str(id_) for id_ in message.components}) for message in messages] == [
        (False, {alone}),
        (False, {shared}),
        (True, {shared, alone}),
    ]
    assert {str(message.chain) for message in messages} == {first}
    # An expulsion after the disposal is in the records of both versions, with the day on which the keys went.
    for package, days in ((first, [messages[1].at, messages[0].at]), (second, [messages[1].at])):
        rows = (await record_of(gateway, package)).components
        assert [row.erasure for row in rows] == [ErasureFacts(day, expelled=True) for day in days]


async def test_expulsion_takes_every_version_and_a_later_one_must_send_again(
    gateway: Ingest, custodian: Enrolled
) -> None:
    client = gateway.enrol("submitter")
    data = os.urandom(9000)
    first = await gateway.deposit(client, Dossier([data]))
    newer = Dossier([data, b"hai"], supersedes=UUID(first), code="P012.01.002")
    second = await next_version(gateway, client, newer, b"hai")
    (component,) = await components_of(gateway, client, first)
    expelled = (await gateway.erase(custodian, second, component)).json()
    assert expelled["components"] == [component]
    assert await status_of(gateway, client, component) == 404
    third = await gateway.declare(client, Dossier([data], supersedes=UUID(second), code="P012.01.003"))
    assert third.json()["plan"]["components"][0][0] != component


async def test_an_order_can_be_repeated_and_not_be_changed(gateway: Ingest, custodian: Enrolled) -> None:
    client = gateway.enrol("submitter")
    package = await gateway.deposit(client, Dossier([b"mot", b"hai"]))
    components = await components_of(gateway, client, package)
    target = f"/v1/erasures/{uuid4()}"
    body: dict[str, object] = {
        "kind": "disposal", "package": package, "components": [components[0]], "instrument": "7/QĐ-VPTU",
    }  # fmt: skip
    answers = [(await gateway.put(custodian, target, body)).json() for _ in range(2)]
    assert answers[0] == answers[1]
    changed = await gateway.put(custodian, target, body | {"components": [components[1]]})
    assert (changed.status, changed.json()["code"]) == (409, "erasure-conflict")
    assert await status_of(gateway, client, components[1]) == 200
    again = (await gateway.put(custodian, f"/v1/erasures/{uuid4()}", body)).json()
    assert again["components"] == [components[0]]  # another order for what is gone already changes nothing
    assert await gateway.finish(again["erasure"])


async def test_what_cannot_be_erased_is_refused(gateway: Ingest, custodian: Enrolled) -> None:
    client = gateway.enrol("submitter")
    package = await gateway.deposit(client, Dossier([b"mot"]))
    open_one = (await gateway.declare(client, Dossier([b"hai"], code="P012.01.002"))).json()["package"]
    (component,) = await components_of(gateway, client, package)
    async with transaction(gateway.engine) as connection:
        await connection.execute(text("UPDATE ingest.component SET held = true"))
    refused = {
        "package-unknown": await gateway.erase(custodian, str(uuid4())),
        "erasure-too-early": await gateway.erase(custodian, open_one, kind="disposal"),
        "erasure-components-unknown": await gateway.erase(custodian, package, str(uuid4())),
        "erasure-held": await gateway.erase(custodian, package, kind="disposal"),
        "erasure-unknown": await gateway.get(custodian, f"/v1/erasures/{uuid4()}"),
    }
    assert {code: reply.json()["code"] for code, reply in refused.items()} == {code: code for code in refused}
    for scope in ("archivist", "submitter", "incident-officer"):
        stranger = gateway.enrol(scope, officer="Lê Lạ")
        assert (await gateway.erase(stranger, package)).json()["code"] == "scope-missing"
    async with transaction(gateway.engine) as connection:
        count = await connection.execute(text("SELECT count(*) FROM ingest.component WHERE wrapped_key IS NULL"))
        assert count.scalar_one() == 0
    assert (await gateway.erase(custodian, package, component)).status == 202  # a hold does not keep what is expelled


async def test_a_quarantined_package_expelled_whole_is_expelled(gateway: Ingest, custodian: Enrolled) -> None:
    client = gateway.enrol("submitter")
    package = await gateway.deposit(client, Dossier([b"mot"]))
    async with transaction(gateway.engine) as connection:
        await connection.execute(text("UPDATE ingest.package SET state = 'quarantined'"))
    assert (await gateway.erase(custodian, package)).status == 202
    assert (await gateway.get(client, f"/v1/packages/{package}")).json()["state"] == "expelled"
    assert (await record_of(gateway, package)).package.state == "expelled"


async def test_what_was_never_sealed_ends_with_its_expulsion_and_leaves_no_byte(
    gateway: Ingest, custodian: Enrolled
) -> None:
    client = gateway.enrol("submitter")
    dossier = Dossier([os.urandom(MIB), os.urandom(MIB), b"ba"])
    package = str((await gateway.declare(client, dossier)).json()["package"])
    first, second, _ = dossier.parts(MIB)
    assert (await gateway.send(client, package, 0, first)).status == 201
    component = (await components_of(gateway, client, package))[0]
    order = (await gateway.erase(custodian, package, component)).json()
    assert order["components"] == [component]
    assert (await gateway.get(client, f"/v1/packages/{package}")).json()["state"] == "expelled"
    late = await gateway.send(client, package, 1, second)
    assert (late.status, late.json()["code"]) == (409, "package-not-receiving")
    with pytest.raises(AttemptsStand):  # the bytes of the part are still there: nobody says that it is finished
        await gateway.finish(order["erasure"])
    parts = gateway.parts
    assert await reap_attempts(ledger=parts.ledger, vault=parts.vault, world=parts.world) == 1
    assert objects(gateway) == {}
    assert await gateway.finish(order["erasure"])
    async with transaction(gateway.engine) as connection:
        keys = await connection.execute(text("SELECT count(*) FROM ingest.component WHERE wrapped_key IS NOT NULL"))
        assert keys.scalar_one() == 0
    again = (await gateway.declare(client, dossier)).json()["package"]
    assert again != package


async def test_a_part_that_was_on_its_way_when_its_package_was_expelled_is_not_kept(
    gateway: Ingest, custodian: Enrolled
) -> None:
    client = gateway.enrol("submitter")
    dossier = Dossier([os.urandom(MIB), b"hai"])
    package = str((await gateway.declare(client, dossier)).json()["package"])
    part, parts = dossier.parts(MIB)[0], gateway.parts
    orders: list[str] = []
    now = parts.world.now()

    async def body() -> AsyncIterator[bytes]:
        yield part[:1000]
        orders.append((await gateway.erase(custodian, package)).json()["erasure"])
        yield part[1000:]

    admitted = await admit_part(
        PartOffer(PackageId(UUID(package)), 0, len(part), hashlib.sha256(part).digest()),
        Nonce(now.date(), client.kid, "n" * 22, now + timedelta(seconds=300)),
        Submitter(ClientId(client.client_id), AgencyId(gateway.agency)),
        plans=gateway.plans,
        ledger=parts.ledger,
        world=parts.world,
    )
    assert isinstance(admitted, PartAdmitted)
    with pytest.raises(PackageNotReceiving):
        await store_part(admitted, body(), ledger=parts.ledger, vault=parts.vault, keys=parts.keys, world=parts.world)
    assert len(objects(gateway)) == 1
    assert await reap_attempts(ledger=parts.ledger, vault=parts.vault, world=parts.world) == 1
    assert objects(gateway) == {}
    assert await gateway.finish(orders[0])


async def test_what_is_being_verified_is_expelled_before_it_is_sealed(gateway: Ingest, custodian: Enrolled) -> None:
    client = gateway.enrol("submitter")
    dossier = Dossier([b"mot"])
    package = str((await gateway.declare(client, dossier)).json()["package"])
    assert (await gateway.send(client, package, 0, dossier.parts(MIB)[0])).status == 201
    assert (await gateway.get(client, f"/v1/packages/{package}")).json()["state"] == "verifying"
    assert (await gateway.erase(custodian, package)).status == 202
    assert await gateway.complete(package) is None
    assert (await gateway.get(client, f"/v1/packages/{package}")).json()["state"] == "expelled"


async def test_the_log_tells_who_erased_what_and_when_the_bytes_were_gone(
    gateway: Ingest, custodian: Enrolled, database: Database
) -> None:
    client = gateway.enrol("submitter")
    package = await gateway.deposit(client, Dossier([b"mot"]))
    erasure = (await gateway.erase(custodian, package)).json()["erasure"]
    await gateway.finish(erasure)
    with psycopg.connect(database.admin_url) as owner:
        rows = owner.execute("SELECT convert_from(event, 'UTF8')::jsonb FROM journal.event").fetchall()
    told = {event["type"]: event for (event,) in rows}
    assert told["erased"]["officer"] == "Trần Giữ"
    assert told["erased"]["instrument"] == "12/QĐ-UBND"
    assert told["part_replaced"]["before_sha256"] != told["part_replaced"]["after_sha256"]
    assert told["erasure_finished"]["erasure"] == erasure


async def test_two_erasures_of_one_part_end_with_both_gone(gateway: Ingest, custodian: Enrolled) -> None:
    client = gateway.enrol("submitter")
    files = [os.urandom(4000), os.urandom(5000), os.urandom(6000)]
    package = await gateway.deposit(client, Dossier(files))
    components = await components_of(gateway, client, package)
    orders = [(await gateway.erase(custodian, package, component)).json() for component in components[:2]]
    for order in orders:
        assert await gateway.finish(order["erasure"])
    ((data,),) = (list(versions.values()) for versions in objects(gateway).values())
    assert data.count(0) >= 9000
    assert (await gateway.read(client, components[2])).body == files[2]


class Died(BaseException):
    """The process ends here, whatever would have come next."""


class DyingCustody:
    """The custodian's hand, which dies at its `last`th effect on the store: before it, or right after it."""

    def __init__(self, custody: Custody, last: int, *, after: bool) -> None:
        self._custody = custody
        self._left = last
        self._after = after

    async def _step(self, effect: Coroutine[Any, Any, T]) -> T:
        self._left -= 1
        if not self._left and not self._after:
            effect.close()
            raise Died
        done = await effect
        if not self._left:
            raise Died
        return done

    async def hold(self, attempt: AttemptId, object_version: str) -> None:
        await self._step(self._custody.hold(attempt, object_version))

    async def zero(self, part: StoredPart, spans: Sequence[tuple[int, int]]) -> Copy:
        return await self._step(self._custody.zero(part, spans))

    async def keep_only(self, attempt: AttemptId, object_version: str) -> None:
        await self._step(self._custody.keep_only(attempt, object_version))


async def test_a_death_at_any_step_is_finished_by_the_next_run(gateway: Ingest, custodian: Enrolled) -> None:
    client = gateway.enrol("submitter")
    neighbour = os.urandom(MIB // 2)
    deaths = 0
    for last, after in itertools.product(range(1, 6), (False, True)):
        package = await gateway.deposit(client, Dossier([os.urandom(2 * MIB), neighbour], code=f"P012.{last}.{after}"))
        await hold_parts(PackageId(UUID(package)), ledger=gateway.parts.ledger, custody=gateway.custody)
        gone, kept = await components_of(gateway, client, package)
        erasure = (await gateway.erase(custodian, package, gone)).json()["erasure"]
        try:
            await gateway.finish(erasure, DyingCustody(gateway.custody, last, after=after))
        except Died:
            deaths += 1
            assert (await gateway.read(client, kept)).body == neighbour
            assert await status_of(gateway, client, gone) == 404
            record = await record_of(gateway, package)
            for fact in record.parts:  # whatever happens now, a rebuild finds what its record names
                await gateway.store.get(part_key(fact.attempt), version_id=fact.object_version)
            assert await gateway.finish(erasure)
        assert (await gateway.read(client, kept)).body == neighbour
        async with gateway.parts.ledger.transaction() as books:
            for part in await books.parts(PackageId(UUID(package))):
                name = part_key(part.attempt)
                assert list(objects(gateway)[name]) == [part.object_version]
                assert await gateway.custody._store.is_held(name, part.object_version)
    assert deaths == 8  # two copies, two removals, before and after each


async def test_two_workers_on_one_erasure_end_as_one_would(gateway: Ingest, custodian: Enrolled) -> None:
    client = gateway.enrol("submitter")
    neighbour = os.urandom(MIB // 2)
    package = await gateway.deposit(client, Dossier([os.urandom(3 * MIB), neighbour]))
    gone, kept = await components_of(gateway, client, package)
    erasure = (await gateway.erase(custodian, package, gone)).json()["erasure"]
    outcomes = await asyncio.gather(*(gateway.finish(erasure) for _ in range(3)))
    assert outcomes.count(True) == 1
    assert (await gateway.read(client, kept)).body == neighbour
    assert all(len(versions) == 1 for versions in objects(gateway).values())
