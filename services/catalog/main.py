"""Catalog as a process: the only place where its ports meet their adapters.

`python -m services.catalog.main` serves the API; with `--worker` it registers what was received instead.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp

from services.catalog.adapters.ledger_sql import REGISTER, RELABEL, SqlLedger
from services.catalog.adapters.manifests_http import HttpManifests
from services.catalog.adapters.registry_directory import RegistryDirectory
from services.catalog.adapters.world import RealWorld
from services.catalog.api import create_api, route_kind
from services.catalog.api.wiring import Wiring
from services.catalog.settings import CatalogSettings
from services.catalog.usecases.register_package import register_package, relabel_package
from services.kernel.signing.keys import private_from_pem
from services.runtime import database, nonces
from services.runtime.admin import create_admin
from services.runtime.discovery import discovery_of
from services.runtime.guard import Guard
from services.runtime.jobs import Tasks, Worker
from services.runtime.logging import configure
from services.runtime.metrics import Metrics
from services.runtime.observing import Observed
from services.runtime.registry_feed import Registry
from services.runtime.server import run, serve, serve_admin
from services.runtime.service_client import ServiceClient
from services.runtime.signature_help import offer_help
from services.runtime.signed_requests import RequestVerifier, SignedRequests
from services.runtime.tokens import AccessTokens, PublishedKeys, TokenKeys
from services.runtime.unfinished import OnlyWhole, Wholeness

QUEUE: Final = "catalog_queue"
REGISTER_RETRIES: Final = 150  # at most ten minutes apart: about a day for ingest to come back


def build(
    settings: CatalogSettings,
    engine: AsyncEngine,
    registry: Registry,
    keys: TokenKeys,
    metrics: Metrics,
    whole: Wholeness,
) -> ASGIApp:
    """The public application with everything around it; `keys` are those that sign tokens.

    Raises:
        ValueError: the grant key is no Ed25519 key.
    """
    api, world = create_api(), RealWorld()
    api.state.discovery = discovery_of(settings)
    api.state.wiring = Wiring(
        ledger=SqlLedger(engine, Tasks(QUEUE)),
        directory=RegistryDirectory(registry, world),
        world=world,
        grant_key=grant_key(settings),
        ceilings=settings.ceilings(),
        ingest_origin=settings.ingest_origin,
    )
    tokens = AccessTokens(keys, issuer=settings.issuer, audience=settings.audience)
    signed = SignedRequests(
        api,
        verifier=RequestVerifier(tokens, registry, trust_front=settings.listen.startswith("unix:")),
        engine=engine,
        origin=settings.origin,
        kind=route_kind,
        bases=offer_help(api, settings),
    )
    return Observed(Guard(OnlyWhole(signed, whole), [settings.origin.removeprefix("https://")]), metrics)


def grant_key(settings: CatalogSettings) -> Ed25519PrivateKey:
    """The key that signs grants.

    Raises:
        OSError, ValueError: it cannot be read, or is of another kind.
    """
    key = private_from_pem(settings.grant_key_file.read_bytes())
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("grants are signed with an Ed25519 key")
    return key


async def serve_api(settings: CatalogSettings, engine: AsyncEngine, calls: ServiceClient, stop: asyncio.Event) -> None:
    """Answer requests until `stop`."""
    metrics = Metrics("catalog")
    registry = Registry(calls, settings.auth_origin)
    whole = Wholeness(engine)
    public = build(settings, engine, registry, PublishedKeys(calls.token_keys), metrics, whole)
    checks = {
        "database": lambda: database.ready(engine),
        "rebuild": whole.check,
        "registry": registry.ready,
    }
    admin = create_admin(checks, metrics=metrics)
    await _first(registry.run(stop), serve(public, admin, settings, stop), stop)


async def work(settings: CatalogSettings, engine: AsyncEngine, calls: ServiceClient, stop: asyncio.Event) -> None:
    """Do the queue's work until `stop`."""
    metrics = Metrics("catalog-worker")
    ledger, manifests, world = (
        SqlLedger(engine, Tasks(QUEUE)),
        HttpManifests(calls, settings.ingest_origin),
        RealWorld(),
    )

    async def register(message: str) -> None:
        await register_package(UUID(message), ledger=ledger, manifests=manifests, world=world)

    async def relabel(message: str) -> None:
        await relabel_package(UUID(message), ledger=ledger, manifests=manifests, world=world)

    async def keep_nonces() -> None:
        async with database.transaction(engine) as connection:
            await nonces.keep_partitions(connection, datetime.now(UTC).date())

    worker = Worker(settings.database_url(), QUEUE, metrics=metrics, concurrency=2)
    worker.register(REGISTER, register, retries=REGISTER_RETRIES)
    worker.register(RELABEL, relabel, retries=REGISTER_RETRIES)
    worker.periodic("keep_nonces", "17 * * * *", keep_nonces)
    whole = Wholeness(engine)
    admin = create_admin({"database": lambda: database.ready(engine), "rebuild": whole.check}, metrics=metrics)
    await _first(whole.then(worker.run, stop), serve_admin(admin, settings.admin_listen, stop), stop)


async def _first(one: Coroutine[Any, Any, None], other: Coroutine[Any, Any, None], stop: asyncio.Event) -> None:
    """Whichever ends first ends the other; the failure of either is raised."""
    tasks = (asyncio.create_task(one), asyncio.create_task(other))
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


async def main(stop: asyncio.Event) -> None:
    """Serve, or work, until `stop`."""
    settings = CatalogSettings()  # type: ignore[call-arg]  # pydantic-settings reads the environment
    as_worker = "--worker" in sys.argv[1:]
    configure("catalog-worker" if as_worker else "catalog", settings.log_level)
    engine = database.create_engine(settings.database_url(), application_name="nopluu-catalog")
    calls = ServiceClient.from_settings(settings)
    try:
        await (work if as_worker else serve_api)(settings, engine, calls, stop)
    finally:
        stop.set()
        await calls.close()
        await engine.dispose()


if __name__ == "__main__":
    run(main)
