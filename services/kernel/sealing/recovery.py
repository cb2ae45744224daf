"""The recovery record: everything about a package that the store must hold beside its bytes.

One object a package, written before its receipt can exist and rewritten on erasure. The record and the KMS together
restore the rows of ingest and, through the manifest and the seal event, those of catalog. Whatever changes the state, a
hold or a key of a sealed package writes its record anew (DECISION-0016).

The record, before sealing, is canonical JSON:

    {"format": "nopluu/recovery1",
     "package": {…},                        every member of `PackageFacts`, under its own name; null where None
     "description": {…},                    the JSON value shown at the status address, as the caller keeps it
     "manifest": base64, "plan": base64,
     "keys": [[level, kek, wrapped], …],
     "components": [[position, id, key_id, wrapped | null, level, document, name, plan_position | null, origin,
                     checked_at | null, held], …],
     "parts": [[number, attempt, object_version, sha256, size, stored_size, ciphertext_digest, stored_at], …],
     "seal": {"id", "salt", "event"},
     "writing": {"number", "secret"}}

`writing` tells an old record from the newest: `number` counts the record's writings from 1, and from the second on each
stands in the log as the event that `renewal_event` gives, with the salt that `renewal_salt` derives from the package's
`secret` (32 random bytes that stay). Whoever has any one writing can thus ask the public log for the next.

`wrapped`, `manifest`, `plan`, `salt`, `event` and `secret` are base64; digests hex, `ciphertext_digest` with its
function before it (`blake3:`; records of before DECISION-0029 have a bare SHA-256 there); ids UUIDs; times RFC 3339; levels the words on
the wire. A component's media type, size and digest stand in the manifest under its name. An erased component has null
for its wrapped key.

The sealed record, as stored:

    0   4  "NLR1"
    4  16  package id
    20  2  length k of the KEK's name, u16be        22      k  the name (ASCII)
    …   2  length w of the wrapped key, u16be       …       w  the record's key as the KMS wrapped it
    …      one Cobblestone-256 message; context = "nopluu/recovery1\\0" ‖ all bytes before the message

The key is fresh for each writing, 32 random bytes from the KMS under the KEK of the package's fonds, its highest level
and its year of deposit; it protects nothing else.

Source: DESIGN 7 "Recovery record".
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self
from uuid import UUID

from services.kernel.canonical import b64, canonical, parse_rfc3339, rfc3339, unb64
from services.kernel.identifiers import AgencyId, AttemptId, ClientId, ComponentId, EventId, FondsId, KeyId, PackageId
from services.kernel.sealing.ciphertext_digest import CiphertextDigest
from services.kernel.sealing.one_message import open_message, pack_key, seal_message, unpack_key
from services.kernel.secrecy import Level
from services.kernel.strict_json import StrictJsonError, parse

FORMAT = "nopluu/recovery1"
MAX_RECORD = 512 * 1024 * 1024  # bytes; a manifest of 64 MiB, and its components once more

_MAGIC = b"NLR1"
_HEAD = struct.Struct(">4s16s")
_LABEL = FORMAT.encode() + b"\0"


class RecordInvalid(ValueError):
    """The bytes are no recovery record of this format; the reason never quotes them."""


@dataclass(frozen=True, slots=True)
class PackageFacts:
    """The package's own row. Sizes are bytes; the digests of manifest and plan are those of the bytes beside it."""

    id: PackageId
    chain: PackageId
    version: int
    supersedes: PackageId | None
    agency: AgencyId
    client: ClientId
    fonds: FondsId
    fonds_code: str
    profile: str
    rules_sha256: bytes
    part_size: int
    payload_size: int
    declared_at: datetime
    expires_at: datetime
    sealed_at: datetime
    state: str


@dataclass(frozen=True, slots=True)
class PackageKeyFacts:
    """A package key as the KMS wrapped it, under the KEK of this name."""

    level: Level
    kek: str
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class ErasureFacts:
    """When a component's keys were destroyed for every version, and whether because it may not be here."""

    at: datetime
    expelled: bool


@dataclass(frozen=True, slots=True)
class ComponentFacts:
    """One component that the deposit holds; `wrapped_key` is None once it is erased.

    Without key and without `erasure` this version let it go while another still has it.
    """

    position: int
    id: ComponentId
    key_id: KeyId
    wrapped_key: bytes | None
    level: Level
    document: int
    name: str
    plan_position: int | None
    origin: PackageId
    checked_at: datetime | None
    held: bool
    erasure: ErasureFacts | None = None


@dataclass(frozen=True, slots=True)
class PartFacts:
    """A stored part: its winning attempt names the object."""

    number: int
    attempt: AttemptId
    object_version: str
    sha256: bytes
    size: int
    stored_size: int
    ciphertext_digest: CiphertextDigest
    stored_at: datetime


