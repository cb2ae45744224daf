"""The golden vectors of the recovery record, for whoever writes a reader of their own.

`python -m tests.support.recovery_vectors` writes `tests/vectors/recovery/` anew. Every message has a salt drawn inside the
library, so a second run gives other files that are as good; the committed ones stay.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from services.kernel.canonical import b64, canonical, rfc3339
from services.kernel.identifiers import AgencyId, AttemptId, ClientId, ComponentId, EventId, FondsId, KeyId, PackageId
from services.kernel.layout import MIB, Plan, PlannedComponent
from services.kernel.sealing.ciphertext_digest import CiphertextDigest
from services.kernel.sealing.recovery import (
    ComponentFacts,
    ErasureFacts,
    PackageFacts,
    PackageKeyFacts,
    PartFacts,
    RecordHeader,
    RecoveryRecord,
    SealFacts,
    Writing,
    renewal_event,
    renewal_salt,
    seal,
)
from services.kernel.secrecy import Level
from services.kernel.tlog.tree import entry_hash
from tests.support.ingest_manifests import Dossier

FOLDER: Final = Path(__file__).parents[1] / "vectors" / "recovery"
AT: Final = datetime(2026, 11, 24, 5, 2, 3, 123456, tzinfo=UTC)
SECRET: Final = hashlib.sha256(b"nopluu recovery vector secret").digest()
KEY: Final = hashlib.sha256(b"nopluu recovery vector key").digest()


def an_id(kind: int, number: int = 1) -> UUID:
    """Ids that are told apart at a look."""
    return UUID(int=(0x0190000000007000 << 64) + 0x8000000000000000 + (kind << 16) + number)


PACKAGE: Final = PackageId(an_id(0xA))
EARLIER: Final = PackageId(an_id(0xA, 2))
FONDS: Final = FondsId(an_id(0xF))


def record(*, version: int = 1, number: int = 1) -> RecoveryRecord:
    """A package of two documents; from version 2 on the second component is the earlier version's."""
    files = [b"mot" * 500_000, b"hai" * 3]
    dossier = Dossier(files, supersedes=EARLIER if version > 1 else None)
    manifest = dossier.manifest
    ids = [ComponentId(an_id(0xC, at)) for at in (1, 2)]
    own = ids if version == 1 else ids[:1]
    plan = Plan(MIB, tuple(PlannedComponent(id_, len(data)) for id_, data in zip(own, files, strict=False)))
    components = tuple(
        ComponentFacts(
            position=at,
            id=ids[at],
            key_id=KeyId(an_id(0xB, at)),
            wrapped_key=bytes(range(at, at + 40)),
            level=Level.NONE,
            document=at,
            name=f"P012/001/tệp {at}.pdf",
            plan_position=at if at < len(own) else None,
            origin=PACKAGE if at < len(own) else EARLIER,
            checked_at=AT,
            held=at == 1,
        )
        for at in range(2)
    )
    facts = PackageFacts(
        id=PACKAGE,
        chain=PACKAGE if version == 1 else EARLIER,
        version=version,
        supersedes=EARLIER if version > 1 else None,
        agency=AgencyId(an_id(1)),
        client=ClientId(an_id(2)),
        fonds=FONDS,
        fonds_code="P012",
        profile="party",
        rules_sha256=bytes(range(32)),
        part_size=MIB,
        payload_size=plan.payload_size,
        declared_at=AT,
        expires_at=AT.replace(year=2027),
        sealed_at=AT.replace(microsecond=0),
        state="sealed",
    )
    parts = tuple(
        PartFacts(
            number=at,
            attempt=AttemptId(an_id(0xE, at)),
            object_version=f"v{at}",
            sha256=hashlib.sha256(bytes([at])).digest(),
            size=plan.part_length(at),
            stored_size=plan.part_length(at) + 10_000,
            ciphertext_digest=CiphertextDigest("blake3", hashlib.sha256(bytes([at, at])).digest()),
            stored_at=AT,
        )
        for at in range(plan.part_count)
    )
    event = {
        "type": "sealed",
        "package": str(facts.id),
        "version": version,
        "supersedes": None if facts.supersedes is None else str(facts.supersedes),
        "submitter": str(facts.agency),
        "fonds": str(facts.fonds),
        "manifest_sha256": hashlib.sha256(manifest).hexdigest(),
        "plan_sha256": hashlib.sha256(plan.canonical()).hexdigest(),
        "rules_sha256": facts.rules_sha256.hex(),
        "sealed_at": rfc3339(facts.sealed_at),
        "components": [str(component.id) for component in components],
    }
    return RecoveryRecord(
        package=facts,
        description={"verdicts": [], "not_planned": [], "warnings": [], "levels": [[0, 0], [1, 0]]},
        manifest=manifest,
        plan=plan.canonical(),
        keys=(PackageKeyFacts(Level.NONE, f"{FONDS}/none/2026", b"\0\0\0\1" + bytes(40)),),
        components=components,
        parts=parts,
        seal=SealFacts(EventId(an_id(5)), hashlib.sha256(b"salt").digest(), canonical(event)),
        writing=Writing(number, SECRET),
    )


