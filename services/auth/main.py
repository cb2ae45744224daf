"""Auth as a process: the only place where its ports meet their adapters. `python -m services.auth.main`."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp

from services.auth.adapters.ledger_sql import SqlLedger, SqlRevocations, forget_assertions
from services.auth.adapters.proof import StrictProof
from services.auth.adapters.signing_keys import SigningKeyFolder
from services.auth.adapters.world import RealWorld
from services.auth.api import create_api, route_kind
from services.auth.api.wiring import Wiring
from services.auth.settings import AuthSettings
from services.kernel.refusals.platform import DatabaseUnavailable
from services.runtime import database, nonces
from services.runtime.admin import create_admin
from services.runtime.discovery import discovery_of
from services.runtime.guard import Guard
from services.runtime.logging import configure, logger
from services.runtime.metrics import Metrics
from services.runtime.observing import Observed
from services.runtime.server import run, serve
from services.runtime.signature_help import offer_help
from services.runtime.signed_requests import RequestVerifier, SignedRequests
from services.runtime.tokens import AccessTokens

UPKEEP_SECONDS: Final = 3600.0
UPKEEP_RETRY_SECONDS: Final = 30.0
ASSERTION_MARGIN: Final = timedelta(minutes=1)  # kept past expiry, for clocks of instances that differ


def build(settings: AuthSettings, engine: AsyncEngine, metrics: Metrics) -> ASGIApp:
    """The public application with everything around it."""
    trusts_front = settings.listen.startswith("unix:")
    keys = SigningKeyFolder(settings.signing_keys_dir, issuer=settings.issuer, audience=settings.audience)
    api = create_api()
    api.state.discovery = discovery_of(settings)
    api.state.wiring = Wiring(
        ledger=SqlLedger(engine),
        proof=StrictProof(),
        keys=keys,
        world=RealWorld(),
        issuer=settings.issuer,
        trusts_front=trusts_front,
    )
    tokens = AccessTokens(keys, issuer=settings.issuer, audience=settings.audience)
    signed = SignedRequests(
        api,
        verifier=RequestVerifier(tokens, SqlRevocations(engine), trust_front=trusts_front),
        engine=engine,
        origin=settings.origin,
        kind=route_kind,
        bases=offer_help(api, settings),
    )
    return Observed(Guard(signed, [settings.origin.removeprefix("https://")]), metrics)


async def keep_house(engine: AsyncEngine, stop: asyncio.Event) -> None:
    """Every hour make the coming days' nonce partitions and forget assertions that expired. Repeatable."""
    while not stop.is_set():
        pause = UPKEEP_SECONDS
        try:
            now = datetime.now(UTC)
            async with database.transaction(engine) as connection:
                made = await nonces.keep_partitions(connection, now.date())
                forgotten = await forget_assertions(connection, now - ASSERTION_MARGIN)
            logger().info("house-kept", count=made + forgotten)
        except DatabaseUnavailable:
            pause = UPKEEP_RETRY_SECONDS
        try:
            await asyncio.wait_for(stop.wait(), pause)
        except TimeoutError:
            continue


async def main(stop: asyncio.Event) -> None:
    """Serve until `stop`."""
    settings = AuthSettings()  # type: ignore[call-arg]  # pydantic-settings reads the environment
    configure("auth", settings.log_level)
    metrics = Metrics("auth")
    engine = database.create_engine(settings.database_url(), application_name="nopluu-auth")
    upkeep = asyncio.create_task(keep_house(engine, stop))
    try:
        admin = create_admin({"database": lambda: database.ready(engine)}, metrics=metrics)
        await serve(build(settings, engine, metrics), admin, settings, stop)
    finally:
        stop.set()
        await upkeep
        await engine.dispose()


if __name__ == "__main__":
    run(main)
