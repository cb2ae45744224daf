"""Sealed packages as ingest tells catalog of them: manifests, seal events, messages, and a source of manifests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID, uuid4, uuid5

from services.agency.manifests import manifest_of
from services.agency.preparing import read_sheet
from services.catalog.usecases.ports import ManifestAway
from services.kernel.canonical import canonical, rfc3339
from services.kernel.identifiers import AgencyId, FondsId, PackageId
from services.kernel.messages import PackageSealed

DATA = Path(__file__).parents[1] / "data" / "dossiers"
SEALED_AT = datetime(2026, 11, 24, 5, 2, 3, tzinfo=UTC)
AGENCY = AgencyId(UUID(int=0xA))
FONDS = FondsId(UUID(int=0xF))
OTHER_FONDS = FondsId(UUID(int=0xFF))
CREATOR = "000.00.47.A47"


@dataclass(slots=True)
class ManifestShelf:
    """Manifests by digest, as ingest keeps them; counts what was asked for."""

    held: dict[bytes, bytes] = field(default_factory=dict)
    asked: int = 0

    def put(self, manifest: bytes) -> bytes:
        digest = hashlib.sha256(manifest).digest()
        self.held[digest] = manifest
        return digest

    async def fetch(self, sha256: bytes) -> bytes:
        self.asked += 1
        if sha256 not in self.held:
            raise ManifestAway("status 404")
        return self.held[sha256]


def file(name: str, size: int = 10) -> dict[str, object]:
    """A component of a manifest."""
    return {
        "name": name,
        "media_type": "application/pdf",
        "size": size,
        "sha256": hashlib.sha256(name.encode()).hexdigest(),
    }


def document(
    ordinal: int,
    subject: str | None = None,
    *,
    secrecy: Mapping[str, object] | None = None,
    files: Sequence[str] | None = None,
    **metadata: object,
) -> dict[str, object]:
    """A document of the party profile."""
    stated: dict[str, object] = {"issuer": "Huyện ủy Mẫu", "type_name": "Báo cáo", "issued_on": "04/01/2021"} | metadata
    if subject is not None:
        stated["subject"] = subject
    return {
        "ordinal": ordinal,
        "metadata": {name: value for name, value in stated.items() if value is not None},
        "secrecy": dict(secrecy or {"level": "none"}),
        "components": [file(name) for name in ([f"{ordinal:03}.pdf"] if files is None else files)],
    }


def stub(ordinal: int, level: str, place: str = "Kho A, hộp 12") -> dict[str, object]:
    """A document of which only the paper's place may be known."""
    return {
        "ordinal": ordinal,
        "metadata": {"issued_on": "05/02/2022"},
        "secrecy": {"level": level, "issued_on": "2022-02-05", "stub": True, "paper_location": place},
        "components": [],
    }


def manifest(
    documents: Sequence[Mapping[str, object]],
    *,
    title: str = "Hồ sơ mẫu",
    code: str = "P012.2020-2025.01.01.001",
    secrecy: Mapping[str, object] | None = None,
    fonds: str = "P012",
    **head: object,
) -> bytes:
    """A manifest of the party profile."""
    dossier: dict[str, object] = {"metadata": {"dossier_code": code, "title": title, "retention": "Vĩnh viễn"}}
    if secrecy is not None:
        dossier["secrecy"] = dict(secrecy)
    return canonical(
        {
            "format": "nopluu/manifest1",
            "profile": "party",
            "fonds": fonds,
            "creator": CREATOR,
            "submitter": CREATOR,
            "dossier": dossier,
            "documents": [dict(entry) for entry in documents],
            **head,
        }
    )


def sealed(
    data: bytes,
    *,
    package: UUID | None = None,
    chain: UUID | None = None,
    version: int = 1,
    fonds: UUID = FONDS,
    not_planned: Sequence[str] = (),
    levels: Mapping[int, str] | None = None,
    components: Sequence[UUID] | None = None,
) -> PackageSealed:
    """What ingest says once the package with this manifest is sealed; component ids follow from package and place."""
    id_ = PackageId(package or uuid4())
    parsed = json.loads(data)
    held = [
        (at, inner)
        for at, entry in enumerate(parsed["documents"])
        if f"/documents/{at}" not in not_planned
        for inner in range(len(entry["components"]))
    ]
    ids = [uuid5(id_, f"{at}/{inner}") for at, inner in held] if components is None else list(components)
    digest = hashlib.sha256(data)
    event = canonical(
        {
            "type": "sealed",
            "package": str(id_),
            "version": version,
            "supersedes": None,
            "submitter": str(AGENCY),
            "fonds": str(fonds),
            "manifest_sha256": digest.hexdigest(),
            "plan_sha256": "00" * 32,
            "rules_sha256": "11" * 32,
            "sealed_at": rfc3339(SEALED_AT),
            "components": [str(component) for component in ids],
        }
    )
    return PackageSealed(
        id=uuid4(),
        at=SEALED_AT,
        package=id_,
        chain=PackageId(chain or id_),
        version=version,
        supersedes=None if chain is None else PackageId(chain),
        agency=AGENCY,
        fonds=FondsId(fonds),
        fonds_code=parsed["fonds"],
        manifest_sha256=digest.digest(),
        event=event,
        not_planned=tuple(not_planned),
        levels=dict(levels or {}),
    )


def sample_manifests() -> list[bytes]:
    """The manifests of the repository's clean sample delivery, as the agency's own tool makes them."""
    folder = DATA / "party-clean"
    delivery = read_sheet(
        folder / "muc-luc.xlsx", folder / "scans", layout="party-flat", today=date(2026, 11, 24), fonds=None
    )
    return [manifest_of(dossier, submitter=dossier.creator, digests={}) for dossier in delivery.dossiers]