@dataclass
class Vector:
    """An object as the store gives it, its key as the KMS opens it, the log, and the code that it must get."""

    name: str
    reason: str = ""
    code: str | None = None
    record: RecoveryRecord = field(default_factory=record)
    plain: bytes | None = None
    kek: str = f"{FONDS}/none/2026"
    key: bytes | None = KEY
    under: str = f"recovery/{PACKAGE}"
    change: Callable[[bytes], bytes] = bytes
    unlogged: bool = False
    logged: tuple[int, ...] | None = None
    """Later writings in the log; those up to its own where None."""

    @property
    def sealed(self) -> bytes:
        header = RecordHeader(self.record.package.id, self.kek, b"\0\0\0\1" + bytes(range(40)))
        return self.change(seal(self.record.build() if self.plain is None else self.plain, KEY, header))

    @property
    def log(self) -> list[bytes]:
        own = self.record
        writings = range(2, own.writing.number + 1) if self.logged is None else self.logged
        later = [entry_hash(renewal_salt(SECRET, number), renewal_event(own.package.id, number)) for number in writings]
        return [*([] if self.unlogged else [entry_hash(own.seal.salt, own.seal.event)]), *later]


def vectors() -> Iterator[Vector]:
    """All of them."""
    yield Vector("sound")
    yield Vector("renewed", "the third writing", record=record(number=3))
    yield Vector("superseding", "a second version that refers to a component of the first", record=record(version=2))
    yield Vector("erased", "the first component has no key any more, and was expelled", record=_erased())
    yield Vector("before-blake3", "a part's digest is a bare SHA-256", record=_older())
    yield Vector("outdated", "the log has a later writing", "record-outdated", logged=(2,))
    yield Vector(
        "outdated-by-far",
        "the log lacks the next writing and has a later one",
        "record-outdated",
        record=record(number=2),
        logged=(2, 9),
    )
    yield Vector("unlogged", "its seal event is not in the log", "record-unlogged", unlogged=True)
    yield Vector("key-refused", "the KMS does not open its key", "record-key-refused", key=None)
    yield Vector("swapped", "under another package's name", "record-swapped", under=f"recovery/{EARLIER}")
    yield Vector("bad-name", "no package's name", "record-name", under="recovery/P012.01.001")
    yield Vector("capital-name", "the id in capitals", "record-name", under=f"recovery/{str(PACKAGE).upper()}")
    yield from _altered()
    yield from _malformed()
    yield from _contradicting()


def _erased() -> RecoveryRecord:
    made = record(number=2)
    gone = replace(made.components[0], wrapped_key=None, erasure=ErasureFacts(AT, expelled=True))
    return replace(made, components=(gone, made.components[1]))


def _older() -> RecoveryRecord:
    made = record()
    return replace(
        made,
        parts=tuple(
            replace(part, ciphertext_digest=CiphertextDigest("sha256", part.ciphertext_digest.value))
            for part in made.parts
        ),
    )


def _altered() -> Iterator[Vector]:
    def flip(at: int) -> Callable[[bytes], bytes]:
        return lambda data: data[: at % len(data)] + bytes([data[at] ^ 1]) + data[at % len(data) + 1 :]

    altered = "record-altered"
    yield Vector("bad-magic", "the first byte", altered, change=flip(0))
    yield Vector("changed-package", "a byte of the package's id", "record-swapped", change=flip(10))
    yield Vector("changed-kek", "a letter of the level", altered, change=flip(60))
    yield Vector("changed-wrapped", "a byte of the wrapped key", altered, change=flip(80))
    yield Vector("changed-salt", "a byte of the message's salt", altered, change=flip(115))
    yield Vector("changed-body", "a byte of the message", altered, change=flip(400))
    yield Vector("changed-tag", "the last byte", altered, change=flip(-1))
    yield Vector("truncated", "the last 16 bytes are missing", altered, change=lambda data: data[:-16])
    yield Vector("appended", "one byte more", altered, change=lambda data: data + b"\0")
    yield Vector("cut-head", "only 21 bytes", altered, change=lambda data: data[:21])
    yield Vector("nothing", "no bytes", altered, change=lambda _: b"")


