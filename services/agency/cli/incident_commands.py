"""`nopluu incidents`: an officer holds what is secret, two officers decide, the trail is shown and filed.

    nopluu incidents open PACKAGE --document 3 --kind secret-content
    nopluu incidents list --overdue
    nopluu incidents show INCIDENT --report report.html
    nopluu incidents propose INCIDENT --decision expel --due 2026-12-01
    nopluu incidents confirm INCIDENT --step 2                  # another officer, at another machine
    nopluu incidents done INCIDENT --what report-police --instrument 15/BC-CAT
    nopluu incidents close INCIDENT

Source: DESIGN 9 "incident"; DECISION-0020.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from services.agency.cli.context import Json, context_of, terminal_for
from services.agency.cli.progress import Shown, progress_on
from services.agency.cli.terminal import Terminal
from services.agency.incidents import Incidents
from services.agency.profile import write_private

incidents_app = typer.Typer(no_args_is_help=True, help="Vụ việc lộ bí mật nhà nước / Incidents of secret content")
Which = Annotated[UUID, typer.Argument(help="Mã vụ việc / the incident")]
Instrument = Annotated[str | None, typer.Option(help="Số, ký hiệu văn bản / number of the paper, e.g. 12/QĐ-CAT")]


def register(app: typer.Typer) -> None:
    """Add the commands to `nopluu`."""
    incidents_app.command("list")(list_)
    incidents_app.command("show")(show)
    incidents_app.command("open")(open_)
    incidents_app.command("propose")(propose)
    incidents_app.command("confirm")(confirm)
    incidents_app.command("done")(done)
    incidents_app.command("close")(close)
    app.add_typer(incidents_app, name="incidents")


def list_(
    context: typer.Context,
    state: Annotated[str | None, typer.Option(help="open | proposed | decided | closed")] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Chỉ vụ việc quá hạn / only overdue ones")] = False,
    json: Json = False,
) -> None:
    """Danh sách vụ việc. / List the incidents."""
    terminal = terminal_for(context, json)
    stated = {"state": state, "overdue": "true" if overdue else None}
    filters = {name: value for name, value in stated.items() if value is not None}
    with progress_on(terminal) as progress, _incidents(context, terminal, progress) as incidents:
        for entry in incidents.each(**filters):
            terminal.data("incident", _line(entry), **entry)


def show(
    context: typer.Context,
    incident: Which,
    report: Annotated[Path | None, typer.Option(help="Ghi báo cáo .html để lưu hồ sơ / write the page to file")] = None,
    json: Json = False,
) -> None:
    """Một vụ việc với mọi bước và thời hạn. / One incident with its steps and time limits."""
    terminal = terminal_for(context, json)
    with progress_on(terminal) as progress, _incidents(context, terminal, progress) as incidents:
        _tell(terminal, incidents.one(incident))
        if report is not None:
            write_private(report.absolute(), incidents.report(incident))
            terminal.data("report", str(report), file=str(report))


def open_(
    context: typer.Context,
    package: Annotated[UUID, typer.Argument(help="Gói nộp / the package")],
    kind: Annotated[str, typer.Option(help="Loại, ví dụ secret-content, stamp-found, leak / what was found")],
    document: Annotated[
        int | None, typer.Option(min=1, help="Văn bản thứ mấy, từ 1; bỏ trống: cả gói / from 1; without: all of it")
    ] = None,
    component: Annotated[UUID | None, typer.Option(help="Mã tệp / the component")] = None,
    json: Json = False,
) -> None:
    """Mở vụ việc và niêm phong ngay. / Open an incident; the item is held at once."""
    terminal = terminal_for(context, json)
    target: dict[str, object] = {"package": str(package), "kind": kind}
    if document is not None:
        target["document"] = document - 1
    if component is not None:
        target["component"] = str(component)
    with progress_on(terminal) as progress, _incidents(context, terminal, progress) as incidents:
        _tell(terminal, incidents.open(target))


def propose(
    context: typer.Context,
    incident: Which,
    decision: Annotated[str, typer.Option(help="release | declassified-elsewhere | expel | correct-level")],
    instrument: Instrument = None,
    level: Annotated[str | None, typer.Option(help="none | mat | toi_mat | tuyet_mat")] = None,
    due: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Hạn thực hiện / by when")] = None,
    json: Json = False,
) -> None:
    """Đề xuất quyết định; cán bộ khác xác nhận. / Propose a decision; another officer confirms."""
    terminal = terminal_for(context, json)
    stated = {
        "decision": decision,
        "instrument": instrument,
        "level": level,
        "due_on": None if due is None else due.date().isoformat(),
    }
    facts = {name: value for name, value in stated.items() if value is not None}
    with progress_on(terminal) as progress, _incidents(context, terminal, progress) as incidents:
        step = incidents.step(incident, "proposals", facts).get("step")
    line = terminal.words(
        f"bước {step}; cán bộ khác chạy: nopluu incidents confirm {incident} --step {step}",
        f"step {step}; another officer runs: nopluu incidents confirm {incident} --step {step}",
    )
    terminal.data("incident_proposed", line, incident=str(incident), step=step)


def confirm(
    context: typer.Context,
    incident: Which,
    step: Annotated[int, typer.Option(min=1, help="Số bước của đề xuất / the proposal's step")],
    json: Json = False,
) -> None:
    """Xác nhận đề xuất của cán bộ khác. / Confirm another officer's proposal."""
    _take(context, json, incident, "confirmation", {"step": step})


