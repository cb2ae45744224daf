"""The whole way of a request: a token of the real auth, the door, the routes, the rows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit
from uuid import UUID, uuid4, uuid5

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from starlette.types import ASGIApp

from services.auth.adapters.signing_keys import SigningKeyFolder
from services.catalog.domain.description import document_id, dossier_id
from services.catalog.domain.labels import Reader
from services.catalog.main import build
from services.catalog.settings import CatalogSettings
from services.catalog.usecases.grant_reading import grant_reading
from services.kernel.identifiers import ClientId, ComponentId
from services.kernel.messages import Grant
from services.kernel.secrecy import Level
from services.kernel.signing.keys import PrivateKey
from services.runtime.metrics import Metrics
from services.runtime.registry_feed import Registry
from services.runtime.service_client import Answer
from services.runtime.unfinished import Wholeness
from tests.integration.auth.conftest import HOST as AUTH_HOST
from tests.integration.auth.conftest import ISSUER, Auth, auth, auth_settings
from tests.integration.catalog.conftest import Catalog
from tests.support.asgi import Reply, call, http_scope
from tests.support.enrolled import Enrolled, ed25519, offered
from tests.support.shelving import document, manifest, sealed, stub

__all__ = ["auth", "auth_settings"]
HOST = "catalog.example"
ORIGIN = f"https://{HOST}"


class InProcess:
    """The service's calls to auth, without a socket."""

    def __init__(self, app: ASGIApp, client: Enrolled) -> None:
        self._app = app
        self._client = client

    async def request(
        self, method: str, url: str, *, body: bytes | None = None, content_type: str | None = None
    ) -> Answer:
        target = url.removeprefix(ISSUER)
        reply = await call(self._app, self._client.scope(method, target, body), body or b"")
        return Answer(reply.status, reply.headers, reply.body)


@dataclass(frozen=True, slots=True)
class Door:
    """Catalog's application, who may knock, and two agencies with a fonds each."""

    app: ASGIApp
    auth: Auth
    catalog: Catalog
    registry: Registry
    grant_key: Ed25519PrivateKey
    fonds: UUID
    submitter: Enrolled
    stranger: Enrolled

    async def client(self, agency: UUID, *scopes: str) -> Enrolled:
        return await enrol(self.auth, agency, *scopes)

    async def get(self, who: Enrolled, target: str) -> Reply:
        await self.registry.poll()
        return await who.ask(self.app, "GET", target)

    async def post(self, who: Enrolled, target: str, body: bytes) -> Reply:
        await self.registry.poll()
        return await call(self.app, who.scope("POST", target, body), body)

    def logged(self, kind: str) -> list[dict[str, Any]]:
        """The events of a type that are in the log."""
        with psycopg.connect(self.auth.database.admin_url) as owner:
            events = [json.loads(bytes(event)) for (event,) in owner.execute("SELECT event FROM journal.event")]
        return [event for event in events if event["type"] == kind]


async def register(auth: Auth, path: str, form: dict[str, Any]) -> UUID:
    reply = await auth.registrar.ask(auth.app, "POST", path, form)
    assert reply.status == 201, reply.body
    return UUID(reply.json()["id"])


async def enrol(auth: Auth, agency: UUID, *scopes: str) -> Enrolled:
    """A new client with a token, speaking to catalog."""
    key = ed25519()
    history = await auth.registrar.ask(auth.app, "GET", f"/v1/agencies/{agency}/history")
    code = history.json()["agency"]["codes"][0]["code"]
    form = {
        "agency": str(agency),
        "name": "client",
        "scopes": list(scopes),
        "keys": [offered(key, code, ISSUER)],
    }
    return await known(auth, await register(auth, "/v1/clients", form), key)


async def known(auth: Auth, client_id: UUID, key: PrivateKey) -> Enrolled:
    """A client of auth's with a token, speaking to catalog."""
    enrolled = Enrolled(client_id, key, ISSUER, HOST)
    assert (await enrolled.obtain(auth.app, AUTH_HOST)).status == 200
    return enrolled


