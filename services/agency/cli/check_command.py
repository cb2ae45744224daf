"""`nopluu check`: every problem of a delivery, on the agency's own machine, before a byte moves.

Source: usability notes B5, B6.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from services.agency.carried_rules import OLD_DAYS, Carried, RuleShelf
from services.agency.cli import findings_view
from services.agency.cli.context import Context, Json, context_of, terminal_for
from services.agency.cli.progress import progress_on
from services.agency.cli.terminal import Terminal
from services.agency.delivery import Delivery
from services.agency.errors import Exit, RejectedError, UsageError
from services.agency.folder import read_folder
from services.agency.gateway import today
from services.agency.looking import look_into
from services.agency.preparing import prepare, read_sheet
from services.agency.profile import Profile
from services.agency.sheets.columns import LAYOUTS
from services.agency.sheets.report import write_report
from services.agency.state import State
from services.kernel.refusals.registry import Text
from services.kernel.secrecy import DeploymentProfile

Source = Annotated[
    Path, typer.Argument(exists=True, help="Mục lục .xlsx, hoặc thư mục có ho-so.json / inventory or described folder")
]
Files = Annotated[
    Path | None, typer.Option("--files", exists=True, file_okay=False, help="Thư mục tệp số hóa / folder of the files")
]
MarksReviewed = Annotated[
    bool,
    typer.Option(
        "--marks-reviewed", help="Đã xem từng trang bị báo, không phải dấu mật / seen each page, no mark of secrecy"
    ),
]
LayoutName = Annotated[str, typer.Option("--layout", help=f"Mẫu mục lục / form: {', '.join(LAYOUTS)}")]


def register(app: typer.Typer) -> None:
    """Add the command to `nopluu`."""
    app.command("check")(check)


def check(
    context: typer.Context,
    source: Source,
    files: Files = None,
    layout: LayoutName = "party-flat",
    report: Annotated[
        Path | None, typer.Option("--report", help="Bản sao mục lục có đánh dấu lỗi (.xlsx) / marked workbook copy")
    ] = None,
    marks_reviewed: MarksReviewed = False,
    json: Json = False,
) -> None:
    """Kiểm tra mọi lỗi của mục lục và tệp, không gửi gì. / Find every problem; nothing is sent."""
    shared = context_of(context)
    terminal = terminal_for(context, json)
    profile = _profile_if_any(shared)
    deliveries = read(source, files, layout, profile)
    deployment = DeploymentProfile(profile.secrecy_profile if profile else DeploymentProfile.OPEN)
    rules = carried(terminal, profile)
    for delivery in deliveries:
        prepare(delivery, deployment=deployment, today=today(), rules=rules)
    look(terminal, deliveries, profile, reviewed=marks_reviewed)
    findings = [finding for delivery in deliveries for finding in delivery.findings]
    findings_view.show(terminal, findings)
    if report is not None:
        if source.is_dir():
            raise UsageError(
                "report-needs-sheet", Text("--report chỉ dùng với mục lục .xlsx", "--report needs an .xlsx")
            )
        write_report(source, findings, report)
    errors = sum(finding.severity == "error" for finding in findings)
    code = Exit.REJECTED if errors else Exit.DONE
    conclude(terminal, deliveries, code)
    raise typer.Exit(code)


def look(terminal: Terminal, deliveries: Sequence[Delivery], profile: Profile | None, *, reviewed: bool) -> None:
    """Look into every file for marks of secrecy; what was looked into before is remembered where there is a profile."""
    with ExitStack() as stack:
        state = None if profile is None else stack.enter_context(closing(State(profile.state)))
        progress = stack.enter_context(progress_on(terminal))
        for delivery in deliveries:
            look_into(delivery, state=state, reviewed=reviewed, observer=progress)


def carried(terminal: Terminal, profile: Profile | None) -> Carried | None:
    """The rules carried from the gateway, with their age told; None, also told, where the baseline has to do."""
    held = None
    if profile is not None:
        try:
            held = RuleShelf(profile.state, profile.rule_keys).held(today())
        except RejectedError as error:
            terminal.note("rules_refused", f"{terminal.pick(error.text)} [{error.code}]", code=error.code)
    if held is None:
        terminal.note(
            "rules_used",
            terminal.words(
                "Xét theo bộ quy tắc gốc của chương trình; lấy bộ đang hiệu lực: nopluu rules fetch",
                "Judged by this program's baseline; fetch the rules in force: nopluu rules fetch",
            ),
            version=None,
        )
        return None
    days = held.age_days(datetime.now(UTC))
    old = days >= OLD_DAYS
    terminal.note(
        "rules_used",
        terminal.words(
            f"Xét theo bộ quy tắc phiên bản {held.version}, lấy về {days} ngày trước"
            + ("; hãy lấy lại: nopluu rules fetch" if old else ""),
            f"Judged by rules version {held.version}, fetched {days} days ago"
            + ("; fetch them again: nopluu rules fetch" if old else ""),
        ),
        version=held.version,
        sha256=held.compiled.bundle.sha256.hex(),
        age_days=days,
        ceiling=held.ceiling(today()).wire,
    )
    return held


def conclude(terminal: Terminal, deliveries: Sequence[Delivery], code: Exit) -> None:
    """The last line of a check."""
    findings = [finding for delivery in deliveries for finding in delivery.findings]
    dossiers = [dossier for delivery in deliveries for dossier in delivery.dossiers]
    documents = sum(len(dossier.documents) for dossier in dossiers)
    files = sum(len(document.files) for dossier in dossiers for document in dossier.documents)
    terminal.data(
        "summary",
        terminal.words(
            f"{len(dossiers)} hồ sơ, {documents} tài liệu, {files} tệp: {findings_view.summary(terminal, findings)}",
            f"{len(dossiers)} dossiers, {documents} documents, {files} files: {findings_view.summary(terminal, findings)}",
        ),
        dossiers=len(dossiers),
        documents=documents,
        files=files,
        errors=sum(finding.severity == "error" for finding in findings),
        warnings=sum(finding.severity == "warning" for finding in findings),
        exit_code=int(code),
    )


def read(source: Path, files: Path | None, layout: str, profile: Profile | None) -> list[Delivery]:
    """The deliveries of a sheet with its folder, or of a described folder.

    Raises:
        UsageError: the folder of a sheet is not given, or there is no such layout.
    """
    fonds, creator = (profile.fonds, profile.creator) if profile else (None, None)
    if source.is_dir():
        return read_folder(source, fonds=fonds, creator=creator)
    if files is None:
        raise UsageError(
            "files-missing",
            Text("Cần --files THƯ-MỤC chứa các tệp của mục lục", "--files FOLDER is needed with an inventory"),
        )
    if layout not in LAYOUTS:
        raise UsageError("layout-unknown", Text(f"Không có mẫu “{layout}”", f"There is no layout “{layout}”"))
    return [read_sheet(source, files, layout=layout, today=today(), fonds=fonds)]


def _profile_if_any(shared: Context) -> Profile | None:
    """A check needs no gateway; but a profile that was asked for, or cannot be trusted, is never passed over."""
    try:
        return shared.profile()
    except UsageError as error:
        if error.code in ("config-missing", "profile-unknown") and shared.profile_name is None:
            return None
        raise
