"""Manifests for tests: a sound one of each profile, and ways to bend it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from services.kernel.manifest import FORMAT, Manifest, parse
from services.kernel.refusals.manifests import ManifestInvalid

Json = dict[str, Any]

DOSSIERS: Mapping[str, Json] = {
    "party": {"title": "Hồ sơ thu thập tài liệu", "dossier_code": "P012.01.001", "retention": "Vĩnh viễn"},
    "tt02": {
        "FileCode": "000.00.47.A47.2008.01",
        "Identifier": "000.00.47.A47",
        "OrganId": "000.00.47.A48",
        "FileCatalog": "2008",
        "FileNotation": "01/HS",
        "Title": "Hồ sơ thu thập tài liệu",
        "TotalDoc": "1",
    },
    "tt05": {
        "fileCode": "H47.12.2008.01",
        "title": "Hồ sơ thu thập tài liệu",
        "maintenance": "01",
        "mode": "01",
        "language": "01",
        "startDate": "02/01/2008",
        "endDate": "28/12/2008",
        "totalDoc": 1,
        "numberOfPage": 9,
        "riskRecovery": False,
    },
}
DOCUMENTS: Mapping[str, Json] = {
    "party": {"subject": "Kết luận", "type_name": "Thông báo", "issued_on": "03/01/2008"},
    "tt02": {"DocCode": "A47.2008.1", "Subject": "Kết luận", "IssuedDate": "03/01/2008"},
    "tt05": {"docId": "A47.2008.1", "subject": "Kết luận", "issuedDate": "03/01/2008"},
}


def component(name: str = "P012/001/a.pdf", content: bytes = b"%PDF") -> Json:
    return {
        "name": name,
        "media_type": "application/pdf",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def document(ordinal: int = 1, profile: str = "party", **members: object) -> Json:
    return {
        "ordinal": ordinal,
        "metadata": deepcopy(DOCUMENTS[profile]),
        "secrecy": {"level": "none"},
        "components": [component(f"P012/{ordinal:03d}/a.pdf")],
        **members,
    }


def stub(ordinal: int = 1, level: str = "mat", **secrecy: object) -> Json:
    return document(ordinal, metadata={}, components=[], secrecy={"level": level, "stub": True, **secrecy})


def manifest(*documents: Json, profile: str = "party", **members: object) -> Json:
    return {
        "format": FORMAT,
        "profile": profile,
        "fonds": "P012",
        "creator": "000.00.47.A47",
        "submitter": "H47.12",
        "dossier": {"metadata": deepcopy(DOSSIERS[profile])},
        "documents": list(documents) or [document(profile=profile)],
        **members,
    }


def encoded(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def parsed(value: object) -> Manifest:
    return parse(encoded(value))


def problems(value: object) -> list[tuple[str, str]]:
    """The pointers and codes that a manifest is refused with; none where it is taken."""
    try:
        parsed(value)
    except ManifestInvalid as refusal:
        return [(pointer.pointer, pointer.code) for pointer in refusal.pointers]
    return []


def bent(value: Json, pointer: str, new: object) -> Json:
    """A copy with the member at a pointer replaced, or removed where `new` is `...`."""
    copy = deepcopy(value)
    *steps, last = pointer.strip("/").split("/")
    place: Any = copy
    for step in steps:
        place = place[int(step)] if isinstance(place, list) else place[step]
    key: Any = int(last) if isinstance(place, list) else last
    if new is ...:
        del place[key]
    else:
        place[key] = new
    return copy
