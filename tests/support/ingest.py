"""Ingest in this process: its real application and jobs, a real PostgreSQL, the store in memory, auth's facts by hand."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jose.backends.base import Key
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp

from services.ingest.adapters.custody_s3 import S3Custody
from services.ingest.adapters.directory import RegistryDirectory
from services.ingest.api.wiring import Wiring
from services.ingest.main import Parts, public_app, wired
from services.ingest.settings import IngestSettings
from services.ingest.usecases.complete_package import complete_package
from services.ingest.usecases.erasure_ports import Custody
from services.ingest.usecases.finish_erasure import finish_erasure
from services.ingest.usecases.plans import PlanSource
from services.kernel import dsse
from services.kernel.ceilings import Ceiling
from services.kernel.identifiers import AgencyId, ClientId, ComponentId, PackageId
from services.kernel.messages import Grant
from services.kernel.rules import baseline_bundle
from services.kernel.rules.model import PAYLOAD_TYPE
from services.kernel.sealing.keys import KeyManagement
from services.kernel.secrecy import Level
from services.kernel.signing.claims import AccessClaims
from services.kernel.signing.keys import PrivateKey, thumbprint, to_jwk
from services.runtime.database import create_engine
from services.runtime.kms.keyring import FileKeyring
from services.runtime.metrics import Metrics
from services.runtime.object_store.memory import MemoryStore
from services.runtime.object_store.port import ObjectStore
from services.runtime.registry_feed import Registry
from services.runtime.request_verifier import RequestVerifier
from services.runtime.service_client import Answer
from services.runtime.tokens import AccessTokens, es256_key, sign_access_token
from tests.support.asgi import Reply, call
from tests.support.enrolled import Enrolled, ed25519
from tests.support.ingest_manifests import AGENCY_CODE, FONDS_CODE, Dossier
from tests.support.postgres import Database

HOST = "ingest.example"
ISSUER = "https://auth.example"
AUDIENCE = "nopluu-test"
SINCE = "2020-01-01"
FONDS_ID = UUID("00000000-0000-7000-8000-0000000f0d00")


class Facts:
    """Auth's facts, written down; what the registry feed is told."""

    def __init__(self) -> None:
        self._facts: list[dict[str, object]] = []

    def add(self, **fact: object) -> None:
        self._facts.append({"seq": len(self._facts) + 1, **fact})

    async def request(
        self, method: str, url: str, *, body: bytes | None = None, content_type: str | None = None
    ) -> Answer:
        after = int(url.rpartition("=")[2])
        page = {"facts": self._facts[after:], "last": len(self._facts)}
        return Answer(200, {}, json.dumps(page).encode())


@dataclass
class Issuer:
    """The issuer of tokens: one key, and every token that is asked for."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    async def key_of(self, kid: str) -> Key | None:
        return es256_key(self.key.public_key()) if kid == thumbprint(self.key.public_key()) else None

    def token(self, client: UUID, agency: UUID, key: PrivateKey, scopes: Iterable[str], officer: str | None) -> str:
        now = datetime.now(UTC)
        claims = AccessClaims(
            client=ClientId(client),
            agency=AgencyId(agency),
            scopes=frozenset(scopes),
            officer=officer,
            key=key.public_key(),
            certificate=None,
            token_id=secrets.token_hex(16),
            issued=now,
            expires=now + timedelta(seconds=300),
        )
        return sign_access_token(
            claims.to_claims(issuer=ISSUER, audience=AUDIENCE), self.key, thumbprint(self.key.public_key())
        )


class IssuerKeys:
    """See `runtime.tokens.TokenKeys`."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer

    async def key(self, kid: str) -> Key | None:
        return await self._issuer.key_of(kid)


