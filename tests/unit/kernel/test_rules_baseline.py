"""Every row of the baseline does what its examples say, in two independent CEL engines."""

from __future__ import annotations

from datetime import date
from typing import Any

import cel as second_engine
import pytest
from cel_expr_python import cel
from hypothesis import given, settings

from services.kernel.rules import baseline_bundle, compile_bundle, load_bundle
from services.kernel.rules.baseline import baseline_rows
from services.kernel.rules.compiling import _environment, _matches
from services.kernel.rules.facts import VARIABLES, FactType, Value, facts_of
from services.kernel.rules.model import Rule
from services.kernel.rules.situations import Situation, example
from services.kernel.secrecy import Effect
from tests.unit.kernel.situations import SITUATIONS

BUNDLE = load_bundle(baseline_bundle(1, date(2026, 11, 24)))
ENVIRONMENT = _environment()
FIRST = {rule.id: ENVIRONMENT.compile(rule.cel) for rule in BUNDLE.rules}
SECOND = {rule.id: second_engine.compile(rule.cel) for rule in BUNDLE.rules}
EXAMPLES = [
    pytest.param(rule, value, wanted, id=f"{rule.id}-{'yes' if wanted else 'no'}-{at}")
    for rule in BUNDLE.rules
    for wanted, examples in ((True, rule.positive), (False, rule.negative))
    for at, value in enumerate(examples)
]


def _nested(facts: dict[str, Value]) -> dict[str, Any]:
    """The second engine knows no dotted names: `doc.level` is a member of `doc` there."""
    nested: dict[str, Any] = {}
    for name, value in facts.items():
        space, _, last = name.partition(".")
        nested.setdefault(space, {})[last] = value
    return nested


def _first(rule: Rule, facts: dict[str, Value]) -> bool | None:
    return _matches(FIRST[rule.id], ENVIRONMENT.Activation(facts))


def _second(rule: Rule, facts: dict[str, Value]) -> bool | None:
    try:
        value = SECOND[rule.id].execute(_nested(facts))
    except (ValueError, RuntimeError, TypeError, KeyError):
        return None
    return value if isinstance(value, bool) else None


@pytest.mark.parametrize(("rule", "value", "wanted"), EXAMPLES)
def test_each_example_holds_in_both_engines(rule: Rule, value: dict[str, object], wanted: bool) -> None:
    facts = facts_of(example(value))
    assert _first(rule, facts) is wanted
    assert _second(rule, facts) is wanted


@settings(max_examples=200, deadline=None)
@given(SITUATIONS)
def test_both_engines_agree_on_any_situation_and_no_row_fails(situation: Situation) -> None:
    facts = facts_of(situation)
    for rule in BUNDLE.rules:
        first = _first(rule, facts)
        assert first is not None, rule.id
        assert _second(rule, facts) is first, rule.id


@settings(max_examples=50, deadline=None)
@given(SITUATIONS)
def test_facts_have_their_declared_names_and_types(situation: Situation) -> None:
    facts = facts_of(situation)
    absent = VARIABLES.keys() - facts.keys()
    assert facts.keys() <= VARIABLES.keys()
    assert all(VARIABLES[name] is FactType.DAY for name in absent)
    for name in VARIABLES:
        space, _, last = name.partition(".")
        if f"{space}.has_{last}" in VARIABLES:
            assert facts[f"{space}.has_{last}"] is (name in facts)
    for name, value in facts.items():
        program = ENVIRONMENT.compile(name)
        result = program.eval(ENVIRONMENT.Activation({name: value}))
        assert result.type() == program.return_type() != cel.Type.DYN, name


def test_every_numbered_rule_on_manifests_is_there() -> None:
    numbers = {rule.id.partition(".")[0] for rule in BUNDLE.rules}
    assert numbers == {str(number) for number in [*range(1, 21), 22, 25, 31]}


@pytest.mark.parametrize(
    ("id_", "effect", "report"),
    [
        ("1", Effect.REFUSE, False),
        ("2", Effect.REFUSE, True),
        ("3", Effect.REFUSE, False),
        ("4", Effect.REFUSE, True),
        ("5", Effect.CONDITIONAL, False),
        ("6", Effect.CONDITIONAL, False),
        ("7", Effect.REFUSE, False),
        ("8.2018", Effect.REFUSE, False),
        ("8.2025", Effect.REFUSE, False),
        ("9", Effect.REFUSE, False),
        ("10", Effect.QUARANTINE, False),
        ("11", Effect.REFUSE, True),
        ("12", Effect.QUARANTINE, False),
        ("13", Effect.ADMIT, False),
        ("14", Effect.QUARANTINE, False),
        ("15", Effect.QUARANTINE, False),
        ("16", Effect.QUARANTINE, False),
        ("17", Effect.QUARANTINE, False),
        ("18", Effect.QUARANTINE, False),
        ("19", Effect.QUARANTINE, False),
        ("20", Effect.ADMIT, False),
        ("22", Effect.WITHHOLD, False),
        ("25", Effect.QUARANTINE, False),
        ("31", Effect.QUARANTINE, False),
    ],
)
def test_effects_and_reports_are_those_of_the_rule_set(id_: str, effect: Effect, report: bool) -> None:
    [rule] = [rule for rule in BUNDLE.rules if rule.id == id_]
    assert (rule.effect, rule.report) == (effect, report)


def test_what_is_our_inference_is_not_called_confirmed() -> None:
    for rule in BUNDLE.rules:
        assert not rule.confirmed
        assert rule.basis
        assert rule.condition


def test_the_payload_is_canonical_and_names_itself() -> None:
    assert load_bundle(baseline_bundle(1, date(2026, 11, 24))) == BUNDLE
    assert BUNDLE.sha256 != load_bundle(baseline_bundle(2, date(2026, 11, 24))).sha256
    assert compile_bundle(BUNDLE).bundle is BUNDLE
    assert len(baseline_rows()) == len(BUNDLE.rules)
