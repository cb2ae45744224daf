"""Whether a decision that arrives can become a step: the rules for records (16-21), asked of the decision.

At a manifest these rules quarantine; here nothing has happened yet, so what does not hold is refused and the record
stays as secret as it was.

Source: domain notes §3 rules 16-21; Law 29/2018/QH14 art. 19-22; Law 117/2025/QH15 art. 5; DECISION-0021.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from services.kernel.classification.standing import History, term_of
from services.kernel.classification.steps import RELEASING, Kind, Step
from services.kernel.refusals.classification import (
    AnnulledStepUnfit,
    ClassificationUnchanged,
    ExtensionLate,
    ExtensionTooLong,
    ListItemMissing,
    StepAhead,
    TermTooLong,
    TermUnknown,
)
from services.kernel.secrecy import Level

_NOTICE_BEFORE_EXPIRY: Final = timedelta(days=60)
NOTIFY_WITHIN: Final = timedelta(days=15)
"""Within this an extension or a change of level is made known to whoever has the record (art. 20, 21)."""

_NOTIFIED: Final = frozenset({Kind.EXTENDED, Kind.RAISED, Kind.LOWERED})


@dataclass(frozen=True, slots=True)
class Proposal:
    """A decision as it arrives. `effective_on` None means the day of the decision."""

    kind: Kind
    decided_on: date
    effective_on: date | None = None
    level: Level | None = None
    until: date | None = None
    annuls: UUID | None = None
    list_item: str = ""


def decide(history: History, proposal: Proposal, *, id_: UUID, today: date) -> Step:
    """The step that the proposal becomes.

    Raises:
        StepAhead: decided after today, in effect before it was decided, or more secret only from a later day on.
        ClassificationUnchanged: the record is already so, or is no secret whose protection could end or grow.
        ExtensionLate, ExtensionTooLong, TermUnknown: rule 18, and an end that cannot be computed.
        TermTooLong: rule 17.
        ListItemMissing: a level is given only to what stands on a list.
        AnnulledStepUnfit: no such step, or one that cannot be taken back.
    """
    effective = proposal.effective_on or proposal.decided_on
    # What lets the record be read may wait for its day; what closes it counts from now or before.
    may_wait = proposal.kind in RELEASING or proposal.kind is Kind.LOWERED
    if proposal.decided_on > today or effective < proposal.decided_on or (effective > today and not may_wait):
        raise StepAhead
    step = Step(
        id=id_,
        number=len(history.steps) + 1,
        kind=proposal.kind,
        decided_on=proposal.decided_on,
        effective_on=effective,
        level=proposal.level,
        until=proposal.until,
        annuls=proposal.annuls,
    )
    if step.kind is Kind.EXTENDED:
        _judge_extension(history, step)
    elif step.kind is Kind.ANNULLED:
        _judge_annulment(history, step)
    else:
        if step.kind is Kind.RAISED and not proposal.list_item:
            raise ListItemMissing
        _judge_level(history, step)
    return step


def remarks(history: History, step: Step) -> Iterator[str]:
    """What does not make a step void but has to be followed up; codes."""
    standing = history.on(step.decided_on)
    late = standing.until is not None and step.decided_on > standing.until - _NOTICE_BEFORE_EXPIRY
    if step.kind is Kind.EXTENDED and late:
        yield "extension-under-60-days"


def notify_by(step: Step) -> date | None:
    """The day by which whoever has the record must have been told; None where the law asks for no notice."""
    return step.decided_on + NOTIFY_WITHIN if step.kind in _NOTIFIED else None


def _judge_extension(history: History, step: Step) -> None:
    standing = history.on(step.decided_on)
    if standing.given is Level.NONE:
        raise ClassificationUnchanged
    if standing.until is None:
        raise TermUnknown
    if step.decided_on > standing.until:
        raise ExtensionLate(until=standing.until.isoformat())
    if step.until is None or step.until <= standing.until:
        raise ClassificationUnchanged
    most = term_of(standing.given, standing.until)
    if step.until > most:
        raise ExtensionTooLong(most=most.isoformat())


def _judge_annulment(history: History, step: Step) -> None:
    standing = {entry.id: entry for entry in history.counted_on(step.effective_on)}
    found = None if step.annuls is None else standing.get(step.annuls)
    if found is None or found.kind is Kind.EXPIRED:
        raise AnnulledStepUnfit


def _judge_level(history: History, step: Step) -> None:
    now = history.on(step.effective_on)
    wanted = step.level
    if step.kind in RELEASING:
        # Of what the calendar freed a decision changes nothing, except where the gateway still holds it for secret.
        if history.label_on(step.effective_on) is Level.NONE and now.level is Level.NONE:
            raise ClassificationUnchanged
        return
    if wanted is None or wanted is Level.NONE:
        raise ClassificationUnchanged
    if step.kind is Kind.RAISED and wanted <= now.level:
        raise ClassificationUnchanged
    if step.kind is Kind.LOWERED and wanted >= now.level:
        raise ClassificationUnchanged
    most = term_of(wanted, step.decided_on)
    if step.until is not None and step.until > most:
        raise TermTooLong(most=most.isoformat())
