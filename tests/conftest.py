"""What every test run ends with: which real components took part."""

from __future__ import annotations

import gc

import pytest
from hypothesis import HealthCheck, settings

from tests.support.components import summary

# A machine under load is no failure: no property is about how long an example took to draw or to run.
settings.register_profile("nopluu", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("nopluu")

pytest_plugins = ("tests.support.postgres", "tests.support.serving", "tests.support.stack")


def pytest_sessionfinish() -> None:
    """Collect what cancelled database work left behind before the summary is made.

    A suspended greenlet that is collected while CPython 3.11 parses source, as pytest does to show a failure, makes
    that parsing fail with a SystemError.
    """
    gc.collect()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what was real in this run and what was not."""
    terminalreporter.section("components")
    for line in summary():
        terminalreporter.write_line(line)
