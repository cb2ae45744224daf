"""A package as ingest sees it between declaration and sealing: states, parts and offers, without any I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from services.ingest.domain.states import TAKES_PARTS, State
from services.kernel.identifiers import AgencyId, AttemptId, ClientId, FondsId, PackageId
from services.kernel.refusals.packages import PackageNotReceiving, PartConflict, PartNotPlanned, PartSizeWrong
from services.kernel.sealing.ciphertext_digest import CiphertextDigest

UPLOAD_WINDOW = timedelta(days=60)
"""A package expires this long after its last part (DESIGN 5.4)."""


@dataclass(frozen=True, slots=True)
class PartOffer:
    """One part that a client announces: its number, its length in bytes and the SHA-256 it must have."""

    package: PackageId
    number: int
    length: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part that is durable: the winning attempt, what it held and how the store knows it.

    `heads` saves readers a request (`kernel.sealing.segment_heads`); empty is as good.
    """

    number: int
    attempt: AttemptId
    sha256: bytes
    size: int
    stored_size: int
    ciphertext_digest: CiphertextDigest
    object_version: str
    stored_at: datetime
    heads: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Package:
    """One declared dossier. Sizes are plaintext bytes; digests are 32 bytes."""

    id: PackageId
    chain: PackageId
    version: int
    supersedes: PackageId | None
    agency: AgencyId
    client: ClientId
    fonds: FondsId
    fonds_code: str
    profile: str
    state: State
    manifest_sha256: bytes
    plan_sha256: bytes
    rules_sha256: bytes
    part_size: int
    part_count: int
    payload_size: int
    component_count: int
    stored_parts: int
    declared_at: datetime
    expires_at: datetime
    sealed_at: datetime | None
    seal_event: UUID | None
    held: bool = False  # all of it, by an officer's hold

    def part_length(self, number: int) -> int:
        """Plaintext bytes of one part.

        Raises:
            PartNotPlanned: the plan has no such part.
        """
        if not 0 <= number < self.part_count:
            raise PartNotPlanned(part=number, parts=self.part_count)
        return min(self.part_size, self.payload_size - number * self.part_size)

    def admit(self, offer: PartOffer, standing: StoredPart | None) -> StoredPart | None:
        """Judge an offered part; the answer is the part that already stands with the same digest, if any.

        Raises:
            PartNotPlanned: no such part in the plan.
            PartSizeWrong: the plan gives this part another length.
            PartConflict: another content stands under this number.
            PackageNotReceiving: the package no longer takes parts.
        """
        planned = self.part_length(offer.number)
        if offer.length != planned:
            raise PartSizeWrong(part=offer.number, length=offer.length, planned=planned)
        if standing is not None:
            if standing.sha256 == offer.sha256:
                return standing
            raise PartConflict(part=offer.number)
        if self.state not in TAKES_PARTS:
            raise PackageNotReceiving(state=self.state.value)
        return None

    @property
    def complete(self) -> bool:
        """Whether every planned part is stored."""
        return self.stored_parts == self.part_count
