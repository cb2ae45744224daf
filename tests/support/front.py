"""The real HAProxy with the deployment's own configuration, before instances of all three services on Unix sockets.

The instances share database, keys and store with those of the running gateway (`tests.support.stack`), as a second
instance anywhere would; all they say to each other also goes through the front.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deploy.onebox.files import write_private
from deploy.onebox.stack import OneBox
from deploy.onebox.state import free_port
from tests.support.components import did_not_run, took_part

CONFIGURATION: Final = Path(__file__).parents[2] / "deploy" / "haproxy" / "haproxy.cfg"
SERVICES: Final = ("auth", "ingest", "catalog")
_REPOSITORY: Final = Path(__file__).parents[2]
_READY_SECONDS: Final = 30.0
_NAME: Final = "HAProxy"


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate that a client shows, with its key, in one PEM file."""

    pem: Path
    der: bytes


class Issuer:
    """A CA for client certificates."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.pem = folder / f"{name}.pem"
        self.pem.write_bytes(self._certificate(name, self._key, authority=True).public_bytes(Encoding.PEM))

    def issue(self, name: str) -> ClientCertificate:
        """A certificate for a client."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._certificate(name, key, authority=False)
        path = self._folder / f"client-{name}.pem"
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_private(path, made.public_bytes(Encoding.PEM) + secret)
        return ClientCertificate(path, made.public_bytes(Encoding.DER))

    def _certificate(self, name: str, key: ec.EllipticCurvePrivateKey, *, authority: bool) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True)
        )
        if not authority:
            builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        return builder.sign(self._key, hashes.SHA256())


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Talk:
    """One TLS connection to the front, on which bytes go out exactly as given."""

    def __init__(self, sock: ssl.SSLSocket) -> None:
        self.sock = sock
        self._left = b""

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def received(self, seconds: float) -> bytes:
        """What comes within so many seconds, or until the other side closes."""
        until = time.monotonic() + seconds
        got = bytearray(self._left)
        self._left = b""
        while (left := until - time.monotonic()) > 0:
            self.sock.settimeout(left)
            try:
                chunk = self.sock.recv(65536)
            except TimeoutError:
                break
            except (ConnectionError, ssl.SSLError):
                return bytes(got)
            if not chunk:
                break
            got += chunk
        return bytes(got)

    def closed_within(self, seconds: float) -> tuple[bytes, float]:
        """What came until the other side closed, and how long that took.

        Raises:
            AssertionError: it did not close.
        """
        began, got = time.monotonic(), bytearray()
        self.sock.settimeout(seconds)
        try:
            while chunk := self.sock.recv(65536):
                got += chunk
        except TimeoutError as error:
            raise AssertionError(f"still open after {seconds} s") from error
        except (ConnectionError, ssl.SSLError):
            pass
        return bytes(got), time.monotonic() - began

    def reply(self, seconds: float = 30.0) -> Reply:
        """The next answer, whose body has a length."""
        self.sock.settimeout(seconds)
        while b"\r\n\r\n" not in self._left:
            self._more()
        head, _, self._left = self._left.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        while len(self._left) < length:
            self._more()
        body, self._left = self._left[:length], self._left[length:]
        return Reply(int(first.split(" ")[1]), headers, body)

    def _more(self) -> None:
        chunk = self.sock.recv(65536)
        if not chunk:
            raise ConnectionError(f"closed after {self._left[:300]!r}")
        self._left += chunk


