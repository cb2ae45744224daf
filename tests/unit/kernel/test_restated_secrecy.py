"""What the rules are told of a record that was classified anew after it came in."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from services.kernel.classification import Kind, Step, restated
from services.kernel.secrecy import Level

TODAY = date(2026, 6, 1)
NONE = {"level": "none"}
MAT = {"level": "mat", "classified_on": "2020-02-29", "stub": True}


def step(number: int, kind: Kind, day: date = date(2026, 5, 1), **more: object) -> Step:
    return Step(UUID(int=number), number, kind, day, day, **more)  # type: ignore[arg-type]  # the members of the case


RAISED = step(1, Kind.RAISED, level=Level.TOI_MAT)


@pytest.mark.parametrize(
    ("stated", "label", "steps", "expected"),
    [
        (NONE, Level.NONE, [RAISED], {"level": "toi_mat", "classified_on": "2026-05-01"}),
        (
            MAT | {"expires_on": "2027-01-01", "extensions": []},
            Level.MAT,
            [step(1, Kind.RAISED, level=Level.TOI_MAT, until=date(2030, 1, 1))],
            {"level": "toi_mat", "classified_on": "2026-05-01", "expires_on": "2030-01-01", "stub": True},
        ),
        (
            MAT,
            Level.MAT,
            [step(1, Kind.LOWERED, level=Level.MAT, until=date(2027, 1, 1))],
            MAT | {"expires_on": "2027-01-01"},
        ),
        (
            MAT,
            Level.MAT,
            [step(1, Kind.EXTENDED, until=date(2031, 1, 1))],
            MAT | {"extensions": [{"decided_on": "2026-05-01", "until": "2031-01-01"}]},
        ),
        (
            MAT,
            Level.MAT,
            [step(1, Kind.DELISTED)],
            MAT | {"declassified": {"on": "2026-05-01", "authority": "recorded step", "relation": "originator"}},
        ),
        (NONE, Level.NONE, [RAISED, step(2, Kind.DECLASSIFIED)], NONE),
        (NONE, Level.NONE, [RAISED, step(2, Kind.ANNULLED, annuls=RAISED.id)], NONE),
        (
            NONE,
            Level.NONE,
            [step(1, Kind.DECLASSIFIED), step(2, Kind.RAISED, level=Level.MAT)],
            {"level": "mat", "classified_on": "2026-05-01"},
        ),
        (NONE, Level.MAT, [], {"level": "mat"}),  # an earlier version's step; without a day nothing ends
        (NONE, Level.MAT, [step(1, Kind.DECLASSIFIED)], NONE),
    ],
)
def test_it_states_what_the_steps_have_made_of_it(
    stated: dict[str, object], label: Level, steps: list[Step], expected: dict[str, object]
) -> None:
    before = dict(stated)
    assert restated(stated, label, steps, TODAY) == expected
    assert stated == before


@pytest.mark.parametrize(
    "steps", [[], [step(1, Kind.EXPIRED)], [step(1, Kind.RAISED, date(2026, 6, 2), level=Level.MAT)]]
)
def test_where_nothing_counts_it_is_the_very_same(steps: list[Step]) -> None:
    for stated, label in ((NONE, Level.NONE), (MAT, Level.MAT), ({"level": "bogus"}, Level.TUYET_MAT)):
        assert restated(stated, label, steps, TODAY) is stated
