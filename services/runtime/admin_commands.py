"""`nopluu-admin`: what the operator runs on the server. Each service brings its own commands as an entry point.

Source: DESIGN 3 ("commands: what the operator's `nopluu-admin` dispatches to").
"""

from __future__ import annotations

from importlib.metadata import entry_points
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
        app.add_typer(entry.load(), name=entry.name)
    return app


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
    from migrations.run import migrate, newest  # here: an image without the migrations still has its commands

    migrate(url_file.read_text(encoding="utf-8").strip())
    typer.echo(f"{newest()}")


def main() -> None:
    """Entry point of the console script."""
    create_commands()()
