"""The sequencer over a real database: receipts that verify, restarts that change nothing, and what it refuses."""

from __future__ import annotations

import asyncio
import time
from uuid import UUID

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.journal.duty import Duty
from services.journal.publication import Publication
from services.journal.refusing import LogRefused
from services.kernel.tlog.checkpoints import open_checkpoint
from services.kernel.tlog.notes import LogSigner
from services.kernel.tlog.receipts import verify_receipt
from services.kernel.tlog.tiles import Edge, Tile, consistency_path, tiles_for_consistency, tiles_of
from services.kernel.tlog.tree import verify_consistency
from services.runtime import journal
from services.runtime.database import transaction
from services.runtime.journal import CHECKPOINT, PREFIX, read_tile
from services.runtime.metrics import Metrics
from tests.support.postgres import Database

from .logs import KEY, ORIGIN, SIGNER, Log, engine_of, event_bytes

KEYS = [SIGNER.verifier]


@pytest.fixture
def log(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Log:
    return Log(database, tmp_path_factory.mktemp("store"))


async def receipted(log: Log, event: UUID) -> None:
    async with asyncio.timeout(10):
        while await log.receipt(event) is None:  # noqa: ASYNC110 - another process would have nothing to set either
            await asyncio.sleep(0.02)


async def note_of(log: Log) -> str:
    return (await log.store.get(CHECKPOINT)).decode()


async def test_every_event_gets_a_receipt_that_verifies_offline(log: Log) -> None:
    ids = await log.append(*(event_bytes(number) for number in range(5)))
    assert await log.receipt(ids[0]) is None
    await log.sequence()
    for number, event in enumerate(ids):
        receipt = await log.receipt(event)
        assert receipt is not None
        proven = verify_receipt(receipt, KEYS)
        assert (proven.event["number"], proven.signed.checkpoint.size) == (number, 5)


async def test_an_empty_log_publishes_its_empty_tree(log: Log) -> None:
    await log.sequence()
    assert open_checkpoint(await note_of(log), KEYS).checkpoint.size == 0


async def test_growth_over_tile_borders_stays_consistent(log: Log) -> None:
    earlier = []
    for count in (3, 253, 1, 256, 700):
        await log.append_many(count)
        await log.sequence()
        earlier.append(open_checkpoint(await note_of(log), KEYS).checkpoint)
    last = earlier[-1]
    assert last.size == 1213
    for checkpoint in earlier:
        tiles = {tile: await read_tile(log.store, tile) for tile in tiles_for_consistency(checkpoint.size, last.size)}
        path = consistency_path(checkpoint.size, last.size, tiles)
        verify_consistency(checkpoint.size, last.size, checkpoint.root, last.root, path)


async def test_the_store_holds_exactly_the_tiles_of_the_tree(log: Log) -> None:
    for count in (100, 200, 300):
        await log.append_many(count)
        async with log.rows() as rows:
            assert await rows.lock()
            publication = Publication(log.store)
            sequencer = log.sequencer(publication=publication)
            await sequencer.open(rows)
            await sequencer.number(rows)
            checkpoint = await sequencer.publish(rows)
            await publication.tidy(checkpoint.size)
    names = {entry.name async for entry in log.store.list(PREFIX + "tile/")}
    expected = {PREFIX + tile.path for tile in tiles_of(600)}
    assert expected <= names
    bundles = {name for name in names if "/entries/" in name}
    assert {f"{PREFIX}tile/entries/000", f"{PREFIX}tile/entries/001", f"{PREFIX}tile/entries/002.p/88"} <= bundles


async def test_partial_tiles_go_once_the_full_one_is_published(log: Log) -> None:
    for count in (100, 100, 100):
        await log.append_many(count)
        await log.sequence()  # each time another process, as it were
    publication = Publication(log.store)
    async with log.rows() as rows:
        assert await rows.lock()
        await log.append_many(300)
        sequencer = log.sequencer(publication=publication)
        await sequencer.open(rows)
        await sequencer.number(rows)
        checkpoint = await sequencer.publish(rows)
        await publication.tidy(checkpoint.size)
    names = {entry.name async for entry in log.store.list(PREFIX + "tile/") if ".p/" in entry.name}
    assert {name for name in names if "/000.p/" in name} <= {f"{PREFIX}tile/0/000.p/100", f"{PREFIX}tile/0/000.p/200"} | {
        f"{PREFIX}tile/entries/000.p/100", f"{PREFIX}tile/entries/000.p/200", f"{PREFIX}tile/1/000.p/1", f"{PREFIX}tile/1/000.p/2",
    }  # fmt: skip
    assert f"{PREFIX}tile/0/001.p/44" not in names  # left by the third process, full since
    assert {f"{PREFIX}tile/0/002.p/88", f"{PREFIX}tile/entries/002.p/88", f"{PREFIX}tile/1/000.p/2"} <= names


async def test_an_older_checkpoint_in_the_store_is_replaced(log: Log) -> None:
    await log.append_many(3)
    await log.sequence()
    older = await note_of(log)
    await log.append_many(3)
    async with log.rows() as rows:
        assert await rows.lock()
        sequencer = log.sequencer()
        await sequencer.open(rows)
        await sequencer.number(rows)
        await sequencer.publish(rows)
        await sequencer.look_again()
        assert not sequencer.behind
        for put_by_another in (older, "nonsense", ""):
            await log.store.put(CHECKPOINT, put_by_another.encode())
            await sequencer.look_again()
            assert sequencer.behind
            await sequencer.publish(rows)
            assert open_checkpoint(await note_of(log), KEYS).checkpoint.size == 6


async def test_a_restart_signs_nothing_new(log: Log) -> None:
    await log.append_many(300)
    await log.sequence()
    note = await note_of(log)
    sequencer = await log.sequence()
    assert (sequencer.size, sequencer.behind) == (300, False)
    assert await note_of(log) == note


async def test_a_store_that_lost_the_log_gets_it_back(log: Log) -> None:
    ids = await log.append_many(600)
    await log.sequence()
    note = await note_of(log)
    async for entry in log.store.list(PREFIX):
        await log.store.delete(entry.name)
    await log.sequence()
    assert await note_of(log) == note
    receipt = await log.receipt(ids[17])
    assert receipt is not None
    verify_receipt(receipt, KEYS)


@pytest.mark.parametrize("tile", [Tile(0, 2, 88), Tile(1, 0, 2)])
async def test_a_spoilt_tile_at_the_edge_is_written_anew(log: Log, tile: Tile) -> None:
    await log.append_many(600)
    await log.sequence()
    good = await log.store.get(PREFIX + tile.path)
    await log.store.put(PREFIX + tile.path, bytes(len(good)))
    await log.sequence()
    assert await log.store.get(PREFIX + tile.path) == good


async def test_only_one_is_active(log: Log) -> None:
    async with log.rows() as first:
        assert await first.lock()
        async with log.rows() as second:
            assert not await second.lock()
    async with log.rows() as third:
        assert await third.lock()


def as_superuser(log: Log, *statements: str) -> None:
    with psycopg.connect(log.database.admin_url) as connection:
        connection.execute("SET session_replication_role = replica")  # passes by the triggers
        for statement in statements:
            connection.execute(statement.encode())


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("DELETE FROM journal.leaf WHERE index = 9", "log-smaller-than-signed"),
        ("DELETE FROM journal.leaf WHERE index >= 4", "log-smaller-than-signed"),
        ("DELETE FROM journal.leaf WHERE index = 4", "log-gap"),
        ("UPDATE journal.leaf SET entry = sha256('x') WHERE index = 4", "log-inconsistent"),
        (
            "UPDATE journal.leaf AS a SET entry = b.entry FROM journal.leaf AS b"
            " WHERE (a.index, b.index) IN ((2, 3), (3, 2))",
            "log-inconsistent",
        ),
        ("UPDATE journal.checkpoint SET note = replace(note, '10', '11')", "log-foreign-checkpoint"),
    ],
)
async def test_what_was_altered_behind_its_back_is_refused(log: Log, statement: str, code: str) -> None:
    await log.append_many(10)
    await log.sequence()
    note = await note_of(log)
    as_superuser(log, statement)
    await log.append_many(3)
    with pytest.raises(LogRefused) as caught:
        await log.sequence()
    assert caught.value.code == code
    assert caught.value.fix.vi
    assert await note_of(log) == note


