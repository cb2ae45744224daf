"""What an agency may hand in over the independent LAN, day by day, from decisions that are only added."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.ceilings import Ceiling, ceiling_from_json, ceiling_on
from services.kernel.identifiers import AgencyId
from services.kernel.records import RegistryState
from services.kernel.secrecy import Level

COMMUNE, OTHER = AgencyId(UUID(int=1)), AgencyId(UUID(int=2))
RECORDED = datetime(2026, 1, 5, 3, tzinfo=UTC)


def decision(level: Level, start: str, end: str | None = None, *, recorded: datetime = RECORDED) -> Ceiling:
    return Ceiling(
        level=level,
        valid_from=date.fromisoformat(start),
        valid_to=None if end is None else date.fromisoformat(end),
        number="15/QĐ-CAT",
        decided_on=date(2026, 1, 5),
        authority="Giám đốc Công an tỉnh",
        recorded_at=recorded,
    )


def fact(seq: int, decided: Ceiling, agency: AgencyId = COMMUNE) -> dict[str, object]:
    return {"seq": seq, "type": "agency-ceiling", "agency": str(agency), **decided.as_json()}


def registry(*facts: dict[str, object]) -> RegistryState:
    state = RegistryState()
    state.apply(facts)
    return state


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2026-02-28", Level.NONE),  # the day before the first
        ("2026-03-01", Level.MAT),
        ("2026-03-02", Level.MAT),
        ("2026-12-30", Level.MAT),
        ("2026-12-31", Level.NONE),  # the first day on which it no longer holds
        ("2027-01-01", Level.NONE),
    ],
)
def test_a_decision_holds_from_its_first_day_until_its_end(day: str, expected: Level) -> None:
    decided = [decision(Level.MAT, "2026-03-01", "2026-12-31")]
    assert ceiling_on(decided, date.fromisoformat(day)) is expected
    assert ceiling_on([], date.fromisoformat(day)) is Level.NONE


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2026-05-31", Level.TOI_MAT),
        ("2026-06-01", Level.MAT),  # lowered from this day on
        ("2026-06-30", Level.MAT),
        ("2026-07-01", Level.NONE),  # what was replaced does not come back
        ("2026-08-01", Level.NONE),  # withdrawn
        ("2026-09-01", Level.MAT),
    ],
)
def test_the_latest_first_day_counts_in_whatever_order_decisions_were_recorded(day: str, expected: Level) -> None:
    decided = [
        decision(Level.TOI_MAT, "2026-03-01"),
        decision(Level.MAT, "2026-06-01", "2026-07-01"),
        decision(Level.NONE, "2026-08-01"),
        decision(Level.MAT, "2026-09-01"),
    ]
    for order in (decided, decided[::-1], decided[2:] + decided[:2]):
        assert ceiling_on(order, date.fromisoformat(day)) is expected


def test_of_two_with_one_first_day_the_later_recorded_counts() -> None:
    high, low = decision(Level.TOI_MAT, "2026-03-01"), decision(Level.NONE, "2026-03-01")
    assert ceiling_on([high, low], date(2026, 3, 1)) is Level.NONE
    assert ceiling_on([low, high], date(2026, 3, 1)) is Level.TOI_MAT


def test_what_was_recorded_later_says_nothing_of_what_was_handed_in_before() -> None:
    later = RECORDED + timedelta(days=100)
    decided = [decision(Level.TOI_MAT, "2026-03-01"), decision(Level.NONE, "2026-03-02", recorded=later)]
    day = date(2026, 3, 15)
    assert ceiling_on(decided, day) is Level.NONE
    assert ceiling_on(decided, day, known_at=later - timedelta(seconds=1)) is Level.TOI_MAT
    assert ceiling_on(decided, day, known_at=later) is Level.NONE
    assert ceiling_on(decided, day, known_at=RECORDED - timedelta(seconds=1)) is Level.NONE


def test_top_secret_is_never_a_ceiling() -> None:
    assert ceiling_on([decision(Level.TUYET_MAT, "2026-03-01")], date(2026, 3, 1)) is Level.NONE


def test_nobody_inherits_a_ceiling_and_none_outlives_its_agency() -> None:
    state = registry(
        fact(1, decision(Level.TOI_MAT, "2026-03-01")),
        {
            "seq": 2,
            "type": "succession",
            "from": str(COMMUNE),
            "to": str(OTHER),
            "kind": "merge",
            "effective_on": "2026-07-01",
        },
        {"seq": 3, "type": "agency-ended", "id": str(COMMUNE), "on": "2026-07-01"},
    )
    assert state.followed_by(OTHER, date(2026, 7, 1)) == (OTHER, COMMUNE)
    assert state.ceiling(COMMUNE, date(2026, 6, 30)) is Level.TOI_MAT
    assert state.ceiling(COMMUNE, date(2026, 7, 1)) is Level.NONE
    assert state.ceiling(OTHER, date(2026, 7, 1)) is Level.NONE
    state.apply([fact(4, decision(Level.MAT, "2026-07-01"), OTHER)])
    assert state.ceiling(OTHER, date(2026, 7, 1)) is Level.MAT
    assert state.ceilings(COMMUNE) == (decision(Level.TOI_MAT, "2026-03-01"),)


@pytest.mark.parametrize("member", ["level", "valid_from", "valid_to", "number", "decided_on", "recorded_at"])
def test_a_decision_that_lacks_something_is_no_decision(member: str) -> None:
    broken = dict(decision(Level.MAT, "2026-03-01").as_json())
    del broken[member]
    with pytest.raises(ValueError, match="not a ceiling"):
        ceiling_from_json(broken)


@given(
    st.lists(
        st.builds(
            decision,
            st.sampled_from(list(Level)),
            st.dates(date(2026, 1, 1), date(2026, 2, 1)).map(date.isoformat),
            st.none() | st.dates(date(2026, 2, 2), date(2026, 3, 1)).map(date.isoformat),
        ),
        max_size=5,
    ),
    st.dates(date(2025, 12, 1), date(2026, 4, 1)),
)
def test_a_ceiling_was_decided_and_it_survives_the_wire(decided: list[Ceiling], day: date) -> None:
    found = ceiling_on(decided, day)
    assert found is Level.NONE or any(entry.level is found and entry.valid_from <= day for entry in decided)
    assert [ceiling_from_json(entry.as_json()) for entry in decided] == decided