def done(
    context: typer.Context,
    incident: Which,
    what: Annotated[str, typer.Option(help="Tên việc trong danh sách thời hạn / its name among the time limits")],
    instrument: Instrument = None,
    json: Json = False,
) -> None:
    """Ghi một việc đã làm xong. / Record that something was done."""
    facts = {"what": what} | ({} if instrument is None else {"instrument": instrument})
    _take(context, json, incident, "done", facts)


def close(context: typer.Context, incident: Which, json: Json = False) -> None:
    """Kết thúc vụ việc. / Close the incident."""
    _take(context, json, incident, "closure", {})


def _take(context: typer.Context, json: bool, incident: UUID, kind: str, facts: Mapping[str, object]) -> None:
    terminal = terminal_for(context, json)
    with progress_on(terminal) as progress, _incidents(context, terminal, progress) as incidents:
        _tell(terminal, incidents.step(incident, kind, facts))


def _incidents(context: typer.Context, terminal: Terminal, observer: Shown) -> Incidents:
    return Incidents(context_of(context).profile(), observer=observer, language=terminal.language)


def _tell(terminal: Terminal, incident: Mapping[str, object]) -> None:
    lines = [_line(incident)]
    hidden = incident.get("hidden_at")
    if hidden is not None:
        lines.append(terminal.words(f"  đã ẩn khắp nơi lúc {hidden}", f"  hidden everywhere at {hidden}"))
    elif incident.get("held"):
        lines.append(
            terminal.words("  đã niêm phong; chờ mục lục xác nhận", "  held; the catalog has not confirmed yet")
        )
    for clock in _entries(incident, "clocks"):
        what = clock.get("what")
        words = what.get(terminal.language, "") if isinstance(what, dict) else ""
        met = clock.get("met_at") or terminal.words("chưa xong", "not done")
        lines.append(f"  {clock.get('due_on')}  {clock.get('kind')}: {words} ({met})")
    lines += [
        f"  {step.get('number')}. {step.get('kind')}  {step.get('at')}  {step.get('officer') or ''}"
        for step in _entries(incident, "steps")
    ]
    terminal.data("incident", "\n".join(lines), **incident)


def _line(entry: Mapping[str, object]) -> str:
    document = entry.get("document")
    where = f"#{document + 1}" if isinstance(document, int) else "*"
    decision = entry.get("decision") or ""
    return f"{entry.get('incident')}  {entry.get('state')}  {entry.get('kind')}  {entry.get('package')} {where}  {decision}"


def _entries(value: Mapping[str, object], name: str) -> list[dict[str, object]]:
    entries = value.get(name)
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
