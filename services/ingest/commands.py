"""`nopluu-admin ingest …`: what the operator does on the machine itself, with ingest's own settings."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from services.ingest.adapters.ledger_sql import SqlLedger
from services.ingest.adapters.standing import Standing, standing
from services.ingest.adapters.vault_s3 import S3Vault
from services.ingest.adapters.world import SystemWorld
from services.ingest.settings import IngestSettings
from services.ingest.usecases.abandon_package import expire_packages
from services.ingest.usecases.reap_attempts import reap_attempts
from services.runtime import database
from services.runtime.jobs import Tasks
from services.runtime.object_store.s3 import S3Store

app = typer.Typer(help="Gói nộp / packages", no_args_is_help=True)
_QUEUE = "ingest_queue"
_T = TypeVar("_T")


@app.command("status")
def status_command() -> None:
    """Số gói theo trạng thái, việc dọn dẹp còn chờ / packages by state, and what waits to be cleared away. JSON."""

    async def ask(_: SqlLedger, __: S3Vault, found: Standing) -> Standing:
        return found

    found = _run(ask)
    typer.echo(json.dumps({"packages": found.packages, "attempts": found.attempts, "messages": found.messages}))


@app.command("reap")
def reap_command(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Chỉ đếm, không xóa / count only, remove nothing")] = False,
) -> None:
    """Xóa dữ liệu của các lần gửi hỏng, kết thúc gói quá hạn / remove what lost attempts left, end overdue packages."""

    async def reap(ledger: SqlLedger, vault: S3Vault, found: Standing) -> int:
        if dry_run:
            return found.attempts["lost"]
        world = SystemWorld()
        while await expire_packages(ledger=ledger, world=world):
            pass
        reaped = 0
        while count := await reap_attempts(ledger=ledger, vault=vault, world=world):
            reaped += count
        return reaped

    typer.echo(json.dumps({"reaped": _run(reap), "dry_run": dry_run}))


def _run(command: Callable[[SqlLedger, S3Vault, Standing], Awaitable[_T]]) -> _T:
    settings = IngestSettings()  # type: ignore[call-arg]  # pydantic-settings reads the environment

    async def with_parts() -> _T:
        engine = database.create_engine(settings.database_url(), application_name="nopluu-ingest-admin", pool_size=2)
        try:
            async with S3Store(settings.s3()) as store:
                return await command(SqlLedger(engine, Tasks(_QUEUE)), S3Vault(store), await standing(engine))
        finally:
            await engine.dispose()

    return asyncio.run(with_parts())
