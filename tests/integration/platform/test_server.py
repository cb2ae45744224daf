"""The two listeners in a real process: TLS 1.3 alone, nothing told of the server, an orderly end."""

from __future__ import annotations

import asyncio
import datetime
import os
import signal
import socket
import ssl
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from starlette.types import ASGIApp

from deploy.onebox.certificates import Certificates
from services.runtime.app import create_app
from services.runtime.guard import Guard
from tests.support.serving import served

_PROGRAM = """
import asyncio, os, sys
from fastapi import APIRouter
from services.runtime import logging
from services.runtime.admin import create_admin
from services.runtime.app import create_app
from services.runtime.discovery import discovery_of, discovery_router
from services.runtime.guard import Guard
from services.runtime.metrics import Metrics
from services.runtime.observing import Observed
from services.runtime import server
from services.runtime.server import run, serve
from services.runtime.settings import ServiceSettings

server.GRACE_SECONDS = int(os.environ.get("GRACE", "10"))
router = APIRouter()

@router.get("/v1/slow")
async def slow(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "done"

async def main(stop):
    settings = ServiceSettings()
    logging.configure("test")
    metrics = Metrics("test")
    app = create_app(service="test", title="T", description="D", routers=[router, discovery_router()])
    app.state.discovery = discovery_of(settings)

    async def fine(): pass
    async def away(): raise RuntimeError("CANARY")

    checks = {"fine": fine} | ({"database": away} if os.environ.get("AWAY") else {})
    async def started(public, admin):
        print("SERVING", public, admin, flush=True)
    hosts = ["localhost"]
    edge = Observed(Guard(app, hosts), metrics)
    await serve(edge, create_admin(checks, metrics=metrics), settings, stop, started=started)
    print("ENDED", flush=True)

run(main)
"""


@dataclass(frozen=True, slots=True)
class Running:
    process: asyncio.subprocess.Process
    public: str
    admin: str
    tls: ssl.SSLContext
    socket: Path | None = None

    async def ended(self) -> str:
        assert self.process.stdout is not None
        output = await asyncio.wait_for(self.process.stdout.read(), 20)
        await self.process.wait()
        return output.decode()

    def session(self) -> aiohttp.ClientSession:
        connector = (
            aiohttp.TCPConnector(ssl=self.tls) if self.socket is None else aiohttp.UnixConnector(str(self.socket))
        )
        return aiohttp.ClientSession(connector=connector, headers={"host": "localhost"})


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for localhost, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder


@asynccontextmanager
async def running(certificate: Path, **changed: str) -> AsyncIterator[Running]:
    settings = {
        "NOPLUU_ENVIRONMENT": "development",
        "NOPLUU_SECRECY_PROFILE": "open",
        "NOPLUU_ORIGIN": "https://localhost",
        "NOPLUU_AUTH_ORIGIN": "https://localhost:1",
        "NOPLUU_INGEST_ORIGIN": "https://localhost:2",
        "NOPLUU_CATALOG_ORIGIN": "https://localhost:3",
        "NOPLUU_AUDIENCE": "nopluu",
        "NOPLUU_DATABASE_URL_FILE": str(certificate / "unused"),
        "NOPLUU_LISTEN": "127.0.0.1:0",
        "NOPLUU_ADMIN_LISTEN": "127.0.0.1:0",
        "NOPLUU_TLS_CERT": str(certificate / "cert.pem"),
        "NOPLUU_TLS_KEY": str(certificate / "key.pem"),
        "PYTHONPATH": str(Path(__file__).parents[3]),
        **changed,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-c", _PROGRAM, stdout=asyncio.subprocess.PIPE, env={**os.environ, **settings}
    )
    assert process.stdout is not None
    try:
        while not (line := (await asyncio.wait_for(process.stdout.readline(), 20)).decode()).startswith("SERVING"):
            assert line, "it did not start"
        _, public, admin = line.split()
        tls = ssl.create_default_context(cafile=str(certificate / "cert.pem"))
        socket = Path(public.removeprefix("unix:")) if public.startswith("unix:") else None
        port = public.rpartition(":")[2]
        address = f"https://localhost:{port}" if socket is None else "http://localhost"
        yield Running(process, address, f"http://{admin}", tls, socket)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_it_serves_tells_little_and_ends_in_order(certificate: Path) -> None:
    async with running(certificate) as server, server.session() as session:
        async with session.get(f"{server.public}/.well-known/nopluu") as reply:
            told = await reply.json()
            assert told["origins"] == {
                "auth": "https://localhost:1",
                "ingest": "https://localhost:2",
                "catalog": "https://localhost:3",
            }
            assert "server" not in reply.headers
            assert len(reply.headers.getall("date")) == 1
            assert len(reply.headers.getall("x-request-id")) == 1
        slow = asyncio.create_task(session.get(f"{server.public}/v1/slow?seconds=1.5"))
        await asyncio.sleep(0.4)
        server.process.send_signal(signal.SIGTERM)
        reply = await slow
        assert (reply.status, await reply.json()) == (200, "done")
        output = await server.ended()
        assert output.rstrip().endswith("ENDED")
        assert server.process.returncode == 0