@dataclass
class Ingest:
    """The application, and everything a test wants to look at or to do behind its back."""

    app: ASGIApp
    wiring: Wiring
    parts: Parts
    engine: AsyncEngine
    store: ObjectStore
    facts: Facts
    registry: Registry
    issuer: Issuer
    grant_key: Ed25519PrivateKey
    agency: UUID
    plans: PlanSource = field(default_factory=PlanSource)

    def enrol(self, *scopes: str, agency: UUID | None = None, officer: str | None = None) -> Enrolled:
        """A client with a token."""
        key = ed25519()
        client = Enrolled(uuid4(), key, ISSUER, HOST)
        client.token = self.issuer.token(client.client_id, agency or self.agency, key, scopes, officer)
        return client

    async def add_agency(self, code: str) -> UUID:
        """Another agency with a fonds of its own."""
        agency = uuid4()
        self.facts.add(type="agency", id=str(agency), code=code, valid_from=SINCE)
        self.facts.add(type="fonds", id=str(uuid4()), code=f"F-{code}", name="Phông", agency=str(agency))
        await self.registry.poll()
        return agency

    async def allow(self, level: Level, start: date, end: date | None = None, *, agency: UUID | None = None) -> None:
        """A decision of the police, recorded now: what the agency may hand in over the independent LAN."""
        decided = Ceiling(level, start, end, "15/QĐ-CAT", start, "Giám đốc Công an tỉnh", datetime.now(UTC))
        self.facts.add(type="agency-ceiling", agency=str(agency or self.agency), **decided.as_json())
        await self.registry.poll()

    async def officer(self, scope: str, name: str) -> Enrolled:
        """An officer whose key signs rules."""
        client = self.enrol(scope, officer=name)
        self.facts.add(
            type="officer-key",
            client_id=str(client.client_id),
            officer=name,
            scopes=[scope],
            kid=client.kid,
            jwk=to_jwk(client.key.public_key()),
            not_before=f"{SINCE}T00:00:00Z",
        )
        await self.registry.poll()
        return client

    async def publish_rules(self, version: int = 1) -> Reply:
        """The baseline, signed by two officers."""
        author, approver = await self.officer("rule-author", "Lê An"), await self.officer("rule-approver", "Vũ Bình")
        payload = baseline_bundle(version, date(2020, 7, 1))
        envelope = dsse.sign(payload, PAYLOAD_TYPE, [author.key, approver.key])
        return await self.post(approver, "/v1/rules", envelope)

    async def post(self, client: Enrolled, target: str, body: bytes) -> Reply:
        return await call(self.app, client.scope("POST", target, body), body)

    async def get(self, client: Enrolled, target: str, *headers: tuple[str, str]) -> Reply:
        scope = client.scope("GET", target)
        scope["headers"] += [(name.encode(), value.encode()) for name, value in headers]
        return await call(self.app, scope)

    async def declare(self, client: Enrolled, dossier: Dossier, part_size: int = 1 << 20) -> Reply:
        await self.registry.poll()
        return await self.post(client, f"/v1/packages?part_size={part_size}", dossier.manifest)

    async def send(self, client: Enrolled, package: str, number: int, data: bytes, **options: object) -> Reply:
        target = f"/v1/packages/{package}/parts/{number}"
        scope = client.scope("PUT", target, data, content_type="application/octet-stream")
        pieces = [data[at : at + 100_000] for at in range(0, len(data), 100_000)] or [b""]
        return await call(self.app, scope, options.get("body", pieces))  # type: ignore[arg-type]  # bytes or pieces

    async def complete(self, package: str) -> object:
        """What the worker does after the last part."""
        parts = self.parts
        return await complete_package(
            PackageId(UUID(package)),
            plans=self.plans,
            ledger=parts.ledger,
            vault=parts.vault,
            keys=parts.keys,
            world=parts.world,
        )

    @property
    def custody(self) -> S3Custody:
        """The custodian's hand on the store in memory."""
        assert isinstance(self.store, MemoryStore)
        return S3Custody(self.store)

    async def erase(self, custodian: Enrolled, package: str, *components: str, kind: str = "expulsion") -> Reply:
        """An order under a fresh id."""
        body: dict[str, object] = {"kind": kind, "package": package, "instrument": "12/QĐ-UBND"}
        if components:
            body["components"] = list(components)
        return await self.put(custodian, f"/v1/erasures/{uuid4()}", body)

    async def put(self, client: Enrolled, target: str, body: dict[str, object]) -> Reply:
        data = json.dumps(body).encode()
        return await call(self.app, client.scope("PUT", target, data, content_type="application/json"), data)

    async def finish(self, erasure: str, custody: Custody | None = None) -> bool:
        """What the custodian's worker does after an order."""
        parts = self.parts
        return await finish_erasure(
            UUID(erasure),
            plans=self.plans,
            ledger=parts.ledger,
            custody=custody or self.custody,
            vault=parts.vault,
            keys=parts.keys,
            world=parts.world,
        )

    async def deposit(self, client: Enrolled, dossier: Dossier, part_size: int = 1 << 20) -> str:
        """A dossier declared, sent and sealed; the package's id."""
        declared = await self.declare(client, dossier, part_size)
        assert declared.status == 201, declared.body
        package = str(declared.json()["package"])
        for number, data in enumerate(dossier.parts(part_size)):
            sent = await self.send(client, package, number, data)
            assert sent.status == 201, sent.body
        await self.complete(package)
        return package

    def grant(self, client: Enrolled, component: str, seconds: float = 60) -> str:
        """What catalog gives a client that may read."""
        until = datetime.now(UTC) + timedelta(seconds=seconds)
        return Grant(ClientId(client.client_id), ComponentId(UUID(component)), until, secrets.token_urlsafe(16)).sign(
            self.grant_key
        )

    async def read(self, client: Enrolled, component: str, *headers: tuple[str, str]) -> Reply:
        await self.registry.poll()
        return await self.get(client, f"/v1/components/{component}?grant={self.grant(client, component)}", *headers)


