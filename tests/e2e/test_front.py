"""The deployment's HAProxy configuration under attack, with the real services behind it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import psycopg
import pytest

from deploy.onebox import sample
from deploy.onebox.postgres import OWNER
from deploy.onebox.stack import OneBox
from deploy.onebox.state import free_port
from services.agency import AgencyError, Gateway, keys
from services.kernel.signing import Content, sign_request
from services.kernel.signing.assertions import ASSERTION_TYPE
from tests.support.enrolled import FORM, Enrolled
from tests.support.front import CONFIGURATION, ClientCertificate, Front, Reply, haproxy, process, running_front
from tests.support.ingest_manifests import Dossier

MIB: Final = 1024 * 1024
JWKS: Final = "/.well-known/jwks.json"


@pytest.fixture(scope="module")
def front(box: OneBox) -> Iterator[Front]:
    with running_front(box) as started:
        yield started


@pytest.fixture(scope="module")
def mine(front: Front) -> ClientCertificate:
    """The certificate of the agency's system."""
    return front.issuer.issue("mine")


@pytest.fixture(scope="module")
def theirs(front: Front) -> ClientCertificate:
    """Another system's, of the same CA."""
    return front.issuer.issue("theirs")


@dataclass(slots=True)
class Submitter:
    """The sample agency's client, speaking through the front byte by byte."""

    front: Front
    enrolled: Enrolled

    def token(self, certificate: ClientCertificate | None = None, *more: tuple[str, str]) -> str:
        """A new access token, asked for over a connection with that certificate."""
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.enrolled.assertion(),
        }
        body = urlencode(form).encode()
        head = {"content-type": FORM, "content-length": str(len(body))}
        reply = self.front.ask(self.head("POST", "auth", "/v1/token", head, more) + body, certificate)
        assert reply.status == 200, reply.body
        token: str = reply.json()["access_token"]
        return token

    def signed(
        self,
        method: str,
        target: str,
        token: str,
        body: bytes | None = None,
        *,
        content_type: str = "application/json",
        more: tuple[tuple[str, str], ...] = (),
        service: str = "ingest",
    ) -> bytes:
        """A signed request's head."""
        fields = {"authorization": f"Bearer {token}", "accept-language": "en"}
        content = None
        if body is not None:
            fields["content-type"] = content_type
            content = Content(hashlib.sha256(body).digest(), len(body))
        signed = sign_request(
            method,
            self.front.origin(service) + target,
            fields,
            content=content,
            key=self.enrolled.key,
            now=datetime.now(UTC),
            nonce=os.urandom(16),
        )
        return self.head(method, service, target, signed, more)

    def head(
        self, method: str, service: str, target: str, fields: dict[str, str], more: tuple[tuple[str, str], ...] = ()
    ) -> bytes:
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self.front.hosts[service]}"]
        lines += [f"{name}: {value}" for name, value in (*fields.items(), *more)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def packages(
        self, token: str, certificate: ClientCertificate | None = None, *more: tuple[str, str]
    ) -> tuple[int, str | None]:
        """Status and code of a signed request."""
        reply = self.front.ask(self.signed("GET", "/v1/packages", token, more=more), certificate)
        return reply.status, None if reply.status == 200 else reply.json()["code"]


@pytest.fixture
def submitter(front: Front, box: OneBox) -> Submitter:
    profile = box.profile("agency")
    auth = front.origin("auth")
    return Submitter(front, Enrolled(profile.client_id, keys.load(profile.key_file), auth, front.hosts["auth"]))


def claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    read: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return read


def thumbprint_of(certificate: ClientCertificate) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(certificate.der).digest()).decode().rstrip("=")


def written(certificate: ClientCertificate) -> str:
    """A certificate as RFC 9440 writes it."""
    return f":{base64.b64encode(certificate.der).decode()}:"


def get(front: Front, *lines: str, service: str = "auth", target: str = JWKS) -> bytes:
    fields = [f"GET {target} HTTP/1.1", f"Host: {front.hosts[service]}", *lines]
    return ("\r\n".join(fields) + "\r\n\r\n").encode("latin-1")


