"""`nopluu-admin catalog …`: what the operator does on the machine itself. Settings are the service's own."""

from __future__ import annotations

import asyncio
import json

import typer

from services.catalog.adapters.ledger_sql import SqlLedger
from services.catalog.adapters.manifests_http import HttpManifests
from services.catalog.adapters.rebuild_sql import OwnersFacts, SqlEmptyShelves
from services.catalog.adapters.world import RealWorld
from services.catalog.settings import CatalogSettings, RebuildSettings
from services.catalog.usecases.ports import ManifestAway
from services.catalog.usecases.rebuild_catalog import IngestFirst, Rebuilt, rebuild_catalog
from services.catalog.usecases.reindex_packages import reindex_packages
from services.kernel.sealing.rebuilding import NotEmpty
from services.runtime.database import create_engine
from services.runtime.jobs import Tasks
from services.runtime.kms.settings import opened_kms
from services.runtime.object_store.s3 import S3Store
from services.runtime.one_at_a_time import AlreadyRunning, alone
from services.runtime.rebuild_report import (
    INGEST_FIRST,
    NOT_EMPTY,
    REBUILD,
    RUNNING,
    AcceptLosses,
    AdmitUnlogged,
    OwnerUrl,
    finish,
    show_progress,
    stop,
    url_of,
)
from services.runtime.recovered_records import RecoveredRecords
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


@app.command("rebuild")
def rebuild_command(
    url_file: OwnerUrl,
    admit_unlogged: AdmitUnlogged = False,
    accept_losses: AcceptLosses = False,
) -> None:
    """Lập lại mục lục trống, từ kho, KMS và các dòng mà ingest rebuild đã phục hồi; dừng giữa chừng thì chạy lại.

    Describe every package anew in an empty catalog, from store, KMS and what ingest rebuild brought back; run it again
    if it was stopped. Exit code 1 where a record was not taken: each is named.
    """
    try:
        rebuilt = asyncio.run(_rebuild(url_of(url_file), admit_unlogged=admit_unlogged, accept_losses=accept_losses))
    except AlreadyRunning as error:
        raise stop(RUNNING) from error
    except NotEmpty as error:
        raise stop(NOT_EMPTY) from error
    except IngestFirst as error:
        raise stop(INGEST_FIRST) from error
    finish({"restored": rebuilt.restored, "present": rebuilt.present}, rebuilt.refused)


async def _rebuild(owner_url: str, *, admit_unlogged: bool, accept_losses: bool) -> Rebuilt:
    settings = CatalogSettings()  # type: ignore[call-arg]  # pydantic-settings reads the environment
    sources = RebuildSettings()  # type: ignore[call-arg]  # as above
    owner = create_engine(owner_url, application_name="nopluu-rebuild")
    engine = create_engine(settings.database_url(), application_name="nopluu-rebuild", pool_size=4)
    try:
        async with (
            alone(owner, REBUILD),
            S3Store(sources.s3()) as store,
            opened_kms(sources, environment=settings.environment) as kms,
        ):
            return await rebuild_catalog(
                records=RecoveredRecords(store, kms, engine, owner, admit_unlogged),
                facts=OwnersFacts(owner),
                shelves=SqlEmptyShelves(engine, SqlLedger(engine, Tasks(QUEUE))),
                now=RealWorld().now,
                told=show_progress,
                accept_losses=accept_losses,
            )
    finally:
        await engine.dispose()
        await owner.dispose()


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
