"""Promise: no change of an officer's row is forgotten, whoever makes it and whatever is away; sealing keeps no officer waiting."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from services.ingest.adapters.act_relay import ActRelay
from services.ingest.adapters.acts_sql import SqlActLedger, StoredPages
from services.ingest.usecases import seal_acts as sealing
from services.ingest.usecases.retire_kek import KekNeeded, retire_kek
from services.ingest.usecases.rotate_kek import rewrap_keys, rotate_kek
from services.ingest.usecases.seal_acts import BookForked, seal_acts
from services.kernel.refusals.platform import KmsUnavailable, StoreUnavailable
from services.kernel.sealing.act_book import Act, ActPage, PageHeader, open_page, page_name
from services.kernel.sealing.keys import kek_version
from services.runtime.kms.keyring import FileKeyring
from services.runtime.metrics import Metrics
from services.runtime.object_store.memory import MemoryStore
from services.runtime.object_store.port import ObjectMissing, Stored
from tests.support.ingest import Ingest
from tests.support.postgres import Database
from tests.support.rebuilding import kept_tables, query

ROOT = Path(__file__).parents[3]
INCIDENT = (
    "INSERT INTO ingest.inspection_step (inspection, number, agency, kind, on_day, facts, client, recorded_at)"
    ' VALUES (%s, %s, gen_random_uuid(), \'opened\', \'2026-01-02\', \'{"a": 1.50, "b": ["ấ\\""]}\', gen_random_uuid(), now())'
)
CLOCK = "INSERT INTO ingest.rejudging (bundle_sha256, version, begun_at) VALUES (%s, 1, now())"


class Troubled(MemoryStore):
    """A store that may be away, before a write or between a write and its answer."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.silent = False

    async def get(self, name: str, *, version_id: str | None = None) -> bytes:
        if self.away:
            raise StoreUnavailable
        return await super().get(name, version_id=version_id)

    async def put(self, name: str, data: bytes) -> Stored:
        if self.away:
            raise StoreUnavailable
        stored = await super().put(name, data)
        if self.silent:
            raise StoreUnavailable
        return stored


class Desk:
    """The book of one gateway."""

    def __init__(self, gateway: Ingest) -> None:
        self.ledger = SqlActLedger(gateway.engine)
        self.kms = gateway.parts.management
        self.world = gateway.parts.world
        self.store = Troubled()

    async def seal(self) -> bool:
        return await seal_acts(
            ledger=self.ledger, pages=StoredPages(self.store), new_key=self.kms.generate, world=self.world
        )

    async def acts(self, number: int) -> Sequence[Act]:
        sealed = await self.store.get(page_name(number))
        header = PageHeader.unpack(sealed)
        page = ActPage.parse(open_page(sealed, await self.kms.unwrap(header.kek, header.wrapped)))
        assert (page.number, header.number, header.kek) == (number, number, f"acts/{self.world.now().year}")
        return page.acts


@pytest.fixture
async def desk(gateway: Ingest) -> Desk:
    made = Desk(gateway)
    assert await made.seal()  # the rules that the fixture published
    assert not await made.seal()
    return made


def test_every_table_of_ingest_is_in_the_book_or_named_with_a_reason(database: Database) -> None:
    page = (ROOT / "services" / "RESTORING.md").read_text("utf-8")
    [row] = [line for line in page.splitlines() if line.startswith("|") and "| the act book, every column" in line]
    assert sorted(re.findall(r"`ingest\.([a-z_]+)`", row)) == kept_tables(database)
    asked = (
        "SELECT relname FROM pg_class WHERE relnamespace = 'ingest'::regnamespace AND relkind IN ('r', 'p')"
        " AND NOT relispartition"
    )
    others = {name for (name,) in query(database, asked)} - set(kept_tables(database)) - {"rebuild"}
    told = set(re.findall(r"`(?:ingest|\*)\.([a-z_]+)`", page[page.index("## What comes back") :]))
    assert others <= told


def test_a_table_without_its_trigger_would_be_seen(database: Database) -> None:
    assert "package_document" not in kept_tables(database)
    assert {"hold", "incident_step", "rule_bundle"} <= set(kept_tables(database))


