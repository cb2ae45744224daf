"""What services tell each other, and the grant that lets one client read one component once.

Every message has an id; its receiver does nothing on a repeat.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from services.kernel import strict_json
from services.kernel.canonical import b64, b64url, canonical, parse_rfc3339, rfc3339, unb64, unb64url
from services.kernel.identifiers import AgencyId, ClientId, ComponentId, FondsId, PackageId

FORMAT = "nopluu/message1"
MAX_MESSAGE = 64 * 1024 * 1024


class MessageInvalid(ValueError):
    """Not a message of a known form."""


@dataclass(frozen=True, slots=True)
class PackageSealed:
    """Ingest tells catalog that a package is sealed; `event` holds the seal event's bytes."""

    id: UUID
    at: datetime
    package: PackageId
    chain: PackageId
    version: int
    supersedes: PackageId | None
    agency: AgencyId
    fonds: FondsId
    fonds_code: str
    manifest_sha256: bytes
    event: bytes
    not_planned: tuple[str, ...]  # pointers of documents whose components this deposit does not hold
    levels: Mapping[int, str]  # document index -> wire level, only above none

    def to_bytes(self) -> bytes:
        return canonical(
            {
                "format": FORMAT,
                "id": str(self.id),
                "type": "package_sealed",
                "at": rfc3339(self.at),
                "body": {
                    "package": str(self.package),
                    "chain": str(self.chain),
                    "version": self.version,
                    "supersedes": None if self.supersedes is None else str(self.supersedes),
                    "agency": str(self.agency),
                    "fonds": str(self.fonds),
                    "fonds_code": self.fonds_code,
                    "manifest_sha256": self.manifest_sha256.hex(),
                    "event": b64(self.event),
                    "not_planned": list(self.not_planned),
                    "levels": {str(index): level for index, level in self.levels.items()},
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
                    "type": "package_sealed",
                    "id": str(id_),
                    "at": str(at),
                    "body": dict(body),
                }:
                    supersedes = body["supersedes"]
                    return cls(
                        id=UUID(id_),
                        at=parse_rfc3339(at),
                        package=PackageId(UUID(_text(body, "package"))),
                        chain=PackageId(UUID(_text(body, "chain"))),
                        version=_number(body, "version"),
                        supersedes=None if supersedes is None else PackageId(UUID(_text(body, "supersedes"))),
                        agency=AgencyId(UUID(_text(body, "agency"))),
                        fonds=FondsId(UUID(_text(body, "fonds"))),
                        fonds_code=_text(body, "fonds_code"),
                        manifest_sha256=bytes.fromhex(_text(body, "manifest_sha256")),
                        event=unb64(_text(body, "event")),
                        not_planned=tuple(_texts(body, "not_planned")),
                        levels=_levels(body),
                    )
                case _:
                    raise MessageInvalid("unknown form")
        except (ValueError, KeyError) as error:
            raise MessageInvalid(type(error).__name__) from error


def _text(body: Mapping[str, object], name: str) -> str:
    value = body[name]
    if not isinstance(value, str):
        raise MessageInvalid(name)
    return value


def _number(body: Mapping[str, object], name: str) -> int:
    value = body[name]
    if not isinstance(value, int):
        raise MessageInvalid(name)
    return value


def _texts(body: Mapping[str, object], name: str) -> Sequence[str]:
    value = body[name]
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise MessageInvalid(name)
    return value


def _levels(body: Mapping[str, object]) -> Mapping[int, str]:
    value = body["levels"]
    if not isinstance(value, dict):
        raise MessageInvalid("levels")
    return {int(index): str(level) for index, level in value.items()}


class GrantBroken(ValueError):
    """Not a grant, or not signed by catalog."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Catalog lets `subject` read `component` once, until `expires_at` (60 s)."""

    subject: ClientId
    component: ComponentId
    expires_at: datetime
    jti: str

    def sign(self, key: Ed25519PrivateKey) -> str:
        payload = canonical(
            {
                "format": "nopluu/grant1",
                "subject": str(self.subject),
                "component": str(self.component),
                "expires_at": rfc3339(self.expires_at),
                "jti": self.jti,
            }
        )
        return f"{b64url(payload)}.{b64url(key.sign(payload))}"

    @classmethod
    def verify(cls, text: str, key: Ed25519PublicKey) -> Self:
        """The grant; time and subject are the caller's to judge.

        Raises:
            GrantBroken.
        """
        try:
            payload_text, _, signature = text.partition(".")
            payload = unb64url(payload_text)
            key.verify(unb64url(signature), payload)
            match strict_json.parse(payload, max_bytes=2048):
                case {
                    "format": "nopluu/grant1",
                    "subject": str(subject),
                    "component": str(component),
                    "expires_at": str(expires_at),
                    "jti": str(jti),
                }:
                    return cls(ClientId(UUID(subject)), ComponentId(UUID(component)), parse_rfc3339(expires_at), jti)
                case _:
                    raise GrantBroken("form")
        except (ValueError, InvalidSignature) as error:
            raise GrantBroken(type(error).__name__) from error
