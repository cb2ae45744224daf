"""Promise: whatever the store gives out as the act book, `rebuild` takes only true pages and names what is missing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from services.ingest.usecases.rebuild_packages import Rebuilt
from services.kernel.sealing.act_book import ActPage, page_name
from services.kernel.sealing.recovery_words import told
from services.runtime.kms.keyring import FileKeyring
from services.runtime.recovered_acts import RecoveredActs
from tests.integration.rebuild.test_hostile_records import HostileStore
from tests.support.ingest import Ingest, ingest
from tests.support.postgres import Database
from tests.support.rebuilding import engines, query, rebuild_ingest, restore_log, seal_all_acts, sequence

INSPECTIONS = 4


@dataclass
class Book:
    """A gateway of which each page of the act book after the first (the rules) has one inspection."""

    gateway: Ingest
    store: HostileStore
    kms: FileKeyring
    database: Database
    new: Database

    async def inspect(self, number: int) -> None:
        """One more act: an inspection whose place tells its number."""
        await self.gateway.registry.poll()
        officer = self.gateway.enrol("incident-officer", officer="Lê C")
        on = (self.gateway.parts.world.today() - timedelta(days=1)).isoformat()
        body = {
            "agency": str(self.gateway.agency),
            "on": on,
            "place": f"{number}",
            "process": "Quét",
            "minutes": "3/BB",
        }
        made = await self.gateway.post(officer, "/v1/inspections", json.dumps(body).encode())
        assert made.status == 201, made.body

    async def page(self, number: int) -> None:
        await self.inspect(number)
        assert await seal_all_acts(self.database, self.store, self.kms) == 1

    async def rebuild(self, *, restore: bool = True, **options: bool) -> Rebuilt:
        if restore:
            await sequence(self.database, self.store)
            await restore_log(self.new, self.store)
        return await rebuild_ingest(self.new, self.store, self.kms, **options)

    def restored(self) -> list[int]:
        found = query(self.new, "SELECT facts ->> 'place' FROM ingest.inspection_step")
        return sorted(int(place) for (place,) in found)

    def ended(self) -> bool:
        return query(self.new, "SELECT ended_at IS NOT NULL FROM ingest.rebuild") == [(True,)]


@pytest.fixture
async def book(database: Database, lost_and_found: Database, tmp_path: Path) -> AsyncIterator[Book]:
    store, kms = HostileStore(), FileKeyring(tmp_path / "keyring.json", environment="development")
    async with ingest(database, tmp_path, store) as gateway:
        assert (await gateway.publish_rules()).status == 201
        made = Book(gateway, store, kms, database, lost_and_found)
        assert await seal_all_acts(database, store, kms) == 1
        for number in range(2, 2 + INSPECTIONS):
            await made.page(number)
        yield made


def named(rebuilt: Rebuilt) -> dict[str, str]:
    """The code of everything that was not taken, by its name."""
    for refused in rebuilt.refused:
        assert refused.name in told(refused).vi
        assert refused.name in told(refused).en
    return {refused.name: refused.code for refused in rebuilt.refused}


async def test_every_page_is_believed(book: Book) -> None:
    assert named(await book.rebuild()) == {}
    assert book.restored() == [2, 3, 4, 5]
    assert book.ended()
    assert query(book.new, "SELECT number, page FROM ingest.act_book") == [(5, 5)]


@pytest.mark.parametrize("number", [1, 3, 5])
@pytest.mark.parametrize(
    "at", ["magic", "book", "number", "kek", "wrapped", "middle", "last", "cut", "longer", "empty"]
)
async def test_one_altered_byte_is_named_and_the_other_pages_count(book: Book, number: int, at: str) -> None:
    name = page_name(number)
    sealed = bytearray(await book.store.get(name))
    places = {"magic": 0, "book": 10, "number": 26, "kek": 33, "wrapped": 60}
    places |= {"middle": len(sealed) // 2, "last": len(sealed) - 1}
    if at in places:
        sealed[places[at]] ^= 1
    altered = {"cut": bytes(sealed[:-20]), "longer": bytes(sealed) + b"\0", "empty": b""}.get(at, bytes(sealed))
    await book.store.put(name, altered)
    codes = {"number": "acts-swapped", "wrapped": "acts-key-refused"}
    assert named(await book.rebuild()) == {name: codes.get(at, "acts-altered")}
    assert book.restored() == [found for found in (2, 3, 4, 5) if found != number]
    assert not book.ended()


@pytest.mark.parametrize("hidden", [[5], [4, 5], [3], [1], [2, 4], [1, 2, 3, 4, 5]])
@pytest.mark.parametrize("listed", [False, True])
async def test_a_page_that_the_store_hides_is_named(book: Book, hidden: list[int], listed: bool) -> None:
    kept = {page_name(number): await book.store.get(page_name(number)) for number in hidden}
    for name in kept:
        if listed:
            book.store.forgotten.add(name)
        else:
            await book.store.delete(name)
    everything = len(hidden) == 5
    if everything and not listed:
        assert named(await book.rebuild()) == {"acts/": "acts-book-missing"}
    else:
        assert named(await book.rebuild()) == dict.fromkeys(kept, "acts-missing")
    assert book.restored() == [number for number in (2, 3, 4, 5) if number not in hidden]
    assert not book.ended()
    # Found in the replica and put back, they are taken by the next run.
    book.store.forgotten.clear()
    for name, sealed in kept.items():
        await book.store.put(name, sealed)
    assert named(await book.rebuild(restore=False)) == {}
    assert book.restored() == [2, 3, 4, 5]
    assert book.ended()


async def test_a_look_with_the_services_own_rights_names_what_is_missing_before_any_loss(book: Book) -> None:
    await sequence(book.database, book.store)
    taken: list[int] = []

    async def take(page: ActPage) -> None:
        taken.append(page.number)

    async with engines(book.database, "nopluu_ingest") as [engine]:
        acts = RecoveredActs(book.store, book.kms, engine)
        assert (await acts.read(take)).refused == ()
        await book.store.delete(page_name(4))
        assert [(found.name, found.code) for found in (await acts.read(take)).refused] == [
            (page_name(4), "acts-missing")
        ]
    assert taken == [1, 2, 3, 4, 5, 1, 2, 3, 5]


async def test_pages_under_each_others_names(book: Book) -> None:
    one, other = page_name(2), page_name(5)
    mine, theirs = await book.store.get(one), await book.store.get(other)
    await book.store.put(one, theirs)
    await book.store.put(other, mine)
    assert named(await book.rebuild()) == {one: "acts-swapped", other: "acts-swapped"}
    assert book.restored() == [3, 4]


async def test_an_old_page_again_under_a_new_number(book: Book) -> None:
    old = await book.store.get(page_name(3))
    await book.store.put(page_name(5), old)
    await book.store.put(page_name(6), old)
    assert named(await book.rebuild()) == {page_name(5): "acts-swapped", page_name(6): "acts-swapped"}
    assert book.restored() == [2, 3, 4]


async def test_what_is_no_page(book: Book) -> None:
    for name in ("acts/6", "acts/000000000000", "acts/what", "acts/0000000000006"):
        await book.store.put(name, b"NLA1")
    names = ("acts/6", "acts/000000000000", "acts/what", "acts/0000000000006")
    assert named(await book.rebuild()) == dict.fromkeys(names, "acts-name")
    assert book.restored() == [2, 3, 4, 5]


@pytest.mark.parametrize("number", [3, 5, 6, 9])
@pytest.mark.parametrize("shared", [False, True])
async def test_a_page_of_another_deployment(
    book: Book, empty_neighbour: Database, tmp_path: Path, number: int, shared: bool
) -> None:
    """Also where both share a KMS by mistake, so that it opens."""
    folder = tmp_path if shared else tmp_path / "other"
    folder.mkdir(exist_ok=True)
    kms = FileKeyring(folder / "keyring.json", environment="development")
    async with ingest(empty_neighbour, folder, HostileStore()) as gateway:
        assert (await gateway.publish_rules()).status == 201
        other = Book(gateway, HostileStore(), kms, empty_neighbour, book.new)
        for at in range(1, number + 1):
            await other.page(1000 + at)
    await book.store.put(page_name(number), await other.store.get(page_name(number)))
    assert named(await book.rebuild()) == {page_name(number): "acts-foreign" if shared else "acts-key-refused"}
    assert book.restored() == [found for found in (2, 3, 4, 5) if found != number]


async def test_the_whole_book_of_another_deployment(book: Book, empty_neighbour: Database, tmp_path: Path) -> None:
    async with ingest(empty_neighbour, tmp_path, HostileStore()) as gateway:
        other = Book(gateway, HostileStore(), book.kms, empty_neighbour, book.new)
        for at in range(1, 6):
            await other.page(1000 + at)
    for at in range(1, 6):
        await book.store.put(page_name(at), await other.store.get(page_name(at)))
    assert named(await book.rebuild()) == {page_name(at): "acts-unlogged" for at in range(1, 6)}
    assert book.restored() == []


async def test_pages_of_the_last_moment_count_where_they_continue_the_book(book: Book) -> None:
    await sequence(book.database, book.store)
    await book.page(6)
    await book.page(7)
    await restore_log(book.new, book.store)
    assert named(await book.rebuild(restore=False)) == {}
    assert book.restored() == [2, 3, 4, 5, 6, 7]
    assert query(book.new, "SELECT number, page FROM ingest.act_book") == [(7, 7)]


async def test_a_book_begun_in_the_last_moment_is_admitted_when_the_operator_says_so(
    database: Database, lost_and_found: Database, tmp_path: Path
) -> None:
    store, kms = HostileStore(), FileKeyring(tmp_path / "keyring.json", environment="development")
    async with ingest(database, tmp_path, store) as gateway:
        made = Book(gateway, store, kms, database, lost_and_found)
        assert (await gateway.publish_rules()).status == 201
        await sequence(database, store)
        await restore_log(lost_and_found, store)
        assert await seal_all_acts(database, store, kms) == 1
    assert named(await made.rebuild(restore=False)) == {page_name(1): "acts-unlogged"}
    assert query(lost_and_found, "SELECT count(*) FROM ingest.rule_bundle") == [(0,)]
    assert named(await made.rebuild(restore=False, admit_unlogged=True)) == {}
    assert query(lost_and_found, "SELECT count(*) FROM ingest.rule_bundle") == [(1,)]


async def test_after_an_accepted_loss_the_book_goes_on_and_says_what_it_follows(
    book: Book, empty_neighbour: Database, tmp_path: Path
) -> None:
    for number in (3, 5):
        await book.store.delete(page_name(number))
    lost = {page_name(3): "acts-missing", page_name(5): "acts-missing"}
    assert named(await book.rebuild(accept=True)) == lost
    assert book.ended()
    async with ingest(book.new, tmp_path, book.store, agency=book.gateway.agency) as gateway:
        again = Book(gateway, book.store, book.kms, book.new, empty_neighbour)
        await again.page(6)  # on page 6, for the number of the lost one is not used again
        assert query(book.new, "SELECT number, page FROM ingest.act_book") == [(6, 6)]
        await again.page(7)
        assert named(await again.rebuild()) == {page_name(3): "acts-missing"}  # 5 was given up by the page after it
        assert again.restored() == [2, 4, 6, 7]