async def test_a_change_by_anybody_is_an_act_and_none_without_a_change(desk: Desk, database: Database) -> None:
    with psycopg.connect(database.admin_url) as owner:
        owner.execute(CLOCK, (b"\x00\xff",))
        owner.execute("UPDATE ingest.rejudging SET judged = 5")
        owner.execute("UPDATE ingest.rejudging SET judged = 5")
    with psycopg.connect(database.url_for("nopluu_ingest")) as service:
        service.execute("UPDATE ingest.rejudging SET after_package = %s", (UUID(int=7),))
        service.commit()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            service.execute("INSERT INTO ingest.act (relation, removed, \"row\") VALUES ('hold', false, '{}')")
    with psycopg.connect(database.url_for("nopluu_ingest")) as service:
        service.execute("UPDATE ingest.rejudging SET judged = 6")
        service.rollback()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            service.execute("UPDATE ingest.act SET removed = true")
    with psycopg.connect(database.admin_url) as owner:
        owner.execute("UPDATE ingest.rejudging SET bundle_sha256 = %s", (b"\x01",))
        owner.execute("DELETE FROM ingest.rejudging")
        owner.commit()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            owner.execute("TRUNCATE ingest.erasure_part")
    assert await desk.seal()
    acts = [(act.table, act.removed, json.loads(act.row)) for act in await desk.acts(2)]
    assert {table for table, _, _ in acts} == {"rejudging"}
    key = "bundle_sha256"
    told = [(removed, row[key], row.get("judged"), row.get("after_package")) for _, removed, row in acts]
    assert told == [
        (False, "\\x00ff", 0, None),
        (False, "\\x00ff", 5, None),
        (False, "\\x00ff", 5, str(UUID(int=7))),
        (True, "\\x00ff", None, None),
        (False, "\\x01", 5, str(UUID(int=7))),
        (True, "\\x01", None, None),
    ]


async def test_a_row_says_the_same_whatever_a_session_is_set_to(desk: Desk, database: Database) -> None:
    with psycopg.connect(database.admin_url) as owner:
        owner.execute("SET timezone = 'Asia/Ho_Chi_Minh'; SET bytea_output = 'escape'; SET datestyle = 'German'")
        owner.execute(
            "INSERT INTO ingest.rejudging (bundle_sha256, version, begun_at) VALUES ('\\x00ff', 1, '2026-01-02T03:04:05.000006Z')"
        )
    assert await desk.seal()
    [act] = await desk.acts(2)
    row = json.loads(act.row)
    assert (row["bundle_sha256"], row["begun_at"]) == ("\\x00ff", "2026-01-02T03:04:05.000006+00:00")


async def test_what_commits_later_comes_later_although_its_number_is_lower(desk: Desk, database: Database) -> None:
    with psycopg.connect(database.admin_url) as slow, psycopg.connect(database.admin_url) as quick:
        slow.execute(INCIDENT, (UUID(int=1), 1))
        quick.execute(INCIDENT, (UUID(int=2), 1))
        quick.commit()
        assert await desk.seal()
        assert not await desk.seal()
        slow.commit()
    assert await desk.seal()
    [first], [second] = await desk.acts(2), await desk.acts(3)
    assert first.id > second.id
    assert json.loads(second.row)["inspection"] == str(UUID(int=1))


async def test_transactions_are_whole_on_a_page_unless_one_is_too_large(
    desk: Desk, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "PAGE_ACTS", 3)
    with psycopg.connect(database.admin_url) as connection:
        for size in (2, 2, 5, 1):
            inspection = uuid4()
            for number in range(size):
                connection.execute(INCIDENT, (inspection, number))
            connection.commit()
    while await desk.seal():
        pass
    assert [len(await desk.acts(number)) for number in (2, 3, 4)] == [4, 5, 1]
    monkeypatch.setattr(sealing, "MOST_BYTES", 1000)
    with psycopg.connect(database.admin_url) as connection:
        inspection = uuid4()
        for number in range(8):
            connection.execute(INCIDENT, (inspection, number))
    while await desk.seal():
        pass
    pages = [await desk.acts(number) for number in (5, 6)]
    assert [json.loads(act.row)["number"] for page in pages for act in page][: len(pages[0])] == list(
        range(len(pages[0]))
    )
    [(newest,)] = query(database, "SELECT page FROM ingest.act_book")
    assert sum([len(await desk.acts(number)) for number in range(5, newest + 1)]) == 8
    assert newest > 6


async def test_a_page_is_written_until_the_store_has_it_and_is_the_same_each_time(
    desk: Desk, database: Database
) -> None:
    desk.store.away = True
    with psycopg.connect(database.admin_url) as connection:
        connection.execute(INCIDENT, (UUID(int=1), 1))
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await desk.seal()
    with psycopg.connect(database.admin_url) as connection:
        connection.execute(INCIDENT, (UUID(int=2), 1))
    desk.store.away, desk.store.silent = False, True
    with pytest.raises(StoreUnavailable):
        await desk.seal()
    written = await desk.store.get(page_name(2))
    with pytest.raises(ObjectMissing):
        await desk.store.get(page_name(3))
    desk.store.silent = False
    assert await desk.seal()
    assert await desk.store.get(page_name(2)) == written
    assert await desk.seal()
    assert [json.loads(act.row)["inspection"] for act in await desk.acts(3)] == [str(UUID(int=2))]
    assert not await desk.seal()


