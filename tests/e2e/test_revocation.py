"""A revoked key on the real processes: within two seconds no service takes a request by it, and what runs is cut."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest

from deploy.onebox import sample
from deploy.onebox.clients import Client
from deploy.onebox.postgres import OWNER
from deploy.onebox.stack import OneBox
from services.agency import keys
from services.runtime.registry_feed import MAX_AGE
from services.runtime.standing import ASK_SECONDS
from tests.support.enrolled import Enrolled, ed25519, offered
from tests.support.ingest_manifests import Dossier
from tests.support.wired import Wired

MIB: Final = 1024 * 1024
PART: Final = 16 * MIB
PARTS: Final = 3  # more than sockets and servers buffer between them
PATIENCE: Final = 120.0  # seconds, of a machine under load


@dataclass(slots=True)
class Doomed:
    """A new client of the sample's agency, whose key the registrar will end."""

    wired: Wired
    registrar: Client

    def revoke(self) -> float:
        """End the key; the moment from which two seconds count."""
        client, kid = self.wired.enrolled.client_id, self.wired.enrolled.kid
        self.registrar.post(self.wired.url("auth", f"/v1/clients/{client}/keys/{kid}/revoke"), {})
        return time.monotonic()


@pytest.fixture
def doomed(box: OneBox) -> Any:
    auth, key, agency = box.origins.origin("auth"), ed25519(), sample.AGENCIES[0]
    with Client(box.profile("registrar")) as registrar:
        listed = registrar.get(f"{auth}/v1/agencies?limit=500")["agencies"]
        assert isinstance(listed, list)
        [found] = [entry["id"] for entry in listed if agency.code in {code["code"] for code in entry["codes"]}]
        form = {
            "agency": found,
            "name": "sắp thu hồi",
            "scopes": ["submitter"],
            "keys": [offered(key, agency.code, auth)],
        }
        client_id = UUID(str(registrar.post(f"{auth}/v1/clients", form)["id"]))
        wired = Wired(box, Enrolled(client_id, key, auth, auth.removeprefix("https://")))
        assert wired.obtain().status == 200
        yield Doomed(wired, registrar)


def known_to(wired: Wired) -> dict[str, tuple[int, str | None]]:
    """How each service answers a request that a good key may make or that only lacks a scope."""
    found = {}
    for service, target in (("auth", "/v1/clients"), ("ingest", "/v1/packages"), ("catalog", "/v1/search?q=a")):
        reply = wired.ask("GET", wired.url(service, target))
        found[service] = (reply.status, None if reply.status == 200 else reply.json()["code"])
    return found


def known_everywhere(wired: Wired) -> None:
    """Wait until every service's copy tells the new client apart from nobody."""
    until = time.monotonic() + PATIENCE
    while known_to(wired) != {"auth": (403, "scope-missing"), "ingest": (200, None), "catalog": (200, None)}:
        assert time.monotonic() < until
        time.sleep(0.1)


def test_no_service_takes_a_request_that_begins_two_seconds_later(doomed: Doomed) -> None:
    """The copy's age is counted from before it was asked for, so this holds on a slow machine too."""
    wired = doomed.wired
    known_everywhere(wired)
    revoked = doomed.revoke()
    time.sleep(max(0.0, revoked + MAX_AGE - time.monotonic()))
    until = time.monotonic() + PATIENCE
    while True:
        found = known_to(wired)
        assert {status for status, _ in found.values()} <= {401, 503}, found
        if {code for _, code in found.values()} == {"key-revoked"}:
            break
        assert time.monotonic() < until, found  # 503: a copy too old to say
    assert wired.obtain().json()["code"] == "assertion-key-unknown"


def declare(wired: Wired, payload: bytes) -> str:
    """A package of one component, cut in parts of 16 MiB."""
    agency = sample.AGENCIES[0]
    dossier = Dossier(
        [payload], code=f"P012.01.{int.from_bytes(payload[:2]):05}", fonds=agency.fonds[0].code, submitter=agency.code
    )
    reply = wired.ask("POST", wired.url("ingest", f"/v1/packages?part_size={PART}"), dossier.manifest)
    assert reply.status == 201, reply.body
    return str(reply.json()["package"])


def await_revoked(wired: Wired, service: str) -> None:
    """Wait until a service refuses the key."""
    until = time.monotonic() + PATIENCE
    while known_to(wired)[service] != (401, "key-revoked"):
        assert time.monotonic() < until
        time.sleep(0.1)


def test_an_upload_that_runs_is_cut_and_leaves_no_part(doomed: Doomed, box: OneBox) -> None:
    wired, payload = doomed.wired, os.urandom(PART)
    package = declare(wired, payload)
    url = wired.url("ingest", f"/v1/packages/{package}/parts/0")
    with wired.talk(url) as talk:
        talk.send(wired.signed("PUT", url, payload, content_type="application/octet-stream") + payload[: 4 * MIB])
        doomed.revoke()
        await_revoked(wired, "ingest")
        time.sleep(ASK_SECONDS)  # what moves sooner after the last question goes by that question's answer
        with suppress(OSError):  # the rest goes against a connection that ends
            talk.send(payload[4 * MIB :])
        answer = talk.received(10)
    assert b" 201 " not in answer[:20]
    if answer:
        assert answer.startswith(b"HTTP/1.1 401")
        assert b"key-revoked" in answer
    with psycopg.connect(box.postgres.url_for(OWNER)) as connection:
        [(state,)] = connection.execute("SELECT state FROM ingest.package WHERE id = %s", [package]).fetchall()
    assert state in ("declared", "receiving")
    rest = Wired(box, sample_client(box), "")
    assert rest.obtain().status == 200
    assert rest.ask("GET", wired.url("ingest", f"/v1/packages/{package}")).json()["missing"]


def sample_client(box: OneBox) -> Enrolled:
    """The agency's own client, whose key stays good."""
    profile, auth = box.profile("agency"), box.origins.origin("auth")
    return Enrolled(profile.client_id, keys.load(profile.key_file), auth, auth.removeprefix("https://"))


def test_a_download_that_runs_is_cut_before_its_end(doomed: Doomed) -> None:
    wired, payload = doomed.wired, os.urandom(PARTS * PART)
    package = declare(wired, payload)
    for number in range(PARTS):
        url = wired.url("ingest", f"/v1/packages/{package}/parts/{number}")
        part = payload[number * PART : (number + 1) * PART]
        assert wired.ask("PUT", url, part, content_type="application/octet-stream").status == 201
    component = await_listed(wired, package)
    place = wired.ask("GET", wired.url("catalog", f"/v1/components/{component}"))
    assert place.status == 307, place.body
    url = place.headers["location"]
    with wired.talk(url) as talk:
        talk.send(wired.signed("GET", url))
        got = bytearray(talk.sock.recv(65536))
        assert got.startswith(b"HTTP/1.1 200")
        doomed.revoke()
        await_revoked(wired, "ingest")
        time.sleep(ASK_SECONDS)  # what moves sooner after the last question goes by that question's answer
        rest, _ = talk.closed_within(60)
    body = bytes(got + rest).partition(b"\r\n\r\n")[2]
    assert payload.startswith(body)
    assert len(body) < len(payload)


def await_listed(wired: Wired, package: str) -> str:
    """The package's component, once the catalog has it."""
    until = time.monotonic() + PATIENCE
    while True:
        reply = wired.ask("GET", wired.url("catalog", f"/v1/packages/{package}"))
        if reply.status == 200:
            return str(reply.json()["documents"][0]["components"][0]["id"])
        assert time.monotonic() < until, reply.body
        time.sleep(0.2)
