"""The table of rules on events against the code: every place is there and is called, every test is there."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

from deploy.event_rules import EVENT_RULES, EventRule
from services.ingest.domain import incidents, inspections
from services.kernel.rules.baseline import baseline_rows

ROOT = Path(__file__).parents[2]
RULES = {str(number) for number in range(1, 32)}  # domain notes §3


def used() -> set[str]:
    """Every name that code of the services uses, not merely defines or imports."""
    found: set[str] = set()
    for path in (ROOT / "services").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                found.add(node.id)
            elif isinstance(node, ast.Attribute):
                found.add(node.attr)
    return found


@pytest.fixture(scope="module")
def names() -> set[str]:
    return used()


def test_every_rule_is_a_row_or_an_event() -> None:
    rows = {str(row["id"]).partition(".")[0] for row in baseline_rows()}
    events = {rule.id for rule in EVENT_RULES}
    assert rows | events == RULES
    assert not rows & events
    assert len(EVENT_RULES) == len(events)


@pytest.mark.parametrize("rule", EVENT_RULES, ids=lambda rule: rule.id)
def test_its_place_is_there_and_is_called(rule: EventRule, names: set[str]) -> None:
    assert rule.places
    assert rule.basis
    for place in rule.places:
        module, _, name = place.partition(":")
        assert callable(getattr(importlib.import_module(module), name)), place
        assert name in names, f"{place} is called nowhere"


@pytest.mark.parametrize("rule", EVENT_RULES, ids=lambda rule: rule.id)
def test_its_tests_are_there(rule: EventRule) -> None:
    assert rule.tests
    for test in rule.tests:
        path, _, name = test.partition("::")
        tree = ast.parse((ROOT / path).read_text("utf-8"))
        made = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert name in made, test


def test_incidents_and_inspections_name_rules_that_there_are() -> None:
    assert set(incidents.RULES.values()) <= RULES
    assert set(inspections.RULES.values()) <= RULES
    placed = {rule.id for rule in EVENT_RULES if any("open_incident" in place for place in rule.places)}
    assert placed <= set(incidents.RULES.values())


def test_a_missing_place_would_be_seen(names: set[str]) -> None:
    assert "open_incident" in names
    assert "no_such_function_anywhere" not in names
