"""Promise: an inspection ends only once the police have verified every remedy; no step of it comes out of turn."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.inspections import VIOLATIONS, Inspection, InspectionStep, StepKind, Violation
from services.ingest.domain.secrets_report import Period
from services.kernel.refusals import Refusal

DAY = date(2026, 3, 10)
TODAY = date(2026, 4, 1)


def step(kind: StepKind, days: int = 0, finding: int | None = None, due: int | None = None) -> InspectionStep:
    """A step so many days after the inspection, its remedy due so many days after that."""
    on = DAY + timedelta(days)
    violation = Violation.NO_REGISTER_ENTRY if kind is StepKind.FOUND else None
    return InspectionStep(kind, on, finding, violation, None if due is None else on + timedelta(due))


OPENED, FOUND = step(StepKind.OPENED), step(StepKind.FOUND, due=10)
REMEDIED, VERIFIED = step(StepKind.REMEDIED, 5, 1), step(StepKind.VERIFIED, 6, 1)

# What stands, what comes, and the code it is refused with ("" where it fits).
STEPS: tuple[tuple[str, tuple[InspectionStep, ...], InspectionStep, str], ...] = (
    ("a finding", (), FOUND, ""),
    ("a finding without a day", (), step(StepKind.FOUND), "inspection-step-unfit"),
    ("a finding without a kind", (), InspectionStep(StepKind.FOUND, DAY, None, None, DAY), "inspection-step-unfit"),
    ("due before it was found", (), step(StepKind.FOUND, due=-1), "inspection-day-invalid"),
    ("before the inspection", (), step(StepKind.FOUND, -1, due=9), "inspection-day-invalid"),
    ("after today", (), step(StepKind.FOUND, 30, due=9), "inspection-day-invalid"),
    ("opened twice", (), OPENED, "inspection-step-unfit"),
    ("a remedy of nothing", (), REMEDIED, "inspection-step-unfit"),
    ("a remedy", (FOUND,), REMEDIED, ""),
    ("a remedy twice", (FOUND, REMEDIED), REMEDIED, "inspection-step-unfit"),
    ("verified before it is remedied", (FOUND,), VERIFIED, "inspection-step-unfit"),
    ("verified", (FOUND, REMEDIED), VERIFIED, ""),
    ("rejected before it is remedied", (FOUND,), step(StepKind.REJECTED, 6, 1), "inspection-step-unfit"),
    ("rejected", (FOUND, REMEDIED), step(StepKind.REJECTED, 6, 1), ""),
    ("remedied again", (FOUND, REMEDIED, step(StepKind.REJECTED, 6, 1)), step(StepKind.REMEDIED, 7, 1), ""),
    ("postponed", (FOUND,), step(StepKind.POSTPONED, 2, 1, 20), ""),
    ("postponed to an earlier day", (FOUND,), step(StepKind.POSTPONED, 2, 1, 3), "inspection-day-invalid"),
    ("postponed without a day", (FOUND,), step(StepKind.POSTPONED, 2, 1), "inspection-day-invalid"),
    ("closed with nothing found", (), step(StepKind.CLOSED, 1), ""),
    ("closed too early", (FOUND, REMEDIED), step(StepKind.CLOSED, 8), "inspection-findings-open"),
    ("closed", (FOUND, REMEDIED, VERIFIED), step(StepKind.CLOSED, 8), ""),
    ("a finding after the end", (step(StepKind.CLOSED, 1),), FOUND, "inspection-step-unfit"),
)


@pytest.mark.parametrize(("standing", "coming", "code"), [row[1:] for row in STEPS], ids=[row[0] for row in STEPS])
def test_steps_in_turn(standing: tuple[InspectionStep, ...], coming: InspectionStep, code: str) -> None:
    inspection = Inspection.of((OPENED, *standing))
    if not code:
        inspection.require(coming, TODAY)
        return
    with pytest.raises(Refusal) as refused:
        inspection.require(coming, TODAY)
    assert refused.value.code == code


def test_a_finding_is_overdue_from_the_day_after_its_last() -> None:
    [found] = Inspection.of((OPENED, FOUND)).findings.values()
    assert not found.is_overdue(found.due_on)
    assert found.is_overdue(found.due_on + timedelta(1))
    [remedied] = Inspection.of((OPENED, FOUND, REMEDIED)).findings.values()
    assert not remedied.is_overdue(TODAY)


def test_a_trail_begins_by_being_opened() -> None:
    with pytest.raises(ValueError, match="begins"):
        Inspection.of((FOUND,))
    with pytest.raises(ValueError, match="begins"):
        Inspection.of(())


@given(st.lists(st.tuples(st.sampled_from(StepKind), st.integers(-2, 30), st.integers(0, 4), st.integers(-2, 30))))
def test_whatever_is_tried_nothing_closes_over_an_unverified_finding(
    tried: list[tuple[StepKind, int, int, int]],
) -> None:
    inspection = Inspection.of((OPENED,))
    for kind, days, finding, due in tried:
        coming = step(kind, days, finding, due if kind in (StepKind.FOUND, StepKind.POSTPONED) else None)
        try:
            inspection.require(coming, TODAY)
        except Refusal:
            continue
        inspection = inspection.after(coming)
    if inspection.closed_on is not None:
        assert all(found.verified_on for found in inspection.findings.values())


def test_every_kind_of_violation_has_its_words() -> None:
    assert set(VIOLATIONS) == set(Violation)


def test_the_report_of_a_year_runs_from_15_december_to_14_december() -> None:
    period = Period.of_year(2026)
    assert [day in period for day in (date(2025, 12, 14), date(2025, 12, 15))] == [False, True]
    assert [day in period for day in (date(2026, 12, 14), date(2026, 12, 15))] == [True, False]
