"""What every test run ends with: which real components took part."""

from __future__ import annotations

import pytest

from tests.support.components import summary

pytest_plugins = ("tests.support.postgres", "tests.support.serving", "tests.support.stack")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what was real in this run and what was not."""
    terminalreporter.section("components")
    for line in summary():
        terminalreporter.write_line(line)