async def test_a_fork_is_refused_even_if_the_database_agrees_with_itself(log: Log) -> None:
    await log.append_many(10)
    await log.sequence()
    as_superuser(log, "DELETE FROM journal.checkpoint", "UPDATE journal.leaf SET entry = sha256('x') WHERE index = 4")
    with pytest.raises(LogRefused, match="in the store"):
        await log.sequence()


async def test_another_root_for_a_signed_size_is_refused(log: Log) -> None:
    await log.append_many(4)
    sequencer = log.sequencer()
    async with log.rows() as rows:
        assert await rows.lock()
        await sequencer.open(rows)
        await sequencer.number(rows)
        as_superuser(log, "INSERT INTO journal.checkpoint VALUES (4, sha256('other'), 'x', now())")
        with pytest.raises(LogRefused) as caught:
            await sequencer.publish(rows)
    assert caught.value.code == "log-forked"
    assert not [entry async for entry in log.store.list(CHECKPOINT)]


async def test_a_checkpoint_of_another_log_or_key_is_refused(log: Log) -> None:
    await log.sequence()
    for signer in (
        LogSigner("another.example/log", KEY),
        LogSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"o" * 32)),
    ):
        with pytest.raises(LogRefused) as caught:
            await Log(log.database, log.folder, signer).sequence()
        assert caught.value.code == "log-foreign-checkpoint"


