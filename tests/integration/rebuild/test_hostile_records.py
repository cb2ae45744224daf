"""Promise: whatever the store gives out, `rebuild` takes only true and newest records and names every other one."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from services.catalog.usecases.rebuild_catalog import IngestFirst
from services.ingest.domain.states import State
from services.ingest.usecases.rebuild_packages import LogNotRestored, Rebuilt
from services.ingest.usecases.renew_record import draw_record_key, renew_record
from services.kernel.identifiers import PackageId
from services.kernel.sealing.rebuilding import NotEmpty
from services.kernel.sealing.recovered import Refused
from services.kernel.sealing.recovery_words import WORDS, told
from services.runtime.kms.keyring import FileKeyring
from services.runtime.object_store.memory import MemoryStore
from services.runtime.object_store.port import ObjectMissing
from tests.support.ingest import Ingest, ingest
from tests.support.ingest_manifests import Dossier
from tests.support.postgres import Database
from tests.support.rebuilding import rebuild_catalog, rebuild_ingest, restore_log, rows_of, sequence

_ERASE = "UPDATE ingest.component SET wrapped_key = NULL, erased_at = now() WHERE package = %s AND position = 0"


class HostileStore(MemoryStore):
    """A store that can forget what it lists."""

    def __init__(self) -> None:
        super().__init__()
        self.forgotten: set[str] = set()

    async def get(self, name: str, *, version_id: str | None = None) -> bytes:
        if name in self.forgotten:
            raise ObjectMissing
        return await super().get(name, version_id=version_id)


@dataclass
class Loss:
    """A gateway with three deposits: one alone, and two versions of another dossier of which the second refers to the first."""

    gateway: Ingest
    store: HostileStore
    kms: FileKeyring
    database: Database
    new: Database
    alone: str = ""
    first: str = ""
    second: str = ""
    kept: dict[str, bytes] = field(default_factory=dict)

    async def change(self, package: str, *, erase: bool = False, hold: bool = False) -> None:
        """A change of a sealed package that renews its record; the earlier one is kept aside."""
        id_, parts = PackageId(UUID(package)), self.gateway.parts
        self.kept[package] = await self.store.get(f"recovery/{package}")
        if erase:
            with psycopg.connect(self.database.admin_url) as connection:
                connection.execute(_ERASE, (package,))
        if hold:
            with psycopg.connect(self.database.admin_url) as connection:
                connection.execute("UPDATE ingest.component SET held = true WHERE package = %s", (package,))
                connection.execute("UPDATE ingest.package SET held = true WHERE id = %s", (package,))
        async with parts.ledger.transaction() as books:
            found = await books.package(id_)
            assert found is not None
            drawn = await draw_record_key(found, await books.components(id_), parts.keys)
        async with parts.ledger.transaction() as books:
            if not (erase or hold):
                await books.set_state(id_, State.INSPECTED)
            await renew_record(books, id_, drawn, vault=parts.vault, world=parts.world)

    async def replay(self, package: str) -> None:
        """The store gives out again what stood before the last change."""
        await self.store.put(f"recovery/{package}", self.kept[package])

    async def rebuild(self, **options: bool) -> Rebuilt:
        """Sequence what is left to number, lose the database, restore the log and rebuild."""
        await sequence(self.database, self.store)
        await restore_log(self.new, self.store)
        return await rebuild_ingest(self.new, self.store, self.kms, **options)

    def restored(self) -> set[str]:
        with psycopg.connect(self.new.admin_url) as connection:
            return {str(id_) for (id_,) in connection.execute("SELECT id FROM ingest.package").fetchall()}

    def ended(self) -> bool:
        with psycopg.connect(self.new.admin_url) as connection:
            return connection.execute("SELECT ended_at IS NOT NULL FROM ingest.rebuild").fetchone() == (True,)


@pytest.fixture
async def loss(database: Database, lost_and_found: Database, tmp_path: Path) -> AsyncIterator[Loss]:
    store = HostileStore()
    async with ingest(database, tmp_path, store) as gateway:
        assert (await gateway.publish_rules()).status == 201
        client, shared = gateway.enrol("submitter"), os.urandom(1000)
        kms = FileKeyring(tmp_path / "keyring.json", environment="development")
        made = Loss(gateway, store, kms, database, lost_and_found)
        made.alone = await gateway.deposit(client, Dossier([os.urandom(100), os.urandom(50)]))
        made.first = await gateway.deposit(client, Dossier([shared, b"hai"], code="P012.01.002"))
        wholly = Dossier([shared], code="P012.01.002", supersedes=UUID(made.first))
        declared = await gateway.declare(client, wholly)
        made.second = str(declared.json()["package"])
        assert str(await gateway.complete(made.second)) == "sealed"
        yield made


def named(rebuilt: Rebuilt) -> dict[str, str]:
    """The code of every record that was not taken, by its package."""
    for refused in rebuilt.refused:
        assert refused.name in told(refused).vi
        assert refused.name in told(refused).en
    return {refused.name.removeprefix("recovery/"): refused.code for refused in rebuilt.refused}


@pytest.mark.parametrize("at", ["magic", "package", "kek", "wrapped", "middle", "last", "cut", "longer", "empty"])
async def test_one_altered_byte_is_named_and_the_others_come_back(loss: Loss, at: str) -> None:
    name = f"recovery/{loss.alone}"
    sealed = bytearray(await loss.store.get(name))
    places = {"magic": 0, "package": 10, "kek": 23, "wrapped": 84, "middle": len(sealed) // 2, "last": len(sealed) - 1}
    if at in places:
        sealed[places[at]] ^= 1
    altered = {"cut": bytes(sealed[:-20]), "longer": bytes(sealed) + b"\0", "empty": b""}.get(at, bytes(sealed))
    await loss.store.put(name, altered)
    rebuilt = await loss.rebuild()
    codes = {"package": "record-swapped", "kek": "record-key-refused", "wrapped": "record-key-refused"}
    assert named(rebuilt) == {loss.alone: codes.get(at, "record-altered")}
    assert loss.restored() == {loss.first, loss.second}
    assert not loss.ended()


async def test_records_under_each_others_names(loss: Loss) -> None:
    one, other = f"recovery/{loss.alone}", f"recovery/{loss.first}"
    mine, theirs = await loss.store.get(one), await loss.store.get(other)
    await loss.store.put(one, theirs)
    await loss.store.put(other, mine)
    rebuilt = await loss.rebuild()
    assert named(rebuilt) == {
        loss.alone: "record-swapped",
        loss.first: "record-swapped",
        loss.second: "origin-missing",
    }


async def test_a_record_of_another_deployment(loss: Loss, empty_neighbour: Database, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    async with ingest(empty_neighbour, tmp_path / "other") as other:
        assert (await other.publish_rules()).status == 201
        package = await other.deposit(other.enrol("submitter"), Dossier([b"other province"]))
        await loss.store.put(f"recovery/{package}", await other.store.get(f"recovery/{package}"))
    assert named(await loss.rebuild()) == {package: "record-key-refused"}
    assert len(loss.restored()) == 3


async def test_a_record_of_another_log_although_the_kms_opens_it(
    loss: Loss, empty_neighbour: Database, tmp_path: Path
) -> None:
    async with ingest(empty_neighbour, tmp_path) as other:  # the same keyring: two deployments share a KMS by mistake
        assert (await other.publish_rules()).status == 201
        package = await other.deposit(other.enrol("submitter"), Dossier([b"other province"]))
        await loss.store.put(f"recovery/{package}", await other.store.get(f"recovery/{package}"))
    assert named(await loss.rebuild()) == {package: "record-unlogged"}


async def test_a_package_sealed_in_the_last_moment_is_admitted_when_the_operator_says_so(loss: Loss) -> None:
    await sequence(loss.database, loss.store)
    client = loss.gateway.enrol("submitter")
    last = await loss.gateway.deposit(client, Dossier([b"last"], code="P012.01.009"))
    await restore_log(loss.new, loss.store)
    assert named(await rebuild_ingest(loss.new, loss.store, loss.kms)) == {last: "record-unlogged"}
    rebuilt = await rebuild_ingest(loss.new, loss.store, loss.kms, admit_unlogged=True)
    assert (rebuilt.restored, rebuilt.present, rebuilt.refused) == (1, 3, ())
    await sequence(loss.new, loss.store)
    async with ingest(loss.new, loss.kms._path.parent, loss.store, agency=loss.gateway.agency) as gateway:
        reply = await gateway.get(gateway.enrol("submitter"), f"/v1/packages/{last}/receipt")
        assert reply.status == 200


async def test_an_older_record_is_known_for_what_it_is(loss: Loss) -> None:
    await loss.change(loss.alone)
    await loss.change(loss.first)
    await loss.replay(loss.alone)
    rebuilt = await loss.rebuild()
    assert named(rebuilt) == {loss.alone: "record-outdated"}
    with psycopg.connect(loss.new.admin_url) as connection:
        query = "SELECT state, record_number FROM ingest.package WHERE id = %s"
        assert connection.execute(query, (loss.first,)).fetchone() == ("inspected", 2)


async def test_a_record_two_writings_old(loss: Loss) -> None:
    await loss.change(loss.alone)
    first = loss.kept[loss.alone]
    await loss.change(loss.alone)
    await loss.store.put(f"recovery/{loss.alone}", first)
    rebuilt = await loss.rebuild()
    assert named(rebuilt) == {loss.alone: "record-outdated"}


async def test_what_was_erased_stays_erased(loss: Loss) -> None:
    await loss.change(loss.alone, erase=True)
    rebuilt = await loss.rebuild()
    assert rebuilt.refused == ()
    with psycopg.connect(loss.new.admin_url) as connection:
        query = "SELECT wrapped_key IS NULL FROM ingest.component WHERE package = %s ORDER BY position"
        assert connection.execute(query, (loss.alone,)).fetchall() == [(True,), (False,)]
    assert rows_of(loss.new, ["ingest"]) == rows_of(loss.database, ["ingest"])


async def test_what_was_on_hold_stays_on_hold(loss: Loss) -> None:
    await loss.change(loss.alone, hold=True)
    assert (await loss.rebuild()).refused == ()
    assert rows_of(loss.new, ["ingest"]) == rows_of(loss.database, ["ingest"])


async def test_a_key_that_another_record_says_is_destroyed_is_not_brought_back(loss: Loss) -> None:
    await loss.change(loss.first, erase=True)  # and not the second's, which refers to it
    rebuilt = await loss.rebuild()
    assert rebuilt.refused == (Refused(f"recovery/{loss.second}", "erased-elsewhere", loss.first),)
    with psycopg.connect(loss.new.admin_url) as connection:
        query = "SELECT count(*) FROM ingest.component WHERE wrapped_key IS NULL"
        assert connection.execute(query).fetchone() == (2,)


async def test_lost_and_nameless_records(loss: Loss) -> None:
    loss.store.forgotten.add(f"recovery/{loss.alone}")
    await loss.store.put("recovery/what is this", b"NLR1")
    rebuilt = await loss.rebuild()
    assert named(rebuilt) == {loss.alone: "record-missing", "what is this": "record-name"}
    assert loss.restored() == {loss.first, loss.second}


async def test_mended_and_run_again_only_the_rest_is_restored(loss: Loss) -> None:
    loss.store.forgotten.add(f"recovery/{loss.alone}")
    first = await loss.rebuild()
    assert (first.restored, len(first.refused), loss.ended()) == (2, 1, False)
    loss.store.forgotten.clear()
    second = await rebuild_ingest(loss.new, loss.store, loss.kms)
    assert (second.restored, second.present, second.refused, loss.ended()) == (1, 2, (), True)
    assert rows_of(loss.new, ["ingest"]) == rows_of(loss.database, ["ingest"])


async def test_a_loss_that_is_accepted_ends_the_rebuild(loss: Loss) -> None:
    loss.store.forgotten.add(f"recovery/{loss.alone}")
    rebuilt = await loss.rebuild(accept=True)
    assert (len(rebuilt.refused), loss.ended()) == (1, True)


async def test_a_database_with_packages_is_not_touched(loss: Loss) -> None:
    before = rows_of(loss.database)
    with pytest.raises(NotEmpty):
        await rebuild_ingest(loss.database, loss.store, loss.kms)
    assert rows_of(loss.database) == before
    await loss.rebuild()
    with pytest.raises(NotEmpty):  # ended, and alive again
        await rebuild_ingest(loss.new, loss.store, loss.kms)


async def test_without_the_log_nothing_is_believed(loss: Loss) -> None:
    with pytest.raises(LogNotRestored):
        await rebuild_ingest(loss.new, loss.store, loss.kms)
    assert loss.restored() == set()


@pytest.mark.parametrize("attack", ["altered", "swapped", "outdated"])
async def test_the_catalog_believes_no_more_than_ingest(loss: Loss, attack: str) -> None:
    name = f"recovery/{loss.alone}"
    if attack == "outdated":
        await loss.change(loss.alone)
        await loss.replay(loss.alone)
    else:
        sealed = await loss.store.get(name if attack == "altered" else f"recovery/{loss.first}")
        await loss.store.put(name, sealed[:-1] if attack == "altered" else sealed)
    await loss.rebuild()
    with pytest.raises(IngestFirst):  # nothing is shelved on rows that are not all back
        await rebuild_catalog(loss.new, loss.store, loss.kms)
    await rebuild_ingest(loss.new, loss.store, loss.kms, accept=True)
    catalog = await rebuild_catalog(loss.new, loss.store, loss.kms)
    assert [(refused.name, refused.code) for refused in catalog.refused] == [(name, f"record-{attack}")]
    assert catalog.restored == 2


async def test_a_lost_and_a_cut_part_are_named_and_come_back_from_a_replica_with_its_versions(loss: Loss) -> None:
    replica = {name: dict(versions) for name, versions in loss.store._objects.items()}
    lost, cut = sorted(name for name in loss.store._objects if name.startswith("parts/"))
    [(lost_version, _)], [(version, whole)] = replica[lost].items(), replica[cut].items()
    del loss.store._objects[lost]
    await loss.store.put(lost, b"a copy under a version of its own")
    loss.store._objects[cut][version] = whole[:-1]
    rebuilt = await loss.rebuild()
    assert sorted((refused.name, refused.code, refused.what) for refused in rebuilt.refused) == [
        (lost, "part-missing", lost_version),
        (cut, "part-cut", version),
    ]
    assert named(rebuilt).keys() == {lost, cut}
    assert (len(loss.restored()), loss.ended()) == (3, False)
    loss.store._objects.update(replica)
    again = await rebuild_ingest(loss.new, loss.store, loss.kms)
    assert (again.present, again.refused, loss.ended()) == (3, (), True)


def test_every_reason_is_told_in_both_languages() -> None:
    for code in WORDS:
        said = told(Refused(f"recovery/{uuid4()}", code, "2"))
        assert said.vi != said.en
        assert "{" not in said.vi + said.en
