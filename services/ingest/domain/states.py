"""The life of a package as a table: every state, every event, and nothing else.

The diagram in `services/DESIGN.md` is drawn from this table. A hold is not a state: it stands beside one, on a package
or on a component, and only an officer's decision lifts it.

Source: DESIGN 4 "Package states".
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
    """Where a package stands; the value is the word on the wire and in the database."""

    DECLARED = "declared"
    RECEIVING = "receiving"
    VERIFYING = "verifying"
    SEALED = "sealed"
    INSPECTED = "inspected"
    ACCEPTED = "accepted"
    RETURNED = "returned"
    QUARANTINED = "quarantined"
    EXPELLED = "expelled"
    REFUSED = "refused"
    EXPIRED = "expired"
    ABANDONED = "abandoned"


class Event(StrEnum):
    """What happens to a package."""

    REFUSE = "refuse"
    STORE_PART = "store-part"
    COMPLETE = "complete"
    FAIL_VERIFICATION = "fail-verification"
    SEAL = "seal"
    EXPIRE = "expire"
    ABANDON = "abandon"
    INSPECT = "inspect"
    ACCEPT = "accept"
    RETURN = "return"
    QUARANTINE = "quarantine"
    RELEASE = "release"
    EXPEL = "expel"


_TRANSITIONS: Mapping[tuple[State, Event], State] = MappingProxyType(
    {
        (State.DECLARED, Event.REFUSE): State.REFUSED,
        (State.DECLARED, Event.STORE_PART): State.RECEIVING,
        (State.DECLARED, Event.COMPLETE): State.VERIFYING,  # an empty payload is complete at declaration
        (State.DECLARED, Event.EXPIRE): State.EXPIRED,
        (State.DECLARED, Event.ABANDON): State.ABANDONED,
        (State.RECEIVING, Event.STORE_PART): State.RECEIVING,
        (State.RECEIVING, Event.COMPLETE): State.VERIFYING,
        (State.RECEIVING, Event.EXPIRE): State.EXPIRED,
        (State.RECEIVING, Event.ABANDON): State.ABANDONED,
        (State.VERIFYING, Event.FAIL_VERIFICATION): State.RECEIVING,
        (State.VERIFYING, Event.SEAL): State.SEALED,
        (State.SEALED, Event.INSPECT): State.INSPECTED,
        (State.SEALED, Event.QUARANTINE): State.QUARANTINED,
        (State.QUARANTINED, Event.RELEASE): State.SEALED,
        (State.QUARANTINED, Event.EXPEL): State.EXPELLED,
        # What was never sealed cannot be without what goes, so all of it goes.
        (State.DECLARED, Event.EXPEL): State.EXPELLED,
        (State.RECEIVING, Event.EXPEL): State.EXPELLED,
        (State.VERIFYING, Event.EXPEL): State.EXPELLED,
        (State.INSPECTED, Event.ACCEPT): State.ACCEPTED,
        (State.INSPECTED, Event.RETURN): State.RETURNED,
    }
)

ENDED = frozenset({State.REFUSED, State.EXPIRED, State.ABANDONED, State.RETURNED, State.EXPELLED})
"""After these the same manifest declares anew, under the rules then in force (DESIGN 5.1)."""

TAKES_PARTS = frozenset({State.DECLARED, State.RECEIVING})
HAS_RECEIPT = frozenset({State.SEALED, State.INSPECTED, State.ACCEPTED, State.RETURNED, State.QUARANTINED})
READABLE = frozenset({State.SEALED, State.INSPECTED, State.ACCEPTED, State.RETURNED})


def transition(state: State, event: Event) -> State | None:
    """The state that follows, or None where the event is not possible."""
    return _TRANSITIONS.get((state, event))


def diagram() -> str:
    """The table as Mermaid text, for the documents."""
    lines = ["stateDiagram-v2", "    [*] --> declared"]
    lines += [f"    {state} --> {after}: {event}" for (state, event), after in _TRANSITIONS.items()]
    lines += [f"    {state} --> [*]" for state in State if state in ENDED or state is State.ACCEPTED]
    return "\n".join(lines) + "\n"