@dataclass(frozen=True, slots=True)
class Front:
    """A running front. `hosts` are what its services answer to, by service."""

    port: int
    hosts: Mapping[str, str]
    ca: Path
    issuer: Issuer
    stranger: Issuer
    environment: Mapping[str, str]
    log: Path

    def origin(self, service: str) -> str:
        return f"https://{self.hosts[service]}"

    @contextmanager
    def talk(
        self,
        certificate: ClientCertificate | None = None,
        *,
        port: int | None = None,
        session: ssl.SSLSession | None = None,
        context: ssl.SSLContext | None = None,
    ) -> Iterator[Talk]:
        """A connection; closed with the block."""
        context = context or self.context(certificate)
        with (
            socket.create_connection(("127.0.0.1", port or self.port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="localhost", session=session) as sock,
        ):
            yield Talk(sock)

    def context(self, certificate: ClientCertificate | None = None) -> ssl.SSLContext:
        """What a client trusts and shows."""
        context = ssl.create_default_context(cafile=str(self.ca))
        if certificate is not None:
            context.load_cert_chain(certificate.pem)
        return context

    def ask(self, request: bytes, certificate: ClientCertificate | None = None, *, port: int | None = None) -> Reply:
        """The answer to one request on a connection of its own."""
        with self.talk(certificate, port=port) as talk:
            talk.send(request)
            return talk.reply()


def haproxy() -> str:
    """The program, or a skip that the run's last lines tell of."""
    found = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        did_not_run(_NAME, "no haproxy here; `apt-get install haproxy` brings it")
        pytest.skip("HAProxy is not installed: NOTHING of the front was tested")
    version = subprocess.run([found, "-v"], capture_output=True, text=True, check=True).stdout.split()[2]
    took_part(_NAME, version)
    return found


@contextmanager
def running_front(box: OneBox) -> Iterator[Front]:
    """HAProxy and its services, until the block ends."""
    program = haproxy()
    folder = Path(tempfile.mkdtemp(prefix="nopluu-front-"))
    port, second = free_port(), free_port()
    # One certificate for localhost and 127.0.0.1 is all that the development CA gives: the third name is another port.
    hosts = {"auth": f"localhost:{port}", "ingest": f"127.0.0.1:{port}", "catalog": f"localhost:{second}"}
    tls = box.folder.path / "tls"
    certificate = folder / "front.pem"
    write_private(certificate, (tls / "server.pem").read_bytes() + (tls / "server-key.pem").read_bytes())
    issuer, stranger = Issuer(folder, "agencies"), Issuer(folder, "strangers")
    environment = {
        "PATH": os.environ["PATH"],
        "NOPLUU_FRONT_LOG": "stdout",
        "NOPLUU_FRONT_BIND": f"127.0.0.1:{port},127.0.0.1:{second}",
        "NOPLUU_FRONT_CERTIFICATE": str(certificate),
        "NOPLUU_CLIENT_CA": str(issuer.pem),
        "NOPLUU_CLIENT_CERTIFICATES": "optional",
        "NOPLUU_RUN": str(folder),
        **{f"NOPLUU_{service.upper()}_HOST": host for service, host in hosts.items()},
    }
    log = folder / "haproxy.log"
    front = Front(port, hosts, tls / "ca.pem", issuer, stranger, environment, log)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.enter_context(process([program, "-db", "-f", str(CONFIGURATION)], environment, log))
        for service in SERVICES:
            stack.enter_context(_instance(box, front, service, folder))
        for service in SERVICES:
            _await(front, service)
        yield front


def process(
    command: list[str], environment: Mapping[str, str], log: Path
) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """A child that ends with the block."""

    @contextmanager
    def started() -> Iterator[subprocess.Popen[bytes]]:
        with log.open("ab") as stream:
            child = subprocess.Popen(
                command, env=dict(environment), stdout=stream, stderr=subprocess.STDOUT, cwd=_REPOSITORY
            )
        try:
            yield child
        finally:
            child.terminate()
            with suppress(subprocess.TimeoutExpired):
                child.wait(20)
            if child.returncode is None:
                child.kill()
                child.wait()

    return started()


def _instance(box: OneBox, front: Front, service: str, folder: Path) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """A further instance of a service, told what the gateway's own is but for where it listens and is known."""
    command = box.child(service).command
    told = {
        name: value for name, value in command.environment.items() if name not in ("NOPLUU_TLS_CERT", "NOPLUU_TLS_KEY")
    }
    told |= {f"NOPLUU_{each.upper()}_ORIGIN": front.origin(each) for each in front.hosts}
    told |= {
        "NOPLUU_ORIGIN": front.origin(service),
        "NOPLUU_LISTEN": f"unix:{folder}/{service}.sock",
        "NOPLUU_ADMIN_LISTEN": f"unix:{folder}/{service}-admin.sock",
    }
    return process(list(command.arguments), told, folder / f"{service}.log")


def _await(front: Front, service: str) -> None:
    """Wait until the front's own check has found the instance ready."""
    request = f"GET /.well-known/nopluu HTTP/1.1\r\nHost: {front.hosts[service]}\r\n\r\n".encode()
    until = time.monotonic() + _READY_SECONDS
    while True:
        answer: object
        try:
            reply = front.ask(request)
            if reply.status == 200:
                return
            answer = reply.status
        except OSError as error:
            answer = error
        logs = "".join(path.read_text("utf-8", "replace")[-2000:] for path in front.log.parent.glob("*.log"))
        assert time.monotonic() < until, f"{service} is not ready behind the front: {answer}\n{logs}"
        time.sleep(0.1)
