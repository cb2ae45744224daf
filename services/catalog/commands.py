"""`nopluu-admin catalog …`: what the operator does on the machine itself. Settings are the service's own."""

from __future__ import annotations

import asyncio
import json

import typer

from services.catalog.adapters.ledger_sql import SqlLedger
from services.catalog.adapters.manifests_http import HttpManifests
from services.catalog.adapters.world import RealWorld
from services.catalog.settings import CatalogSettings
from services.catalog.usecases.ports import ManifestAway
from services.catalog.usecases.reindex_packages import reindex_packages
from services.runtime.database import create_engine
from services.runtime.jobs import Tasks
from services.runtime.service_client import ServiceClient

QUEUE = "catalog_queue"
app = typer.Typer(help="Mục lục / the catalog", no_args_is_help=True)


@app.command("reindex")
def reindex_command() -> None:
    """Lập lại mục lục của mọi gói từ bản kê do ingest giữ; chạy lại được.

    Describe every package anew from the manifests that ingest keeps; may be repeated. Prints each package's id.
    """
    try:
        count = asyncio.run(_reindex())
    except ManifestAway as error:
        typer.echo(f"ingest: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(json.dumps({"packages": count}))


@app.command("retry")
def retry_command() -> None:
    """Xử lý lại các thông điệp đã nhận mà chưa xong. / Work again on received messages that are not done."""
    typer.echo(json.dumps({"messages": asyncio.run(_retry())}))


async def _reindex() -> int:
    settings = CatalogSettings()  # type: ignore[call-arg]  # pydantic-settings reads the environment
    engine = create_engine(settings.database_url(), application_name="nopluu-admin", pool_size=2)
    calls = ServiceClient.from_settings(settings)
    try:
        return await reindex_packages(
            ledger=SqlLedger(engine, Tasks(QUEUE)),
            manifests=HttpManifests(calls, settings.ingest_origin),
            world=RealWorld(),
            done=lambda package: typer.echo(str(package)),
        )
    finally:
        await calls.close()
        await engine.dispose()


async def _retry() -> int:
    settings = CatalogSettings()  # type: ignore[call-arg]  # as above
    engine = create_engine(settings.database_url(), application_name="nopluu-admin", pool_size=2)
    try:
        async with SqlLedger(engine, Tasks(QUEUE)).keeping() as desk:
            return await desk.wake_open_messages()
    finally:
        await engine.dispose()
