"""How secret a record an agency may hand in over the independent LAN, as dated decisions of the police.

Decisions are only added. The one with the latest first day that has come counts, of two with one first day the later
recorded; when it ends nothing of what it replaced comes back, and without a decision the ceiling is `none`. Top secret
is never a ceiling. A decision counts from when it was recorded: what was handed in before stays judged as it was.

Source: DECISION-0024; DESIGN 9.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from services.kernel.canonical import parse_rfc3339, rfc3339
from services.kernel.secrecy import Level

MOST: Final = Level.TOI_MAT
"""The highest ceiling there is: Tuyệt mật is not digitised at all (letter 1479/BCA-ANCTNB)."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """One decision: its number, day and authority, what it allows, from which day until (not including) which."""

    level: Level
    valid_from: date
    valid_to: date | None
    number: str
    decided_on: date
    authority: str
    recorded_at: datetime

    def as_json(self) -> dict[str, object]:
        """Its members on the wire."""
        return {
            "level": self.level.wire,
            "valid_from": self.valid_from.isoformat(),
            "valid_to": None if self.valid_to is None else self.valid_to.isoformat(),
            "number": self.number,
            "decided_on": self.decided_on.isoformat(),
            "authority": self.authority,
            "recorded_at": rfc3339(self.recorded_at),
        }


def ceiling_from_json(value: Mapping[str, object]) -> Ceiling:
    """The decision that `as_json` wrote.

    Raises:
        ValueError: it is not of that form.
    """
    match value:
        case {
            "level": str(level),
            "valid_from": str(start),
            "valid_to": str() | None as end,
            "number": str(number),
            "decided_on": str(decided),
            "authority": str(authority),
            "recorded_at": str(recorded),
        }:
            return Ceiling(
                level=Level.from_wire(level),
                valid_from=date.fromisoformat(start),
                valid_to=None if end is None else date.fromisoformat(end),
                number=number,
                decided_on=date.fromisoformat(decided),
                authority=authority,
                recorded_at=parse_rfc3339(recorded),
            )
    raise ValueError("not a ceiling")


def ceiling_on(decisions: Iterable[Ceiling], day: date, *, known_at: datetime | None = None) -> Level:
    """The ceiling of a day by decisions in the order of their recording; those recorded after `known_at` say nothing."""
    begun = [
        (decision.valid_from, number, decision)
        for number, decision in enumerate(decisions)
        if decision.valid_from <= day and (known_at is None or decision.recorded_at <= known_at)
    ]
    if not begun:
        return Level.NONE
    counting = max(begun)[-1]
    ended = counting.valid_to is not None and counting.valid_to <= day
    return Level.NONE if ended or counting.level > MOST else counting.level
