"""`nopluu push`: hand over a delivery; the same command resumes after any interruption.

Source: DESIGN 5; usability notes B1-B4, B10.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Final

import typer

from services.agency.carried_rules import Carried
from services.agency.cli import findings_view
from services.agency.cli.check_command import Files, LayoutName, MarksReviewed, Source, carried, conclude, look, read
from services.agency.cli.context import Json, context_of, overall, terminal_for
from services.agency.cli.progress import progress_on
from services.agency.cli.terminal import Terminal, error_members
from services.agency.delivery import Delivery
from services.agency.errors import AgencyError, Exit, RejectedError, UsageError
from services.agency.gateway import Gateway, Outcome, require_sound, today
from services.agency.preparing import prepare
from services.agency.profile import Profile
from services.kernel.layout import PART_SIZES
from services.kernel.refusals.registry import Text
from services.kernel.secrecy import DeploymentProfile

_MIB: Final = 1024 * 1024
_RATE: Final = re.compile(r"(\d+)\s*([kKmM]?)")


def register(app: typer.Typer) -> None:
    """Add the command to `nopluu`."""
    app.command("push")(push)


def push(
    context: typer.Context,
    source: Source,
    files: Files = None,
    layout: LayoutName = "party-flat",
    transfer: Annotated[str | None, typer.Option(help="Mã đợt giao nộp / transfer")] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Bỏ qua hồ sơ có lỗi, gửi phần còn lại / leave out dossiers with errors")
    ] = False,
    marks_reviewed: MarksReviewed = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Chỉ kiểm tra, không gửi / check only")] = False,
    jobs: Annotated[int, typer.Option(min=1, max=32, help="Số phần gửi cùng lúc / parts at once")] = 4,
    part_size: Annotated[int, typer.Option(help="MiB: 1, 2, 4, 8, 16")] = 8,
    limit_rate: Annotated[
        str | None, typer.Option(help="Giới hạn tốc độ, vd. 500k, 2M (byte/giây) / bytes a second")
    ] = None,
    wait: Annotated[int, typer.Option(min=0, help="Giây chờ biên nhận / seconds to wait for each receipt")] = 1800,
    json: Json = False,
) -> None:
    """Nộp hồ sơ; chạy lại đúng lệnh này để tiếp tục. / Hand dossiers over; run it again to resume."""
    shared = context_of(context)
    terminal = terminal_for(context, json)
    profile = shared.profile()
    if part_size * _MIB not in PART_SIZES:
        raise UsageError(
            "part-size-unknown", Text("--part-size là 1, 2, 4, 8 hoặc 16", "--part-size is 1, 2, 4, 8 or 16")
        )
    rate = _rate(limit_rate)
    rules = carried(terminal, profile)
    deliveries = _sound(
        terminal, profile, lambda: read(source, files, layout, profile), rules, partial=partial, reviewed=marks_reviewed
    )
    if not dry_run and (newer := _refreshed(terminal, profile, rules)) is not None:
        # What may not leave becomes a stub by the newest rules: everything is looked at again.
        deliveries = _sound(
            terminal,
            profile,
            lambda: read(source, files, layout, profile),
            newer,
            partial=partial,
            reviewed=marks_reviewed,
        )
    if dry_run:
        conclude(terminal, deliveries, Exit.DONE)
        return
    outcomes: list[Outcome] = []
    with (
        progress_on(terminal) as progress,
        Gateway(
            profile,
            observer=progress,
            language=terminal.language,
            jobs=jobs,
            part_size=part_size * _MIB,
            rate=rate,
            patience=float(wait),
        ) as gateway,
    ):
        for delivery in deliveries:
            for outcome in gateway.push(delivery, partial=partial, transfer=transfer):
                _tell(terminal, outcome)
                outcomes.append(outcome)
                if outcome.error is not None and outcome.error.exit is Exit.IDENTITY:
                    break  # the next dossier would be refused for the same reason
    raise typer.Exit(_conclude(terminal, outcomes, sum(len(delivery.dossiers) for delivery in deliveries)))


def _sound(
    terminal: Terminal,
    profile: Profile,
    source: Callable[[], list[Delivery]],
    rules: Carried | None,
    *,
    partial: bool,
    reviewed: bool,
) -> list[Delivery]:
    """The deliveries, made fit for this deployment by these rules; raises RejectedError where they have errors."""
    deliveries = source()
    for delivery in deliveries:
        prepare(delivery, deployment=DeploymentProfile(profile.secrecy_profile), today=today(), rules=rules)
    look(terminal, deliveries, profile, reviewed=reviewed)
    findings = [finding for delivery in deliveries for finding in delivery.findings]
    findings_view.show(terminal, [finding for finding in findings if finding.severity != "info"])
    for delivery in deliveries:
        require_sound(delivery, partial=partial)
    return deliveries


def _refreshed(terminal: Terminal, profile: Profile, used: Carried | None) -> Carried | None:
    """The gateway's rules and ceilings where they say something else than those used so far; they are carried here, too."""
    with progress_on(terminal) as progress, Gateway(profile, observer=progress, language=terminal.language) as gateway:
        try:
            newer = gateway.fetch_rules()
        except RejectedError as error:
            terminal.note("rules_refused", f"{terminal.pick(error.text)} [{error.code}]", code=error.code)
            return None
    return None if newer.says_as(used) else newer


