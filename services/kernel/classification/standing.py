"""What level a record has on a day: a fold over what its manifest states and the steps since.

A term ends at the end of its last day. An end that cannot be computed is no end. A step counts from its effective day;
one that was annulled counts until the annulment's effective day. The automatic step is a record of what the dates say
and moves nothing here, so that an extension which was decided in time but arrives late still counts.

Source: Law 29/2018/QH14 art. 19 (terms), 20 (extension), 21 (change of level), 22 (declassification); DECISION-0021.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from services.kernel.classification.steps import RELEASING, Kind, Step
from services.kernel.secrecy import BASE_TERM_YEARS, Level, Secrecy, anniversary

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Standing:
    """`given` is the level by decision; `level` is what it is worth on the day that was asked for.

    `until` is the last day of protection: None where it cannot be computed, or where nothing is protected by decision.
    """

    given: Level
    level: Level
    until: date | None


@dataclass(frozen=True, slots=True)
class History:
    """A record's secrecy as its manifest states it, the label it was sealed with, and its steps in order of number."""

    secrecy: Secrecy
    sealed_as: Level
    steps: tuple[Step, ...] = ()

    def with_step(self, step: Step) -> History:
        return replace(self, steps=(*self.steps, step))

    def on(self, day: date) -> Standing:
        """The standing on that day, by the steps known now."""
        standing = _Origin.of(self.secrecy, self.sealed_as)
        for step in self.counted_on(day):
            standing = standing.after(step)
        return standing.on(day)

    def counted_on(self, day: date) -> Sequence[Step]:
        """The steps that count on that day, in the order in which they took effect."""
        reached = [step for step in self.steps if step.effective_on <= day]
        annulled = {step.annuls for step in reached if step.kind is Kind.ANNULLED}
        counted = [step for step in reached if step.kind is not Kind.ANNULLED and step.id not in annulled]
        return sorted(counted, key=lambda step: (step.effective_on, step.number))

    def label_on(self, today: date) -> Level:
        """The label of the record's rows on that day: never below its level.

        An end that the dates alone bring takes the label away only once the automatic step is recorded. What was
        decided already and takes effect on a later day counts at once where it makes the record more secret, so that
        no clock has to strike first.
        """
        if not self.steps:
            return max(self.sealed_as, self.on(today).level)
        ahead = (self.on(step.effective_on).level for step in self.steps if step.effective_on > today)
        return max(self.on(today).level, self._unrecorded(today), *ahead, Level.NONE)

    def _unrecorded(self, today: date) -> Level:
        """The level whose term has ended without a record of it; NONE where there is none."""
        standing = self.on(today)
        if standing.given is Level.NONE or standing.level is not Level.NONE or standing.until is None:
            return Level.NONE
        recorded = any(step.kind is Kind.EXPIRED and step.effective_on > standing.until for step in self.steps)
        return Level.NONE if recorded or not self._labelled else standing.given

    @property
    def _labelled(self) -> bool:
        """Whether the record ever had a label here; what had expired when it came never got one."""
        return self.sealed_as is not Level.NONE or any(step.kind is Kind.RAISED for step in self.steps)


@dataclass(frozen=True, slots=True)
class _Origin:
    """The fold's state. `until` None with a level given is an end that cannot be computed."""

    given: Level
    until: date | None

    @classmethod
    def of(cls, secrecy: Secrecy, sealed_as: Level) -> _Origin:
        given = Level.TUYET_MAT if secrecy.level is None else secrecy.level
        if sealed_as is Level.NONE and given is not Level.NONE and secrecy.declassified_on is not None:
            return cls(Level.NONE, None)  # the manifest's own decision, which the rules held valid
        if sealed_as > given:
            return cls(sealed_as, None)  # an earlier version's steps raised it; when that ends no date of this one says
        return cls(given, certain_end(secrecy))

    def after(self, step: Step) -> _Origin:
        if step.kind in RELEASING:
            return _Origin(Level.NONE, None)
        if step.kind is Kind.EXTENDED and step.until is not None and self.until is not None:
            in_time = self.given is not Level.NONE and step.decided_on <= self.until
            return _Origin(self.given, max(self.until, step.until)) if in_time else self
        if step.kind is Kind.RAISED and step.level is not None:
            return _Origin(step.level, step.until or term_of(step.level, step.decided_on))
        if step.kind is Kind.LOWERED and step.level is not None:
            return _Origin(step.level, step.until or self.until)
        return self

    def on(self, day: date) -> Standing:
        ended = self.until is not None and self.until < day
        return Standing(self.given, Level.NONE if ended else self.given, self.until)


def term_of(level: Level, since: date) -> date:
    """The last day of a base term; the level is above NONE."""
    return anniversary(since, BASE_TERM_YEARS[level])


def certain_end(secrecy: Secrecy) -> date | None:
    """The day by which protection has ended whichever of two dates counts; None where it cannot be computed.

    Where issue and classification dates differ, law and letter 1479 may give two ends (rule 16): the later one is
    certain. An extension that no rule would accept is not one (rule 18), and neither shortens anything.
    """
    end = secrecy.protected_until()
    if end is None or secrecy.level is None or secrecy.level is Level.NONE:
        return None
    if secrecy.expires_on is None and secrecy.issued_on is not None:
        end = max(end, term_of(secrecy.level, secrecy.issued_on))
    return end


def due_for_declassification(history: History, today: date) -> date | None:
    """The first day without protection, where the automatic step is due and not recorded; else None.

    Tuyệt mật is never declassified by the calendar alone: letter 1479 is silent on it, so an officer decides (rule 14).
    """
    standing = history.on(today)
    if standing.until is None or standing.until >= today or standing.given is Level.TUYET_MAT:
        return None
    return standing.until + _DAY if history.label_on(today) is not Level.NONE else None