def _malformed() -> Iterator[Vector]:
    """Sealed as it should be, over what is no record."""
    value = json.loads(record().build())
    component, part = value["components"][0], value["parts"][0]
    plains: dict[str, tuple[str, bytes]] = {
        "not-json": ("not JSON", b"record"),
        "not-canonical": ("a space after a colon", record().build().replace(b'":', b'": ', 1)),
        "other-format": ("another format", canonical(value | {"format": "nopluu/recovery2"})),
        "member-more": ("a member more", canonical(value | {"more": 1})),
        "package-member-less": (
            "no state",
            canonical(value | {"package": {name: value["package"][name] for name in value["package"] if name != "state"}}),
        ),
        "short-secret": ("a secret of 31 bytes", canonical(value | {"writing": {"number": 1, "secret": b64(SECRET[1:])}})),
        "writing-zero": ("writing 0", canonical(value | {"writing": {"number": 0, "secret": b64(SECRET)}})),
        "bad-base64": ("a manifest that is not its own canonical base64", canonical(value | {"manifest": "AB=="})),
        "bad-level": (
            "a level that there is not",
            canonical(value | {"components": [[*component[:4], "secret", *component[5:]], value["components"][1]]}),
        ),
        "short-row": ("a component of ten entries", canonical(value | {"components": [component[:10]]})),
        "bad-digest": ("a part with another function's name", canonical(value | {"parts": [[*part[:6], "md5:" + part[6][7:], part[7]]]})),
    }  # fmt: skip
    for name, (reason, plain) in plains.items():
        yield Vector(name, reason, "record-altered", plain=plain)


def _contradicting() -> Iterator[Vector]:
    """Records of the right form whose parts do not say the same."""
    made, code = record(), "record-inconsistent"
    facts, first, second = made.package, *made.components

    def vector(name: str, reason: str, **changes: Any) -> Vector:
        kek = changes.pop("kek", f"{FONDS}/none/2026")
        return Vector(name, reason, code, record=replace(made, **changes), kek=kek)

    yield vector("kek-of-another-year", "sealed under another year's KEK", kek=f"{FONDS}/none/2025")
    yield vector(
        "kek-too-low",
        "a component above the KEK of the record",
        components=(replace(first, level=Level.MAT), second),
        keys=(*made.keys, PackageKeyFacts(Level.MAT, f"{FONDS}/mat/2026", b"\0\0\0\1" + bytes(40))),
    )
    yield vector("no-key-for-a-level", "no package key of the components' level", keys=())
    yield vector("two-keys-of-a-level", "two package keys of one level", keys=made.keys * 2)
    yield vector(
        "other-rules", "rules that the seal event does not state", package=replace(facts, rules_sha256=bytes(32))
    )
    yield vector("chain-of-a-first", "a first version in another's chain", package=replace(facts, chain=EARLIER))
    yield vector("other-payload", "a payload size that is not the plan's", package=replace(facts, payload_size=9))
    yield vector("other-profile", "another profile than the manifest's", package=replace(facts, profile="tt02"))
    yield vector(
        "description-more", "an unknown member of the description", description={**made.description, "more": []}
    )
    yield vector(
        "other-name", "a component that the manifest does not name", components=(replace(first, name="x"), second)
    )
    yield vector("other-document", "a component of another document", components=(replace(first, document=1), second))
    yield vector("positions-swapped", "positions that do not count up", components=(replace(first, position=1), second))
    yield vector(
        "erased-with-key",
        "erased, and yet with a key",
        components=(replace(first, erasure=ErasureFacts(AT, expelled=False)), second),
    )
    yield vector(
        "not-planned",
        "an own component without a place in the plan",
        components=(first, replace(second, plan_position=None)),
    )
    yield vector("part-missing", "one part less", parts=made.parts[:-1])
    yield vector("part-longer", "a part of another size", parts=(*made.parts[:-1], replace(made.parts[-1], size=1)))
    yield vector(
        "attempt-twice",
        "two parts of one attempt",
        parts=(made.parts[0], replace(made.parts[1], attempt=made.parts[0].attempt)),
    )
    yield vector("other-manifest", "a manifest that the seal event does not state", manifest=made.manifest + b" ")


def told(vector: Vector) -> dict[str, Any]:
    """A vector as its file says it."""
    return {
        "valid": vector.code is None,
        "reason": vector.reason,
        "name": vector.under,
        "object": b64(vector.sealed),
        "key": None if vector.key is None else vector.key.hex(),
        "log": [entry.hex() for entry in vector.log],
        "code": vector.code,
        "record_sha256": None if vector.code else hashlib.sha256(vector.record.build()).hexdigest(),
    }


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for made in vectors():
        text = json.dumps(told(made), indent=1, ensure_ascii=False, sort_keys=True)
        (FOLDER / f"{made.name}.json").write_text(text + "\n", encoding="utf-8")
