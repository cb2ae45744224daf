"""Promise: the level on a day follows from dated steps; no decision that is late, too long or not theirs counts."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.classification import (
    Authority,
    History,
    Kind,
    Proof,
    Proposal,
    Relation,
    Step,
    decide,
    due_for_declassification,
    judge_competence,
)
from services.kernel.classification.deciding import notify_by, remarks
from services.kernel.identifiers import AgencyId
from services.kernel.records import RegistryState
from services.kernel.refusals import Refusal
from services.kernel.refusals.classification import AuthorityIncompetent
from services.kernel.secrecy import Extension, Level, Secrecy

NONE, MAT, TOI_MAT, TUYET_MAT = Level
TODAY = date(2026, 11, 24)
DAY = timedelta(days=1)


def secret(level: Level | None = MAT, since: date | None = date(2020, 3, 4), **more: object) -> Secrecy:
    return Secrecy(level=level, classified_on=since, **more)  # type: ignore[arg-type]  # dates and extensions


def history(secrecy: Secrecy | None = None, sealed_as: Level | None = None, *steps: Step) -> History:
    stated = secrecy or secret()
    return History(stated, stated_level(stated) if sealed_as is None else sealed_as, steps)


def stated_level(secrecy: Secrecy) -> Level:
    return TUYET_MAT if secrecy.level is None else secrecy.level


def step(number: int, kind: Kind, on: date, **more: object) -> Step:
    return Step(UUID(int=number), number, kind, on, more.pop("effective_on", on), **more)  # type: ignore[arg-type]


# The record, its steps, a day, the level on it.
LEVELS: Mapping[str, tuple[History, date, Level]] = {
    "last day of ten years": (history(), date(2030, 3, 4), MAT),
    "day after": (history(), date(2030, 3, 5), NONE),
    "from a leap day, 28 February": (history(secret(since=date(2016, 2, 29))), date(2026, 2, 28), MAT),
    "from a leap day, 1 March": (history(secret(since=date(2016, 2, 29))), date(2026, 3, 1), NONE),
    "no date at all": (history(secret(since=None)), date(2199, 1, 1), MAT),
    "level that is no word": (history(secret(None)), date(2100, 1, 1), TUYET_MAT),
    "rule 16: a later issue date": (history(secret(issued_on=date(2021, 1, 1))), date(2030, 12, 31), MAT),
    "rule 16: after both": (history(secret(issued_on=date(2021, 1, 1))), date(2031, 1, 2), NONE),
    "stated, shorter": (history(secret(expires_on=date(2025, 1, 1))), date(2025, 1, 2), NONE),
    "extended in the manifest": (
        history(secret(extensions=(Extension(date(2029, 1, 1), date(2040, 3, 4)),))),
        date(2040, 3, 4),
        MAT,
    ),
    "declassified, the day before": (
        history(None, None, step(1, Kind.DECLASSIFIED, date(2022, 1, 1), effective_on=date(2022, 2, 1))),
        date(2022, 1, 31),
        MAT,
    ),
    "declassified, on the day": (
        history(None, None, step(1, Kind.DECLASSIFIED, date(2022, 1, 1), effective_on=date(2022, 2, 1))),
        date(2022, 2, 1),
        NONE,
    ),
    "extended in time": (
        history(None, None, step(1, Kind.EXTENDED, date(2030, 3, 4), until=date(2040, 3, 4))),
        date(2040, 3, 4),
        MAT,
    ),
    "extended after the end": (
        history(None, None, step(1, Kind.EXTENDED, date(2030, 3, 5), until=date(2040, 3, 4))),
        date(2030, 3, 5),
        NONE,
    ),
    "an extension that arrives after the automatic step": (
        history(
            None,
            None,
            step(1, Kind.EXPIRED, date(2030, 3, 5)),
            step(2, Kind.EXTENDED, date(2030, 1, 1), until=date(2035, 1, 1)),
        ),
        date(2034, 1, 1),
        MAT,
    ),
    "raised: the new level's term from its decision": (
        history(None, None, step(1, Kind.RAISED, date(2025, 6, 1), level=TOI_MAT)),
        date(2045, 6, 1),
        TOI_MAT,
    ),
    "raised: after it": (
        history(None, None, step(1, Kind.RAISED, date(2025, 6, 1), level=TOI_MAT)),
        date(2045, 6, 2),
        NONE,
    ),
    "lowered: the end stays": (
        history(secret(TOI_MAT), None, step(1, Kind.LOWERED, date(2025, 6, 1), level=MAT)),
        date(2040, 3, 4),
        MAT,
    ),
    "a declassification that was taken back": (
        history(
            None,
            None,
            step(1, Kind.DECLASSIFIED, date(2022, 1, 1)),
            step(2, Kind.ANNULLED, date(2023, 1, 1), annuls=UUID(int=1)),
        ),
        date(2023, 1, 1),
        MAT,
    ),
    "and between the two": (
        history(
            None,
            None,
            step(1, Kind.DECLASSIFIED, date(2022, 1, 1)),
            step(2, Kind.ANNULLED, date(2023, 1, 1), annuls=UUID(int=1)),
        ),
        date(2022, 12, 31),
        NONE,
    ),
    "sealed under a label that its manifest does not state": (history(Secrecy(NONE), MAT), date(2199, 1, 1), MAT),
    "and raised, and that taken back": (
        history(
            Secrecy(NONE),
            MAT,
            step(1, Kind.RAISED, date(2025, 1, 1), level=TOI_MAT),
            step(2, Kind.ANNULLED, date(2025, 2, 1), annuls=UUID(int=1)),
        ),
        date(2025, 2, 1),
        MAT,
    ),
    "classified for the first time": (
        history(Secrecy(NONE), NONE, step(1, Kind.RAISED, date(2025, 1, 1), level=MAT)),
        date(2025, 1, 1),
        MAT,
    ),
}


@pytest.mark.parametrize(("record", "day", "level"), LEVELS.values(), ids=LEVELS)
def test_the_level_on_a_day(record: History, day: date, level: Level) -> None:
    assert record.on(day).level is level
    assert record.label_on(day) >= level


# The record, the decision, and the code it is refused with ("" where it becomes a step).
DECISIONS: Mapping[str, tuple[History, Proposal, str]] = {
    "declassified": (history(), Proposal(Kind.DECLASSIFIED, TODAY), ""),
    "delisted, from a later day": (history(), Proposal(Kind.DELISTED, TODAY, TODAY + DAY), ""),
    "decided tomorrow": (history(), Proposal(Kind.DECLASSIFIED, TODAY + DAY), "classification-step-ahead"),
    "in effect before it was decided": (
        history(),
        Proposal(Kind.DECLASSIFIED, TODAY, TODAY - DAY),
        "classification-step-ahead",
    ),
    "raised from tomorrow on": (
        history(),
        Proposal(Kind.RAISED, TODAY, TODAY + DAY, TOI_MAT, list_item="1"),
        "classification-step-ahead",
    ),
    "no secret": (history(Secrecy(NONE)), Proposal(Kind.DECLASSIFIED, TODAY), "classification-unchanged"),
    "extended by a base term": (history(), Proposal(Kind.EXTENDED, TODAY, until=date(2040, 3, 4)), ""),
    "extended by a day more": (
        history(),
        Proposal(Kind.EXTENDED, TODAY, until=date(2040, 3, 5)),
        "classification-extension-too-long",
    ),
    "extended on the last day": (
        history(secret(since=date(2016, 11, 24))),
        Proposal(Kind.EXTENDED, TODAY, until=date(2030, 1, 1)),
        "",
    ),
    "extended the day after": (
        history(secret(since=date(2016, 11, 23))),
        Proposal(Kind.EXTENDED, TODAY, until=date(2030, 1, 1)),
        "classification-extension-late",
    ),
    "extended to what it is": (
        history(),
        Proposal(Kind.EXTENDED, TODAY, until=date(2030, 3, 4)),
        "classification-unchanged",
    ),
    "extended without an end": (history(), Proposal(Kind.EXTENDED, TODAY), "classification-unchanged"),
    "extended, end unknown": (
        history(secret(since=None)),
        Proposal(Kind.EXTENDED, TODAY, until=date(2030, 1, 1)),
        "classification-term-unknown",
    ),
    "raised": (history(), Proposal(Kind.RAISED, TODAY, level=TOI_MAT, list_item="II.3"), ""),
    "raised without a list": (
        history(),
        Proposal(Kind.RAISED, TODAY, level=TOI_MAT),
        "classification-list-item-missing",
    ),
    "raised to what it is": (
        history(),
        Proposal(Kind.RAISED, TODAY, level=MAT, list_item="II.3"),
        "classification-unchanged",
    ),
    "raised for longer than the base term": (
        history(),
        Proposal(Kind.RAISED, TODAY, level=TOI_MAT, until=date(2046, 11, 25), list_item="II.3"),
        "classification-term-too-long",
    ),
    "lowered": (history(secret(TOI_MAT)), Proposal(Kind.LOWERED, TODAY, level=MAT), ""),
    "lowered to none": (
        history(secret(TOI_MAT)),
        Proposal(Kind.LOWERED, TODAY, level=NONE),
        "classification-unchanged",
    ),
    "lowered upwards": (history(), Proposal(Kind.LOWERED, TODAY, level=TOI_MAT), "classification-unchanged"),
    "annulled, no such step": (
        history(),
        Proposal(Kind.ANNULLED, TODAY, annuls=UUID(int=9)),
        "classification-annulled-step-unfit",
    ),
    "annulled, the automatic one": (
        history(secret(since=date(2010, 1, 1)), MAT, step(1, Kind.EXPIRED, date(2020, 1, 2))),
        Proposal(Kind.ANNULLED, TODAY, annuls=UUID(int=1)),
        "classification-annulled-step-unfit",
    ),
    "annulled": (
        history(None, None, step(1, Kind.DECLASSIFIED, date(2022, 1, 1))),
        Proposal(Kind.ANNULLED, TODAY, annuls=UUID(int=1)),
        "",
    ),
}


@pytest.mark.parametrize(("record", "proposal", "code"), DECISIONS.values(), ids=DECISIONS)
def test_what_becomes_a_step(record: History, proposal: Proposal, code: str) -> None:
    if not code:
        assert decide(record, proposal, id_=uuid4(), today=TODAY).number == len(record.steps) + 1
        return
    with pytest.raises(Refusal) as refused:
        decide(record, proposal, id_=uuid4(), today=TODAY)
    assert refused.value.code == code


def test_clocks_of_law() -> None:
    late = step(1, Kind.EXTENDED, date(2030, 1, 4), until=date(2035, 1, 1))
    assert list(remarks(history(), late)) == ["extension-under-60-days"]
    assert list(remarks(history(), step(1, Kind.EXTENDED, date(2030, 1, 3), until=date(2035, 1, 1)))) == []
    assert notify_by(late) == date(2030, 1, 19)
    assert notify_by(step(1, Kind.DECLASSIFIED, TODAY)) is None


def test_the_automatic_step_falls_due_on_the_first_day_without_protection() -> None:
    assert due_for_declassification(history(), date(2030, 3, 4)) is None
    assert due_for_declassification(history(), date(2030, 3, 5)) == date(2030, 3, 5)
    assert due_for_declassification(history(secret(since=None)), date(2199, 1, 1)) is None  # unknown is unexpired
    assert due_for_declassification(history(secret(TUYET_MAT, date(1980, 1, 1))), TODAY) is None  # rule 14
    done = history(None, None, step(1, Kind.EXPIRED, date(2030, 3, 5)))
    assert due_for_declassification(done, date(2030, 3, 6)) is None
    assert done.label_on(date(2030, 3, 6)) is NONE
    assert history().label_on(date(2030, 3, 6)) is MAT  # until it is recorded


OLD, NEW, PART, OTHER = (AgencyId(UUID(int=number)) for number in (1, 2, 3, 4))
MERGED = date(2025, 7, 1)


def registry() -> RegistryState:
    """OLD was merged into NEW on 1/7/2025, after PART had been detached from it."""
    facts: list[dict[str, object]] = [
        {"type": "agency", "id": str(agency), "code": f"H47.{agency.int}", "valid_from": "1990-01-01"}
        for agency in (OLD, NEW, PART, OTHER)
    ]
    facts += [
        {"type": "succession", "from": str(OLD), "to": str(NEW), "kind": "merge", "effective_on": MERGED.isoformat()},
        {"type": "succession", "from": str(OLD), "to": str(PART), "kind": "detach", "effective_on": "2021-01-01"},
        {"type": "agency-ended", "id": str(OLD), "on": MERGED.isoformat()},
    ]
    state = RegistryState()
    state.apply({"seq": number, **fact} for number, fact in enumerate(facts, 1))
    return state


# Who decides, as what, which step, on which day: what it rests on, or None where it could not.
COMPETENCE: tuple[tuple[AgencyId | None, Relation, Kind, date, Proof | None], ...] = (
    (OLD, Relation.ORIGINATOR, Kind.DECLASSIFIED, MERGED - DAY, Proof.REGISTRY),
    (OLD, Relation.ORIGINATOR, Kind.DECLASSIFIED, MERGED, None),
    (NEW, Relation.SUCCESSOR, Kind.EXTENDED, MERGED - DAY, None),
    (NEW, Relation.SUCCESSOR, Kind.EXTENDED, MERGED, Proof.REGISTRY),
    (PART, Relation.SUCCESSOR, Kind.LOWERED, MERGED, None),
    (OTHER, Relation.SUCCESSOR, Kind.LOWERED, MERGED, None),
    (OLD, Relation.SUCCESSOR, Kind.LOWERED, MERGED - DAY, None),
    (OTHER, Relation.ORIGINATOR, Kind.RAISED, MERGED, Proof.ATTESTED),
    (None, Relation.ORIGINATOR, Kind.RAISED, MERGED, Proof.ATTESTED),
    (None, Relation.SUPERIOR, Kind.DECLASSIFIED, MERGED, Proof.ATTESTED),
    (OTHER, Relation.SUPERIOR, Kind.DECLASSIFIED, MERGED, Proof.ATTESTED),
    (OLD, Relation.SUPERIOR, Kind.DECLASSIFIED, MERGED - DAY, None),
    (None, Relation.SUPERIOR, Kind.EXTENDED, MERGED, None),
    (None, Relation.SUPERIOR, Kind.DECLASSIFIED, date(2020, 6, 30), None),
    (None, Relation.ARCHIVES_ADMINISTRATION, Kind.DECLASSIFIED, MERGED - DAY, None),
    (None, Relation.ARCHIVES_ADMINISTRATION, Kind.DECLASSIFIED, MERGED, Proof.ATTESTED),
    (OTHER, Relation.ARCHIVES_ADMINISTRATION, Kind.DELISTED, MERGED, Proof.ATTESTED),
    (OTHER, Relation.ARCHIVES_ADMINISTRATION, Kind.LOWERED, MERGED, None),
)


@pytest.mark.parametrize(("agency", "relation", "kind", "day", "proof"), COMPETENCE)
def test_who_is_competent(
    agency: AgencyId | None, relation: Relation, kind: Kind, day: date, proof: Proof | None
) -> None:
    authority = Authority("Cơ quan", relation, agency)
    if proof is None:
        with pytest.raises(AuthorityIncompetent):
            judge_competence(kind, authority, day, body=OLD, registry=registry())
    else:
        assert judge_competence(kind, authority, day, body=OLD, registry=registry()) is proof


def test_the_archives_administration_decides_only_for_a_body_that_is_no_more() -> None:
    with pytest.raises(AuthorityIncompetent):
        judge_competence(
            Kind.DECLASSIFIED,
            Authority("Sở Nội vụ", Relation.ARCHIVES_ADMINISTRATION),
            MERGED,
            body=OTHER,
            registry=registry(),
        )


DAYS = st.dates(date(2000, 1, 1), date(2060, 12, 31))
PROPOSALS = st.builds(
    Proposal,
    kind=st.sampled_from([kind for kind in Kind if kind is not Kind.EXPIRED]),
    decided_on=DAYS,
    effective_on=st.none() | DAYS,
    level=st.none() | st.sampled_from(Level),
    until=st.none() | DAYS,
    list_item=st.sampled_from(["", "II.3"]),
)
RECORDS = st.builds(
    Secrecy,
    level=st.none() | st.sampled_from(Level),
    issued_on=st.none() | DAYS,
    classified_on=st.none() | DAYS,
    expires_on=st.none() | DAYS,
)


@dataclass
class Life:
    """A record as the gateway keeps it: steps as they become possible, the automatic one on its day."""

    record: History
    labels: list[tuple[date, Level]] = field(default_factory=list)

    def live(self, day: date, proposal: Proposal, annuls: int) -> None:
        if (due := due_for_declassification(self.record, day)) is not None:
            self._add(Step(uuid4(), len(self.record.steps) + 1, Kind.EXPIRED, due, due))
        steps = self.record.steps
        target = steps[annuls % len(steps)].id if steps and proposal.kind is Kind.ANNULLED else None
        with suppress(Refusal):
            self._add(decide(self.record, replace(proposal, annuls=target), id_=uuid4(), today=day))
        self.labels.append((day, self.record.label_on(day)))

    def _add(self, made: Step) -> None:
        self.record = self.record.with_step(made)


@given(RECORDS, st.lists(st.tuples(DAYS, PROPOSALS, st.integers(0, 5)), max_size=12), DAYS)
def test_no_sequence_of_steps_lets_a_label_fall_below_the_level(
    secrecy: Secrecy, decisions: list[tuple[date, Proposal, int]], asked: date
) -> None:
    """Whatever is decided, in whatever order it arrives: on each day the label is at least the level of that day."""
    sealed_as = stated_level(secrecy) if secrecy.level is not NONE and secrecy.protected_on(date(2000, 1, 1)) else NONE
    life = Life(History(secrecy, sealed_as))
    for day, proposal, annuls in sorted(decisions, key=lambda entry: entry[0]):
        life.live(day, proposal, annuls)
        assert life.record.label_on(day) >= life.record.on(day).level
        # A label that was told on this day holds on the days that follow, until somebody looks again.
        told, later = life.record.label_on(day), max(day, asked)
        assert told >= life.record.on(later).level


@given(RECORDS, st.sampled_from(Level), st.lists(st.tuples(DAYS, PROPOSALS, st.integers(0, 5)), max_size=12))
def test_a_label_is_taken_away_only_by_what_takes_labels_away(
    secrecy: Secrecy, sealed_as: Level, decisions: list[tuple[date, Proposal, int]]
) -> None:
    """Extending, raising and taking back never leave a record less secret than it was sealed."""
    harmless = {Kind.EXTENDED, Kind.RAISED, Kind.ANNULLED}
    life = Life(History(secrecy, sealed_as))
    for day, proposal, annuls in sorted(decisions, key=lambda entry: entry[0]):
        life.live(day, proposal, annuls)
        if all(made.kind in harmless for made in life.record.steps):
            ended = any(made.kind is Kind.RAISED and made.until is not None for made in life.record.steps)
            assert ended or life.record.label_on(day) >= sealed_as


@given(RECORDS, st.lists(st.tuples(DAYS, PROPOSALS, st.integers(0, 5)), max_size=12))
def test_only_a_step_takes_a_label_away(secrecy: Secrecy, decisions: list[tuple[date, Proposal, int]]) -> None:
    life = Life(History(secrecy, stated_level(secrecy)))
    for day, proposal, annuls in sorted(decisions, key=lambda entry: entry[0]):
        before, count = life.record.label_on(day), len(life.record.steps)
        life.live(day, proposal, annuls)
        if len(life.record.steps) == count:
            assert life.record.label_on(day) is before
