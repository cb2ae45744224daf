"""Auth as its own process over TLS: enrolled by `nopluu-admin`, asked by the agency's session and by the services."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from deploy.onebox.certificates import Certificates
from deploy.onebox.state import free_port
from services.agency.observing import Silent
from services.agency.profile import Profile
from services.agency.session import Body, Session
from services.agency.wire import Wire
from services.kernel.identifiers import ClientId
from services.kernel.refusals.platform import RegistryStale
from services.kernel.signing.keys import PrivateKey, thumbprint
from services.runtime.public_posts import REQUESTS
from services.runtime.registry_feed import MAX_AGE, Registry
from services.runtime.service_client import CallFailed, ServiceClient, trust
from services.runtime.tokens import PublishedKeys
from tests.support.enrolled import ed25519, offered, p256, public_pem
from tests.support.postgres import Database

REPOSITORY = Path(__file__).parents[3]
CODE = "000.00.00.H17"


@dataclass(frozen=True, slots=True)
class Place:
    """A folder with everything that an auth process needs, and who it began with."""

    origin: str
    environment: dict[str, str]
    tls: Certificates
    registrar: UUID
    registrar_key: PrivateKey
    registrar_key_file: Path
    service: UUID
    service_key: PrivateKey
    agency: UUID

    def client(self) -> ServiceClient:
        return ServiceClient(
            client_id=ClientId(self.service), key=self.service_key, auth_origin=self.origin, tls=trust(self.tls.ca)
        )

    @asynccontextmanager
    async def running(self, *, stderr: Path | None = None) -> AsyncIterator[asyncio.subprocess.Process]:
        """The process while it serves; its standard error goes into a file where one is named."""
        with contextlib.ExitStack() as files:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "services.auth.main",
                env=self.environment,
                cwd=REPOSITORY,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT if stderr is None else files.enter_context(stderr.open("wb")),
            )
        assert process.stdout is not None
        try:
            while (line := await process.stdout.readline()) and b'"serving"' not in line:
                pass
            assert line, "the process ended before it served"
            reading = asyncio.create_task(process.stdout.read())
            yield process
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 20) == 0
        lines = (await reading).decode()
        assert self.registrar_key_file.read_text() not in lines
        assert "Bearer" not in lines


def admin(place: dict[str, str], *arguments: str) -> dict[str, object]:
    """What `nopluu-admin auth …` prints, without loading the other services' commands."""
    done = subprocess.run(
        [sys.executable, "-c", "from services.auth.commands import app; app()", *arguments],
        env=place,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    printed: dict[str, object] = json.loads(done.stdout)
    return printed


def written(path: Path, key: PrivateKey) -> Path:
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o600)
    return path


@pytest.fixture
def place(database: Database, development_tls: Certificates, tmp_path: Path) -> Place:
    origin = f"https://localhost:{free_port()}"
    (tmp_path / "url").write_text(database.url_for("nopluu_auth"), encoding="utf-8")
    environment = {
        "PATH": os.environ["PATH"],
        "NOPLUU_ENVIRONMENT": "development",
        "NOPLUU_SECRECY_PROFILE": "open",
        "NOPLUU_ORIGIN": origin,
        "NOPLUU_AUTH_ORIGIN": origin,
        "NOPLUU_INGEST_ORIGIN": origin,
        "NOPLUU_CATALOG_ORIGIN": origin,
        "NOPLUU_AUDIENCE": "nopluu-test",
        "NOPLUU_DATABASE_URL_FILE": str(tmp_path / "url"),
        "NOPLUU_LISTEN": origin.removeprefix("https://"),
        "NOPLUU_ADMIN_LISTEN": "127.0.0.1:0",
        "NOPLUU_TLS_CERT": str(development_tls.server),
        "NOPLUU_TLS_KEY": str(development_tls.server_key),
        "NOPLUU_SIGNING_KEYS_DIR": str(tmp_path / "signing-keys"),
    }
    registrar, service = ed25519(), p256()
    for name, key in (("registrar", registrar), ("ingest", service)):
        (tmp_path / f"{name}.pem").write_text(public_pem(key), encoding="utf-8")
    made = admin(environment, "keys", "new")
    assert len(str(made["kid"])) == 43
    arguments = (
        *("bootstrap", "--agency-code", CODE, "--registrar-key", str(tmp_path / "registrar.pem")),
        *("--service", f"ingest={tmp_path / 'ingest.pem'}"),
    )
    begun = admin(environment, *arguments)
    assert admin(environment, *arguments) == begun
    first, services = begun["registrar"], begun["services"]
    assert isinstance(first, dict)
    assert isinstance(services, dict)
    assert first["kid"] == thumbprint(registrar.public_key())
    return Place(
        origin=origin,
        environment=environment,
        tls=development_tls,
        registrar=UUID(first["client_id"]),
        registrar_key=registrar,
        registrar_key_file=written(tmp_path / "registrar-key.pem", registrar),
        service=UUID(services["ingest"]["client_id"]),
        service_key=service,
        agency=UUID(str(begun["agency"])),
    )


