"""Whether a recovery record that a store gave out may be believed, and why not. Pure: no I/O.

The store is hostile: it may alter a record, give one package's under another's name, give one of another deployment, or
one that was replaced since. What authenticates a record: the seal under a key that this deployment's KMS opens, its own
digests, its seal event's leaf in this deployment's signed log, and the absence of the next writing's leaf there.

Source: DESIGN 3 ("Every store is hostile"), 7 "Recovery record", DECISION-0016.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.kernel import manifest as manifests
from services.kernel import strict_json
from services.kernel.canonical import rfc3339
from services.kernel.identifiers import PackageId
from services.kernel.layout import Plan, PlanInvalid
from services.kernel.manifest import Manifest, ManifestComponent
from services.kernel.refusals.manifests import ManifestInvalid
from services.kernel.sealing.keys import kek_name
from services.kernel.sealing.open import SealBroken
from services.kernel.sealing.recovery import (
    MAX_RECORD,
    RecordHeader,
    RecordInvalid,
    RecoveryRecord,
    Writing,
    open_sealed,
    renewal_event,
    renewal_salt,
)
from services.kernel.secrecy import Level
from services.kernel.tlog.tree import entry_hash

PREFIX: Final = "recovery/"
LOOK_AHEAD: Final = 8
"""Later writings that are asked for: a crash can leave a number that the log has no event of."""

_DESCRIPTION: Final = {"verdicts", "not_planned", "warnings", "levels"}
_KEK: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/(none|mat|toi_mat|tuyet_mat)/[0-9]{4}")


class RecordFault(ValueError):
    """A record that is not taken; `code` is one of `recovery_words.WORDS`, `what` names no content."""

    def __init__(self, code: str, what: str = "") -> None:
        super().__init__(code, what)
        self.code = code
        self.what = what


@dataclass(frozen=True, slots=True)
class Believed:
    """A record whose own parts agree, with its manifest and its plan as parsed."""

    record: RecoveryRecord
    manifest: Manifest
    plan: Plan


@dataclass(frozen=True, slots=True)
class Placed:
    """A believed record with its leaves: the seal event's (None: not in the log yet), and those of later writings."""

    believed: Believed
    index: int | None
    renewals: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Refused:
    """A record, by its object's name, that is not taken, and why."""

    name: str
    code: str
    what: str = ""


def header_of(name: str, sealed: bytes) -> RecordHeader:
    """The header of the object `name`, before anything is asked of the KMS.

    Raises:
        RecordFault
    """
    package = package_of(name)
    try:
        header = RecordHeader.unpack(sealed)
    except RecordInvalid as error:
        raise RecordFault("record-altered") from error
    if not _KEK.fullmatch(header.kek):
        raise RecordFault("record-altered")
    if header.package != package:
        raise RecordFault("record-swapped", str(header.package))
    return header


def package_of(name: str) -> PackageId:
    """The package whose record has this name. Raises RecordFault."""
    try:
        package = UUID(name.removeprefix(PREFIX))
    except ValueError as error:
        raise RecordFault("record-name") from error
    if name != f"{PREFIX}{package}":
        raise RecordFault("record-name")
    return PackageId(package)


def believe(header: RecordHeader, sealed: bytes, key: bytes) -> Believed:
    """Open a record and compare everything in it; seconds for 100,000 components.

    Raises:
        RecordFault
    """
    try:
        record = RecoveryRecord.parse(open_sealed(sealed, key))
    except (RecordInvalid, SealBroken) as error:
        raise RecordFault("record-altered") from error
    try:
        manifest, plan = manifests.parse(record.manifest), Plan.parse(record.plan)
    except (ManifestInvalid, PlanInvalid) as error:
        raise RecordFault(
            "record-inconsistent", "manifest" if isinstance(error, ManifestInvalid) else "plan"
        ) from error
    believed = Believed(record, manifest, plan)
    for part, agrees in _CHECKS.items():
        if not agrees(header, believed):
            raise RecordFault("record-inconsistent", part)
    return believed


