"""Media that held state secrets: what may happen to one, so that none is used again before it was wiped and that was seen.

A medium is registered with the highest level it held. Wiping is recorded by one person and verified by another; only then
may it be used again. What was never verified is never released, and nothing is undone but by another step.

Source: Thông tư 02/2019/TT-BNV; domain notes §3 rule 29; DECISION-0032.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from services.kernel.identifiers import ClientId
from services.kernel.officers import same_person
from services.kernel.refusals.media import (
    MediumDayInvalid,
    MediumNotWiped,
    MediumSamePerson,
    MediumStepUnfit,
)
from services.kernel.secrecy import Level


class MediumKind(StrEnum):
    """What it is; the value is the word on the wire and in the database."""

    HARD_DISK = "hard-disk"
    SOLID_STATE = "solid-state"
    FLASH = "flash"
    OPTICAL = "optical"
    TAPE = "tape"
    DEVICE_MEMORY = "device-memory"  # of a scanner or copier


class MediumStepKind(StrEnum):
    """What happens to a medium; the value is the word on the wire and in the database."""

    REGISTERED = "registered"
    HELD = "held"  # it took in something of a level
    WIPED = "wiped"
    VERIFIED = "verified"  # another person saw that nothing is left
    REUSED = "reused"
    DESTROYED = "destroyed"


@dataclass(frozen=True, slots=True)
class MediumStep:
    """A step on a day, by a person; `level` is what the medium held, for `registered` and `held`."""

    kind: MediumStepKind
    on: date
    client: ClientId
    officer: str | None
    level: Level = Level.NONE


@dataclass(frozen=True, slots=True)
class Medium:
    """What the steps add up to. `level` is the highest since it was last verified; NONE: there is nothing to wipe."""

    level: Level
    last: MediumStep
    destroyed: bool = False

    @property
    def blocked(self) -> bool:
        """Whether it may not be used again."""
        return self.destroyed or self.level is not Level.NONE

    @classmethod
    def of(cls, steps: Iterable[MediumStep]) -> Medium:
        """The fold over the whole trail, whose first step registered it.

        Raises:
            ValueError: no trail of a medium.
        """
        made: Medium | None = None
        for step in steps:
            made = (
                cls(step.level, step)
                if made is None and step.kind is MediumStepKind.REGISTERED
                else _made(made)._after(step)
            )
        return _made(made)

    def require(self, step: MediumStep, today: date) -> None:
        """Whether the step may follow.

        Raises:
            MediumDayInvalid, MediumStepUnfit, MediumSamePerson, MediumNotWiped
        """
        if not self.last.on <= step.on <= today:
            raise MediumDayInvalid
        if self.destroyed or step.kind is MediumStepKind.REGISTERED:
            raise MediumStepUnfit
        if step.kind is MediumStepKind.HELD and step.level is Level.NONE:
            raise MediumStepUnfit
        if step.kind is MediumStepKind.VERIFIED:
            if self.last.kind is not MediumStepKind.WIPED:
                raise MediumStepUnfit
            if same_person(step, self.last):
                raise MediumSamePerson
        if step.kind is MediumStepKind.REUSED and self.blocked:
            raise MediumNotWiped(level=self.level.wire)

    def _after(self, step: MediumStep) -> Medium:
        level = self.level
        if step.kind is MediumStepKind.HELD:
            level = max(level, step.level)
        elif step.kind is MediumStepKind.VERIFIED:
            level = Level.NONE
        return replace(self, level=level, last=step, destroyed=self.destroyed or step.kind is MediumStepKind.DESTROYED)


def _made(medium: Medium | None) -> Medium:
    if medium is None:
        raise ValueError("a medium begins by being registered")
    return medium
