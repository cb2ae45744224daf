"""`nopluu inspection`: the police inspect agencies; `nopluu secrets`: the yearly report and what is overdue.

    nopluu inspection open kiem-tra.json          # the members of the API's InspectionIn
    nopluu inspection step ID --kind found --on 2026-03-10 --violation networked-device --due-on 2026-03-20
    nopluu inspection show ID
    nopluu secrets report 2026 -o bao-cao.xlsx
    nopluu secrets overdue

Source: DESIGN 9 "Inspection".
"""

from __future__ import annotations

import json as json_module
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from services.agency.cli.at_gateway import gateway_for
from services.agency.cli.context import Json, terminal_for
from services.agency.cli.terminal import Terminal
from services.agency.errors import UsageError
from services.kernel.refusals.registry import Text

inspection_app = typer.Typer(no_args_is_help=True, help="Kiểm tra cơ quan / inspections of agencies")
secrets_app = typer.Typer(no_args_is_help=True, help="Báo cáo bí mật nhà nước / reports on state secrets")


def register(app: typer.Typer) -> None:
    """Add the commands to `nopluu`."""
    inspection_app.command("open")(open_)
    inspection_app.command("step")(step)
    inspection_app.command("show")(show)
    app.add_typer(inspection_app, name="inspection")
    secrets_app.command("report")(report)
    secrets_app.command("overdue")(overdue)
    app.add_typer(secrets_app, name="secrets")


def open_(
    context: typer.Context,
    form: Annotated[Path, typer.Argument(help="Biên bản dạng JSON / the inspection as JSON")],
    json: Json = False,
) -> None:
    """Ghi nhận một cuộc kiểm tra đã tiến hành. / Record an inspection that took place."""
    terminal = terminal_for(context, json)
    stated = _read(form)
    with gateway_for(context, terminal) as gateway:
        made = gateway.record("/v1/inspections", stated)
    _tell(terminal, made)


def step(
    context: typer.Context,
    inspection: Annotated[UUID, typer.Argument(help="Mã cuộc kiểm tra / the inspection")],
    kind: Annotated[str, typer.Option(help="found | postponed | remedied | verified | rejected | closed")],
    on: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Ngày / the day")],
    finding: Annotated[int | None, typer.Option(min=1, help="Số phát hiện / the finding's number")] = None,
    violation: Annotated[str | None, typer.Option(help="Loại vi phạm / kind of violation")] = None,
    due_on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Hạn khắc phục / due")] = None,
    remedy: Annotated[str, typer.Option(help="Biện pháp / what is to be done, or was")] = "",
    instrument: Annotated[str, typer.Option(help="Số văn bản / number of the paper")] = "",
    json: Json = False,
) -> None:
    """Ghi nhận phát hiện, khắc phục, xác nhận, kết thúc. / Add a step to an inspection's trail."""
    terminal = terminal_for(context, json)
    stated = {
        "kind": kind,
        "on": on.date().isoformat(),
        "finding": finding,
        "violation": violation,
        "due_on": None if due_on is None else due_on.date().isoformat(),
        "remedy": remedy,
        "instrument": instrument,
    }
    with gateway_for(context, terminal) as gateway:
        made = gateway.record(f"/v1/inspections/{inspection}/steps", stated)
    _tell(terminal, made)


def show(
    context: typer.Context,
    inspection: Annotated[UUID, typer.Argument(help="Mã cuộc kiểm tra / the inspection")],
    json: Json = False,
) -> None:
    """Xem một cuộc kiểm tra. / Show an inspection."""
    terminal = terminal_for(context, json)
    with gateway_for(context, terminal) as gateway:
        found = gateway.look(f"/v1/inspections/{inspection}")
    _tell(terminal, found)


def report(
    context: typer.Context,
    year: Annotated[int, typer.Argument(min=2020, help="Năm báo cáo / year (15/12 – 14/12)")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Tệp xlsx đích / target xlsx")],
    json: Json = False,
) -> None:
    """Báo cáo hằng năm dạng bảng tính để ký và lưu. / The yearly report as a workbook to be signed and filed."""
    terminal = terminal_for(context, json)
    with gateway_for(context, terminal) as gateway:
        data = gateway.document(f"/v1/reports/secrets/{year}/sheet")
    try:
        output.write_bytes(data)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UsageError(
            "not-writable", Text(f"Không ghi được {output}: {reason}", f"Cannot write {output}: {reason}")
        ) from error
    terminal.data("secrets_report", str(output), file=str(output), year=year, size=len(data))


def overdue(context: typer.Context, json: Json = False) -> None:
    """Những việc đã quá hạn. / Everything that is overdue."""
    terminal = terminal_for(context, json)
    with gateway_for(context, terminal) as gateway:
        found = gateway.look("/v1/clocks/overdue")
    for entry in _objects(found, "items"):
        line = f"{entry['due_on']}  {entry['clock']}  {entry['subject']}  {entry['number'] or ''}"
        terminal.data("overdue", line, **entry)


def _read(form: Path) -> Mapping[str, object]:
    try:
        stated = json_module.loads(form.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            "form-unreadable", Text(f"Không đọc được {form} dạng JSON", f"{form} cannot be read as JSON")
        ) from error
    if not isinstance(stated, dict):
        raise UsageError("form-unreadable", Text(f"{form} không phải đối tượng JSON", f"{form} is no JSON object"))
    return stated


def _tell(terminal: Terminal, found: Mapping[str, object]) -> None:
    lines = [f"{found['id']}  {found['opened_on']}"]
    for entry in _objects(found, "findings"):
        state = entry["verified_on"] or entry["remedied_on"] or terminal.words("chưa khắc phục", "not remedied")
        late = terminal.words("  QUÁ HẠN", "  OVERDUE") if entry["overdue"] else ""
        lines.append(f"  {entry['number']}  {entry['violation']}  {entry['due_on']}  {state}{late}")
    terminal.data("inspection", "\n".join(lines), **found)


def _objects(answer: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    entries = answer.get(name)
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
