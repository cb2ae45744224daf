"""What the API answers, as pydantic models: for the OpenAPI document, and to make the JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.ingest.domain.package import Package, StoredPart
from services.ingest.domain.states import State
from services.ingest.usecases.declare_package import Declared
from services.ingest.usecases.ports import Finding, Judged, PackageDescription, PublishedRules, Rules, Verdict
from services.ingest.usecases.read_package import PackageStatus
from services.kernel.ceilings import Ceiling
from services.kernel.records import OfficerKey

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256, lowercase hex.")]
Pointer_ = Annotated[str, Field(description="RFC 6901 JSON pointer into the manifest.")]
Range = Annotated[tuple[int, int], Field(description="Part numbers `[first, last]`, both included.")]


class Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class BothLanguages(Answer):
    """One sentence in Vietnamese and in English."""

    vi: str
    en: str


class VerdictAnswer(Answer):
    """What the secrecy rules say of one document that is not plainly admitted."""

    pointer: Pointer_
    effect: Literal["refuse", "quarantine", "withhold", "conditional", "admit"]
    report: bool = Field(description="Whether the rules demand that it be reported.")
    rules: list[str] = Field(description="Ids of the rules that fired, strongest effect first.")
    relevant_date: date | None = Field(description="The record's own day from which its term counts.")
    messages: list[BothLanguages]

    @classmethod
    def of(cls, verdict: Verdict) -> VerdictAnswer:
        return cls.model_validate(
            {
                "pointer": verdict.pointer,
                "effect": verdict.effect,
                "report": verdict.report,
                "rules": list(verdict.rules),
                "relevant_date": verdict.relevant_date,
                "messages": [{"vi": vi, "en": en} for vi, en in verdict.messages],
            }
        )


class NotPlanned(Answer):
    """A document or component of which no byte is to be sent."""

    pointer: Pointer_
    reason: Literal["quarantine", "withhold", "referenced"] = Field(
        description="`quarantine`, `withhold`: by the rules; `referenced`: an earlier version's bytes stand for it."
    )


class Remark(Answer):
    """A place worth a look that keeps nothing from being declared."""

    pointer: Pointer_
    code: str
    detail: BothLanguages


class FindingAnswer(Remark):
    """Something found wrong after the declaration."""

    found_at: datetime


class PlanAnswer(Answer):
    """The frozen plan; its canonical bytes are at `/v1/packages/{package}/plan`."""

    layout: Literal[1]
    part_size: int
    components: list[tuple[UUID, int]] = Field(description="`[component id, length in bytes]` in manifest order.")


class PackageSummary(Answer):
    """A package in short."""

    package: UUID
    state: State
    version: int = Field(description="1, or one more than the version it supersedes.")
    supersedes: UUID | None
    fonds: str
    profile: str
    manifest_sha256: Digest
    plan_sha256: Digest
    rules_sha256: Digest = Field(description="The bundle of rules by which it was judged.")
    part_size: int = Field(description="Bytes of every part but the last.")
    parts: int
    stored_parts: int
    payload_size: int = Field(description="Bytes to be sent in all.")
    components: int
    declared_at: datetime
    expires_at: datetime | None = Field(description="While parts are missing: when the package is given up.")
    sealed_at: datetime | None


class DeclaredAnswer(PackageSummary):
    """The answer to a declaration: the verdicts and the plan."""

    not_planned: list[NotPlanned]
    verdicts: list[VerdictAnswer]
    warnings: list[Remark]
    status: str = Field(description="Address of the package's status.")
    plan: PlanAnswer

    @classmethod
    def encoded(cls, declared: Declared) -> bytes:
        """The JSON, the plan's canonical bytes as they are: 100,000 components need no model each."""
        head = DescribedPackage.model_validate(
            described(declared.package, declared.description) | {"status": address(declared.package.id)}
        )
        return head.model_dump_json().encode()[:-1] + b',"plan":' + declared.plan + b"}"


class DescribedPackage(PackageSummary):
    """A package with what was said of it at its declaration."""

    not_planned: list[NotPlanned]
    verdicts: list[VerdictAnswer]
    warnings: list[Remark]
    status: str


class JudgingAnswer(Answer):
    """A large manifest is being judged; ask at `status`, then declare the same manifest again for its plan."""

    package: UUID
    state: Literal["judging"] = "judging"
    status: str


class StatusAnswer(PackageSummary):
    """The one status address: where a package stands, what it lacks, what was found."""

    missing: list[Range] = Field(description="Ranges of parts that are still to be sent.")
    not_planned: list[NotPlanned]
    verdicts: list[VerdictAnswer]
    warnings: list[Remark]
    findings: list[FindingAnswer]
    receipt: str | None = Field(description="Address of the receipt, once the package is sealed.")

    @classmethod
    def of(cls, status: PackageStatus) -> StatusAnswer:
        package = status.package
        return cls.model_validate(
            {
                **described(package, status.description),
                "missing": status.missing,
                "findings": [finding(entry) for entry in status.findings],
                "receipt": f"{address(package.id)}/receipt" if package.seal_event is not None else None,
            }
        )


class RefusedAnswer(Answer):
    """A declaration that was refused; `problem` is the problem document of the refusal."""

    package: UUID
    state: Literal["refused"] = "refused"
    problem: dict[str, object]


