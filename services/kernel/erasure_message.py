"""What ingest tells catalog of an erasure: which components have no bytes any more, in whichever version they stand.

What is told only adds up: an expulsion stays one, the earliest day stays. So neither order nor repeats of these messages
matter, nor whether the packages are registered yet.

Source: DESIGN 3 ("each keeps copies of the other's facts by message"), 7; DECISION-0018.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self
from uuid import UUID

from services.kernel import strict_json
from services.kernel.canonical import canonical, parse_rfc3339, rfc3339
from services.kernel.identifiers import ComponentId, PackageId
from services.kernel.messages import FORMAT, MAX_MESSAGE, MessageInvalid

TYPE: Final = "components_erased"


@dataclass(frozen=True, slots=True)
class ErasedComponent:
    """A component whose keys are gone for every version; `expelled` where it may not be here, else its keeping ended."""

    id: ComponentId
    at: datetime
    expelled: bool


@dataclass(frozen=True, slots=True)
class ComponentsErased:
    """An order was carried out; all its components belong to the versions of one dossier, `chain`."""

    id: UUID
    at: datetime
    chain: PackageId
    expelled: bool
    components: tuple[ComponentId, ...]

    @property
    def erased(self) -> Sequence[ErasedComponent]:
        """What became of each component."""
        return [ErasedComponent(component, self.at, self.expelled) for component in self.components]

    def to_bytes(self) -> bytes:
        return canonical(
            {
                "format": FORMAT,
                "id": str(self.id),
                "type": TYPE,
                "at": rfc3339(self.at),
                "body": {
                    "chain": str(self.chain),
                    "expelled": self.expelled,
                    "components": [str(component) for component in self.components],
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
                    "type": "components_erased",
                    "id": str(id_),
                    "at": str(at),
                    "body": {"chain": str(chain), "expelled": bool(expelled), "components": list(components)},
                }:
                    return cls(
                        UUID(id_),
                        parse_rfc3339(at),
                        PackageId(UUID(chain)),
                        expelled,
                        tuple(ComponentId(UUID(str(component))) for component in components),
                    )
                case _:
                    raise MessageInvalid("unknown form")
        except ValueError as error:
            raise MessageInvalid(type(error).__name__) from error