@dataclass(frozen=True, slots=True)
class SealFacts:
    """The seal event as the journal holds it."""

    id: EventId
    salt: bytes
    event: bytes


@dataclass(frozen=True, slots=True)
class Writing:
    """Which writing of a package's record this is, from 1, and the 32 secret bytes that salt the later ones' events."""

    number: int
    secret: bytes = field(repr=False)

    @property
    def next(self) -> Writing:
        """The one that takes its place."""
        return Writing(self.number + 1, self.secret)


def renewal_event(package: PackageId, number: int) -> bytes:
    """The event of writing `number` of a package's record, from the second on."""
    return canonical({"type": "record_renewed", "package": str(package), "number": number})


def renewal_salt(secret: bytes, number: int) -> bytes:
    """The salt of that event: it can be derived from any writing, and from nothing that is public."""
    return hmac.digest(secret, b"nopluu/renewal1\0" + number.to_bytes(4), hashlib.sha256)


@dataclass(frozen=True, slots=True)
class RecoveryRecord:
    """All of it."""

    package: PackageFacts
    description: Mapping[str, object]
    manifest: bytes
    plan: bytes
    keys: tuple[PackageKeyFacts, ...]
    components: tuple[ComponentFacts, ...]
    parts: tuple[PartFacts, ...]
    seal: SealFacts
    writing: Writing

    def build(self) -> bytes:
        """The canonical bytes."""
        facts = self.package
        return canonical(
            {
                "format": FORMAT,
                "package": {
                    "id": str(facts.id),
                    "chain": str(facts.chain),
                    "version": facts.version,
                    "supersedes": None if facts.supersedes is None else str(facts.supersedes),
                    "agency": str(facts.agency),
                    "client": str(facts.client),
                    "fonds": str(facts.fonds),
                    "fonds_code": facts.fonds_code,
                    "profile": facts.profile,
                    "rules_sha256": facts.rules_sha256.hex(),
                    "part_size": facts.part_size,
                    "payload_size": facts.payload_size,
                    "declared_at": rfc3339(facts.declared_at),
                    "expires_at": rfc3339(facts.expires_at),
                    "sealed_at": rfc3339(facts.sealed_at),
                    "state": facts.state,
                },
                "description": self.description,
                "manifest": b64(self.manifest),
                "plan": b64(self.plan),
                "keys": [[key.level.wire, key.kek, b64(key.wrapped)] for key in self.keys],
                "components": [_component_row(component) for component in self.components],
                "parts": [_part_row(part) for part in self.parts],
                "seal": {"id": str(self.seal.id), "salt": b64(self.seal.salt), "event": b64(self.seal.event)},
                "writing": {"number": self.writing.number, "secret": b64(self.writing.secret)},
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Raises RecordInvalid; also where the bytes are not their own canonical form."""
        try:
            match parse(data, max_bytes=MAX_RECORD):
                case {
                    "format": "nopluu/recovery1",
                    "package": dict(package),
                    "description": dict(description),
                    "manifest": str(manifest),
                    "plan": str(plan),
                    "keys": list(keys),
                    "components": list(components),
                    "parts": list(parts),
                    "seal": {"id": str(event_id), "salt": str(salt), "event": str(event)},
                    "writing": {"number": number, "secret": str(secret)},
                }:
                    record = cls(
                        package=_package(package),
                        description=description,
                        manifest=unb64(manifest),
                        plan=unb64(plan),
                        keys=tuple(_key(row) for row in keys),
                        components=tuple(_component(row) for row in components),
                        parts=tuple(_part(row) for row in parts),
                        seal=SealFacts(EventId(UUID(event_id)), unb64(salt), unb64(event)),
                        writing=Writing(_number(number), unb64(secret)),
                    )
                case _:
                    raise RecordInvalid("form")
        except StrictJsonError as error:
            raise RecordInvalid(error.reason) from error
        except (ValueError, KeyError) as error:
            raise RecordInvalid("form") from error
        if record.writing.number < 1 or len(record.writing.secret) != 32:
            raise RecordInvalid("writing")
        if record.build() != data:
            raise RecordInvalid("not canonical")
        return record


@dataclass(frozen=True, slots=True)
class RecordHeader:
    """What stands in clear before a sealed record: whose it is, and its key as the KMS wrapped it."""

    package: PackageId
    kek: str
    wrapped: bytes

    def pack(self) -> bytes:
        return _HEAD.pack(_MAGIC, self.package.bytes) + pack_key(self.kek, self.wrapped)

    @classmethod
    def unpack(cls, sealed: bytes) -> Self:
        """The header of a sealed record. Raises RecordInvalid."""
        try:
            magic, package = _HEAD.unpack_from(sealed)
            kek, wrapped, _ = unpack_key(sealed, _HEAD.size)
        except (struct.error, ValueError) as error:
            raise RecordInvalid("header") from error
        if magic != _MAGIC:
            raise RecordInvalid("header")
        return cls(PackageId(UUID(bytes=package)), kek, wrapped)


def seal(record: bytes, key: bytes, header: RecordHeader) -> bytes:
    """The sealed record; `key` is the 32 bytes whose wrapped form stands in the header."""
    return seal_message(_LABEL, header.pack(), record, key)


def open_sealed(sealed: bytes, key: bytes) -> bytes:
    """The record's bytes; `key` is the header's wrapped key as the KMS opened it.

    Raises:
        RecordInvalid: no sealed record.
        SealBroken: altered, cut, or another key.
    """
    return open_message(_LABEL, RecordHeader.unpack(sealed).pack(), sealed, key)


def _component_row(component: ComponentFacts) -> list[object]:
    erasure = component.erasure
    return [
        component.position,
        str(component.id),
        str(component.key_id),
        None if component.wrapped_key is None else b64(component.wrapped_key),
        component.level.wire,
        component.document,
        component.name,
        component.plan_position,
        str(component.origin),
        None if component.checked_at is None else rfc3339(component.checked_at),
        component.held,
        *([] if erasure is None else [[rfc3339(erasure.at), erasure.expelled]]),  # absent, as before there was any
    ]


def _part_row(part: PartFacts) -> list[object]:
    return [
        part.number,
        str(part.attempt),
        part.object_version,
        part.sha256.hex(),
        part.size,
        part.stored_size,
        _written(part.ciphertext_digest),
        rfc3339(part.stored_at),
    ]


def _package(row: Mapping[str, object]) -> PackageFacts:
    return PackageFacts(
        id=PackageId(_id(row["id"])),
        chain=PackageId(_id(row["chain"])),
        version=_number(row["version"]),
        supersedes=None if row["supersedes"] is None else PackageId(_id(row["supersedes"])),
        agency=AgencyId(_id(row["agency"])),
        client=ClientId(_id(row["client"])),
        fonds=FondsId(_id(row["fonds"])),
        fonds_code=_text(row["fonds_code"]),
        profile=_text(row["profile"]),
        rules_sha256=_digest(row["rules_sha256"]),
        part_size=_number(row["part_size"]),
        payload_size=_number(row["payload_size"]),
        declared_at=_time(row["declared_at"]),
        expires_at=_time(row["expires_at"]),
        sealed_at=_time(row["sealed_at"]),
        state=_text(row["state"]),
    )


def _key(row: object) -> PackageKeyFacts:
    level, kek, wrapped = _row(row, 3)
    return PackageKeyFacts(Level.from_wire(_text(level)), _text(kek), unb64(_text(wrapped)))


def _component(row: object) -> ComponentFacts:
    erased = isinstance(row, list) and len(row) == 12
    position, id_, key_id, wrapped, level, document, name, plan_position, origin, checked_at, held, *erasure = _row(
        row, 12 if erased else 11
    )
    return ComponentFacts(
        position=_number(position),
        id=ComponentId(_id(id_)),
        key_id=KeyId(_id(key_id)),
        wrapped_key=None if wrapped is None else unb64(_text(wrapped)),
        level=Level.from_wire(_text(level)),
        document=_number(document),
        name=_text(name),
        plan_position=None if plan_position is None else _number(plan_position),
        origin=PackageId(_id(origin)),
        checked_at=None if checked_at is None else _time(checked_at),
        held=_flag(held),
        erasure=_erasure(erasure[0]) if erased else None,
    )


def _erasure(row: object) -> ErasureFacts:
    at, expelled = _row(row, 2)
    return ErasureFacts(_time(at), _flag(expelled))


def _part(row: object) -> PartFacts:
    number, attempt, version, sha256, size, stored_size, ciphertext, stored_at = _row(row, 8)
    return PartFacts(
        number=_number(number),
        attempt=AttemptId(_id(attempt)),
        object_version=_text(version),
        sha256=_digest(sha256),
        size=_number(size),
        stored_size=_number(stored_size),
        ciphertext_digest=_ciphertext_digest(ciphertext),
        stored_at=_time(stored_at),
    )


def _row(value: object, length: int) -> Sequence[object]:
    if not isinstance(value, list) or len(value) != length:
        raise RecordInvalid("row")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise RecordInvalid("text")
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise RecordInvalid("number")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise RecordInvalid("flag")
    return value


def _id(value: object) -> UUID:
    return UUID(_text(value))


def _time(value: object) -> datetime:
    return parse_rfc3339(_text(value))


def _written(digest: CiphertextDigest) -> str:
    return digest.value.hex() if digest.algorithm == "sha256" else str(digest)


def _ciphertext_digest(value: object) -> CiphertextDigest:
    text = _text(value)
    return CiphertextDigest.parse(text) if ":" in text else CiphertextDigest("sha256", _digest(text))


def _digest(value: object) -> bytes:
    data = bytes.fromhex(_text(value))
    if len(data) != 32:
        raise RecordInvalid("digest")
    return data
