"""Ingest tells catalog which labels the records of a package have now.

Every message states the labels of all records of the package that ever had one, so that the newest alone is enough and
an older one that arrives late does nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self
from uuid import UUID

from services.kernel import strict_json
from services.kernel.canonical import canonical, parse_rfc3339, rfc3339
from services.kernel.identifiers import PackageId
from services.kernel.messages import FORMAT, MAX_MESSAGE, MessageInvalid
from services.kernel.secrecy import Level

TYPE: Final = "classification_changed"
DOSSIER: Final = -1
"""Stands for the dossier's own label where documents are counted from 0."""


@dataclass(frozen=True, slots=True)
class ClassificationChanged:
    """`revision` grows with every change of the package; `labels` are by document index, or `DOSSIER`."""

    id: UUID
    at: datetime
    package: PackageId
    chain: PackageId
    revision: int
    labels: Mapping[int, Level]

    def to_bytes(self) -> bytes:
        return canonical(
            {
                "format": FORMAT,
                "id": str(self.id),
                "type": TYPE,
                "at": rfc3339(self.at),
                "body": {
                    "package": str(self.package),
                    "chain": str(self.chain),
                    "revision": self.revision,
                    "labels": labels_json(self.labels),
                },
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Raises MessageInvalid."""
        try:
            match strict_json.parse(data, max_bytes=MAX_MESSAGE):
                case {
                    "format": "nopluu/message1",
                    "type": "classification_changed",
                    "id": str(id_),
                    "at": str(at),
                    "body": {
                        "package": str(package),
                        "chain": str(chain),
                        "revision": int(revision),
                        "labels": dict(labels),
                    },
                }:
                    return cls(
                        id=UUID(id_),
                        at=parse_rfc3339(at),
                        package=PackageId(UUID(package)),
                        chain=PackageId(UUID(chain)),
                        revision=revision,
                        labels=labels_from_json(labels),
                    )
                case _:
                    raise MessageInvalid("unknown form")
        except (ValueError, KeyError) as error:
            raise MessageInvalid(type(error).__name__) from error


def labels_json(labels: Mapping[int, Level]) -> dict[str, str]:
    """By the document's index, or `dossier`; in the words of the wire."""
    return {"dossier" if at == DOSSIER else str(at): level.wire for at, level in labels.items()}


def labels_from_json(labels: Mapping[str, object]) -> dict[int, Level]:
    """Raises ValueError."""
    return {DOSSIER if at == "dossier" else int(at): Level.from_wire(str(word)) for at, word in labels.items()}
