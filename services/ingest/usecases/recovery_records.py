"""What the recovery record says of a package, from ingest's own rows (kernel.sealing.recovery has the format)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from services.ingest.domain.package import Package, StoredPart
from services.ingest.usecases.ports import ComponentRow, PackageDescription, PackageKey, Verdict
from services.kernel.sealing.recovery import (
    ComponentFacts,
    ErasureFacts,
    PackageFacts,
    PackageKeyFacts,
    PartFacts,
    RecoveryRecord,
    SealFacts,
    Writing,
)


def recovery_record(
    package: Package,
    description: PackageDescription,
    *,
    manifest: bytes,
    plan: bytes,
    keys: Sequence[PackageKey],
    components: Sequence[ComponentRow],
    parts: Sequence[StoredPart],
    seal: SealFacts,
    writing: Writing,
) -> RecoveryRecord:
    """The record of a package that is sealed, or being sealed: then its state and time stand in `package` already."""
    if package.sealed_at is None:
        raise ValueError("only what is sealed has a record")
    return RecoveryRecord(
        package=PackageFacts(
            id=package.id,
            chain=package.chain,
            version=package.version,
            supersedes=package.supersedes,
            agency=package.agency,
            client=package.client,
            fonds=package.fonds,
            fonds_code=package.fonds_code,
            profile=package.profile,
            rules_sha256=package.rules_sha256,
            part_size=package.part_size,
            payload_size=package.payload_size,
            declared_at=package.declared_at,
            expires_at=package.expires_at,
            sealed_at=package.sealed_at,
            state=package.state.value,
        ),
        description=description_json(description),
        manifest=manifest,
        plan=plan,
        keys=tuple(PackageKeyFacts(key.level, key.kek, key.wrapped) for key in keys),
        components=tuple(_component(row) for row in components),
        parts=tuple(_part(part) for part in parts),
        seal=seal,
        writing=writing,
    )


def description_json(description: PackageDescription) -> dict[str, object]:
    """The description as JSON, the same in the recovery record as in the package's row."""
    return {
        "verdicts": verdicts_json(description.verdicts),
        "not_planned": [list(entry) for entry in description.not_planned],
        "warnings": [list(entry) for entry in description.warnings],
        "levels": [[document, int(level)] for document, level in description.levels],
    }


def verdicts_json(verdicts: Sequence[Verdict]) -> list[dict[str, object]]:
    """Verdicts as JSON, in the order they are in."""
    return [
        {
            "pointer": verdict.pointer,
            "effect": verdict.effect,
            "report": verdict.report,
            "rules": list(verdict.rules),
            "relevant_date": None if verdict.relevant_date is None else verdict.relevant_date.isoformat(),
            "messages": [list(message) for message in verdict.messages],
        }
        for verdict in verdicts
    ]


def verdict_from_json(entry: Mapping[str, Any]) -> Verdict:
    """The verdict that `verdicts_json` wrote."""
    return Verdict(
        pointer=entry["pointer"],
        effect=entry["effect"],
        report=entry["report"],
        rules=tuple(entry["rules"]),
        relevant_date=None if entry["relevant_date"] is None else date.fromisoformat(entry["relevant_date"]),
        messages=tuple((vi, en) for vi, en in entry["messages"]),
    )


def _component(row: ComponentRow) -> ComponentFacts:
    return ComponentFacts(
        position=row.position,
        id=row.id,
        key_id=row.key_id,
        wrapped_key=row.wrapped_key or None,
        level=row.level,
        document=row.document,
        name=row.name,
        plan_position=row.plan_position,
        origin=row.origin,
        checked_at=row.checked_at,
        held=row.held,
        erasure=None if row.erased_at is None else ErasureFacts(row.erased_at, row.expelled),
    )


def _part(part: StoredPart) -> PartFacts:
    return PartFacts(
        number=part.number,
        attempt=part.attempt,
        object_version=part.object_version,
        sha256=part.sha256,
        size=part.size,
        stored_size=part.stored_size,
        ciphertext_digest=part.ciphertext_digest,
        stored_at=part.stored_at,
    )
