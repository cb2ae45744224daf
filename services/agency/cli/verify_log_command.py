"""`nopluu verify-log`: prove offline that a log was only added to, and that a database export is that log.

Exit 0 true, 1 something differs, 2 usage or unreadable.

Source: FORMATS "`nopluu verify-log`".
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.agency.cli.context import Json, terminal_for
from services.agency.errors import Exit
from services.agency.verification.checking import read_keys
from services.agency.verification.log import verify_log
from services.agency.verification.outcome import Failed
from services.kernel.tlog.audit_words import report, told


def register(app: typer.Typer) -> None:
    """Add the command to `nopluu`."""
    app.command("verify-log")(verify_log_command)


def verify_log_command(
    context: typer.Context,
    place: Annotated[
        Path, typer.Argument(help="Thư mục nhật ký đã xuất, điểm kiểm hoặc bằng chứng / exported log, checkpoint or proof")
    ],
    keys: Annotated[Path, typer.Option("--keys", help="Tệp khóa công khai / public keys, C2SP vkeys")],
    earlier: Annotated[
        list[Path] | None,
        typer.Option("--earlier", help="Điểm kiểm hoặc biên nhận cũ hơn (lặp lại được) / earlier checkpoint or receipt"),
    ] = None,
    witnesses: Annotated[
        int, typer.Option("--witnesses", min=0, help="Số nhân chứng phải có / witnesses demanded")
    ] = 0,
    json: Json = False,
) -> None:  # fmt: skip
    """Kiểm chứng nhật ký, không cần mạng. / Verify a log without the network."""
    terminal = terminal_for(context, json)
    try:
        proved = verify_log(place, read_keys(keys), earlier or [])
        if not proved.faults and proved.witnesses < witnesses:
            raise Failed("witnesses-missing", f"{proved.witnesses} < {witnesses}")
    except Failed as failed:
        said = terminal.pick(failed.words.text)
        head = terminal.words("KHÔNG KIỂM CHỨNG ĐƯỢC", "NOT VERIFIED")
        lines = [f"{head}: {said} [{failed.code}]", f"  {failed.detail}", f"  → {terminal.pick(failed.words.fix)}"]
        terminal.data(
            "log",
            "\n".join(line for line in lines if line.strip()),
            proved=False,
            code=failed.code,
            detail=said,
            what=failed.detail,
            exit_code=int(failed.words.exit),
        )
        raise typer.Exit(int(failed.words.exit)) from failed
    lines = [terminal.pick(report(proved.faults, proved.leaves, proved.checkpoints))]
    if proved.checkpoint is not None:
        lines.append(f"  {terminal.words('Nhật ký', 'Log')}: {proved.checkpoint.origin}, {proved.checkpoint.size}")
        lines.append(f"  {terminal.words('Nhân chứng', 'Witnesses')}: {proved.witnesses}")
    if place.is_dir():
        compared = terminal.words("có so", "compared") if proved.rows else terminal.words("không có", "not given")
        lines.append(f"  {terminal.words('Dòng của cơ sở dữ liệu', 'Rows of the database')}: {compared}")
    code = Exit.REFUTED if proved.faults else Exit.DONE
    terminal.data(
        "log",
        "\n".join(lines),
        proved=not proved.faults,
        code=proved.faults[0].code if proved.faults else "proved",
        exit_code=int(code),
        leaves=proved.leaves,
        checkpoints=proved.checkpoints,
        witnesses=proved.witnesses,
        rows=proved.rows,
        faults=[{**fault._asdict(), "detail": terminal.pick(told(fault))} for fault in proved.faults],
    )
    if proved.faults:
        raise typer.Exit(int(code))
