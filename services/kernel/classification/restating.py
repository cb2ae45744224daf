"""A record's secrecy as its manifest would state it today, so that the rules judge what it has become.

What is handed in is judged by what it states; what is held, by that and by every step since.

Source: DESIGN 9 "Publishing re-judges the holdings"; Law 29/2018/QH14 art. 20-22; DECISION-0021.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from services.kernel.classification.standing import History
from services.kernel.classification.steps import RELEASING, Kind, Step
from services.kernel.secrecy import LEVELS, Level, Secrecy

_PLAIN: Final = Secrecy(level=Level.NONE)
_OF_TERM: Final = frozenset({"classified_on", "expires_on", "extensions", "declassified"})


def restated(stated: Mapping[str, object], label: Level, steps: Sequence[Step], day: date) -> Mapping[str, object]:
    """The secrecy object `stated`, after the steps that count on `day`; the very same where nothing has happened.

    `label` is what the record was sealed with: above what it states where steps on an earlier version had raised it.
    Whose decision a step was has been judged when it was recorded; the rules are told of the originator's.
    """
    made = stated
    if isinstance(word := stated.get("level"), str) and label > LEVELS.get(word, Level.TUYET_MAT):
        made = _without(stated, _OF_TERM | {"issued_on"}) | {"level": label.wire}
    for step in History(_PLAIN, Level.NONE, tuple(steps)).counted_on(day):
        if step.kind in RELEASING:
            made = _released(stated, step)
        elif step.kind is Kind.RAISED and step.level is not None:
            days = {"classified_on": step.decided_on.isoformat(), **_until(step)}
            made = _without(made, _OF_TERM) | {"level": step.level.wire} | days
        elif step.kind is Kind.LOWERED and step.level is not None:
            made = dict(made) | {"level": step.level.wire} | _until(step)
        elif step.kind is Kind.EXTENDED and step.until is not None:
            earlier = made.get("extensions")
            extension = {"decided_on": step.decided_on.isoformat(), "until": step.until.isoformat()}
            made = dict(made) | {"extensions": [*(earlier if isinstance(earlier, list) else ()), extension]}
    return made


def _released(stated: Mapping[str, object], step: Step) -> Mapping[str, object]:
    """What was no secret when it came is none again; what was one is one that was declassified."""
    if stated.get("level") == Level.NONE.wire:
        return stated
    decision = {"on": step.effective_on.isoformat(), "authority": "recorded step", "relation": "originator"}
    return dict(stated) | {"declassified": decision}


def _until(step: Step) -> dict[str, object]:
    return {} if step.until is None else {"expires_on": step.until.isoformat()}


def _without(stated: Mapping[str, object], members: frozenset[str]) -> dict[str, object]:
    return {name: value for name, value in stated.items() if name not in members}