class CheckedAnswer(Answer):
    """What a declaration of this manifest would say; nothing was stored."""

    manifest_sha256: Digest
    rules_sha256: Digest
    components: int
    payload_size: int = Field(description="Bytes to be sent, where no earlier version is superseded.")
    not_planned: list[NotPlanned]
    verdicts: list[VerdictAnswer]
    warnings: list[Remark]

    @classmethod
    def of(cls, judged: Judged) -> CheckedAnswer:
        description = PackageDescription(judged.verdicts, judged.not_planned, judged.warnings)
        return cls.model_validate(
            {
                "manifest_sha256": judged.manifest_sha256.hex(),
                "rules_sha256": judged.rules_sha256.hex(),
                "components": len(judged.components),
                "payload_size": sum(component.size for component in judged.components),
                **told(description),
            }
        )


class PackagePage(Answer):
    """A page of packages in the order of declaration; `next` is the value of `after` for the following one."""

    items: list[PackageSummary]
    next: UUID | None


class PartAnswer(Answer):
    """A part that is durable; a repeat of the same part answers the same."""

    package: UUID
    part: int
    size: int
    sha256: Digest
    stored_at: datetime

    @classmethod
    def of(cls, package: UUID, part: StoredPart) -> PartAnswer:
        return cls(
            package=package, part=part.number, size=part.size, sha256=part.sha256.hex(), stored_at=part.stored_at
        )


class PendingReceipt(Answer):
    """There is no receipt yet; `state` says why."""

    package: UUID
    state: State


class RulesSigner(Answer):
    """An officer's public key (JWK), by its thumbprint, and the scopes of its owner."""

    kid: str
    client: UUID
    scopes: list[str]
    jwk: dict[str, str]


class AgencyCeiling(Answer):
    """One decision on how secret a record the asking agency may hand in over the independent LAN.

    Of those whose first day has come the one with the latest first day counts, of two the later in the list; when it
    ends nothing comes back, and without one it is `none`.
    """

    level: str
    valid_from: date
    valid_to: date | None = Field(description="The first day on which it no longer holds.")
    number: str
    decided_on: date
    authority: str
    recorded_at: datetime


class RulesSigners(Answer):
    """Who signed the rules in force, and what the asking agency may hand in under them."""

    version: int
    sha256: Digest
    signers: list[RulesSigner]
    ceilings: list[AgencyCeiling]

    @classmethod
    def of(cls, rules: Rules, signers: Mapping[str, OfficerKey], ceilings: Sequence[Ceiling]) -> RulesSigners:
        return cls(
            version=rules.version,
            sha256=rules.sha256.hex(),
            signers=[
                RulesSigner(kid=kid, client=key.client, scopes=sorted(key.scopes), jwk=dict(key.jwk))
                for kid, key in signers.items()
            ],
            ceilings=[AgencyCeiling.model_validate(entry.as_json()) for entry in ceilings],
        )


class RulesAnswer(Answer):
    """A bundle of rules that was published; in force from its first day on."""

    version: int
    sha256: Digest
    effective_from: date
    published_at: datetime

    @classmethod
    def of(cls, rules: PublishedRules) -> RulesAnswer:
        return cls(
            version=rules.version,
            sha256=rules.sha256.hex(),
            effective_from=rules.effective_from,
            published_at=rules.published_at,
        )


def address(package: UUID) -> str:
    """The status address, below the service's origin."""
    return f"/v1/packages/{package}"


def summary(package: Package) -> dict[str, object]:
    """The members of `PackageSummary`."""
    return {
        "package": package.id,
        "state": package.state,
        "version": package.version,
        "supersedes": package.supersedes,
        "fonds": package.fonds_code,
        "profile": package.profile,
        "manifest_sha256": package.manifest_sha256.hex(),
        "plan_sha256": package.plan_sha256.hex(),
        "rules_sha256": package.rules_sha256.hex(),
        "part_size": package.part_size,
        "parts": package.part_count,
        "stored_parts": package.stored_parts,
        "payload_size": package.payload_size,
        "components": package.component_count,
        "declared_at": package.declared_at,
        "expires_at": package.expires_at if package.state in (State.DECLARED, State.RECEIVING) else None,
        "sealed_at": package.sealed_at,
    }


def described(package: Package, description: PackageDescription) -> dict[str, object]:
    """The members of `PackageSummary` and what was said at the declaration."""
    return summary(package) | told(description)


def told(description: PackageDescription) -> dict[str, object]:
    """Verdicts, what is not planned, warnings."""
    return {
        "not_planned": [NotPlanned(pointer=pointer, reason=reason) for pointer, reason in description.not_planned],  # type: ignore[arg-type]  # pydantic checks the word
        "verdicts": [VerdictAnswer.of(verdict) for verdict in description.verdicts],
        "warnings": [
            Remark(pointer=pointer, code=code, detail=BothLanguages(vi=vi, en=en))
            for pointer, code, vi, en in description.warnings
        ],
    }


def finding(entry: Finding) -> FindingAnswer:
    """A finding as it is shown."""
    return FindingAnswer(
        pointer=entry.pointer,
        code=entry.code,
        detail=BothLanguages(vi=entry.vi, en=entry.en),
        found_at=entry.at,
    )
