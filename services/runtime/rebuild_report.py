"""What `rebuild` tells an operator: progress while it runs, and every record that was not taken."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from services.kernel.refusals.registry import Text
from services.kernel.sealing.rebuilding import Progress
from services.kernel.sealing.recovered import Refused
from services.kernel.sealing.recovery_words import told

NOT_EMPTY: Final = Text(
    "Cơ sở dữ liệu đã có gói nộp: rebuild chỉ phục hồi vào cơ sở dữ liệu trống. Không có gì bị thay đổi.",
    "The database has packages: rebuild restores into an empty one only. Nothing was changed.",
)
LOG_FIRST: Final = Text(
    "Nhật ký chưa được phục hồi: chạy nopluu-admin journal restore trước.",
    "The log is not restored yet: run nopluu-admin journal restore first.",
)
INGEST_FIRST: Final = Text(
    "Dữ liệu của ingest chưa phục hồi xong: chạy nopluu-admin ingest rebuild đến hết trước.",
    "Ingest's rows are not all back yet: run nopluu-admin ingest rebuild to its end first.",
)
RUNNING: Final = Text(
    "Một lệnh rebuild khác đang chạy trên cơ sở dữ liệu này: chờ lệnh đó xong, hoặc dừng nó, rồi chạy lại.",
    "Another rebuild is running on this database: let it end, or stop it, then run this again.",
)
REBUILD: Final = "rebuild"
"""Both rebuilds' name where only one may run."""

OwnerUrl = Annotated[
    Path,
    typer.Option(
        "--url-file",
        envvar="NOPLUU_MIGRATE_URL_FILE",
        help="Tệp chứa URI của chủ sở hữu cơ sở dữ liệu / file with the database owner's URI",
    ),
]
AdmitUnlogged = Annotated[
    bool,
    typer.Option(
        "--admit-unlogged",
        help="Nhận cả gói có sự kiện niêm phong chưa vào nhật ký / take packages whose seal event is not in the log",
    ),
]
AcceptLosses = Annotated[
    bool,
    typer.Option(
        "--accept-losses", help="Kết thúc dù còn bản ghi không nhận được / end although some records were not taken"
    ),
]
FAULTS: Final = 1
"""Exit code where any record was not taken."""
REFUSED: Final = 3
"""Exit code where nothing was begun."""


def url_of(file: Path) -> str:
    """The URI in the owner's file. Raises OSError."""
    return file.read_text(encoding="utf-8").strip()


def show_progress(progress: Progress) -> None:
    """One line on stderr."""
    typer.echo(
        f"{progress.done}/{progress.total} · phục hồi/restored {progress.restored} · không nhận/refused {progress.refused}",
        err=True,
    )


def finish(counts: Mapping[str, int], refused: Sequence[Refused]) -> None:
    """Name every record that was not taken, print one JSON object, and end with 1 where there is any."""
    for entry in refused:
        said = told(entry)
        typer.echo(f"[{entry.code}] {said.vi}\n    {said.en}", err=True)
    named = [{"record": entry.name, "code": entry.code, "what": entry.what} for entry in refused]
    typer.echo(json.dumps({**counts, "refused": named}))
    if refused:
        raise typer.Exit(FAULTS)


def stop(reason: Text) -> typer.Exit:
    """Tell why nothing was begun."""
    typer.echo(f"{reason.vi}\n{reason.en}", err=True)
    return typer.Exit(REFUSED)
