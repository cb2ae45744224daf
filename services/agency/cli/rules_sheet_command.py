"""`nopluu rules export | import`: the rules as a workbook for officers, and back, without loss.

Source: DESIGN 9; DECISION-0019.
"""

from __future__ import annotations

import typer

from services.agency import rule_bundles
from services.agency.cli.context import Json, terminal_for
from services.agency.cli.rules_files import Output, RulesFile, tell_faults, write
from services.agency.errors import AgencyError


def register(app: typer.Typer) -> None:
    """Add the commands to `nopluu rules`."""
    app.command("export")(export)
    app.command("import")(import_)


def export(context: typer.Context, rules: RulesFile, output: Output, json: Json = False) -> None:
    """Ghi bộ quy tắc ra bảng tính để cán bộ đọc và sửa. / Write the rules as a workbook."""
    terminal = terminal_for(context, json)
    read = rule_bundles.read(rules)
    write(output, rule_bundles.export(read))
    rows = len(read.bundle.rules)
    terminal.data(
        "rules_exported",
        terminal.words(f"{output}: {rows} quy tắc", f"{output}: {rows} rules"),
        file=str(output),
        rules=rows,
        sha256=read.bundle.sha256.hex(),
    )


def import_(context: typer.Context, rules: RulesFile, output: Output, json: Json = False) -> None:
    """Đọc bảng tính thành bản thảo để ký. / Read a workbook into a draft that can be signed."""
    terminal = terminal_for(context, json)
    try:
        read = rule_bundles.read(rules)
    except AgencyError as error:
        tell_faults(terminal, error)
        raise
    write(output, rule_bundles.editable(read))
    rows = len(read.bundle.rules)
    terminal.data(
        "rules_imported",
        terminal.words(f"{output}: {rows} quy tắc", f"{output}: {rows} rules"),
        file=str(output),
        rules=rows,
        sha256=read.bundle.sha256.hex(),
    )
