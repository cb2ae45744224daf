"""Every alert is about a metric that the code has, with the labels it has, and its stages are jobs that exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from deploy.alerts import ALERTS, CUSTODY_STAGES, Alert
from services.ingest.adapters.erasures_sql import CUSTODY_JOBS

SERVICES = Path(__file__).parents[2] / "services"


def gauges() -> Mapping[str, frozenset[str]]:
    """The labels of every gauge in the services, by its name, as their calls say it."""
    found: dict[str, frozenset[str]] = {}
    for path in SERVICES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Gauge":
                name = ast.literal_eval(node.args[0])
                labels = node.args[2] if len(node.args) > 2 else ast.Tuple([])
                known = [ast.literal_eval(label) for label in getattr(labels, "elts", [])]
                found[name] = frozenset(known)
    return found


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_is_about_what_is_measured(alert: Alert) -> None:
    (name,) = set(re.findall(r"nopluu_\w+", alert.expr))
    assert name in gauges()
    asked = {label for group in re.findall(r"by \(([^)]*)\)", alert.expr) for label in group.split(", ")}
    asked |= set(re.findall(r"[{,]\s*(\w+)\s*[=!]", alert.expr))
    assert asked - {"instance"} <= gauges()[name]
    assert alert.vi
    assert alert.en
    assert alert.severity in ("critical", "warning")


def test_the_custodians_alert_names_all_of_its_jobs() -> None:
    assert set(CUSTODY_STAGES) == set(CUSTODY_JOBS)
