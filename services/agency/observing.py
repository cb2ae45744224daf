"""What a push tells whoever watches: stages, bytes, and sentences for people.

Source: usability notes B2, B4.
"""

from __future__ import annotations

from typing import Literal, Protocol

from services.kernel.refusals.registry import Text

Stage = Literal["look", "hash", "upload", "server-check", "receipt", "download"]


class Observer(Protocol):
    """Gets told; called from several threads at once."""

    def stage(self, label: str, stage: Stage, total: int) -> None:
        """A dossier enters a stage of `total` bytes (0 where it has no measure)."""

    def advance(self, label: str, stage: Stage, amount: int) -> None:
        """So many more bytes of the stage are done."""

    def finished(self, label: str) -> None:
        """Nothing more comes of it: its outcome is told elsewhere."""

    def say(self, code: str, text: Text) -> None:
        """Something a person should read now, such as a wait."""


class Silent:
    """Watches nothing."""

    def stage(self, label: str, stage: Stage, total: int) -> None:
        """Nothing."""

    def advance(self, label: str, stage: Stage, amount: int) -> None:
        """Nothing."""

    def finished(self, label: str) -> None:
        """Nothing."""

    def say(self, code: str, text: Text) -> None:
        """Nothing."""
