"""A receipt anew from public files alone: later checkpoints, removed partial tiles, and logs that do not continue."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from services.agency.errors import FatalError, RejectedError
from services.agency.refreshing import refresh
from services.agency.verification.log import verify_log
from services.kernel.tlog.checkpoints import Checkpoint
from services.kernel.tlog.notes import Note
from services.kernel.tlog.receipts import ReceiptInvalid, verify_receipt
from services.kernel.tlog.tiles import WIDTH, Edge, Tile
from services.kernel.tlog.tree import entry_hash
from tests.support.deposits import LOG, ORIGIN, SALT, WITNESS, Deposit

KEYS = [LOG.verifier, WITNESS.verifier]
OLD = Deposit(leaves=300)


def log_of(
    leaves: int, *, fork: int | None = None, tidied: bool = False, cosigned: int | None = None
) -> dict[str, bytes]:
    """The files of the log in which the old deposit's receipt stands."""
    entries = [hashlib.sha256(at.to_bytes(8)).digest() for at in range(leaves)]
    entries[OLD.index] = entry_hash(SALT, OLD.event)
    if fork is not None:
        entries[fork] = bytes(32)
    edge, files = Edge(), dict[str, bytes]()
    for at in sorted({min(300, leaves), leaves, cosigned or leaves}):
        made = [*edge.append(entries[edge.size : at])]
        files |= {place.path: data for place, data in [*made, *edge.partial()] if isinstance(place, Tile)}
        note = LOG.sign(Checkpoint(ORIGIN, at, edge.root).text)
        if at == cosigned:
            line = WITNESS.cosign(note.text, 1_795_000_000)
            files["checkpoint.cosigned"] = str(Note(note.text, (*note.signatures, line))).encode()
        if at == leaves:
            files["checkpoint"] = str(note).encode()
    if tidied:
        full = {name for name in files if ".p/" not in name}
        files = {name: data for name, data in files.items() if name.partition(".p/")[0] not in full or name in full}
    return files


@pytest.mark.parametrize(("leaves", "tidied"), [(300, False), (301, False), (600, True), (70_000, True)])
def test_the_deposit_stands_under_the_later_checkpoint(leaves: int, tidied: bool, tmp_path: Path) -> None:
    done = refresh(OLD.receipt, KEYS, log_of(leaves, tidied=tidied).get)
    proven = verify_receipt(done.receipt, KEYS)
    assert (proven.index, proven.signed.checkpoint.size) == (OLD.index, leaves)
    assert proven.event == verify_receipt(OLD.receipt, KEYS).event
    (tmp_path / "old").write_bytes(OLD.receipt)
    (tmp_path / "proof").write_text(done.proof)
    assert verify_log(tmp_path / "proof", KEYS, [tmp_path / "old"]).faults == ()


def test_a_cosigned_checkpoint_is_preferred_where_it_covers_the_old_one() -> None:
    proven = verify_receipt(refresh(OLD.receipt, KEYS, log_of(600, cosigned=500).get).receipt, KEYS, witnesses=1)
    assert proven.signed.checkpoint.size == 500
    proven = verify_receipt(refresh(OLD.receipt, KEYS, log_of(600, cosigned=299).get).receipt, KEYS)
    assert proven.signed.checkpoint.size == 600


@pytest.mark.parametrize("fork", [0, 6, 255, 299])
def test_a_log_that_does_not_continue_is_refused(fork: int) -> None:
    with pytest.raises(FatalError) as caught:
        refresh(OLD.receipt, KEYS, log_of(600, fork=fork).get)
    assert caught.value.code == "log-forked"


def test_a_smaller_log_another_signer_and_a_missing_tile_are_refused() -> None:
    smaller, stranger, holed = log_of(299), log_of(600), log_of(600)
    stranger["checkpoint"] = WITNESS_ONLY
    del holed[Tile(0, 0, WIDTH).path]
    for files in (smaller, stranger, holed):
        with pytest.raises(FatalError) as caught:
            refresh(OLD.receipt, KEYS, files.get)
        assert caught.value.code == "log-forked"
    with pytest.raises(RejectedError):
        refresh(OLD.receipt, KEYS, lambda path: None)


def test_an_old_receipt_that_does_not_verify_asks_for_nothing() -> None:
    def never(path: str) -> bytes | None:
        raise AssertionError(path)

    with pytest.raises(ReceiptInvalid):
        refresh(OLD.receipt.replace(b"index 5", b"index 4"), KEYS, never)


_TEXT = Checkpoint(ORIGIN, 600, bytes(32)).text
WITNESS_ONLY = str(Note(_TEXT, (WITNESS.cosign(_TEXT, 1),))).encode()