async def test_a_request_that_does_not_end_is_not_waited_for_longer_than_the_grace(certificate: Path) -> None:
    async with running(certificate, GRACE="2") as server, server.session() as session:
        slow = asyncio.create_task(session.get(f"{server.public}/v1/slow?seconds=600"))
        await asyncio.sleep(0.4)
        begun = asyncio.get_running_loop().time()
        server.process.send_signal(signal.SIGINT)
        await server.ended()
        assert asyncio.get_running_loop().time() - begun < 6
        reply = await slow
        assert (reply.status, (await reply.json())["code"]) == (503, "instance-stopping")


async def test_tls_is_1_3_and_nothing_older(certificate: Path) -> None:
    async with running(certificate) as server:
        host, port = "localhost", int(server.public.rpartition(":")[2])
        _, writer = await asyncio.open_connection(host, port, ssl=server.tls)
        assert writer.get_extra_info("ssl_object").version() == "TLSv1.3"
        writer.close()
        older = ssl.create_default_context(cafile=str(certificate / "cert.pem"))
        older.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection(host, port, ssl=older)


async def test_a_unix_socket_is_taken_over_from_a_killed_process(certificate: Path, tmp_path: Path) -> None:
    address = f"unix:{tmp_path / 's'}"
    plain = {"NOPLUU_ENVIRONMENT": "production", "NOPLUU_LISTEN": address}
    unset = {"NOPLUU_TLS_CERT": "", "NOPLUU_TLS_KEY": ""}
    for _ in range(2):
        async with running(certificate, **plain, **unset) as server, server.session() as session:
            async with session.get(f"{server.public}/.well-known/nopluu") as reply:
                assert reply.status == 200
            server.process.kill()
            await server.process.wait()


@pytest.mark.parametrize("which", ["NOPLUU_LISTEN", "NOPLUU_ADMIN_LISTEN"])
async def test_it_does_not_start_where_others_could_reach_its_socket(
    certificate: Path, tmp_path: Path, which: str
) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o755)
    with pytest.raises(AssertionError, match="did not start"):
        async with running(certificate, **{which: f"unix:{folder / 's'}"}):
            pass
    assert list(folder.iterdir()) == []
    folder.chmod(0o750)
    async with running(certificate, **{which: f"unix:{folder / 's'}"}):
        assert stat.S_IMODE((folder / "s").stat().st_mode) == 0o660


async def test_the_admin_listener_tells_what_is_not_ready(certificate: Path) -> None:
    async with running(certificate, AWAY="1") as server, server.session() as session:
        async with session.get(f"{server.public}/metrics") as reply:
            assert reply.status == 404
        async with session.get(f"{server.admin}/healthz") as reply:
            assert reply.status == 200
        async with session.get(f"{server.admin}/readyz") as reply:
            assert reply.status == 503
            assert await reply.json() == {"ready": False, "checks": {"fine": "ok", "database": "failed"}}
        async with session.get(f"{server.admin}/metrics") as reply:
            text = await reply.text()
        assert 'nopluu_http_requests_total{code="404",method="GET",route="(none)"} 1.0' in text
        assert "nopluu_build_info" in text
        server.process.send_signal(signal.SIGTERM)
        assert "CANARY" not in await server.ended()


async def test_forwarded_addresses_are_not_believed_and_garbage_is_refused(certificate: Path) -> None:
    async with running(certificate) as server:
        port = int(server.public.rpartition(":")[2])
        for raw, status in (
            (b"GET /v1/slow?seconds=0 HTTP/1.1\r\n\r\n", b"421"),
            (b"GET /v1/slow?seconds=0 HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", b"421"),
            (b"GET /v1/../x HTTP/1.1\r\nHost: localhost\r\n\r\n", b"400"),
            (
                b"POST /v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                b"400",
            ),
            (b"GARBAGE\r\n\r\n", b"400"),
            (b"GET /v1/x HTTP/1.1\r\nHost: localhost\r\n" + b"X-N: 1\r\n" * 80 + b"\r\n", b"431"),
        ):
            reader, writer = await asyncio.open_connection("localhost", port, ssl=server.tls)
            writer.write(raw)
            line = await asyncio.wait_for(reader.readline(), 5)
            assert line.split()[1] == status, raw
            await asyncio.wait_for(reader.read(), 5)  # and the connection ends
            writer.close()


async def test_a_service_in_this_process_answers_as_a_real_one(development_tls: Certificates) -> None:
    def build(origin: str) -> ASGIApp:
        app = create_app(service="test", title=origin, description="D", routers=[])
        return Guard(app, [origin.removeprefix("https://")])

    async with served(build, development_tls) as at, aiohttp.ClientSession() as session:
        tls = ssl.create_default_context(cafile=str(at.ca))
        async with session.get(f"{at.origin}/openapi.json", ssl=tls) as reply:
            assert (await reply.json())["info"]["title"] == at.origin


async def test_an_address_that_is_taken_is_an_error_and_leaves_nothing_open(development_tls: Certificates) -> None:
    def build(origin: str) -> ASGIApp:
        return Guard(create_app(service="test", title="T", description="D", routers=[]), [])

    async with served(build, development_tls) as first:
        port = int(first.origin.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            async with served(build, development_tls, port=port):
                pass
    async with served(build, development_tls, port=port):
        pass


async def test_a_taken_admin_address_keeps_the_service_from_starting(certificate: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(AssertionError, match="did not start"):
            async with running(certificate, NOPLUU_ADMIN_LISTEN=address):
                pass
