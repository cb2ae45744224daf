"""How a verification ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.agency.verification.words import CODES, Words
from services.kernel.tlog.checkpoints import SignedCheckpoint


@dataclass(frozen=True, slots=True)
class FileFault:
    """What is wrong with one file of the folder: its code, its name in the manifest."""

    code: str
    name: str


class Failed(Exception):
    """The deposit is not proved. `code` is one of `words.CODES`; `detail` adds names and numbers, in no language."""

    def __init__(self, code: str, detail: str = "", *, faults: Sequence[FileFault] = ()) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.faults = tuple(faults)

    @property
    def words(self) -> Words:
        return CODES[self.code]


@dataclass(frozen=True, slots=True)
class Proved:
    """What was proved, and what the proof leaves out.

    `matched` are files of the folder whose bytes are the deposit's; None where no folder was given. `not_covered` are
    components of the manifest that this deposit does not hold; `outside` are files of the folder that the manifest does
    not name.
    """

    package: str
    version: int
    sealed_at: str
    index: int
    signed: SignedCheckpoint
    components: int
    manifest_compared: bool
    plan_compared: bool
    matched: int | None
    not_covered: tuple[str, ...]
    not_covered_count: int
    outside: tuple[str, ...]
