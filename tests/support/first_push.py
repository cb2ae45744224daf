"""A small dossier of new bytes, as any client in any language would declare and send it."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from deploy.onebox import sample
from deploy.onebox.stack import OneBox
from services.agency.verification.checking import Evidence, verify


@dataclass(frozen=True, slots=True)
class Dossier:
    """A manifest, the folder its names are relative to, and how many components there are."""

    manifest: Path
    files: Path
    components: int


def small_dossier(folder: Path, *, sizes: tuple[int, ...] = (70_000, 0, 1)) -> Dossier:
    """A dossier of one document for each size."""
    files = folder / "tệp"
    agency = sample.AGENCIES[0]
    documents = []
    for number, size in enumerate(sizes, 1):
        name, content = f"P012/hồ sơ/{number:03}.pdf", os.urandom(size)
        (files / name).parent.mkdir(parents=True, exist_ok=True)
        (files / name).write_bytes(content)
        component = {
            "name": name,
            "media_type": "application/pdf",
            "size": size,
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        documents.append(
            {
                "ordinal": number,
                "metadata": {"issued_on": "03/01/2008", "subject": "Kết luận", "type_name": "Thông báo"},
                "secrecy": {"level": "none"},
                "components": [component],
            }
        )
    code = f"P012.01.{uuid4().int % 1000:03}"
    manifest = {
        "format": "nopluu/manifest1",
        "profile": "party",
        "fonds": agency.fonds[0].code,
        "creator": agency.code,
        "submitter": agency.code,
        "dossier": {"metadata": {"dossier_code": code, "title": "Hồ sơ thu thập tài liệu", "retention": "Vĩnh viễn"}},
        "documents": documents,
    }
    path = folder / "manifest.json"
    path.write_text(json.dumps(manifest, ensure_ascii=False), encoding="utf-8")
    return Dossier(path, files, len(sizes))


def require_proof(box: OneBox, dossier: Dossier, receipt: Path, package: str) -> None:
    """The receipt holds for this dossier, offline, by the log's public keys."""
    proved = verify(Evidence(receipt, box.log_keys, dossier.manifest, dossier.files))
    assert (proved.package, proved.matched) == (package, dossier.components)