async def test_many_workers_make_each_page_once(desk: Desk, database: Database) -> None:
    for turn in range(5):
        with psycopg.connect(database.admin_url) as connection:
            connection.execute(INCIDENT, (UUID(int=turn), 1))
        await asyncio.gather(*(desk.seal() for _ in range(4)))
    while await desk.seal():
        pass
    [(newest,)] = query(database, "SELECT page FROM ingest.act_book")
    acts = [act.id for number in range(2, newest + 1) for act in await desk.acts(number)]
    assert len(acts) == len(set(acts)) == 5
    versions = {entry.name: 0 for entry in [entry async for entry in desk.store.versions("acts/")]}
    assert len(versions) == newest


async def test_a_database_older_than_its_store_writes_no_page(desk: Desk, database: Database) -> None:
    await desk.store.put(page_name(2), b"a page of a time that this database does not know")
    with psycopg.connect(database.admin_url) as connection:
        connection.execute(INCIDENT, (UUID(int=1), 1))
    for _ in range(2):
        with pytest.raises(BookForked):
            await desk.seal()
    assert await desk.store.get(page_name(2)) == b"a page of a time that this database does not know"


async def test_the_relay_outlives_what_is_away_and_tells_how_long_acts_wait(desk: Desk, database: Database) -> None:
    metrics, stop = Metrics("test"), asyncio.Event()
    asked = 0

    async def new_key(kek: str) -> tuple[bytes, bytes]:
        nonlocal asked
        asked += 1
        if asked < 3:
            raise KmsUnavailable
        return await desk.kms.generate(kek)

    with psycopg.connect(database.admin_url) as connection:
        connection.execute(INCIDENT, (UUID(int=1), 1))
        connection.execute("UPDATE ingest.act SET at = at - interval '1 hour'")
    relay = ActRelay(desk.ledger, StoredPages(desk.store), new_key, desk.world, metrics=metrics)
    running = asyncio.create_task(relay.run(stop))
    try:
        await _until(lambda: _value(metrics, "nopluu_acts_oldest_seconds") >= 3600)
        assert _value(metrics, "nopluu_acts_waiting") == 1
        await _until(lambda: _value(metrics, "nopluu_acts_waiting") == 0)
        await _until(lambda: _value(metrics, "nopluu_acts_oldest_seconds") == 0)
    finally:
        stop.set()
        await running
    assert len(await desk.acts(2)) == 1


async def _until(said: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not said():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


def _value(metrics: Metrics, name: str) -> float:
    return metrics.registry.get_sample_value(name) or 0.0


async def test_the_books_kek_is_rotated_like_any_other_and_never_retired(
    desk: Desk, gateway: Ingest, database: Database
) -> None:
    kek, parts = f"acts/{desk.world.now().year}", gateway.parts
    assert await rotate_kek(kek, ledger=parts.key_ledger, kms=parts.management, world=parts.world) == 2
    await rewrap_keys(kek, ledger=parts.key_ledger, kms=parts.management, world=parts.world)
    assert query(database, "SELECT version, ended_at IS NOT NULL FROM ingest.kek_rotation") == [(2, True)]
    assert await desk.seal()
    headers = [PageHeader.unpack(await desk.store.get(page_name(number))) for number in (1, 2)]
    assert [kek_version(header.wrapped) for header in headers] == [1, 2]
    assert {act.table for act in await desk.acts(1)} == {"rule_bundle"}
    assert {act.table for act in await desk.acts(2)} == {"kek_rotation"}
    with pytest.raises(KekNeeded) as needed:
        await retire_kek(kek, parts.retiring)
    assert needed.value.reason == "act-book"


async def test_a_key_of_its_own_for_every_page(desk: Desk, database: Database, tmp_path: Path) -> None:
    for turn in range(3):
        with psycopg.connect(database.admin_url) as connection:
            connection.execute(INCIDENT, (UUID(int=turn), 1))
        assert await desk.seal()
    headers = [PageHeader.unpack(await desk.store.get(page_name(number))) for number in range(1, 5)]
    opened = {
        await FileKeyring(tmp_path / "keyring.json", environment="development").unwrap(h.kek, h.wrapped)
        for h in headers
    }
    assert len(opened) == len(headers)
    for number in range(1, 5):
        stored = await desk.store.get(page_name(number))
        assert b"inspection" not in stored
        assert b"opened" not in stored