def _tell(terminal: Terminal, outcome: Outcome) -> None:
    members: dict[str, object] = {
        "label": outcome.label,
        "package": outcome.package,
        "state": outcome.state,
        "receipt": None if outcome.receipt is None else str(outcome.receipt),
        "manifest": None if outcome.manifest is None else str(outcome.manifest),
        "components": outcome.components,
        "bytes": outcome.bytes,
        "stubs": outcome.stubs,
        "error": None if outcome.error is None else error_members(outcome.error),
    }
    if outcome.error is None:
        stubs = terminal.words(f", {outcome.stubs} phiếu thay", f", {outcome.stubs} stubs") if outcome.stubs else ""
        terminal.data(
            "dossier",
            terminal.words(
                f"{outcome.label}: đã nộp, gói {outcome.package}, {outcome.components} tệp{stubs}, biên nhận {outcome.receipt}",
                f"{outcome.label}: deposited, package {outcome.package}, {outcome.components} files{stubs}, receipt {outcome.receipt}",
            ),
            **members,
        )
        return
    terminal.data("dossier", f"{outcome.label}: {_failure(terminal, outcome.error)}", **members)
    findings_view.show(terminal, outcome.findings)


def _failure(terminal: Terminal, error: AgencyError) -> str:
    fix = f" → {terminal.pick(error.fix)}" if error.fix else ""
    return f"{terminal.words('chưa nộp được', 'not deposited')}: {terminal.pick(error.text)} [{error.code}]{fix}"


def _conclude(terminal: Terminal, outcomes: list[Outcome], dossiers: int) -> Exit:
    codes = [Exit.DONE if outcome.error is None else outcome.error.exit for outcome in outcomes]
    code = overall(codes)
    done = [outcome for outcome in outcomes if outcome.error is None]
    if code is Exit.DONE and len(done) < dossiers:
        code = Exit.PARTIAL
    size = sum(outcome.bytes for outcome in done)
    terminal.data(
        "summary",
        terminal.words(
            f"{len(done)}/{dossiers} hồ sơ có biên nhận đã kiểm chứng, {size / _MIB:.1f} MiB",
            f"{len(done)} of {dossiers} dossiers have verified receipts, {size / _MIB:.1f} MiB",
        ),
        dossiers=dossiers,
        receipted=len(done),
        components=sum(outcome.components for outcome in done),
        bytes=size,
        exit_code=int(code),
    )
    return code


def _rate(text: str | None) -> int:
    if text is None:
        return 0
    match = _RATE.fullmatch(text.strip())
    if match is None or not int(match[1]):
        raise UsageError("rate-invalid", Text("--limit-rate như 500k hoặc 2M", "--limit-rate is like 500k or 2M"))
    return int(match[1]) * {"": 1, "k": 1024, "m": _MIB}[match[2].lower()]
