"""Verifying a log offline: a whole exported log, its rows from the database, earlier checkpoints, or a proof alone.

Source: FORMATS "Exported log", "`nopluu verify-log`"; DESIGN promise 5.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.agency.verification.outcome import Failed
from services.kernel.tlog import exports
from services.kernel.tlog.auditing import Fault, LeafRow, LogAudit, Signed
from services.kernel.tlog.checkpoints import Checkpoint, open_checkpoint
from services.kernel.tlog.notes import NoteInvalid, VerifierKey
from services.kernel.tlog.receipts import MAX_RECEIPT, ReceiptInvalid, checkpoint_of
from services.kernel.tlog.tiles import WIDTH, Bundle, Tile
from services.kernel.tlog.tree import ProofInvalid, verify_consistency
from services.kernel.tlog.witnessing import AddCheckpoint, WitnessRefused


@dataclass(frozen=True, slots=True)
class LogProved:
    """What was recomputed, and every fault (the first hundred). `rows` tells whether database rows were compared."""

    checkpoint: Checkpoint | None
    leaves: int
    checkpoints: int
    witnesses: int
    rows: bool
    faults: tuple[Fault, ...]


def verify_log(place: Path, keys: Sequence[VerifierKey], earlier: Sequence[Path]) -> LogProved:
    """Verify what lies at `place`: an exported log's folder, or one file.

    A file is a checkpoint or receipt (consistent with an earlier one only where both have the same size), or a
    consistency proof in the form of a C2SP add-checkpoint request, which needs exactly the earlier one it begins at.

    Raises:
        Failed: nothing could be judged.
    """
    held = [_checkpoint(path, keys) for path in earlier]
    return _folder(place, keys, held) if place.is_dir() else _file(place, keys, held)


def _file(place: Path, keys: Sequence[VerifierKey], held: Sequence[Checkpoint]) -> LogProved:
    data = _read(place)
    path: tuple[bytes, ...] = ()
    old: int | None = None
    if data.startswith(b"old "):
        try:
            request = AddCheckpoint.parse(data)
        except WitnessRefused as error:
            raise Failed("log-file-form", place.name) from error
        old, path, data = request.old, request.path, request.note.encode()
    try:
        checkpoint = checkpoint_of(data, keys)
        witnesses = open_checkpoint(data.decode(), keys).distinct_witnesses if not data.startswith(b"{") else 0
    except (NoteInvalid, ReceiptInvalid):
        return LogProved(None, 0, 0, 0, False, (Fault("published-signature", 0),))
    if not held:
        raise Failed("usage", "--earlier")
    faults = []
    for before in held:
        if old not in (None, before.size) or (old is None and before.size != checkpoint.size):
            raise Failed("proof-missing", f"{before.size} → {checkpoint.size}")
        try:
            verify_consistency(before.size, checkpoint.size, before.root, checkpoint.root, path)
        except ProofInvalid:
            faults.append(Fault("checkpoint-root", before.size, "held"))
        if before.origin != checkpoint.origin:
            faults.append(Fault("checkpoint-signature", before.size, "held"))
    return LogProved(checkpoint, 0, 1 + len(held), witnesses, False, tuple(faults))


def _folder(place: Path, keys: Sequence[VerifierKey], held: Sequence[Checkpoint]) -> LogProved:
    files = place / exports.LOG if (place / exports.LOG).is_dir() else place
    found: list[Fault] = []
    checkpoint, witnesses = _published(files / "checkpoint", keys, found)
    rows = (place / exports.LEAVES).is_file()
    signed = [Signed("held", before) for before in held]
    if checkpoint is not None:
        signed.append(Signed("store", checkpoint))
        found += [Fault("checkpoint-signature", it.size, "held") for it in held if it.origin != checkpoint.origin]
    cosigned = files / "checkpoint.cosigned"
    if cosigned.is_file() and (shown := _published(cosigned, keys, found)[0]) is not None:
        signed.append(Signed("store", shown))
    kept = _kept(place / exports.CHECKPOINTS, keys, found) if rows else []
    if rows:
        sizes = {entry.checkpoint.size for entry in kept}
        found += [
            Fault("checkpoint-missing", it.size) for where, it in signed if where == "store" and it.size not in sizes
        ]
    size = 0 if checkpoint is None else checkpoint.size
    work = LogAudit([*kept, *signed], size, database=rows)
    leaves = _Leaves(place / exports.LEAVES if rows else None)
    first = 0
    while first < size or leaves.next is not None:
        width = work.width(first)
        bundle = _maybe(files / Bundle(first // WIDTH, width).path) if width else None
        tile = _maybe(files / Tile(0, first // WIDTH, width).path) if width else None
        for above, expected in work.run(first, leaves.below(first + WIDTH), bundle, tile):
            work.tile(above, expected, _maybe(files / above.path))
        first += WIDTH
    for fault in found:
        work.add(fault)
    if rows:
        lost = [event for event, waits in _without_leaf(place / exports.WITHOUT_LEAF) if not waits]
        if lost:
            work.add(Fault("events-without-leaf", len(lost), lost[0]))
    return LogProved(checkpoint, max(size, work.leaves), len(kept) + len(signed), witnesses, rows, work.finish())


class _Leaves:
    """The exported rows in order, read line by line."""

    def __init__(self, path: Path | None) -> None:
        self._rows = iter(()) if path is None else _leaf_rows(path)
        self.next: LeafRow | None = next(self._rows, None)

    def below(self, end: int) -> list[LeafRow]:
        """The next rows with indexes below `end`."""
        found: list[LeafRow] = []
        while self.next is not None and self.next.index < end:
            found.append(self.next)
            self.next = next(self._rows, None)
        return found


def _leaf_rows(path: Path) -> Iterator[LeafRow]:
    last = -1
    for line in _lines(path):
        try:
            row = exports.parse_leaf(line)
        except exports.ExportInvalid as error:
            raise Failed("log-file-form", path.name) from error
        if row.index <= last:
            raise Failed("log-file-form", f"{path.name}: {row.index}")
        last = row.index
        yield row


def _kept(path: Path, keys: Sequence[VerifierKey], found: list[Fault]) -> list[Signed]:
    kept: list[Signed] = []
    for number, line in enumerate(_lines(path)):
        try:
            note, lines = exports.parse_checkpoint(line)
        except exports.ExportInvalid as error:
            raise Failed("log-file-form", path.name) from error
        try:
            checkpoint = open_checkpoint(note, keys).checkpoint
        except NoteInvalid:
            found.append(Fault("checkpoint-signature", number, "database"))
            continue
        kept.append(Signed("database", checkpoint))
        try:
            open_checkpoint(note + "".join(f"{line}\n" for line in lines), keys)
        except NoteInvalid:
            found.append(Fault("cosignature-wrong", checkpoint.size))
    return kept


def _without_leaf(path: Path) -> Iterator[tuple[str, bool]]:
    for line in _lines(path):
        try:
            yield exports.parse_without_leaf(line)
        except exports.ExportInvalid as error:
            raise Failed("log-file-form", path.name) from error


def _published(path: Path, keys: Sequence[VerifierKey], found: list[Fault]) -> tuple[Checkpoint | None, int]:
    data = _maybe(path)
    if data is None:
        found.append(Fault("published-missing", 0))
        return None, 0
    try:
        signed = open_checkpoint(data.decode("utf-8", "replace"), keys)
    except NoteInvalid:
        found.append(Fault("published-signature", 0))
        return None, 0
    return signed.checkpoint, signed.distinct_witnesses


def _checkpoint(path: Path, keys: Sequence[VerifierKey]) -> Checkpoint:
    try:
        return checkpoint_of(_read(path), keys)
    except (NoteInvalid, ReceiptInvalid) as error:
        raise Failed("earlier-invalid", f"{path.name}: {error.reason}") from error


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as stream:
            while line := stream.readline(exports.MAX_LINE):
                yield line
    except OSError as error:
        raise Failed("log-unreadable", path.name) from error


def _maybe(path: Path) -> bytes | None:
    return _read(path) if path.is_file() else None


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_RECEIPT + 1)
    except OSError as error:
        raise Failed("log-unreadable", str(path)) from error