def place(believed: Believed, leaves: Mapping[bytes, int], *, admit_unlogged: bool = False) -> Placed:
    """Where the record's events stand in the log, of which `leaves` has those of `entries_of` that are there.

    Raises:
        RecordFault: not of this log, or not its package's newest record.
    """
    record = believed.record
    seal = leaves.get(entry_hash(record.seal.salt, record.seal.event))
    if seal is None and not admit_unlogged:
        raise RecordFault("record-unlogged")
    renewals = {}
    for number in _numbers(record.writing):
        leaf = leaves.get(_entry(record.package.id, record.writing, number))
        if leaf is not None and number > record.writing.number:
            raise RecordFault("record-outdated", str(number))
        if leaf is not None:
            renewals[number] = leaf
    return Placed(believed, seal, renewals)


def entries_of(record: RecoveryRecord) -> list[bytes]:
    """The log entries that tell whether a record is of this log, and the newest of its package."""
    later = [_entry(record.package.id, record.writing, number) for number in _numbers(record.writing)]
    return [entry_hash(record.seal.salt, record.seal.event), *later]


def components_of(manifest: Manifest) -> Mapping[str, tuple[int, ManifestComponent]]:
    """A manifest's components by their names, each with its document's index."""
    return {
        component.name: (at, component)
        for at, document in enumerate(manifest.documents)
        for component in document.components
    }


def _numbers(writing: Writing) -> range:
    return range(2, writing.number + LOOK_AHEAD + 1)


def _entry(package: PackageId, writing: Writing, number: int) -> bytes:
    return entry_hash(renewal_salt(writing.secret, number), renewal_event(package, number))


def _keys_agree(header: RecordHeader, believed: Believed) -> bool:
    record = believed.record
    facts, year = record.package, record.package.declared_at.year
    highest = max((component.level for component in record.components), default=Level.NONE)
    levels = [key.level for key in record.keys]
    needed = {component.level for component in record.components if component.origin == facts.id}
    return (
        header.package == facts.id
        and header.kek == kek_name(facts.fonds, highest, year)
        and all(key.kek == kek_name(facts.fonds, key.level, year) for key in record.keys)
        and len(set(levels)) == len(levels)
        and needed <= set(levels)
    )


def _seal_agrees(_: RecordHeader, believed: Believed) -> bool:
    record, facts = believed.record, believed.record.package
    try:
        event = strict_json.parse(record.seal.event, max_bytes=MAX_RECORD)
    except strict_json.StrictJsonError:
        return False
    return event == {
        "type": "sealed",
        "package": str(facts.id),
        "version": facts.version,
        "supersedes": None if facts.supersedes is None else str(facts.supersedes),
        "submitter": str(facts.agency),
        "fonds": str(facts.fonds),
        "manifest_sha256": hashlib.sha256(record.manifest).hexdigest(),
        "plan_sha256": hashlib.sha256(record.plan).hexdigest(),
        "rules_sha256": facts.rules_sha256.hex(),
        "sealed_at": rfc3339(facts.sealed_at),
        "components": [str(component.id) for component in record.components],
    }


def _facts_agree(_: RecordHeader, believed: Believed) -> bool:
    facts, plan, manifest = believed.record.package, believed.plan, believed.manifest
    return (
        (facts.part_size, facts.payload_size) == (plan.part_size, plan.payload_size)
        and (facts.fonds_code, facts.profile, facts.supersedes)
        == (manifest.fonds, manifest.profile, manifest.supersedes)
        and (facts.chain == facts.id) == (facts.version == 1)
        and set(believed.record.description) == _DESCRIPTION
    )


def _components_agree(_: RecordHeader, believed: Believed) -> bool:
    named, planned = dict(components_of(believed.manifest)), list[tuple[UUID, int]]()
    for position, component in enumerate(believed.record.components):
        document, declared = named.pop(component.name, (-1, None))
        if declared is None or (component.position, component.document) != (position, document):
            return False
        if component.erasure is not None and component.wrapped_key is not None:
            return False
        if component.plan_position is not None:
            if (component.plan_position, component.origin) != (len(planned), believed.record.package.id):
                return False
            planned.append((component.id, declared.size))
        elif component.origin == believed.record.package.id:
            return False
    return planned == [(component.id, component.length) for component in believed.plan.components]


def _parts_agree(_: RecordHeader, believed: Believed) -> bool:
    plan, parts = believed.plan, believed.record.parts
    return [(part.number, part.size) for part in parts] == [
        (number, plan.part_length(number)) for number in range(plan.part_count)
    ] and len({part.attempt for part in parts}) == len(parts)


_CHECKS: Final = {
    "keys": _keys_agree,
    "seal event": _seal_agrees,
    "package": _facts_agree,
    "components": _components_agree,
    "parts": _parts_agree,
}
