"""What it costs to prove who sends a request, as a share of a small request.

The request is `GET /v1/agencies?limit=1` in process: the guard, the door, the route and its query on a real PostgreSQL
that writes for good, without TLS and HTTP. The parts of the proof are measured one by one on the same request:
signature (form and times, then the check), token (python-jose behind its wrapper, claims), both with the revocations in
memory, as every service but auth has them, and the nonce in its own committed transaction. A ratio of 10 means that the
part takes a tenth of the whole request.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp, Scope

from deploy.onebox import postgres
from migrations.run import migrate
from services.auth.adapters.ledger_sql import SqlLedger
from services.auth.adapters.signing_keys import SigningKeyFolder, make_signing_key
from services.auth.adapters.world import RealWorld
from services.auth.main import build
from services.auth.settings import AuthSettings
from services.auth.usecases.bootstrap import Beginning, bootstrap
from services.kernel.identifiers import ClientId
from services.kernel.records import RegistryState
from services.kernel.signing.keys import PrivateKey
from services.kernel.signing.verification import check_signature, read_signature
from services.runtime import nonces
from services.runtime.database import create_engine, transaction
from services.runtime.logging import configure
from services.runtime.metrics import Metrics
from services.runtime.request_verifier import RequestVerifier
from services.runtime.tokens import AccessTokens
from tests.bench.measuring import Comparison, Timed, Way, compare
from tests.support.asgi import call
from tests.support.enrolled import Enrolled, ed25519, p256, public_pem

HOST: Final = "auth.example"
ISSUER: Final = f"https://{HOST}"
AUDIENCE: Final = "nopluu-bench"
TARGET: Final = "/v1/agencies?limit=1"
REQUESTS: Final = 300


class InMemory:
    """Revocations as a service has them: the kernel's fold of auth's facts."""

    def __init__(self) -> None:
        self._state = RegistryState()

    async def is_revoked(self, kid: str, client: ClientId) -> bool:
        return self._state.is_revoked(kid, client)


def measure(where: Path | None, rounds: int, scale: float) -> Iterator[Comparison]:
    """One comparison for each kind of key."""
    configure("bench", "error")
    for title, make in (("Ed25519", ed25519), ("ECDSA P-256", p256)):
        folder = Path(tempfile.mkdtemp(prefix="nopluu-bench-", dir=where))
        server = postgres.start(folder)
        try:
            migrate(server.admin_url)
            with asyncio.Runner() as runner:
                url = server.url_for("nopluu_auth")
                yield _compare(runner, title, make(), url, rounds, max(1, int(REQUESTS * scale)))
        finally:
            server.stop()
            shutil.rmtree(folder)


def _settings(folder: Path, url: str) -> AuthSettings:
    (folder / "url").write_text(url, encoding="utf-8")
    make_signing_key(folder / "signing-keys", time.time())
    return AuthSettings(
        environment="production",
        secrecy_profile="open",
        origin=ISSUER,
        auth_origin=ISSUER,
        ingest_origin="https://ingest.example",
        catalog_origin="https://catalog.example",
        audience=AUDIENCE,
        database_url_file=folder / "url",
        listen="unix:/nowhere",
        admin_listen="127.0.0.1:0",
        signing_keys_dir=folder / "signing-keys",
    )


def _compare(runner: asyncio.Runner, title: str, key: PrivateKey, url: str, rounds: int, requests: int) -> Comparison:
    with tempfile.TemporaryDirectory(prefix="nopluu-bench-") as folder:
        settings = _settings(Path(folder), url)
        keys = SigningKeyFolder(settings.signing_keys_dir, issuer=ISSUER, audience=AUDIENCE)

        async def begin() -> tuple[AsyncEngine, ASGIApp, Enrolled]:
            engine = create_engine(url, application_name="bench")
            beginning = Beginning("000.00.00.H17", "x", public_pem(key).encode(), "Lan", {})
            begun = await bootstrap(beginning, ledger=SqlLedger(engine), world=RealWorld())
            app = build(settings, engine, Metrics("auth"))
            client = Enrolled(begun.registrar, key, ISSUER, HOST)
            reply = await client.obtain(app, HOST)
            assert reply.status == 200, reply.body
            return engine, app, client

        engine, app, client = runner.run(begin())
        tokens = AccessTokens(keys, issuer=ISSUER, audience=AUDIENCE)
        verifier = RequestVerifier(tokens, InMemory())

        async def serve(scope: Scope) -> None:
            reply = await call(app, scope)
            assert reply.status == 200, reply.body

        async def signature(scope: Scope) -> None:
            signed = read_signature("GET", ISSUER + TARGET, scope["headers"], now=datetime.now(UTC))
            check_signature(signed, key.public_key())

        async def token(scope: Scope) -> None:
            await tokens.verify(client.token, now=datetime.now(UTC))

        async def head(scope: Scope) -> None:
            await verifier.verify("GET", ISSUER + TARGET, scope["headers"])

        async def nonce(scope: Scope) -> None:
            now = datetime.now(UTC)
            claimed = nonces.Nonce(now.date(), client.kid, os.urandom(16).hex(), now + timedelta(seconds=300))
            async with transaction(engine) as connection:
                await nonces.claim(connection, claimed)

        async def query(scope: Scope) -> None:
            async with SqlLedger(engine).transaction() as records:
                await records.agencies(on=None, after=None, limit=2)

        def way(once: Callable[[Scope], Awaitable[None]]) -> Way:
            return partial(_repeat, runner, app, client, once, requests)

        found = compare(
            f"Proving who sends a small request, {title}",
            "requests/s",
            {
                "the whole request": way(serve),
                "signature": way(signature),
                "token": way(token),
                "signature, token, revocation": way(head),
                "nonce, committed": way(nonce),
                "the route's own query": way(query),
            },
            rounds=rounds,
            others={},
        )
        runner.run(engine.dispose())
        return found


def _repeat(
    runner: asyncio.Runner, app: ASGIApp, client: Enrolled, once: Callable[[Scope], Awaitable[None]], requests: int
) -> Timed:
    """The requests are signed beforehand; only what a server does is timed."""

    async def work() -> float:
        assert (await client.obtain(app, HOST)).status == 200
        scopes: Sequence[Scope] = [client.scope("GET", TARGET) for _ in range(requests)]
        begun = time.perf_counter()
        for scope in scopes:
            await once(scope)
        return time.perf_counter() - begun

    return Timed(requests, runner.run(work()))
