"""`nopluu-admin`: what the operator runs on the server. Each service brings its own commands as an entry point.

Source: DESIGN 3 ("commands: what the operator's `nopluu-admin` dispatches to").
"""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

GROUP = "nopluu.commands"


def create_commands() -> typer.Typer:
    """The command tree: `migrate`, and one group a service that is installed."""
    app = typer.Typer(
        name="nopluu-admin",
        help="Quản trị cổng Nộp Lưu / operate the gateway",
        no_args_is_help=True,
        add_completion=False,
    )
    app.command("migrate")(migrate_command)
    for entry in sorted(entry_points(group=GROUP), key=lambda found: found.name):
        if _is_here(entry.module):
            app.add_typer(entry.load(), name=entry.name)
    return app


def _is_here(module: str) -> bool:
    """An image holds one service; the entry points name all."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def migrate_command(
    url_file: Annotated[
        Path,
        typer.Option(
            "--url-file",
            envvar="NOPLUU_MIGRATE_URL_FILE",
            help="Tệp chứa URI của chủ sở hữu cơ sở dữ liệu / file with the database owner's URI",
        ),
    ],
) -> None:
    """Đưa cơ sở dữ liệu lên phiên bản mới nhất / bring the database to the newest schema."""
    if (beside := str(Path(__file__).parents[2])) not in sys.path:
        sys.path.append(beside)  # the migrations lie beside the services, in a checkout and in an image
    from migrations.run import migrate, newest  # here: an image without them still has its other commands

    migrate(url_file.read_text(encoding="utf-8").strip())
    typer.echo(newest())


def main() -> None:
    """Entry point of the console script."""
    create_commands()()