# The client's certificate


def test_a_token_is_bound_to_the_certificate_that_asked_for_it(
    submitter: Submitter, mine: ClientCertificate, theirs: ClientCertificate
) -> None:
    token = submitter.token(mine)
    assert claims(token)["cnf"]["x5t#S256"] == thumbprint_of(mine)
    assert submitter.packages(token, mine) == (200, None)
    refused = (401, "token-certificate-mismatch")
    assert submitter.packages(token) == refused
    assert submitter.packages(token, theirs) == refused


@pytest.mark.parametrize("name", ["Client-Cert", "client-cert", "CLIENT-CERT"])
def test_a_certificate_that_is_only_claimed_counts_for_nothing(
    submitter: Submitter, mine: ClientCertificate, theirs: ClientCertificate, name: str
) -> None:
    claimed = (name, written(mine))
    assert "x5t#S256" not in claims(submitter.token(None, claimed))["cnf"]
    assert claims(submitter.token(theirs, claimed))["cnf"]["x5t#S256"] == thumbprint_of(theirs)
    token = submitter.token(mine)
    refused = (401, "token-certificate-mismatch")
    assert submitter.packages(token, None, claimed) == refused
    assert submitter.packages(token, None, claimed, claimed) == refused
    assert submitter.packages(token, theirs, claimed) == refused
    assert submitter.packages(token, None, claimed, ("Connection", "close, Client-Cert")) == refused
    assert submitter.packages(token, None, ("Client-Cert-Chain", written(mine))) == refused
    # A true certificate is not spoilt by a false claim.
    assert submitter.packages(token, mine, (name, written(theirs))) == (200, None)


def test_a_token_without_a_certificate_serves_with_any(submitter: Submitter, mine: ClientCertificate) -> None:
    token = submitter.token()
    assert submitter.packages(token) == (200, None)
    assert submitter.packages(token, mine) == (200, None)


def test_another_spelling_of_the_field_is_refused(front: Front, mine: ClientCertificate) -> None:
    for name in ("Client_Cert", "Client.Cert"):
        assert front.ask(get(front, f"{name}: {written(mine)}")).status == 403


def test_a_resumed_connection_keeps_its_certificate(
    front: Front, submitter: Submitter, mine: ClientCertificate
) -> None:
    token, context = submitter.token(mine), front.context(mine)
    with front.talk(context=context) as first:
        first.send(submitter.signed("GET", "/v1/packages", token))
        assert first.reply().status == 200
        session = first.sock.session
    with front.talk(context=context, session=session) as again:
        again.send(submitter.signed("GET", "/v1/packages", token))
        assert again.reply().status == 200
        assert again.sock.session_reused


def test_a_certificate_of_another_authority_is_not_let_in(front: Front) -> None:
    stranger = front.stranger.issue("stranger")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        front.ask(get(front), stranger)


def test_where_certificates_are_required_nobody_comes_without(front: Front, mine: ClientCertificate) -> None:
    port = free_port()
    environment = {
        **front.environment,
        "NOPLUU_FRONT_BIND": f"127.0.0.1:{port}",
        "NOPLUU_CLIENT_CERTIFICATES": "required",
    }
    log = front.log.with_name("required.log")
    with process([haproxy(), "-db", "-f", str(CONFIGURATION)], environment, log):
        deadline = time.monotonic() + 15
        while True:
            try:
                if front.ask(get(front), mine, port=port).status == 200:
                    break
            except ConnectionRefusedError:
                assert time.monotonic() < deadline
            time.sleep(0.1)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            front.ask(get(front), port=port)


# TLS


def test_nothing_older_than_tls_1_3_is_spoken(front: Front) -> None:
    context = front.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionError)), front.talk(context=context):
        pass
    with front.talk() as talk:
        assert talk.sock.version() == "TLSv1.3"


def test_plain_http_gets_nothing(front: Front) -> None:
    with socket.create_connection(("127.0.0.1", front.port), timeout=10) as plain:
        plain.sendall(get(front))
        assert b"HTTP/1.1 200" not in plain.recv(65536)


