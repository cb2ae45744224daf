"""The cosigning protocol: what a log sends to a witness, what a witness decides, and what the log takes from its answer.

A witness remembers the newest checkpoint of each log that it cosigned, and cosigns another only where it is proved to
continue that one. Two checkpoints that contradict each other can therefore never both be cosigned by it.

Source: C2SP tlog-witness, tlog-cosignature.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from services.kernel.canonical import b64, unb64
from services.kernel.tlog.checkpoints import Checkpoint, SignedCheckpoint, open_checkpoint, parse_decimal
from services.kernel.tlog.notes import Note, NoteInvalid, Signature, VerifierKey, signers
from services.kernel.tlog.tree import EMPTY_ROOT, HASH, ProofInvalid, verify_consistency

MAX_REQUEST = 64 * 1024  # bytes; a proof has at most 63 lines
SIZE_TYPE = "text/x.tlog.size"
_MAX_PATH = 63


class WitnessRefused(Exception):
    """The witness does not cosign. `status` is the HTTP status that says so, `size` the size it knows (409 only)."""

    def __init__(self, status: int, reason: str, size: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.size = size


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """The body of `POST …/add-checkpoint`: the size the witness knows, the proof from there, and the signed note."""

    old: int
    path: tuple[bytes, ...]
    note: str

    def __str__(self) -> str:
        return "".join(f"{line}\n" for line in [f"old {self.old}", *map(b64, self.path)]) + f"\n{self.note}"

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Raises WitnessRefused (400)."""
        try:
            head, separator, note = body.decode("utf-8").partition("\n\n")
            first, *rest = head.split("\n")
            if not separator or not first.startswith("old ") or len(rest) > _MAX_PATH:
                raise WitnessRefused(400, "request form")
            path = tuple(unb64(line) for line in rest)
            old = parse_decimal(first.removeprefix("old "))
        except ValueError as error:
            raise WitnessRefused(400, "request form") from error
        if any(len(node) != HASH for node in path):
            raise WitnessRefused(400, "request form")
        return cls(old, path, note)


def decide(request: AddCheckpoint, known: Checkpoint | None, keys: Sequence[VerifierKey]) -> SignedCheckpoint:
    """The checkpoint that a witness may cosign and must then remember; `known` is what it remembers of this log.

    Raises:
        WitnessRefused: 400 form; 404 unknown log; 403 not signed by it; 409 another size or root than known; 422 proof.
    """
    try:
        origin = Checkpoint.parse(Note.parse(request.note).text).origin
    except NoteInvalid as error:
        raise WitnessRefused(400, error.reason) from error
    if all(key.name != origin for key in keys):
        raise WitnessRefused(404, "unknown log")
    try:
        signed = open_checkpoint(request.note, [key for key in keys if key.name == origin])
    except NoteInvalid as error:
        raise WitnessRefused(403, error.reason) from error
    before = known or Checkpoint(origin, 0, EMPTY_ROOT)
    new = signed.checkpoint
    if request.old > new.size:
        raise WitnessRefused(400, "the old size is beyond the checkpoint")
    if request.old != before.size:
        raise WitnessRefused(409, "another size is known", before.size)
    if new.size == before.size and known is not None and new.root != before.root:
        raise WitnessRefused(409, "another root is known for this size", before.size)
    if new.size == 0 and new.root != EMPTY_ROOT:
        raise WitnessRefused(422, "not the empty tree")
    try:
        verify_consistency(before.size, new.size, before.root, new.root, request.path)
    except ProofInvalid as error:
        raise WitnessRefused(422, error.reason) from error
    return signed


def cosignatures(answer: str, note: str, keys: Sequence[VerifierKey]) -> tuple[Signature, ...]:
    """The lines of a witness's answer that are true signatures of these keys over the note's text; others are dropped.

    Raises:
        NoteInvalid: the answer has another form; a known key's signature is wrong; no known key signed.
    """
    text = Note.parse(note).text
    answered = Note.parse(f"{text}\n{answer}")
    signers(answered, keys)
    names = {(key.name, key.id) for key in keys}
    found = tuple(line for line in answered.signatures if (line.name, line.key_id) in names)
    if not found:
        raise NoteInvalid("no known witness signed")
    return found


def with_cosignatures(note: str, lines: Iterable[Signature]) -> str:
    """The same note with these signature lines too, the log's own first; one line a key, the first one given."""
    parsed = Note.parse(note)
    kept: dict[tuple[str, bytes], Signature] = {}
    for line in (*parsed.signatures, *lines):
        kept.setdefault((line.name, line.key_id), line)
    return str(Note(parsed.text, tuple(kept.values())))