@asynccontextmanager
async def ingest(
    database: Database,
    folder: Path,
    store: ObjectStore | None = None,
    kms: KeyManagement | None = None,
    agency: UUID | None = None,
    profile: Literal["open", "independent-lan"] = "open",
) -> AsyncIterator[Ingest]:
    """The service without a listener, with one agency, one fonds and no rules yet."""
    grant_key = Ed25519PrivateKey.generate()
    settings = _settings(database, folder, grant_key, profile)
    engine = create_engine(settings.database_url(), application_name="test", pool_size=12)
    facts, issuer, agency = Facts(), Issuer(), agency or uuid4()
    facts.add(type="agency", id=str(agency), code=AGENCY_CODE, valid_from=SINCE)
    facts.add(type="fonds", id=str(FONDS_ID), code=FONDS_CODE, name="Tỉnh ủy", agency=str(agency))
    registry = Registry(facts, ISSUER)
    await registry.poll()
    store = store or MemoryStore()
    parts = Parts.of(engine, store, kms or FileKeyring(folder / "keyring.json", environment="development"))
    try:
        async with wired(parts, settings, RegistryDirectory(registry)) as wiring:
            tokens = AccessTokens(IssuerKeys(issuer), issuer=ISSUER, audience=AUDIENCE)
            app = public_app(wiring, settings, parts, RequestVerifier(tokens, registry), Metrics("ingest"))
            yield Ingest(app, wiring, parts, engine, store, facts, registry, issuer, grant_key, agency)
    finally:
        await engine.dispose()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _settings(
    database: Database, folder: Path, grant_key: Ed25519PrivateKey, profile: Literal["open", "independent-lan"]
) -> IngestSettings:
    url, grant, nothing = folder / "url", folder / "grant.pem", folder / "nothing"
    url.write_text(database.url_for("nopluu_ingest"), encoding="utf-8")
    grant.write_bytes(grant_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return IngestSettings(
        environment="development",
        secrecy_profile=profile,
        origin=f"https://{HOST}",
        auth_origin=ISSUER,
        ingest_origin=f"https://{HOST}",
        catalog_origin="https://catalog.example",
        audience=AUDIENCE,
        database_url_file=url,
        listen="unix:/nowhere",
        admin_listen="127.0.0.1:0",
        store_endpoint="http://127.0.0.1:1",
        store_bucket="nowhere",
        store_access_key_file=nothing,
        store_secret_key_file=nothing,
        grant_key_file=grant,
        keyring_file=folder / "keyring.json",
    )