def session(place: Place, *, skew: timedelta = timedelta()) -> tuple[Session, Wire]:
    profile = Profile(
        gateway=place.origin, client_id=place.registrar, key_file=place.registrar_key_file, ca_file=place.tls.ca
    )
    wire = Wire(profile, connections=2)
    made = Session(
        wire,
        gateway=place.origin,
        client_id=str(place.registrar),
        key=place.registrar_key,
        observer=Silent(),
        language="en",
        clock=lambda: datetime.now(UTC) + skew,
    )
    return made, wire


def enrol(place: Place, key: PrivateKey, *scopes: str, skew: timedelta = timedelta()) -> dict[str, object]:
    """Enrol a client through the agency's own session."""
    speaking, wire = session(place, skew=skew)
    form = {
        "agency": str(place.agency),
        "name": "x",
        "scopes": list(scopes),
        "keys": [offered(key, CODE, place.origin)],
    }
    answer = speaking.request("POST", f"{place.origin}/v1/clients", Body.of(json.dumps(form).encode()))
    wire.close()
    assert answer.status == 201, answer.body
    return answer.json()


@pytest.mark.parametrize(
    "skew", [timedelta(), timedelta(hours=-3), timedelta(minutes=7)], ids=["right", "late", "early"]
)
async def test_the_agencys_session_is_understood_even_with_a_wrong_clock(place: Place, skew: timedelta) -> None:
    async with place.running():
        made = await asyncio.to_thread(enrol, place, ed25519(), "submitter", skew=skew)
    assert made["scopes"] == ["submitter"]


async def test_a_service_hears_of_a_revocation_within_two_seconds_and_trusts_no_old_copy(place: Place) -> None:
    client, stop, key = place.client(), asyncio.Event(), ed25519()
    registry = Registry(client, place.origin)
    with pytest.raises(RegistryStale):
        _ = registry.state
    feeding = asyncio.create_task(registry.run(stop))
    async with place.running():
        made = await asyncio.to_thread(enrol, place, key, "submitter")
        kid, client_id = thumbprint(key.public_key()), ClientId(UUID(str(made["id"])))
        await fresh(registry)
        assert await registry.is_revoked(kid, client_id) is False
        speaking, wire = session(place)
        address = f"{place.origin}/v1/clients/{client_id}/keys/{kid}/revoke"
        assert (await asyncio.to_thread(speaking.request, "POST", address)).status == 200
        wire.close()
        revoked_at = time.monotonic()
        while not await registry.is_revoked(kid, client_id):
            assert time.monotonic() - revoked_at < MAX_AGE
            await asyncio.sleep(0.02)
    await asyncio.sleep(MAX_AGE + 0.1)
    with pytest.raises(RegistryStale):
        await registry.ready()
    assert await registry.is_revoked(kid, client_id) is True
    with pytest.raises(RegistryStale):
        await registry.is_revoked("another", ClientId(UUID(int=1)))
    async with place.running():
        await fresh(registry)
        assert await registry.is_revoked(kid, client_id) is True
    stop.set()
    await feeding
    await client.close()


async def fresh(registry: Registry) -> None:
    """Wait for a copy that may be used."""
    async with asyncio.timeout(10):
        while True:
            try:
                await registry.ready()
            except RegistryStale:
                await asyncio.sleep(0.05)
            else:
                return


async def test_a_service_calls_with_a_token_of_its_own(place: Place) -> None:
    async with place.running():
        client = place.client()
        facts = await client.request("GET", f"{place.origin}/v1/registry/facts?after=0")
        assert (facts.status, facts.headers["content-type"]) == (200, "application/json")
        async with client.stream("GET", f"{place.origin}/v1/registry/facts?after=0") as answer:
            streamed = b"".join([chunk async for chunk in answer.chunks])
        assert streamed == facts.body
        refused = await client.request("POST", f"{place.origin}/v1/agencies", body=b"{}")
        assert json.loads(refused.body)["code"] == "scope-missing"
        keys = PublishedKeys(client.token_keys)
        kid = json.loads(await client.token_keys())["keys"][0]["kid"]
        assert await keys.key(kid) is not None
        assert await keys.key("A" * 43) is None
    with pytest.raises(CallFailed):
        await client.request("GET", f"{place.origin}/v1/registry/facts?after=0")
    await client.close()