async def agency_with_fonds(auth: Auth, code: str, fonds: str) -> tuple[UUID, UUID]:
    agency = await register(
        auth,
        "/v1/agencies",
        {
            "name": f"Cơ quan {fonds}",
            "kind": "party-committee",
            "level": "commune",
            "valid_from": "2020-01-01",
            "codes": [{"code": code, "valid_from": "2020-01-01"}],
        },
    )
    return agency, await register(
        auth,
        "/v1/fonds",
        {"code": fonds, "name": f"Phông {fonds}", "creator": str(agency), "custodian": str(auth.agency)},
    )


@pytest.fixture
async def door(auth: Auth, catalog: Catalog, tmp_path: Path) -> Door:
    key = Ed25519PrivateKey.generate()
    key_file, url_file = tmp_path / "grant.pem", tmp_path / "catalog-url"
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    url_file.write_text(auth.database.url_for("nopluu_catalog"), encoding="utf-8")
    settings = CatalogSettings(
        environment="production",
        secrecy_profile="open",
        origin=ORIGIN,
        auth_origin=ISSUER,
        ingest_origin="https://ingest.example",
        catalog_origin=ORIGIN,
        audience="nopluu-test",
        database_url_file=url_file,
        listen="unix:/nowhere",
        admin_listen="127.0.0.1:0",
        grant_key_file=key_file,
    )
    registry = Registry(InProcess(auth.app, auth.service), ISSUER)
    keys = SigningKeyFolder(auth.settings.signing_keys_dir, issuer=ISSUER, audience="nopluu-test")
    app = build(settings, catalog.engine, registry, keys, Metrics("catalog"), Wholeness(catalog.engine))
    agency, fonds = await agency_with_fonds(auth, "000.00.47.A47", "P012")
    other, _ = await agency_with_fonds(auth, "000.00.48.A47", "P099")
    await registry.poll()
    return Door(
        app,
        auth,
        catalog,
        registry,
        key,
        fonds,
        await enrol(auth, agency, "submitter"),
        await enrol(auth, other, "submitter"),
    )


async def test_a_deposit_is_told_found_opened_and_read(door: Door) -> None:
    data = manifest([document(1, "Thu thập, chỉnh lý tài liệu", files=["a/b.pdf", "c.pdf"]), document(2, "Khác")])
    door.catalog.manifests.put(data)
    message = sealed(data, fonds=door.fonds)
    service = await known(door.auth, door.auth.service.client_id, door.auth.service.key)
    for _ in range(2):
        reply = await door.post(service, "/v1/messages", message.to_bytes())
        assert (reply.status, reply.json()) == (202, {"message": str(message.id)})
    await door.catalog.register(message.id)

    found = await door.get(door.submitter, f"/v1/search?q={quote('thu thap chinh ly')}")
    assert found.status == 200
    (item,) = found.json()["items"]
    assert item["package"] == str(message.package)
    assert (item["subject"], item["components"], item["level"]) == ("Thu thập, chỉnh lý tài liệu", 2, "none")
    assert item["highlights"][0] == {"field": "subject", "start": 0, "end": 8}
    assert found.json()["next"] is None

    opened = (await door.get(door.submitter, f"/v1/documents/{item['document']}")).json()
    assert [component["name"] for component in opened["components"]] == ["a/b.pdf", "c.pdf"]
    assert set(opened["components"][0]) == {"id", "name", "size", "sha256", "media_type", "erased_at"}
    package = (await door.get(door.submitter, f"/v1/packages/{message.package}")).json()
    assert package["documents"][0] == opened
    dossier = (await door.get(door.submitter, f"/v1/dossiers/{item['dossier']}")).json()
    assert (dossier["package"], dossier["documents"]) == (str(message.package), package["documents"])

    component = opened["components"][1]["id"]
    reply = await door.get(door.submitter, f"/v1/components/{component}")
    assert (reply.status, reply.body) == (307, b"")
    place = urlsplit(reply.headers["location"])
    assert f"{place.scheme}://{place.netloc}{place.path}" == f"https://ingest.example/v1/components/{component}"
    grant = Grant.verify(parse_qs(place.query)["grant"][0], door.grant_key.public_key())
    assert (grant.subject, grant.component) == (door.submitter.client_id, ComponentId(UUID(component)))
    assert 50 < (grant.expires_at - door.catalog.world.now()).total_seconds() <= 60
    assert door.logged("reading_granted") == []


