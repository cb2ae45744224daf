"""A witness's folder: what it promised is on disk before the cosignature leaves, and is never taken back."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from services.agency.errors import UsageError
from services.agency.witness.state import WitnessState, add_log, make
from services.kernel.tlog.checkpoints import Checkpoint, open_checkpoint
from services.kernel.tlog.notes import LogSigner, Note, VerifierKey
from services.kernel.tlog.tiles import Edge, Tile, consistency_path
from services.kernel.tlog.witnessing import AddCheckpoint, WitnessRefused
from tests.support.deposits import LOG, ORIGIN, WITNESS

NAME = "inspectorate.example/w1"


def asked(old: int, new: int, *, fork: int | None = None, signer: LogSigner = LOG) -> bytes:
    entries = [hashlib.sha256(bytes([at == fork]) + at.to_bytes(8)).digest() for at in range(new)]
    edge = Edge()
    resources = [*edge.append(entries), *edge.partial()]
    tiles = {tile: data for tile, data in resources if isinstance(tile, Tile)}
    note = signer.sign(Checkpoint(ORIGIN, new, edge.root).text)
    return str(AddCheckpoint(old, tuple(consistency_path(old, new, tiles)), str(note))).encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make(tmp_path / "w", NAME)
    add_log(tmp_path / "w", str(LOG.verifier))
    return tmp_path / "w"


def test_what_it_cosigned_is_remembered_over_a_restart(folder: Path) -> None:
    state = WitnessState(folder)
    assert state.known(ORIGIN) is None
    line = state.add_checkpoint(asked(0, 5), 1_795_000_000)
    state.close()
    again = WitnessState(folder)
    known = again.known(ORIGIN)
    assert known is not None
    assert known.size == 5
    note = again.shown(hashlib.sha256(ORIGIN.encode()).hexdigest())
    assert note is not None
    assert line in note
    assert open_checkpoint(note, [LOG.verifier, again.signer.verifier]).witnesses == (again.signer.verifier,)
    again.add_checkpoint(asked(5, 300), 1_795_000_001)
    for old, new, fork in ((5, 300, None), (300, 301, 7), (300, 300, 7)):
        with pytest.raises(WitnessRefused):
            again.add_checkpoint(asked(old, new, fork=fork), 1_795_000_002)
    again.close()


def test_nothing_is_cosigned_that_could_not_be_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = WitnessState(folder)

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space"):
            state.add_checkpoint(asked(0, 5), 1)
    assert state.known(ORIGIN) is None
    state.add_checkpoint(asked(0, 4), 2)
    state.close()


def test_a_state_that_does_not_verify_is_refused_not_forgotten(folder: Path) -> None:
    state = WitnessState(folder)
    state.add_checkpoint(asked(0, 5), 1)
    state.close()
    (seen,) = (folder / "seen").glob("*.note")
    good = seen.read_text()
    for bad in ("", good.replace("\n5\n", "\n4\n"), str(LOG.sign(Note.parse(good).text))):
        seen.write_text(bad)
        with pytest.raises(UsageError):
            WitnessState(folder)
    seen.write_text(good)
    WitnessState(folder).close()


def test_one_process_has_the_folder(folder: Path) -> None:
    state = WitnessState(folder)
    with pytest.raises(UsageError):
        WitnessState(folder)
    state.close()
    WitnessState(folder).close()


def test_keys_are_made_once_and_read_strictly(folder: Path) -> None:
    with pytest.raises(UsageError):
        make(folder, NAME)
    with pytest.raises(UsageError):
        make(folder.parent / "another", "with space")
    assert (folder / "key.pem").stat().st_mode & 0o777 == 0o600
    for wrong in ("x", str(WITNESS.verifier)):
        with pytest.raises(UsageError):
            add_log(folder, wrong)
    assert add_log(folder, str(LOG.verifier)) == LOG.verifier
    assert [VerifierKey.parse(line) for line in (folder / "logs.txt").read_text().splitlines()] == [LOG.verifier]


def test_a_stranger_s_signature_lines_are_not_kept(folder: Path) -> None:
    state = WitnessState(folder)
    head, _, note = asked(0, 5).decode().partition("\n\n")
    text = Note.parse(note).text
    state.add_checkpoint(f"{head}\n\n{note}{WITNESS.cosign(text, 1)}\n".encode(), 1)
    shown = state.shown(hashlib.sha256(ORIGIN.encode()).hexdigest())
    assert shown is not None
    assert WITNESS.verifier.name not in shown
    state.close()
