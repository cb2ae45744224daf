"""Levels of secrecy, their terms, and when protection ends.

Terms count from the classification date; where none is known the issue date counts (letter 1479/BCA-ANCTNB). A term
ends at the end of its anniversary day; from 29 February, on 28 February of a common year. An expiry that cannot be
computed counts as unexpired.

Source: Law 29/2018/QH14 art. 19-22, Law 117/2025/QH15; domain notes §3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import IntEnum, StrEnum
from typing import Final, Literal, Self

LevelWord = Literal["none", "mat", "toi_mat", "tuyet_mat"]
"""How a level is written where machines read it."""


class Level(IntEnum):
    """Độ mật. Mind the trap: Tối mật is Secret, Mật is Confidential."""

    NONE = 0
    MAT = 1
    TOI_MAT = 2
    TUYET_MAT = 3

    @property
    def wire(self) -> LevelWord:
        return _LEVEL_WORDS[self]

    @classmethod
    def from_wire(cls, word: str) -> Self:
        """Raises ValueError for any other word."""
        for level in cls:
            if level.wire == word:
                return level
        raise ValueError("not a level")


_LEVEL_WORDS: Final[Mapping[Level, LevelWord]] = {
    Level.NONE: "none",
    Level.MAT: "mat",
    Level.TOI_MAT: "toi_mat",
    Level.TUYET_MAT: "tuyet_mat",
}
LEVELS: Final[Mapping[str, Level]] = {word: level for level, word in _LEVEL_WORDS.items()}
"""Each level by its word, for words that come from outside."""


class Effect(IntEnum):
    """What a rule does with a document; the strongest of those that match wins."""

    ADMIT = 0
    CONDITIONAL = 1
    WITHHOLD = 2
    QUARANTINE = 3
    REFUSE = 4

    @property
    def wire(self) -> str:
        return self.name.lower()

    @classmethod
    def from_wire(cls, word: str) -> Self:
        """Raises ValueError for any other word."""
        for effect in cls:
            if effect.wire == word:
                return effect
        raise ValueError("not an effect")


class DeploymentProfile(StrEnum):
    """What the deployment's network may carry; there is no default."""

    OPEN = "open"
    INDEPENDENT_LAN = "independent-lan"


BASE_TERM_YEARS: Mapping[Level, int] = {Level.MAT: 10, Level.TOI_MAT: 20, Level.TUYET_MAT: 30}


@dataclass(frozen=True, slots=True)
class Extension:
    """Gia hạn: decided on a day, until a day."""

    decided_on: date
    until: date


@dataclass(frozen=True, slots=True)
class Secrecy:
    """A document's secrecy as its manifest states it. `level` is None where the word is not one of the four."""

    level: Level | None
    issued_on: date | None = None
    classified_on: date | None = None
    expires_on: date | None = None
    extensions: tuple[Extension, ...] = ()
    declassified_on: date | None = None
    declassified_by: str = ""
    declassified_as: str = ""  # what the issuer was: originator, superior, successor, archives_administration
    list_item: str = ""
    permission: str = ""  # its number
    permission_on: date | None = None
    permission_by: str = ""
    permission_rank: str = ""
    copying_forbidden: bool = False
    register_entry: str = ""
    capture_network: str = ""
    copies_allowed: int = 0
    copies_made: int = 0
    stub: bool = False
    paper_location: str = ""

    @property
    def relevant_date(self) -> date | None:
        """The day from which the term counts."""
        return self.classified_on or self.issued_on

    def protected_until(self) -> date | None:
        """The last day of protection with every valid extension, or None where it cannot be computed."""
        if self.level is None or self.level is Level.NONE:
            return None
        end = self.expires_on
        if end is None:
            if self.relevant_date is None:
                return None
            end = anniversary(self.relevant_date, BASE_TERM_YEARS[self.level])
        # In the order of the decisions, whatever order they were sent in: a second extension stands on the first.
        for extension in sorted(self.extensions, key=lambda entry: (entry.decided_on, entry.until)):
            if extension.decided_on <= end:
                end = max(end, extension.until)
        return end

    def protected_on(self, day: date) -> bool:
        """Whether the content is still a state secret on `day`; unknown counts as yes."""
        if self.level is Level.NONE:
            return False
        if self.declassified_on is not None and self.declassified_by and self.declassified_on <= day:
            return False
        end = self.protected_until()
        return end is None or day <= end


def anniversary(start: date, years: int) -> date:
    """The same day so many years later; 28 February where 29 February is missing."""
    try:
        return start.replace(year=start.year + years)
    except ValueError:
        return start.replace(year=start.year + years, day=28)
