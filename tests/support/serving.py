"""A service in this process, on a real port, with TLS: what a test's client speaks to as agencies do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.types import ASGIApp

from deploy.onebox.certificates import Certificates, certificates
from deploy.onebox.state import free_port
from services.runtime.admin import create_admin
from services.runtime.metrics import Metrics
from services.runtime.server import serve
from services.runtime.settings import ServiceSettings
from tests.support.components import took_part


@dataclass(frozen=True, slots=True)
class Served:
    """Where it answers, and the CA that vouches for it."""

    origin: str
    ca: Path


@pytest.fixture(scope="session")
def development_tls(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A development CA and its certificate for localhost."""
    return certificates(tmp_path_factory.mktemp("tls"))


@asynccontextmanager
async def served(
    build: Callable[[str], ASGIApp], tls: Certificates, *, port: int | None = None
) -> AsyncIterator[Served]:
    """Serve what `build` makes for its origin (`https://localhost:PORT`), until the block ends."""
    port = free_port() if port is None else port
    origin = f"https://localhost:{port}"
    settings = ServiceSettings(
        environment="development",
        secrecy_profile="open",
        origin=origin,
        auth_origin=origin,
        ingest_origin=origin,
        catalog_origin=origin,
        audience="nopluu",
        database_url_file=Path("unused"),
        listen=f"localhost:{port}",
        tls_cert=tls.server,
        tls_key=tls.server_key,
        admin_listen="127.0.0.1:0",
    )
    stop, ready = asyncio.Event(), asyncio.Event()

    async def started(_public: str, _admin: str) -> None:
        ready.set()

    serving = asyncio.create_task(
        serve(build(origin), create_admin({}, metrics=Metrics("test")), settings, stop, started=started)
    )
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    try:
        if not ready.is_set():
            await serving
        took_part("the services over HTTPS", "in process")
        yield Served(origin, tls.ca)
    finally:
        stop.set()
        await serving