async def test_a_service_with_a_revoked_key_gets_nothing(place: Place) -> None:
    async with place.running():
        client = place.client()
        assert (await client.request("GET", f"{place.origin}/v1/registry/facts?after=0")).status == 200
        speaking, wire = session(place)
        kid = thumbprint(place.service_key.public_key())
        address = f"{place.origin}/v1/clients/{place.service}/keys/{kid}/revoke"
        assert (await asyncio.to_thread(speaking.request, "POST", address)).status == 200
        wire.close()
        with pytest.raises(CallFailed):  # the token it holds is refused, and it gets no other
            await client.request("GET", f"{place.origin}/v1/registry/facts?after=0")
        await client.close()


async def test_an_unknown_authority_is_not_spoken_to(place: Place) -> None:
    async with place.running():
        stranger = ServiceClient(
            client_id=ClientId(place.service),
            key=place.service_key,
            auth_origin=place.origin,
            tls=ssl.create_default_context(),
        )
        with pytest.raises(CallFailed):
            await stranger.request("GET", f"{place.origin}/v1/registry/facts?after=0")
        await stranger.close()


async def test_the_process_does_not_start_without_a_signing_key(place: Place, tmp_path: Path) -> None:
    broken = {**place.environment, "NOPLUU_SIGNING_KEYS_DIR": str(tmp_path / "empty")}
    (tmp_path / "empty").mkdir()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.auth.main", env=broken, cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode != 0
    assert b"nopluu-admin auth keys new" in output


async def raw(place: Place, *pieces: bytes) -> tuple[bytes, bool]:
    """What the server sends to these bytes until it closes or falls silent; whether it closed."""
    host, _, port = place.origin.removeprefix("https://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=trust(place.tls.ca))
    got = bytearray()
    closed = False
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        while not closed:
            chunk = await asyncio.wait_for(reader.read(65536), 1)
            got += chunk
            closed = not chunk
    except TimeoutError:
        pass
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return bytes(got), closed


async def test_an_unproved_upload_gets_no_100_and_its_connection_is_closed(place: Place) -> None:
    host = place.origin.removeprefix("https://")
    head = f"POST /v1/agencies HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    async with place.running():
        got, closed = await raw(place, f"{head}Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n".encode())
        assert got.startswith(b"HTTP/1.1 401")
        assert b"100 Continue" not in got
        assert closed
        body = b"x" * 1_000_000
        get = f"GET /.well-known/jwks.json HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        got, closed = await raw(place, f"{head}Content-Length: {len(body)}\r\n\r\n".encode(), body, get)
        assert got.startswith(b"HTTP/1.1 401")
        assert b"HTTP/1.1 200" in got  # the refused body was no part of the next request
        assert not closed


async def test_a_full_token_endpoint_says_so_at_once_and_serves_again_when_senders_go(place: Place) -> None:
    """Connections that announce a form and never send it hold the places; nobody else is kept waiting for them."""
    host, _, port = place.origin.removeprefix("https://").rpartition(":")
    form = "application/x-www-form-urlencoded"
    head = f"POST /v1/token HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: {form}\r\nContent-Length: 100\r\n\r\n"
    tls = trust(place.tls.ca)
    async with place.running(), contextlib.AsyncExitStack() as stack:
        for _ in range(REQUESTS):
            _, writer = await asyncio.open_connection(host, int(port), ssl=tls)
            stack.callback(writer.close)
            writer.write(head.encode() + b"grant_type=")
            await writer.drain()
        got = b""
        async with asyncio.timeout(60):
            while b"instance-requests-limit" not in got:  # until all of those heads have been read
                got, _ = await raw(place, head.encode() + b"x" * 100)
        assert got.startswith(b"HTTP/1.1 503")
        assert b"retry-after: 1" in got.lower()
        # What is signed, and what has no body, is not held up.
        get = f"GET /.well-known/jwks.json HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
        assert (await raw(place, get))[0].startswith(b"HTTP/1.1 200")
        await stack.aclose()
        async with asyncio.timeout(60):
            while not (await raw(place, head.encode() + b"x" * 100))[0].startswith(b"HTTP/1.1 400"):
                pass