async def test_another_agency_finds_nothing_and_cannot_tell_what_is_there(door: Door) -> None:
    message = await door.catalog.shelve(manifest([document(1, "mật thiết")]), fonds=door.fonds)
    component = uuid5(message.package, "0/0")
    assert (await door.get(door.stranger, "/v1/search?q=mat+thiet")).json() == {"items": [], "next": None}
    assert (await door.get(door.stranger, f"/v1/search?q=&fonds={door.fonds}")).json() == {"items": [], "next": None}
    for kind, present, code in (
        ("packages", message.package, "package-unknown"),
        ("dossiers", dossier_id(message.chain), "dossier-unknown"),
        ("documents", document_id(message.package, 0), "document-unknown"),
        ("components", component, "component-unknown"),
    ):
        assert (await door.get(door.submitter, f"/v1/{kind}/{present}")).status in (200, 307)
        there = await door.get(door.stranger, f"/v1/{kind}/{present}")
        absent = await door.get(door.stranger, f"/v1/{kind}/{uuid4()}")
        for reply in (there, absent):
            assert (reply.status, reply.json()["code"]) == (404, code)
        same = [{**reply.json(), "request_id": ""} for reply in (there, absent)]
        assert same[0] == same[1]
        assert set(there.headers) == set(absent.headers)


async def test_a_successor_reads_what_its_predecessor_handed_in(door: Door) -> None:
    await door.catalog.shelve(manifest([document(1, "di sản")]), fonds=door.fonds)
    agency, _ = await agency_with_fonds(door.auth, "000.00.49.A47", "P100")
    heir = await door.client(agency, "submitter")
    assert (await door.get(heir, "/v1/search?q=di+san")).json()["items"] == []
    agencies = (await door.auth.registrar.ask(door.auth.app, "GET", "/v1/agencies")).json()["agencies"]
    earlier = next(entry["id"] for entry in agencies if entry["codes"][0]["code"] == "000.00.47.A47")
    reply = await door.auth.registrar.ask(
        door.auth.app,
        "POST",
        "/v1/successions",
        {
            "predecessors": [earlier],
            "successors": [str(agency)],
            "kind": "merge",
            "effective_on": "2025-07-01",
            "instrument": "NQ 1659/NQ-UBTVQH15",
        },
    )
    assert reply.status < 300, reply.body
    assert len((await door.get(heir, "/v1/search?q=di+san")).json()["items"]) == 1


async def test_an_archivist_sees_every_fonds_but_nothing_above_none(door: Door) -> None:
    message = await door.catalog.shelve(
        manifest([document(1, "mở"), stub(2, "mat", "giá kín")]), fonds=door.fonds, levels={1: "mat"}
    )
    archivist = await door.client(door.auth.agency, "archivist")
    assert [item["subject"] for item in (await door.get(archivist, "/v1/search")).json()["items"]] == ["mở"]
    assert (await door.get(archivist, "/v1/search?q=gia+kin")).json()["items"] == []
    hidden = await door.get(archivist, f"/v1/documents/{document_id(message.package, 1)}")
    assert (hidden.status, hidden.json()["code"]) == (404, "document-unknown")
    assert len((await door.get(archivist, f"/v1/packages/{message.package}")).json()["documents"]) == 1


async def test_scopes_are_asked_for_at_every_route(door: Door) -> None:
    registrar = await known(door.auth, door.auth.registrar.client_id, door.auth.registrar.key)
    service = await known(door.auth, door.auth.service.client_id, door.auth.service.key)
    for who in (registrar, service):
        for target in (
            "/v1/search",
            *(f"/v1/{kind}/{uuid4()}" for kind in ("documents", "dossiers", "packages", "components")),
        ):
            reply = await door.get(who, target)
            assert (reply.status, reply.json()["code"]) == (403, "scope-missing"), target
    message = sealed(manifest([document(1, "một")])).to_bytes()
    for who in (door.submitter, registrar, await door.client(door.auth.agency, "archivist")):
        reply = await door.post(who, "/v1/messages", message)
        assert (reply.status, reply.json()["code"]) == (403, "scope-missing")
    assert await door.catalog.count("SELECT count(*) FROM catalog.received_message") == 0


