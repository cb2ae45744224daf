"""A `tlog-proof@v1`: index, inclusion path and checkpoint as one text.

Source: C2SP tlog-proof; FORMATS "Receipt" (no `extra` line).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from services.kernel.canonical import b64, unb64
from services.kernel.tlog.checkpoints import Checkpoint, SignedCheckpoint, open_checkpoint, parse_decimal
from services.kernel.tlog.notes import VerifierKey
from services.kernel.tlog.tree import HASH, ProofInvalid, leaf_hash, verify_inclusion

_HEAD = "c2sp.org/tlog-proof@v1"
_MAX_PATH = 63


@dataclass(frozen=True, slots=True)
class LogProof:
    """Where an entry stands, the path to the root, and the signed checkpoint (a note, verbatim)."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ProofInvalid; nothing is verified."""
        head, separator, checkpoint = text.partition("\n\n")
        lines = head.split("\n")
        if not separator or len(lines) < 2 or lines[0] != _HEAD or not lines[1].startswith("index "):
            raise ProofInvalid("proof form")
        try:
            index = parse_decimal(lines[1].removeprefix("index "))
            path = tuple(unb64(line) for line in lines[2:])
        except ValueError as error:
            raise ProofInvalid("proof form") from error
        if len(path) > _MAX_PATH or any(len(node) != HASH for node in path):
            raise ProofInvalid("proof form")
        return cls(index, path, checkpoint)

    def __str__(self) -> str:
        return "\n".join([_HEAD, f"index {self.index}", *map(b64, self.path)]) + "\n\n" + self.checkpoint

    def verify(self, entry: bytes, keys: Sequence[VerifierKey]) -> SignedCheckpoint:
        """The checkpoint under which the entry stands in the log.

        Raises:
            NoteInvalid: the checkpoint.
            ProofInvalid: the path.
        """
        signed = open_checkpoint(self.checkpoint, keys)
        self.require_root(entry, signed.checkpoint)
        return signed

    def require_root(self, entry: bytes, checkpoint: Checkpoint) -> None:
        """Raises ProofInvalid unless the path leads from the entry to this checkpoint's root."""
        verify_inclusion(self.index, checkpoint.size, leaf_hash(entry), self.path, checkpoint.root)
