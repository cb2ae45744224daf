"""What an audit names, online and from an exported folder: whoever alters a row, a file, or rolls everything back."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from services.agency.cli.main import run
from services.agency.verification.log import LogProved, verify_log
from services.agency.verification.outcome import Failed
from services.journal.auditing import Audit, audit
from services.journal.exporting import export
from services.kernel.tlog.audit_words import WORDS, report
from services.kernel.tlog.auditing import Fault
from services.kernel.tlog.checkpoints import Checkpoint, open_checkpoint
from services.kernel.tlog.tiles import Bundle, Tile, consistency_path, tiles_for_consistency
from services.kernel.tlog.witnessing import AddCheckpoint
from services.runtime.journal import CHECKPOINT, PREFIX, read_tile
from tests.support.postgres import Database

from .logs import SIGNER, Log, engine_of

KEYS = [SIGNER.verifier]


@pytest.fixture
def log(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Log:
    return Log(database, tmp_path_factory.mktemp("store"))


@asynccontextmanager
async def connected(log: Log) -> AsyncIterator[AsyncConnection]:
    async with engine_of(log.database, "nopluu_journal") as engine, engine.connect() as connection:
        yield connection


async def audited(log: Log, *held: Checkpoint) -> Audit:
    async with connected(log) as connection:
        return await audit(connection, log.store, KEYS, held=held)


async def exported(log: Log, folder: Path, *, rows: bool = True) -> Path:
    async with connected(log) as connection:
        await export(connection, log.store, KEYS, folder, rows=rows)
    return folder


def as_superuser(log: Log, *statements: str) -> None:
    with psycopg.connect(log.database.admin_url) as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in statements:
            connection.execute(statement.encode())


async def note_of(log: Log) -> bytes:
    return await log.store.get(CHECKPOINT)


def codes(found: Audit | LogProved) -> list[tuple[str, int]]:
    return sorted({(fault.code, fault.at) for fault in found.faults})


async def test_an_untouched_log_has_no_fault(log: Log, tmp_path: Path) -> None:
    for count in (3, 300, 400):
        await log.append_many(count)
        await log.sequence()
    (erased,) = await log.append(b'{"type":"sealed"}')
    await log.sequence()
    with psycopg.connect(log.database.admin_url) as connection:
        connection.execute(f"SELECT journal.erase('{erased}', gen_random_uuid(), sha256('x'))".encode())
    await log.sequence()
    await log.append_many(2)  # these wait
    found = await audited(log)
    assert (found.leaves, found.events, found.checkpoints, found.faults) == (705, 704, 5, ())
    proved = verify_log(await exported(log, tmp_path / "out"), KEYS, [])
    assert (proved.leaves, proved.checkpoints, proved.rows, proved.faults) == (705, 6, True, ())


SWAPPED = (
    "UPDATE journal.leaf AS a SET entry = b.entry FROM journal.leaf AS b WHERE (a.index, b.index) IN ((2, 3), (3, 2))",
    "UPDATE journal.place SET index = -1 WHERE index = 2",
    "UPDATE journal.place SET index = 2 WHERE index = 3",
    "UPDATE journal.place SET index = 3 WHERE index = -1",
)
INSERTED = (
    "UPDATE journal.leaf SET index = index + 1000 WHERE index >= 298",
    "UPDATE journal.leaf SET index = index - 999 WHERE index >= 1000",
    "UPDATE journal.place SET index = index + 1000 WHERE index >= 298",
    "UPDATE journal.place SET index = index - 999 WHERE index >= 1000",
    "INSERT INTO journal.leaf VALUES (298, sha256('forged'))",
)
BACKUP = (
    "DELETE FROM journal.event WHERE id IN (SELECT event FROM journal.place WHERE index >= 100)",
    "DELETE FROM journal.leaf WHERE index >= 100",
    "DELETE FROM journal.place WHERE index >= 100",
    "DELETE FROM journal.checkpoint WHERE size > 100",
)


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (("UPDATE journal.event SET event = '{}' WHERE id = (SELECT event FROM journal.place WHERE index = 7)",), {("event-altered", 7)}),
        (("UPDATE journal.event SET salt = sha256('') WHERE id = (SELECT event FROM journal.place WHERE index = 7)",), {("event-altered", 7)}),
        (("UPDATE journal.event SET salt = NULL, event = NULL WHERE id = (SELECT event FROM journal.place WHERE index = 7)",), {("event-erased-unlogged", 7)}),
        (("DELETE FROM journal.event WHERE id = (SELECT event FROM journal.place WHERE index = 7)",), {("event-missing", 7)}),
        (("UPDATE journal.leaf SET entry = sha256('') WHERE index = 7",), {("leaf-altered", 7)}),
        (("DELETE FROM journal.leaf WHERE index = 7",), {("leaf-missing", 7), ("database-older", 299), ("place-unknown", 1)}),
        (("DELETE FROM journal.leaf WHERE index = 299",), {("leaf-missing", 299), ("database-older", 299), ("place-unknown", 1)}),
        (("DELETE FROM journal.place WHERE index = 7",), {("event-missing", 7), ("events-without-leaf", 1)}),
        (("UPDATE journal.checkpoint SET root = sha256('') WHERE size = 300",), {("checkpoint-note", 300)}),
        (
            ("UPDATE journal.checkpoint SET note = replace(note, '300', '299') WHERE size = 300",),
            {("checkpoint-signature", 300), ("checkpoint-missing", 300)},
        ),
        (("TRUNCATE journal.checkpoint CASCADE",), {("checkpoint-missing", 300)}),
        (SWAPPED, {("leaf-moved", 2), ("leaf-moved", 3)}),
        (
            INSERTED,
            {("leaf-altered", 298), ("leaf-moved", 299), ("event-missing", 298)},
        ),
        (
            ("INSERT INTO journal.event VALUES (gen_random_uuid(), now(), 'nopluu_ingest', sha256(''), '{}')",),
            {("events-without-leaf", 1)},
        ),
        (
            (
                "INSERT INTO journal.event VALUES (gen_random_uuid(), now(), 'nopluu_ingest', sha256(''), '{}')",
                "INSERT INTO journal.pending SELECT appended_at, id, sha256('') FROM journal.event"
                " WHERE NOT EXISTS (SELECT FROM journal.place WHERE event = id)",
            ),
            {("pending-altered", 1)},
        ),
    ],
)  # fmt: skip
async def test_the_audit_names_what_a_superuser_did(
    log: Log, statements: tuple[str, ...], expected: set[tuple[str, int]]
) -> None:
    await log.append_many(100)
    await log.sequence()
    await log.append_many(200)
    await log.sequence()
    as_superuser(log, *statements)
    assert set(codes(await audited(log))) == expected


@pytest.mark.parametrize(
    "statement", ["TRUNCATE journal.leaf, journal.place, journal.event, journal.pending", *("; ".join(BACKUP),)]
)
async def test_rows_that_went_are_named_with_how_many_were_published(log: Log, statement: str, tmp_path: Path) -> None:
    await log.append_many(100)
    await log.sequence()
    await log.append_many(50)
    await log.sequence()
    as_superuser(log, *statement.split("; "))
    left = 0 if statement.startswith("TRUNCATE") else 100
    found = await audited(log)
    assert found.faults[0] == Fault("database-older", left, "150")
    assert ("leaf-missing", left) in codes(found)
    proved = verify_log(await exported(log, tmp_path / "out"), KEYS, [])
    assert proved.faults[0] == Fault("database-older", left, "150")


async def test_a_rollback_of_database_and_store_is_found_by_a_checkpoint_from_elsewhere(
    log: Log, tmp_path: Path
) -> None:
    await log.append_many(100)
    await log.sequence()
    old = tmp_path / "store-of-then"
    shutil.copytree(log.folder, old)
    await log.append_many(50)
    await log.sequence()
    later = open_checkpoint((await note_of(log)).decode(), KEYS).checkpoint
    (tmp_path / "held").write_bytes(await note_of(log))
    as_superuser(log, *BACKUP)
    back = Log(log.database, old)
    assert codes(await audited(back)) == []
    assert codes(await audited(back, later)) == [("checkpoint-beyond-leaves", 150)]
    folder = await exported(back, tmp_path / "out")
    assert codes(verify_log(folder, KEYS, [])) == []
    assert codes(verify_log(folder, KEYS, [tmp_path / "held"])) == [("checkpoint-beyond-leaves", 150)]
    # The log goes on from the old state: another history, and the same checkpoint proves it.
    await back.append_many(60)
    await back.sequence()
    assert codes(await audited(back, later)) == [("checkpoint-root", 150)]


@pytest.mark.parametrize("place", [Tile(0, 0), Tile(0, 1, 44), Tile(1, 0, 1), Bundle(0), Bundle(1, 44)])
async def test_the_audit_names_what_the_store_lost_or_altered(log: Log, place: Tile | Bundle, tmp_path: Path) -> None:
    await log.append_many(300)
    await log.sequence()
    folder = await exported(log, tmp_path / "out")
    bare = await exported(log, tmp_path / "bare", rows=False)
    good = await log.store.get(PREFIX + place.path)
    for at in (0, 40 if len(good) > 40 else 31):
        bad = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
        await log.store.put(PREFIX + place.path, bad)
        for root in (folder, bare):
            (root / PREFIX / place.path).write_bytes(bad)
        for faults in ((await audited(log)).faults, verify_log(folder, KEYS, []).faults):
            assert [(fault.code, fault.what) for fault in faults] == [("tile-altered", place.path)]
        # Without rows two remain, and which of them is wrong the signed root tells, or both are named.
        assert place.path in {fault.what for fault in verify_log(bare, KEYS, []).faults}
    await log.store.delete(PREFIX + place.path)
    (folder / PREFIX / place.path).unlink()
    assert [fault.code for fault in (await audited(log)).faults] == ["tile-missing"]
    assert [fault.code for fault in verify_log(folder, KEYS, []).faults] == ["tile-missing"]


async def test_an_exported_log_is_judged_by_the_command(
    log: Log, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await log.append_many(100)
    await log.sequence()
    first = tmp_path / "first"
    first.write_bytes(await note_of(log))
    await log.append_many(200)
    await log.sequence()
    keys = tmp_path / "keys"
    keys.write_text(f"{KEYS[0]}\n")
    folder = await exported(log, tmp_path / "out")
    told = ["--keys", str(keys), "--earlier", str(first)]
    assert run(["--lang", "vi", "verify-log", str(folder), *told]) == 0
    assert "NHẬT KÝ ĐÚNG" in capsys.readouterr().out
    rows = folder / "database" / "leaves.jsonl"
    lines = rows.read_bytes().splitlines(keepends=True)
    rows.write_bytes(b"".join(lines[:7] + lines[8:]))
    assert run(["--lang", "vi", "verify-log", str(folder), *told]) == 1
    said = capsys.readouterr().out
    assert "NHẬT KÝ CÓ SAI LỆCH" in said
    assert "lá số 7 đã bị xóa" in said
    assert run(["verify-log", str(folder), *told, "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert {fault["code"] for fault in answer["faults"]} == {"leaf-missing", "database-older"}
    assert run(["verify-log", str(folder), *told, "--witnesses", "1"]) == 1
    assert run(["verify-log", str(tmp_path / "none"), *told]) == 2
    with pytest.raises(FileExistsError):
        await exported(log, folder)


async def test_two_checkpoints_and_a_proof_need_no_folder(log: Log, tmp_path: Path) -> None:
    notes = []
    for count in (100, 200):
        await log.append_many(count)
        await log.sequence()
        notes.append(await note_of(log))
    tiles = {tile: await read_tile(log.store, tile) for tile in tiles_for_consistency(100, 300)}
    path = consistency_path(100, 300, tiles)
    first, second, proof = tmp_path / "first", tmp_path / "second", tmp_path / "proof"
    first.write_bytes(notes[0])
    second.write_bytes(notes[1])
    proof.write_text(str(AddCheckpoint(100, tuple(path), notes[1].decode())))
    assert verify_log(proof, KEYS, [first]).faults == ()
    assert verify_log(second, KEYS, [second]).faults == ()
    with pytest.raises(Failed, match="proof-missing"):
        verify_log(second, KEYS, [first])
    proof.write_text(str(AddCheckpoint(100, (bytes(32), *path[1:]), notes[1].decode())))
    assert codes(verify_log(proof, KEYS, [first])) == [("checkpoint-root", 100)]
    proof.write_text(proof.read_text().replace("\n300\n", "\n301\n"))
    assert codes(verify_log(proof, KEYS, [first])) == [("published-signature", 0)]


def test_every_fault_has_words_that_can_be_filled() -> None:
    for code in WORDS:
        said = report([Fault(code, 7, "database")], 1, 1)
        assert "{" not in said.vi + said.en
        assert code in said.vi