async def test_unsigned_requests_are_answered_only_at_the_public_addresses(door: Door) -> None:
    for target in ("/v1/search", f"/v1/packages/{uuid4()}", "/v1/nothing"):
        reply = await call(door.app, http_scope("GET", target, host=HOST))
        assert reply.status == 401
    reply = await call(door.app, http_scope("GET", "/.well-known/nopluu", host=HOST))
    assert reply.json()["origins"]["catalog"] == ORIGIN


async def test_a_broken_or_wrong_message_is_refused(door: Door) -> None:
    service = await known(door.auth, door.auth.service.client_id, door.auth.service.key)
    reply = await door.post(service, "/v1/messages", b'{"format": "nopluu/message1"}')
    assert (reply.status, reply.json()["code"]) == (400, "message-malformed")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("q=%3F%21", "search-without-words"),
        ("q=" + "+".join(["a"] * 33), "search-too-long"),
        ("q=" + "a" * 501, "request-invalid"),
        ("q=a&limit=0", "request-invalid"),
        ("q=a&limit=201", "request-invalid"),
        ("q=a&from=31/12/2020", "request-invalid"),
        ("q=a&from=2021-01-02&to=2021-01-01", "search-period-reversed"),
        ("q=a&after=AAAA", "search-cursor-invalid"),
        ("q=a&after=%00", "search-cursor-invalid"),
    ],
)
async def test_searches_that_cannot_be_answered_say_why(door: Door, query: str, code: str) -> None:
    reply = await door.get(door.submitter, f"/v1/search?{query}")
    assert (reply.status, reply.json()["code"]) == (422, code)
    assert reply.headers["content-type"] == "application/problem+json"


async def test_the_mark_of_a_page_goes_on_with_its_own_search_only(door: Door) -> None:
    await door.catalog.shelve(manifest([document(at, f"tài liệu {at}") for at in range(1, 6)]), fonds=door.fonds)
    seen: list[str] = []
    after = ""
    while True:
        page = (await door.get(door.submitter, f"/v1/search?q=t%C3%A0i+li%E1%BB%87u&limit=2{after}")).json()
        seen += [item["document"] for item in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert len(seen) == len(set(seen)) == 5
    reply = await door.get(door.submitter, f"/v1/search?q=tai+lieu&limit=2{after}")
    assert reply.json()["code"] == "search-cursor-invalid"


async def test_a_package_is_listed_page_by_page(door: Door) -> None:
    message = await door.catalog.shelve(manifest([document(at, f"số {at}") for at in range(1, 6)]), fonds=door.fonds)
    for kind, id_ in (("packages", message.package), ("dossiers", dossier_id(message.chain))):
        first = (await door.get(door.submitter, f"/v1/{kind}/{id_}?limit=3")).json()
        rest = (await door.get(door.submitter, f"/v1/{kind}/{id_}?limit=3&after={first['next']}")).json()
        assert [entry["ordinal"] for entry in first["documents"] + rest["documents"]] == [1, 2, 3, 4, 5]
        assert rest["next"] is None


async def test_reading_a_labelled_component_is_in_the_log_before_the_grant_leaves(door: Door) -> None:
    secret = document(1, "x", files=["a.pdf"], secrecy={"level": "mat", "issued_on": "2026-01-01"})
    message = await door.catalog.shelve(manifest([secret]), fonds=door.fonds, levels={0: "mat"})
    component = uuid5(message.package, "0/0")
    officer = Reader(Level.MAT, archive=True, fonds=frozenset())
    client = ClientId(door.submitter.client_id)
    await grant_reading(
        ComponentId(component),
        client,
        "Nguyễn Văn A",
        reader=officer,
        key=door.grant_key,
        ledger=door.catalog.ledger,
        world=door.catalog.world,
    )
    assert door.logged("reading_granted") == [
        {
            "type": "reading_granted",
            "component": str(component),
            "document": str(document_id(message.package, 0)),
            "client": str(client),
            "officer": "Nguyễn Văn A",
        }
    ]
