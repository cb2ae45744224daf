"""What ingest tells catalog of holds: what a hold covers when it is placed, and that it is lifted.

A hold's id is never used again: lifting is final, whichever of the two messages comes first.

Source: DESIGN 10 ("a hold hides"), DECISION-0020.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self
from uuid import UUID

from services.kernel import strict_json
from services.kernel.canonical import canonical, parse_rfc3339, rfc3339
from services.kernel.identifiers import PackageId
from services.kernel.messages import FORMAT, MAX_MESSAGE, MessageInvalid

PLACED: Final = "hold_placed"
LIFTED: Final = "hold_lifted"


@dataclass(frozen=True, slots=True)
class HeldItem:
    """One document of a package (its index in the manifest), or with None all of the package."""

    chain: PackageId
    package: PackageId
    document: int | None


@dataclass(frozen=True, slots=True)
class HoldChanged:
    """A hold is placed (`lifted` False) or lifted; `items` are what it covers, the same in both messages."""

    id: UUID
    at: datetime
    hold: UUID
    lifted: bool
    items: tuple[HeldItem, ...]

    @property
    def kind(self) -> str:
        return LIFTED if self.lifted else PLACED

    def to_bytes(self) -> bytes:
        items = [
            {"chain": str(item.chain), "package": str(item.package), "document": item.document} for item in self.items
        ]
        return canonical(
            {
                "format": FORMAT,
                "id": str(self.id),
                "type": self.kind,
                "at": rfc3339(self.at),
                "body": {"hold": str(self.hold), "items": items},
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Raises MessageInvalid."""
        try:
            match strict_json.parse(data, max_bytes=MAX_MESSAGE):
                case {
                    "format": "nopluu/message1",
                    "type": "hold_placed" | "hold_lifted" as kind,
                    "id": str(id_),
                    "at": str(at),
                    "body": {"hold": str(hold), "items": list(items)},
                }:
                    covered = tuple(_item(item) for item in items)
                    return cls(UUID(id_), parse_rfc3339(at), UUID(hold), kind == LIFTED, covered)
                case _:
                    raise MessageInvalid("unknown form")
        except ValueError as error:
            raise MessageInvalid(type(error).__name__) from error


def _item(value: object) -> HeldItem:
    match value:
        case {"chain": str(chain), "package": str(package), "document": int() | None as document}:
            return HeldItem(PackageId(UUID(chain)), PackageId(UUID(package)), document)
        case _:
            raise MessageInvalid("item")
