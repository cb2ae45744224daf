"""Manifests of the Party's profile with files made on the spot."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from services.kernel.canonical import canonical

AGENCY_CODE = "H47.12"
FONDS_CODE = "P012"


@dataclass(frozen=True)
class Dossier:
    """One dossier whose every document has one file; `held` are the indexes of documents the rules hold back."""

    files: Sequence[bytes]
    code: str = "P012.01.001"
    fonds: str = FONDS_CODE
    submitter: str = AGENCY_CODE
    supersedes: UUID | None = None
    levels: dict[int, str] = field(default_factory=dict)
    claimed: dict[int, bytes] = field(default_factory=dict)  # what the manifest says a file is, where it lies

    @property
    def manifest(self) -> bytes:
        value: dict[str, object] = {
            "format": "nopluu/manifest1",
            "profile": "party",
            "fonds": self.fonds,
            "creator": self.submitter,
            "submitter": self.submitter,
            "dossier": {
                "metadata": {
                    "dossier_code": self.code,
                    "retention": "Vĩnh viễn",
                    "title": "Hồ sơ thu thập tài liệu về an ninh trật tự",
                }
            },
            "documents": [self._document(index) for index in range(len(self.files))],
        }
        if self.supersedes is not None:
            value["supersedes"] = str(self.supersedes)
        return canonical(value)

    @property
    def payload(self) -> bytes:
        return b"".join(self.files)

    def parts(self, size: int) -> list[bytes]:
        payload = self.payload
        return [payload[at : at + size] for at in range(0, len(payload), size)]

    def _document(self, index: int) -> dict[str, object]:
        data = self.claimed.get(index, self.files[index])
        return {
            "ordinal": index + 1,
            "metadata": {"issued_on": "03/01/2008", "subject": f"Kết luận số {index}", "type_name": "Thông báo"},
            "secrecy": {"level": self.levels.get(index, "none")},
            "components": [
                {
                    "name": f"P012/001/tệp {index}.pdf",
                    "media_type": "application/pdf",
                    "size": len(data),
                    "sha256": hashlib.sha256(data).hexdigest(),
                }
            ],
        }