async def test_a_new_key_goes_on_where_the_retired_one_ended(log: Log) -> None:
    await log.append_many(4)
    await log.sequence()
    successor = LogSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"o" * 32))
    (event,) = await Log(log.database, log.folder, successor).append(event_bytes(9))
    await Log(log.database, log.folder, successor).sequence(retired=KEYS)
    receipt = await log.receipt(event)
    assert receipt is not None
    assert verify_receipt(receipt, [successor.verifier]).signed.checkpoint.size == 5


async def test_events_of_late_transactions_are_not_passed_over(log: Log) -> None:
    async with engine_of(log.database, "nopluu_ingest") as engine:
        async with transaction(engine) as slow:
            late = await journal.append(slow, event_bytes(1))
            await log.append(event_bytes(2))
            assert (await log.sequence()).size == 1
        assert (await log.sequence()).size == 2
    receipt = await log.receipt(late)
    assert receipt is not None
    assert verify_receipt(receipt, KEYS).index == 1


async def test_on_duty_a_receipt_is_there_within_a_second(log: Log) -> None:
    stop = asyncio.Event()
    async with engine_of(log.database, "nopluu_journal") as engine:
        publication = Publication(log.store)
        sequencer = log.sequencer(publication=publication)
        duty = Duty(engine, sequencer, publication, metrics=Metrics("journal"))
        running = asyncio.create_task(duty.run(stop))
        try:
            for number in range(3):
                (event,) = await log.append(event_bytes(number))
                begun = time.monotonic()
                await receipted(log, event)
                assert time.monotonic() - begun < 1.0
            await duty.ready()
        finally:
            stop.set()
            await running


async def test_a_database_that_comes_back_is_taken_up_again(log: Log) -> None:
    stop = asyncio.Event()
    async with engine_of(log.database, "nopluu_journal") as engine:
        publication = Publication(log.store)
        sequencer = log.sequencer(publication=publication)
        running = asyncio.create_task(Duty(engine, sequencer, publication, metrics=Metrics("journal")).run(stop))
        try:
            (first,) = await log.append(event_bytes(1))
            await receipted(log, first)
            with psycopg.connect(log.database.admin_url, autocommit=True) as connection:
                ended = connection.execute(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'nopluu_journal'"
                    " AND datname = current_database()"
                ).fetchone()
            assert ended is not None
            assert ended[0] >= 1
            (second,) = await log.append(event_bytes(2))
            await receipted(log, second)
        finally:
            stop.set()
            await running


def test_the_partial_tiles_of_every_signed_size_can_be_read_while_it_is_the_newest() -> None:
    # What a reader of the newest checkpoint asks for is what the edge of that size gives.
    edge = Edge()
    for at in range(600):
        list(edge.append([at.to_bytes(32)]))
        partial = {place for place, _ in edge.partial() if isinstance(place, Tile)}
        assert partial == {tile for tile in tiles_of(edge.size) if tile.width < 256}
