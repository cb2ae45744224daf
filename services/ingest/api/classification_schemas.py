"""Steps in the life of a classification, on the wire."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.ingest.usecases.classification_ports import RecordedStep
from services.ingest.usecases.classify_record import Decision, RecordHistory
from services.kernel.classification import Authority, Kind, Proof, Proposal, Relation
from services.kernel.classification.message import DOSSIER
from services.kernel.identifiers import AgencyId, PackageId
from services.kernel.secrecy import Level, LevelWord

Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")
]
Document = Annotated[
    int | None,
    Field(ge=0, le=1_000_000, description="The document's position in the manifest, from 0; null: the dossier itself."),
]


class Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AuthorityIn(Form):
    """The body that decided. Without `agency` it is not in the registry, and a police officer attests it."""

    name: Line = Field(description="The body's name; never a person's.")
    relation: Relation = Field(description="What it is to the body that classified the record.")
    agency: UUID | None = None


class StepIn(Form):
    """A decision of a competent body about one record of a sealed package."""

    document: Document = None
    kind: Literal[Kind.DECLASSIFIED, Kind.DELISTED, Kind.EXTENDED, Kind.RAISED, Kind.LOWERED, Kind.ANNULLED]
    decided_on: date
    effective_on: date | None = Field(default=None, description="Null: the day of the decision.")
    level: Literal["mat", "toi_mat", "tuyet_mat"] | None = Field(default=None, description="For `raised`, `lowered`.")
    until: date | None = Field(default=None, description="Last day of protection: for `extended`, or a shorter term.")
    annuls: UUID | None = Field(default=None, description="For `annulled`: the step that is taken back.")
    list_item: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = Field(
        default="", description="For `raised`: the item of the list of state secrets."
    )
    instrument: Line = Field(description="Number and sign of the decision.", examples=["12/QĐ-UBND"])
    authority: AuthorityIn

    def decision(self, package: UUID) -> Decision:
        """The decision as the use case takes it."""
        agency = self.authority.agency
        return Decision(
            package=PackageId(package),
            document=DOSSIER if self.document is None else self.document,
            proposal=Proposal(
                kind=self.kind,
                decided_on=self.decided_on,
                effective_on=self.effective_on,
                level=None if self.level is None else Level.from_wire(self.level),
                until=self.until,
                annuls=self.annuls,
                list_item=self.list_item,
            ),
            authority=Authority(
                self.authority.name, self.authority.relation, None if agency is None else AgencyId(agency)
            ),
            instrument=self.instrument,
        )


class AuthorityOut(AuthorityIn):
    """The body that decided, as recorded."""


class StepOut(BaseModel):
    """A step as it is kept for ever."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    package: UUID
    document: Document
    number: int = Field(description="Counts the record's steps from 1.")
    kind: Kind
    decided_on: date
    effective_on: date
    level: LevelWord | None
    until: date | None
    annuls: UUID | None
    list_item: str
    instrument: str
    authority: AuthorityOut | None = Field(description="Null: the automatic step at the end of the term.")
    proof: Proof = Field(description="`registry`: proved by succession; `attested`: by the officer; `calendar`.")
    before: LevelWord = Field(description="The record's label when the step was recorded, and after it.")
    after: LevelWord
    remarks: list[str] = Field(description="What does not make it void but has to be followed up.")
    notify_by: date | None = Field(description="Whoever has the record is told by this day.")
    notified_on: date | None
    recorded_at: datetime
    officer: str | None

    @classmethod
    def of(cls, recorded: RecordedStep) -> StepOut:
        step, authority = recorded.step, recorded.authority
        return cls(
            id=step.id,
            package=recorded.package,
            document=_shown(recorded.document),
            number=step.number,
            kind=step.kind,
            decided_on=step.decided_on,
            effective_on=step.effective_on,
            level=None if step.level is None else step.level.wire,
            until=step.until,
            annuls=step.annuls,
            list_item=recorded.list_item,
            instrument=recorded.instrument,
            authority=None
            if authority is None
            else AuthorityOut(name=authority.name, relation=authority.relation, agency=authority.agency),
            proof=recorded.proof,
            before=recorded.before.wire,
            after=recorded.after.wire,
            remarks=list(recorded.remarks),
            notify_by=recorded.notify_by,
            notified_on=recorded.notified_on,
            recorded_at=recorded.at,
            officer=recorded.officer,
        )


class RecordOut(BaseModel):
    """One record: what it is on the day asked for, the label it is read under, and its steps."""

    model_config = ConfigDict(frozen=True)

    document: Document
    given: LevelWord = Field(description="The level by decision.")
    level: LevelWord = Field(description="What that is worth on the day: `none` once the term has ended.")
    until: date | None = Field(description="Last day of protection; null where it cannot be computed, or none is.")
    label: LevelWord = Field(description="Under which it is read today; never below its level.")
    steps: list[StepOut]

    @classmethod
    def of(cls, history: RecordHistory) -> RecordOut:
        return cls(
            document=_shown(history.document),
            given=history.standing.given.wire,
            level=history.standing.level.wire,
            until=history.standing.until,
            label=history.label.wire,
            steps=[StepOut.of(step) for step in history.steps],
        )


class ClassificationOut(BaseModel):
    """The records of a package that have or had a label."""

    model_config = ConfigDict(frozen=True)

    package: UUID
    records: list[RecordOut]


class NoticeIn(Form):
    """Whoever has the record was told of a step."""

    notified_on: date
    instrument: Line


def _shown(document: int) -> int | None:
    return None if document == DOSSIER else document
