"""Checkpoints: what a log states about its tree, as the text of a signed note.

Source: C2SP tlog-checkpoint.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from services.kernel.canonical import b64, unb64
from services.kernel.tlog.notes import KeyType, Note, NoteInvalid, VerifierKey, signers
from services.kernel.tlog.tree import HASH, MAX_SIZE

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree of `size` leaves with this root, under this origin."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{b64(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """A checkpoint's text; extension lines may stand in it and say nothing.

        Raises:
            NoteInvalid.
        """
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
            raise NoteInvalid("checkpoint form")
        try:
            root = unb64(lines[2])
        except ValueError as error:
            raise NoteInvalid("checkpoint form") from error
        if len(root) != HASH:
            raise NoteInvalid("checkpoint form")
        return cls(lines[0], parse_decimal(lines[1]), root)


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint that its own log signed, and the witnesses that cosigned it."""

    checkpoint: Checkpoint
    log: VerifierKey
    witnesses: tuple[VerifierKey, ...]

    @property
    def distinct_witnesses(self) -> int:
        """How many bodies stand behind the cosignatures: one name or one public key counts once, the log never."""
        bodies: list[set[str | bytes]] = []
        for witness in self.witnesses:
            body: set[str | bytes] = {witness.name, witness.public}
            for known in [known for known in bodies if known & body]:
                bodies.remove(known)
                body |= known
            bodies.append(body)
        return sum(not body & {self.log.name, self.log.public} for body in bodies)


def open_checkpoint(note: str, keys: Sequence[VerifierKey]) -> SignedCheckpoint:
    """The checkpoint in a signed note.

    A log key counts only for the origin equal to its name.

    Raises:
        NoteInvalid: form; a known key's signature is wrong; no known key of this log signed.
    """
    parsed = Note.parse(note)
    checkpoint = Checkpoint.parse(parsed.text)
    known = signers(parsed, keys)
    log = next((key for key in known if key.type is KeyType.LOG and key.name == checkpoint.origin), None)
    if log is None:
        raise NoteInvalid("no known log signed the checkpoint")
    return SignedCheckpoint(checkpoint, log, tuple(key for key in known if key.type is not KeyType.LOG))


def parse_decimal(text: str) -> int:
    """An ASCII decimal without leading zeroes, below 2^63. Raises NoteInvalid."""
    if not _DECIMAL.fullmatch(text) or (number := int(text)) > MAX_SIZE:
        raise NoteInvalid("number form")
    return number
