"""Succession, codes, scopes and key windows as rules."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.domain.agencies import CodePeriod, Succession, SuccessionKind, closes_a_circle, code_is_free
from services.auth.domain.clients import Client, ClientKey, Scope, scopes_fit
from services.auth.domain.facts import succession_fact
from services.kernel.identifiers import AgencyCode, AgencyId, ClientId
from services.kernel.records import RegistryState

NOW = datetime(2026, 11, 24, tzinfo=UTC)
DAYS = st.dates(date(2020, 1, 1), date(2020, 3, 1))


def agency(number: int) -> AgencyId:
    return AgencyId(UUID(int=number))


def follows(earlier: int, later: int) -> Succession:
    return Succession(agency(earlier), agency(later), SuccessionKind.MERGE, date(2025, 7, 1), "NQ 1659")


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=20))
def test_no_agency_ever_comes_before_itself(pairs: list[tuple[int, int]]) -> None:
    known: list[Succession] = []
    for earlier, later in pairs:
        if not closes_a_circle(agency(earlier), agency(later), known):
            known.append(follows(earlier, later))
    state = RegistryState()
    state.apply({"seq": number, **succession_fact(entry)} for number, entry in enumerate(known, 1))
    for entry in known:
        assert entry.successor not in state.followed_by(entry.predecessor, entry.effective_on)
        assert entry.predecessor in state.followed_by(entry.successor, entry.effective_on)


@given(st.lists(st.tuples(DAYS, st.none() | DAYS), max_size=6), DAYS)
def test_on_no_day_do_two_agencies_hold_one_code(offers: list[tuple[date, date | None]], day: date) -> None:
    held: list[tuple[AgencyId, CodePeriod]] = []
    for number, (start, end) in enumerate(offers):
        period = CodePeriod(AgencyCode("H17.12"), start, end)
        if (end is None or end > start) and code_is_free(period, held):
            held.append((agency(number), period))
    holders = [
        who
        for who, held_for in held
        if held_for.valid_from <= day and (held_for.valid_to is None or day < held_for.valid_to)
    ]
    assert len(holders) <= 1


@given(st.frozensets(st.sampled_from(Scope)), st.none() | st.just("Lan"))
def test_author_and_approver_are_never_one_client_and_officers_have_a_name(
    scopes: frozenset[Scope], officer: str | None
) -> None:
    if scopes_fit(scopes, officer):
        assert scopes
        assert not {Scope.RULE_AUTHOR, Scope.RULE_APPROVER} <= scopes
        assert Scope.SERVICE not in scopes or scopes == {Scope.SERVICE}
        assert officer or not scopes & {Scope.RULE_AUTHOR, Scope.RULE_APPROVER, Scope.INCIDENT_OFFICER}


@pytest.mark.parametrize(
    ("before", "after", "revoked", "usable"),
    [
        (0, None, None, True),
        (-1, 1, None, True),
        (1, None, None, False),
        (-2, 0, None, False),
        (-2, -1, None, False),
        (-2, 2, -1, False),
        (-2, None, 1, False),  # revoked is revoked, whatever the clock of the instance that did it said
    ],
)
def test_a_key_is_good_from_its_beginning_to_just_before_its_end(
    before: int, after: int | None, revoked: int | None, usable: bool
) -> None:
    def at(seconds: int | None) -> datetime | None:
        return None if seconds is None else NOW + timedelta(seconds=seconds)

    key = ClientKey("k", {}, NOW + timedelta(seconds=before), at(after), at(revoked))
    client = Client(ClientId(UUID(int=1)), agency(1), "x", frozenset({Scope.SUBMITTER}), None)
    assert key.is_usable(NOW) is usable
    assert (client.usable_key((key,), "k", NOW) is key) is usable
    assert client.usable_key((key,), "other", NOW) is None
