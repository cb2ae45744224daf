"""Auth in process on a real PostgreSQL, with its first registrar and one service."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp

from services.auth.adapters.ledger_sql import SqlLedger
from services.auth.adapters.signing_keys import make_signing_key
from services.auth.adapters.world import RealWorld
from services.auth.main import build
from services.auth.settings import AuthSettings
from services.auth.usecases.bootstrap import Beginning, Begun, bootstrap
from services.kernel.identifiers import AgencyId
from services.kernel.signing.keys import PrivateKey
from services.runtime.database import create_engine
from services.runtime.metrics import Metrics
from tests.support.enrolled import Enrolled, ed25519, offered, p256, public_pem
from tests.support.postgres import Database

HOST = "auth.example"
ISSUER = f"https://{HOST}"
CODE = "000.00.00.H17"


@dataclass(frozen=True, slots=True)
class Auth:
    """The application, its rows, and who it began with."""

    app: ASGIApp
    engine: AsyncEngine
    database: Database
    settings: AuthSettings
    begun: Begun
    registrar: Enrolled
    service: Enrolled

    @property
    def agency(self) -> AgencyId:
        return self.begun.agency

    def client(self, client_id: UUID, key: PrivateKey) -> Enrolled:
        return Enrolled(client_id, key, ISSUER, HOST)

    async def enrol(self, *scopes: str, key: PrivateKey | None = None, officer: str | None = None) -> Enrolled:
        """A new client of the archive office, with a token."""
        key = key or ed25519()
        form = {
            "agency": str(self.agency),
            "name": "client",
            "scopes": list(scopes),
            "officer": officer,
            "keys": [offered(key, CODE, ISSUER)],
        }
        reply = await self.registrar.ask(self.app, "POST", "/v1/clients", form)
        assert reply.status == 201, reply.body
        made = self.client(UUID(reply.json()["id"]), key)
        assert (await made.obtain(self.app, HOST)).status == 200
        return made


@pytest.fixture
def auth_settings(database: Database, tmp_path: Path) -> AuthSettings:
    url = tmp_path / "url"
    url.write_text(database.url_for("nopluu_auth"), encoding="utf-8")
    keys = tmp_path / "signing-keys"
    make_signing_key(keys, time.time())
    return AuthSettings(
        environment="production",
        secrecy_profile="open",
        origin=ISSUER,
        auth_origin=ISSUER,
        ingest_origin="https://ingest.example",
        catalog_origin="https://catalog.example",
        audience="nopluu-test",
        database_url_file=url,
        listen="unix:/nowhere",
        admin_listen="127.0.0.1:0",
        signing_keys_dir=keys,
    )


@pytest.fixture
async def auth(auth_settings: AuthSettings, database: Database) -> AsyncIterator[Auth]:
    engine = create_engine(auth_settings.database_url(), application_name="test")
    registrar_key, service_key = p256(), ed25519()
    beginning = Beginning(
        agency_code=CODE,
        agency_name="Lưu trữ lịch sử",
        registrar_key=public_pem(registrar_key).encode(),
        registrar_officer="Nguyễn Thị Lan",
        services={"ingest": public_pem(service_key).encode()},
    )
    begun = await bootstrap(beginning, ledger=SqlLedger(engine), world=RealWorld())
    app = build(auth_settings, engine, Metrics("auth"))
    registrar = Enrolled(begun.registrar, registrar_key, ISSUER, HOST)
    service = Enrolled(begun.services["ingest"][0], service_key, ISSUER, HOST)
    for client in (registrar, service):
        reply = await client.obtain(app, HOST)
        assert reply.status == 200, reply.body
    yield Auth(app, engine, database, auth_settings, begun, registrar, service)
    await engine.dispose()
