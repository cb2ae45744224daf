"""The decision table: every rule at its boundary dates, with the verdict that the law's text asks for and why.

The expected verdicts in `tests/vectors/rules/decision-table.json` were worked out from the numbered rules by hand-written
cases, never from the engine. Any bundle that claims to be the baseline can be held to it.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kernel.rules import baseline_bundle, compile_bundle, load_bundle
from services.kernel.rules.baseline import baseline_rows
from services.kernel.rules.compiling import CompiledBundle
from services.kernel.rules.model import bundle_payload
from services.kernel.rules.situations import ExampleInvalid, Situation, example
from services.kernel.secrecy import DeploymentProfile, Effect, Level
from tests.unit.kernel.situations import SITUATIONS

TABLE: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "rules" / "decision-table.json").read_text("utf-8")
)
BASELINE = compile_bundle(load_bundle(baseline_bundle(1, date(2026, 11, 24))))


@pytest.mark.parametrize("entry", TABLE, ids=[entry["name"] for entry in TABLE])
def test_the_verdict_is_the_table_s(entry: dict[str, Any]) -> None:
    judgement = BASELINE.judge_situation(example(entry["situation"]))
    assert judgement.effect.wire == entry["effect"], judgement.rules
    assert set(entry["fires"]) <= set(judgement.rules)
    assert set(entry["silent"]).isdisjoint(judgement.rules)
    assert len(judgement.messages) == len(judgement.rules)
    assert all(message.vi and message.en for message in judgement.messages)


def test_every_rule_fires_and_is_silent_somewhere_in_the_table() -> None:
    fires = {rule for entry in TABLE for rule in entry["fires"]}
    silent = {rule for entry in TABLE for rule in entry["silent"]}
    rules = {str(row["id"]) for row in baseline_rows()}
    assert rules - fires == set()
    assert rules - silent == set()


def test_names_are_unique_and_every_case_has_a_reason() -> None:
    assert len({entry["name"] for entry in TABLE}) == len(TABLE) > 200
    assert all(entry["reason"] for entry in TABLE)


MAT, TOI_MAT, TUYET_MAT = "mat", "toi_mat", "tuyet_mat"
OF_EVERY_LEVEL = ("7", "8.2018", "8.2025", "9", "10", "11", "11.unstated", "12", "15", "19", "20", "25", "25.1630")


@pytest.mark.parametrize("level", [MAT, TOI_MAT, TUYET_MAT])
@pytest.mark.parametrize("rule", OF_EVERY_LEVEL)
def test_a_rule_is_about_each_level_that_the_law_names(rule: str, level: str) -> None:
    [examples] = [cast(dict[str, Any], row["examples"]) for row in baseline_rows() if row["id"] == rule]
    fired = []
    for positive in examples["positive"]:
        value = positive | {"secrecy": positive["secrecy"] | {"level": level}}
        fired.append(rule in BASELINE.judge_situation(example(value)).rules)
    assert any(fired)


@pytest.mark.parametrize(
    ("rule", "value"),
    [  # terms are 20 years for tối mật, 30 for tuyệt mật; today is 24 November 2026
        ("16", {"secrecy": {"level": TOI_MAT, "issued_on": "2005-01-01", "classified_on": "2010-01-01"}}),
        ("16", {"secrecy": {"level": TUYET_MAT, "issued_on": "1995-01-01", "classified_on": "2000-01-01"}}),
        ("17", {"secrecy": {"level": TOI_MAT, "classified_on": "2020-01-01", "expires_on": "2040-01-02"}}),
        ("17", {"secrecy": {"level": TUYET_MAT, "classified_on": "2020-01-01", "expires_on": "2050-01-02"}}),
        (
            "18",
            {
                "secrecy": {
                    "level": TOI_MAT,
                    "classified_on": "2000-01-01",
                    "extensions": [{"decided_on": "2019-06-01", "until": "2040-01-02"}],
                }
            },
        ),
        (
            "18",
            {
                "secrecy": {
                    "level": TUYET_MAT,
                    "classified_on": "1990-01-01",
                    "extensions": [{"decided_on": "2019-06-01", "until": "2050-01-02"}],
                }
            },
        ),
        (
            "22.ended",
            {"revealing": True, "secrecy": {"level": TOI_MAT, "classified_on": "2000-01-01", "stub": True}},
        ),
        (
            "22.ended",
            {"beyond_stub": True, "secrecy": {"level": TOI_MAT, "classified_on": "2000-01-01", "stub": True}},
        ),
        (
            "22.ended",
            {"components": 1, "secrecy": {"level": TOI_MAT, "classified_on": "2000-01-01", "stub": True}},
        ),
        ("4", {"components": 1, "secrecy": {"level": MAT, "classified_on": "2026-01-01"}}),
        (
            "4.dossier",
            {
                "dossier": {
                    "revealing": True,
                    "secrecy": {"level": TUYET_MAT, "classified_on": "2026-01-01", "stub": True},
                }
            },
        ),
        ("4.dossier", {"dossier": {"secrecy": {"level": MAT, "classified_on": "2026-01-01"}}}),
    ],
)
def test_a_rule_with_terms_counts_those_of_each_level(rule: str, value: dict[str, Any]) -> None:
    asked = {"today": "2026-11-24", "deployment": "open", "secrecy": {"level": "none"}} | value
    assert rule in BASELINE.judge_situation(example(asked)).rules


@pytest.mark.parametrize(
    "day", ["2020", "2020-05", "2020-00-10", "2020-13-01", "2020-02-30", "2021-02-29", "1799-12-31", "05/2020", ""]
)
def test_a_day_without_its_month_or_that_never_was_is_no_day(day: str) -> None:
    with pytest.raises(ExampleInvalid):
        example({"today": "2026-11-24", "secrecy": {"level": "mat", "issued_on": day}})


UNGUARDED = {
    "id": "failing",
    "basis": [{"text": "x", "article": "1"}],
    "condition": "thử",
    "cel": 'doc.expires_on < timestamp("2026-01-01T00:00:00Z")',
    "effect": "admit",
    "report": False,
    "message": {"vi": "x", "en": "x"},
    "confirmed": False,
    "examples": {
        "positive": [{"today": "2026-01-01", "secrecy": {"level": "mat", "expires_on": "2020-01-01"}}],
        "negative": [{"today": "2026-01-01", "secrecy": {"level": "mat", "expires_on": "2030-01-01"}}],
    },
}


def _alone(*rows: dict[str, Any]) -> CompiledBundle:
    return compile_bundle(load_bundle(bundle_payload(1, date(2026, 1, 1), list(rows))))


FAILING, WITH_FAILING = _alone(UNGUARDED), _alone(*baseline_rows(), UNGUARDED)


@settings(max_examples=200, deadline=None)
@given(SITUATIONS)
def test_no_evaluation_error_ever_admits(situation: Situation) -> None:
    alone, together, without = (bundle.judge_situation(situation) for bundle in (FAILING, WITH_FAILING, BASELINE))
    assert together.effect >= without.effect
    if situation.secrecy.expires_on is None:  # the fact is absent: the row cannot be evaluated
        assert alone.effect >= Effect.QUARANTINE
        assert together.effect >= Effect.QUARANTINE
        assert alone.report
        assert together.report


@settings(max_examples=300, deadline=None)
@given(SITUATIONS)
def test_on_the_lan_what_is_protected_needs_every_condition(situation: Situation) -> None:
    """Rules 7-12: whatever is admitted there while protected has a permission, an entry, a lawful device, few copies."""
    secrecy = situation.secrecy
    if situation.circumstances.deployment is not DeploymentProfile.INDEPENDENT_LAN:
        return
    if secrecy.level in (None, Level.NONE) or secrecy.stub or not secrecy.protected_on(situation.circumstances.today):
        return
    judgement = BASELINE.judge_situation(situation)
    if judgement.effect >= Effect.WITHHOLD:
        return
    assert judgement.effect is Effect.CONDITIONAL
    assert secrecy.level is not Level.TUYET_MAT
    assert secrecy.level <= situation.circumstances.ceiling <= Level.TOI_MAT
    assert secrecy.permission
    assert secrecy.permission_on
    assert secrecy.permission_by
    assert 0 < secrecy.copies_allowed >= secrecy.copies_made
    assert secrecy.register_entry
    assert secrecy.list_item
    assert not secrecy.copying_forbidden
    assert secrecy.capture_network in ("none", "independent_lan")
    assert {"5", "6"} & set(judgement.rules)


@settings(max_examples=200, deadline=None)
@given(SITUATIONS, st.sampled_from(baseline_rows()))
def test_taking_a_row_away_never_strengthens(situation: Situation, row: dict[str, Any]) -> None:
    fewer = FEWER[str(row["id"])].judge_situation(situation)
    assert fewer.effect <= BASELINE.judge_situation(situation).effect


FEWER = {
    str(gone["id"]): _alone(*(row for row in baseline_rows() if row["id"] != gone["id"])) for gone in baseline_rows()
}