# Slow, large and malformed heads


def test_a_head_that_never_ends_is_cut_off_after_three_seconds(front: Front) -> None:
    with front.talk() as talk:
        talk.send(get(front)[:-2])
        got, seconds = talk.closed_within(8)
    assert got.startswith(b"HTTP/1.1 408")
    assert 2.5 < seconds < 5


def test_a_head_that_drips_is_cut_off_all_the_same(front: Front) -> None:
    with front.talk() as talk:
        talk.send(get(front)[:-2])
        began = time.monotonic()
        try:
            while time.monotonic() - began < 8:
                talk.send(b"x: y\r\n")
                time.sleep(0.25)
        except (ConnectionError, ssl.SSLError):
            pass
        assert time.monotonic() - began < 5


def body_of(front: Front, *lines: str, service: str = "auth", target: str = "/v1/agencies") -> bytes:
    fields = [f"POST {target} HTTP/1.1", f"Host: {front.hosts[service]}", *lines]
    return ("\r\n".join(fields) + "\r\n\r\n").encode("latin-1")


SMUGGLED: Final = "GET /.well-known/jwks.json HTTP/1.1\r\nHost: {host}\r\n\r\n"


def attacks(front: Front) -> dict[str, tuple[bytes, int]]:
    """Bytes, and the status that the first and only answer must have."""
    hidden = SMUGGLED.format(host=front.hosts["auth"]).encode()
    chunked = b"0\r\n\r\n" + hidden
    return {
        "chunked and a length": (body_of(front, "Content-Length: 5", "Transfer-Encoding: chunked") + chunked, 411),
        "a length and chunked": (body_of(front, "Transfer-Encoding: chunked", "Content-Length: 5") + chunked, 411),
        "an unknown coding": (body_of(front, "Transfer-Encoding: xchunked", "Content-Length: 5") + chunked, 400),
        "a coding before a space": (body_of(front, "Transfer-Encoding : chunked", "Content-Length: 5") + chunked, 400),
        "two lengths": (body_of(front, "Content-Length: 5", "Content-Length: 6") + hidden, 400),
        "a length with a sign": (body_of(front, "Content-Length: +5") + hidden, 400),
        "two hosts": (get(front, "Host: evil.example"), 400),
        "another authority": (get(front, target="https://evil.example/"), 400),
        "no host": (b"GET / HTTP/1.1\r\n\r\n", 421),
        "an unknown host": (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
        "a bare carriage return": (get(front, "X-A: 1\rX-B: 2"), 400),
        "a NUL": (get(front, "X-A: 1\x002"), 400),
        "100,000 fields": (get(front, *(f"x-{n}: 1" for n in range(100_000))), 400),
        "64 fields": (get(front, *(f"x-{n}: 1" for n in range(63))), 400),
        "a field of 64 KiB": (get(front, "x: " + "a" * 65536), 400),
        "an address of 64 KiB": (get(front, target="/" + "a" * 65536), 400),
        "HTTP/2 in clear": (get(front, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c"), 400),
        "HTTP/2's preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), 400),
        "CONNECT": (f"CONNECT {front.hosts['auth']} HTTP/1.1\r\nHost: {front.hosts['auth']}\r\n\r\n".encode(), 400),
        "TRACE": (get(front).replace(b"GET", b"TRACE", 1), 400),
    }


def test_what_two_readers_would_read_differently_is_refused_and_nothing_hides_behind_it(front: Front) -> None:
    found: dict[str, tuple[int, int]] = {}
    for name, (data, _) in attacks(front).items():
        with front.talk() as talk:
            with suppress(ConnectionError, ssl.SSLError):  # cut off in the middle, its answer may still be there
                talk.send(data)
            got = talk.received(0.6)
        found[name] = (int(got[9:12] or b"0"), got.count(b"HTTP/1.1 200"))
    assert found == {name: (status, 0) for name, (_, status) in attacks(front).items()}


def test_a_bare_line_feed_makes_no_second_request(front: Front) -> None:
    """HAProxy takes it as an end of line and writes it anew, so that nobody behind can read it otherwise."""
    hidden = SMUGGLED.format(host=front.hosts["auth"]).encode()
    head = body_of(front, f"Content-Length: {len(hidden)}").replace(b"\r\n", b"\n")
    with front.talk() as talk:
        talk.send(head + hidden)
        got = talk.received(1.0)
    assert got.count(b"HTTP/1.1 ") == 1
    assert got[9:12] in (b"400", b"401")


def test_behind_the_front_a_bare_line_feed_is_refused_too(front: Front) -> None:
    with socket.socket(socket.AF_UNIX) as plain:
        plain.settimeout(10)
        plain.connect(str(front.log.with_name("auth.sock")))
        plain.sendall(get(front).replace(b"\r\n", b"\n"))
        assert plain.recv(65536).startswith(b"HTTP/1.1 400")


def test_an_address_that_hides_a_slash_reaches_no_route(front: Front) -> None:
    reply = front.ask(get(front, target="/a%2f..%2f.well-known/jwks.json"))
    assert (reply.status, reply.json()["code"]) == (400, "path-ambiguous")


# Bodies


def test_an_unproved_upload_gets_no_100_and_sends_no_byte(front: Front) -> None:
    lines = ("Content-Type: application/json", "Content-Length: 1000000", "Expect: 100-continue")
    with front.talk() as talk:
        talk.send(body_of(front, *lines, service="ingest", target="/v1/packages"))
        reply = talk.reply()
        assert (reply.status, reply.json()["code"]) == (401, "token-missing")
        assert reply.headers["connection"] == "close"  # told that nothing more can come here
        assert talk.received(0.5) == b""


@dataclass(frozen=True, slots=True)
class Declared:
    """A package of one part of 16 MiB."""

    package: str
    part: bytes


def declare(submitter: Submitter, token: str) -> Declared:
    part = os.urandom(16 * MIB)
    agency = sample.AGENCIES[0]
    dossier = Dossier(
        [part], code=f"P012.01.{int.from_bytes(part[:2]):05}", fonds=agency.fonds[0].code, submitter=agency.code
    )
    body = dossier.manifest
    head = submitter.signed("POST", f"/v1/packages?part_size={16 * MIB}", token, body)
    reply = submitter.front.ask(head + body)
    assert reply.status == 201, reply.body
    return Declared(reply.json()["package"], part)


def put(submitter: Submitter, token: str, declared: Declared, *more: tuple[str, str]) -> bytes:
    target = f"/v1/packages/{declared.package}/parts/0"
    return submitter.signed("PUT", target, token, declared.part, content_type="application/octet-stream", more=more)


def attempts(box: OneBox, package: str) -> int:
    with psycopg.connect(box.postgres.url_for(OWNER)) as connection:
        rows = connection.execute("SELECT count(*) FROM ingest.attempt WHERE package = %s", [package]).fetchone()
    assert rows is not None
    return int(rows[0])


def test_a_part_of_16_mib_streams_through_and_is_sealed(
    front: Front, box: OneBox, submitter: Submitter, mine: ClientCertificate
) -> None:
    token = submitter.token(mine)
    declared = declare(submitter, submitter.token())
    with front.talk(mine) as talk:
        talk.send(put(submitter, token, declared) + declared.part[: 4 * MIB])
        until = time.monotonic() + 10
        while not attempts(box, declared.package):  # the service is at work while most of the body is still here
            assert time.monotonic() < until
            time.sleep(0.05)
        talk.send(declared.part[4 * MIB :])
        reply = talk.reply()
        assert reply.status == 201, reply.body
        talk.send(submitter.signed("GET", f"/v1/packages/{declared.package}/receipt?wait=30", token))
        receipt = talk.reply(60)
    assert receipt.status == 200, receipt.body
    assert receipt.json()["format"] == "nopluu/receipt1"


def test_a_proved_upload_is_asked_to_continue(front: Front, submitter: Submitter) -> None:
    token = submitter.token()
    declared = declare(submitter, token)
    with front.talk() as talk:
        talk.send(put(submitter, token, declared, ("Expect", "100-continue")))
        interim = talk.reply()
        assert interim.status == 100
        talk.send(declared.part)
        assert talk.reply().status == 201


def test_what_the_front_writes_down_holds_no_query_and_no_token(front: Front, submitter: Submitter) -> None:
    token = submitter.token()
    target = "/v1/packages?limit=7"
    reply: Reply = front.ask(submitter.signed("GET", target, token))
    assert reply.status == 200, reply.body
    until = time.monotonic() + 5
    while "/v1/packages 200" not in (told := Path(front.log).read_text("utf-8", "replace")):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert "limit=7" not in told
    assert token not in told


# The catalog, and what the front answers by itself


def test_a_dossier_goes_in_is_found_by_the_catalog_and_comes_back_all_through_the_front(
    front: Front, box: OneBox, submitter: Submitter, tmp_path: Path
) -> None:
    token = submitter.token()
    declared = declare(submitter, token)
    with front.talk() as talk:
        talk.send(put(submitter, token, declared) + declared.part)
        assert talk.reply(60).status == 201
    profile = replace(
        box.profile("agency"), gateway=front.origin("ingest"), ca_file=front.ca, state_dir=tmp_path / "state"
    )
    until = time.monotonic() + 120
    with Gateway(profile) as gateway:
        while True:
            try:
                (fetched,) = gateway.get(UUID(declared.package), tmp_path)
            except AgencyError:  # not sealed, or not listed yet
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)
            else:
                break
        assert gateway.search("Kết luận", limit=1)["items"]
    assert fetched.read_bytes() == declared.part
    told = front.log.read_text("utf-8", "replace")
    assert "catalog/catalog-1 GET" in told
    assert "ingest/ingest-1 GET /v1/components/" in told


def test_a_certificate_counts_for_the_catalog_too(
    submitter: Submitter, front: Front, mine: ClientCertificate, theirs: ClientCertificate
) -> None:
    token = submitter.token(mine)
    found = {}
    for name, shown in (("mine", mine), ("theirs", theirs), ("none", None)):
        reply = front.ask(
            submitter.signed("GET", "/v1/search?q=a", token, service="catalog"), shown, port=port_of(front)
        )
        found[name] = (reply.status, None if reply.status == 200 else reply.json()["code"])
    refused = (401, "token-certificate-mismatch")
    assert found == {"mine": (200, None), "theirs": refused, "none": refused}


def port_of(front: Front) -> int:
    """The catalog's name differs by its port."""
    return int(front.hosts["catalog"].rpartition(":")[2])


def told_by_the_front(reply: Reply) -> tuple[int, str]:
    """Status and code of an answer that no service gave: a problem in both languages."""
    assert reply.headers["content-type"] == "application/problem+json", reply.body
    assert reply.headers["content-language"] == "vi, en"
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["strict-transport-security"] == "max-age=31536000"
    document = reply.json()
    assert document["status"] == reply.status
    assert document["type"] == f"/errors#{document['code']}"
    assert all(" / " in document[name] for name in ("title", "detail", "fix"))
    return reply.status, document["code"]


def test_what_no_service_was_asked_is_a_problem_document_too(front: Front) -> None:
    host = f"Host: {front.hosts['auth']}"
    cases = {
        "upgrade": get(front, "Upgrade: h2c"),
        "trace": get(front).replace(b"GET", b"TRACE", 1),
        "a field name": get(front, "Client_Cert: x"),
        "chunked": body_of(front, "Transfer-Encoding: chunked"),
        "too large": body_of(front, "Content-Length: 99999999999"),
        "nobody": b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "a slow token request": f"POST /v1/token HTTP/1.1\r\n{host}\r\nContent-Type: {FORM}\r\nContent-Length: 9\r\n\r\na".encode(),
    }
    assert {name: told_by_the_front(front.ask(request)) for name, request in cases.items()} == {
        "upgrade": (400, "front-request-refused"),
        "trace": (400, "front-request-refused"),
        "a field name": (403, "front-field-name-refused"),
        "chunked": (411, "content-length-missing"),
        "too large": (413, "body-too-large"),
        "nobody": (421, "host-unknown"),
        "a slow token request": (408, "front-request-late"),
    }


@dataclass(frozen=True, slots=True)
class Stub:
    """A service on a Unix socket that is ready and then does one wrong thing."""

    folder: Path
    name: str
    hangs: bool

    @contextmanager
    def running(self) -> Iterator[None]:
        held: list[socket.socket] = []
        with ExitStack() as stack:
            for suffix, answer in (("", self._misbehave), ("-admin", self._ready)):
                listening = stack.enter_context(socket.socket(socket.AF_UNIX))
                listening.bind(str(self.folder / f"{self.name}{suffix}.sock"))
                listening.listen(16)
                stack.callback(listening.shutdown, socket.SHUT_RDWR)
                threading.Thread(target=self._serve, args=(listening, answer, held), daemon=True).start()
            yield
            for each in held:
                each.close()

    def _serve(
        self, listening: socket.socket, answer: Callable[[socket.socket], None], held: list[socket.socket]
    ) -> None:
        with suppress(OSError):
            while True:
                talking, _ = listening.accept()
                with suppress(OSError):
                    talking.recv(65536)
                    answer(talking)
                held.append(talking)
                if answer == self._ready or not self.hangs:
                    talking.close()

    def _ready(self, talking: socket.socket) -> None:
        talking.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def _misbehave(self, talking: socket.socket) -> None:
        """Nothing: then closed at once, or held open."""


def test_services_that_are_away_go_away_or_hang_are_told_apart(front: Front, tmp_path: Path) -> None:
    """The same configuration before stubs; its 90 s are shortened, and its sockets lie elsewhere."""
    folder = tmp_path / "front"
    shutil.copytree(CONFIGURATION.parent, folder)
    shortened = CONFIGURATION.read_text("utf-8").replace("timeout server 90s", "timeout server 1s")
    (folder / CONFIGURATION.name).write_text(shortened, "utf-8")
    port, run = free_port(), Path(tempfile.mkdtemp(prefix="nopluu-stubs-"))
    environment = {**front.environment, "NOPLUU_FRONT_BIND": f"127.0.0.1:{port}", "NOPLUU_RUN": str(run)}
    environment |= {f"NOPLUU_{name.upper()}_HOST": f"{name}.example" for name in ("auth", "ingest", "catalog")}
    command = [haproxy(), "-db", "-f", str(folder / CONFIGURATION.name)]

    def ask(name: str) -> Reply:
        return front.ask(f"GET /x HTTP/1.1\r\nHost: {name}.example\r\n\r\n".encode(), port=port)

    with ExitStack() as stack:
        stack.callback(shutil.rmtree, run, ignore_errors=True)
        stack.enter_context(Stub(run, "auth", hangs=False).running())
        stack.enter_context(Stub(run, "ingest", hangs=True).running())
        stack.enter_context(process(command, environment, tmp_path / "haproxy.log"))
        until = time.monotonic() + 30
        while True:
            try:
                found = {name: told_by_the_front(ask(name)) for name in ("auth", "ingest", "catalog")}
            except OSError:
                found = {}
            if found.get("catalog") == (503, "front-no-instance") or time.monotonic() > until:
                break
            time.sleep(0.2)
        assert ask("catalog").headers["retry-after"] == "2"
    assert found == {
        "auth": (502, "front-instance-lost"),
        "ingest": (504, "front-instance-late"),
        "catalog": (503, "front-no-instance"),
    }


def test_what_cannot_be_read_as_a_request_gets_haproxys_own_words(front: Front) -> None:
    """HAProxy 2.6 has them built in; README says so. A client sees a 400 or 408 that is no problem document."""
    for garbage in (b"\x00\x01\r\n\r\n", get(front, "Content-Length: 5", "Content-Length: 6")):
        reply = front.ask(garbage)
        assert (reply.status, reply.headers["content-type"]) == (400, "text/html")
