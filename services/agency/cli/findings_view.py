"""Showing problems: grouped by kind, worst first; a table on a terminal, one line each elsewhere, JSON for programs.

Source: usability notes B6.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.table import Table
from rich.text import Text as Styled

from services.agency.cli.terminal import Terminal
from services.agency.sheets.findings import Finding, by_code

_STYLES: Final = {"error": "bold red", "warning": "yellow", "info": "cyan"}
_WORDS: Final = {"error": ("lỗi", "error"), "warning": ("cảnh báo", "warning"), "info": ("ghi chú", "note")}
PER_KIND: Final = 50  # rows of one kind in a table; `--report` and `--json` have them all


def show(terminal: Terminal, findings: Sequence[Finding]) -> None:
    """Every finding, for whoever is reading."""
    if terminal.json:
        for finding in findings:
            terminal.data("finding", "", **finding.as_json())
    elif terminal.tables:
        _tables(terminal, findings)
    else:
        for _, group in by_code(findings):
            for finding in group:
                word = terminal.words(*_WORDS[finding.severity])
                terminal.data("finding", f"{finding.place}: {word}: {_said(terminal, finding)} [{finding.code}]")


def summary(terminal: Terminal, findings: Sequence[Finding]) -> str:
    """`2 lỗi, 1 cảnh báo, 3 ghi chú`."""
    counts = {severity: sum(finding.severity == severity for finding in findings) for severity in _WORDS}
    parts = [f"{count} {terminal.words(*_WORDS[severity])}" for severity, count in counts.items()]
    return ", ".join(parts)


def _tables(terminal: Terminal, findings: Sequence[Finding]) -> None:
    console = terminal.console(terminal.out)
    for code, group in by_code(findings):
        severity = group[0].severity
        title = Styled(f"{terminal.words(*_WORDS[severity])} · {code} · {len(group)}", style=_STYLES[severity])
        table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
        table.add_column(terminal.words("Ô", "Cell"), no_wrap=True)
        table.add_column(terminal.words("Vấn đề", "Problem"))
        table.add_column(terminal.words("Cách sửa", "Fix"))
        for finding in group[:PER_KIND]:
            table.add_row(Styled(finding.place), Styled(_said(terminal, finding)), Styled(terminal.pick(finding.fix)))
        console.print(table)
        if len(group) > PER_KIND:
            console.print(terminal.words(f"… và {len(group) - PER_KIND} ô nữa", f"… and {len(group) - PER_KIND} more"))
        console.print()


def _said(terminal: Terminal, finding: Finding) -> str:
    return terminal.pick(finding.message)
