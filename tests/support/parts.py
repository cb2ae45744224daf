"""Parts ready to be sealed, with payloads and keys of their own."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from services.ingest.adapters.vault_s3 import S3Vault
from services.ingest.domain.package import Package, StoredPart
from services.ingest.domain.states import State
from services.ingest.usecases.ports import ComponentPlace, ComponentRow, PackageKey, PartToSeal, SegmentKey
from services.kernel.identifiers import AgencyId, AttemptId, ClientId, ComponentId, FondsId, KeyId, PackageId
from services.kernel.layout import Plan, PlannedComponent
from services.kernel.sealing.keys import wrap_component_key
from services.kernel.secrecy import Level


@dataclass(frozen=True, slots=True)
class Payload:
    """A package's payload under its plan: `data` is the concatenation of the components."""

    plan: Plan
    data: bytes
    keys: Sequence[SegmentKey]  # one a component
    package: PackageId
    fonds: FondsId

    @classmethod
    def of(cls, part_size: int, sizes: Sequence[int], data: bytes | None = None) -> Payload:
        """Components of these sizes, random unless `data` is given."""
        plan = Plan(part_size, [PlannedComponent(ComponentId(uuid4()), size) for size in sizes])
        content = os.urandom(plan.payload_size) if data is None else data
        keys: list[SegmentKey] = []
        start = 0
        for size in sizes:
            digest = hashlib.sha256(memoryview(content)[start : start + size]).digest()
            keys.append(SegmentKey(KeyId(uuid4()), os.urandom(32), size, digest))
            start += size
        return cls(plan, content, keys, PackageId(uuid4()), FondsId(uuid4()))

    def body(self, number: int) -> bytes:
        """The plaintext of one part."""
        start = number * self.plan.part_size
        return self.data[start : start + self.plan.part_length(number)]

    def part(self, number: int, *, attempt: AttemptId | None = None) -> PartToSeal:
        """One part, as a use case hands it to the vault; a new attempt each time."""
        segments = self.plan.segments(number)
        return PartToSeal(
            package=self.package,
            fonds=self.fonds,
            version=1,
            attempt=attempt or AttemptId(uuid4()),
            number=number,
            length=self.plan.part_length(number),
            sha256=hashlib.sha256(self.body(number)).digest(),
            segments=segments,
            keys=[self.keys[segment.position] for segment in segments],
        )


def place(payload: Payload, position: int, package_key: bytes) -> ComponentPlace:
    """Where a component of the payload would stand in the rows, its key wrapped by `package_key`."""
    key, now = payload.keys[position], datetime(2026, 11, 24, tzinfo=UTC)
    component = ComponentRow(
        position=position,
        id=payload.plan.components[position].id,
        key_id=key.key_id,
        wrapped_key=wrap_component_key(package_key, key.key),
        level=Level.NONE,
        document=0,
        name="",
        media_type="application/pdf",
        size=key.size,
        sha256=key.sha256,
        plan_position=position,
        origin=payload.package,
    )
    origin = Package(
        id=payload.package,
        chain=payload.package,
        version=1,
        supersedes=None,
        agency=AgencyId(uuid4()),
        client=ClientId(uuid4()),
        fonds=payload.fonds,
        fonds_code="P1",
        profile="tt05",
        state=State.SEALED,
        manifest_sha256=bytes(32),
        plan_sha256=bytes(32),
        rules_sha256=bytes(32),
        part_size=payload.plan.part_size,
        part_count=payload.plan.part_count,
        payload_size=payload.plan.payload_size,
        component_count=len(payload.keys),
        stored_parts=payload.plan.part_count,
        declared_at=now,
        expires_at=now,
        sealed_at=now,
        seal_event=None,
    )
    return ComponentPlace(component, origin, PackageKey(Level.NONE, "kek", b""), held=False, erased=False)


async def stored_part(vault: S3Vault, payload: Payload, number: int) -> StoredPart:
    """Seal one part into the vault, and the row that would be written of it."""
    part = payload.part(number)
    sealed = await vault.seal_part(part, chunked(payload.body(number)))
    return StoredPart(
        number=number,
        attempt=part.attempt,
        sha256=part.sha256,
        size=part.length,
        stored_size=sealed.stored_size,
        ciphertext_digest=sealed.ciphertext_digest,
        object_version=sealed.object_version,
        stored_at=datetime(2026, 11, 24, tzinfo=UTC),
        heads=sealed.heads,
    )


async def chunked(data: bytes, size: int = 64 * 1024) -> AsyncIterator[bytes]:
    """The bytes as a connection would bring them; 64 KiB is what the server reads at once."""
    for start in range(0, len(data), size):
        yield data[start : start + size]
