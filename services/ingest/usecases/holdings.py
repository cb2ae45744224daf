"""What is held, as judging it again needs it: the ports of `rejudge_holdings` and `what_if`.

Of a package that was refused only a salted digest is kept, so it can never be judged again.

Source: DESIGN 9; DECISION-0019.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.ingest.usecases.ports import Verdict
from services.kernel.classification import Step
from services.kernel.identifiers import AgencyId, PackageId
from services.kernel.secrecy import Effect, Level


@dataclass(frozen=True, slots=True)
class Holding:
    """A package whose manifest is kept; `size` are the manifest's bytes, `verdicts` those it was declared with.

    `agency` handed it in.
    """

    package: PackageId
    agency: AgencyId
    declared_at: datetime
    size: int
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Rejudging:
    """How far judging the holdings by one bundle has come; see the table of that name."""

    bundle_sha256: bytes
    version: int
    begun_at: datetime
    after: PackageId | None = None
    swept_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rejudged:
    """A held document that a later bundle judges more strictly. `document` counts from 0 in its manifest."""

    package: PackageId
    document: int
    bundle_sha256: bytes
    was: Effect
    effect: Effect
    report: bool
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RefusedReport:
    """What is kept of a package that the rules refused, for the police: codes, places, a salted digest of its manifest."""

    package: PackageId
    agency: AgencyId
    at: datetime
    rules_sha256: bytes
    manifest_salted: bytes
    verdicts: tuple[Verdict, ...]

    @property
    def reported(self) -> bool:
        """Whether a rule that fired demands a report."""
        return any(verdict.report for verdict in self.verdicts)


class Holdings(Protocol):
    """The kept manifests, and what judging them again has found."""

    async def page(
        self, after: PackageId | None, limit: int, *, since: datetime | None = None, not_by: bytes | None = None
    ) -> list[Holding]:
        """Holdings in the order of their ids; declared from `since` on, and not judged by the bundle `not_by`."""

    async def manifest(self, package: PackageId) -> bytes: ...

    async def labels(self, package: PackageId) -> Mapping[int, Level]:
        """The labels above NONE that it was sealed with, by document; `DOSSIER` for the dossier's own."""

    async def steps(self, package: PackageId) -> Mapping[int, Sequence[Step]]:
        """Every classification step of its records, by document, in the order of their numbers."""

    async def refused_since(self, since: datetime) -> int:
        """How many packages were refused, which cannot be judged again."""

    async def refused(self, after: PackageId | None, limit: int) -> list[RefusedReport]:
        """Refused packages in the order of their ids."""

    async def begin(self, bundle_sha256: bytes, version: int, at: datetime) -> Rejudging:
        """The standing of this judging, begun now if it has none."""

    async def advance(self, standing: Rejudging, judged: int, found: Sequence[Rejudged], at: datetime) -> None:
        """Keep a standing and what a batch found, in one transaction; a finding that is there already stays."""

    async def waiting(self, limit: int) -> list[Rejudged]:
        """Findings that were not handed on yet, oldest first."""

    async def handed_on(self, finding: Rejudged, at: datetime) -> None: ...


def effects_of(verdicts: Sequence[Verdict]) -> dict[int, Verdict]:
    """Verdicts by document; a document that is not there is plainly admitted."""
    return {int(verdict.pointer.rpartition("/")[2]): verdict for verdict in verdicts}
