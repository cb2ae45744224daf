"""Inspections on the wire."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.ingest.api.classification_schemas import Form, Line
from services.ingest.domain.inspections import RULES, InspectionStep, StepKind, Violation
from services.ingest.usecases.inspect_agency import ShownInspection
from services.ingest.usecases.inspection_ports import RecordedInspectionStep

Prose = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=2000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")
]
Finding = Annotated[int | None, Field(ge=1, le=10_000, description="The finding's number, from 1.")]


class Device(Form):
    """A device used in digitising."""

    kind: Line = Field(examples=["máy quét", "máy tính"])
    serial: Line
    network: Literal["none", "independent_lan", "internal", "internet"]


class Permission(Form):
    """A permission to copy or digitise that was shown."""

    number: Line
    date: date
    authority: Line
    rank: Line


class InspectionIn(Form):
    """An inspection that took place. No person's name, no title of a record belongs into any text."""

    agency: UUID
    on: date
    place: Line
    process: Prose = Field(description="How digitising is done: steps, who guards them, where media are kept.")
    devices: list[Device] = Field(default_factory=list, max_length=200)
    permissions: list[Permission] = Field(default_factory=list, max_length=200)
    minutes: Line = Field(description="Number of the minutes (biên bản).")

    def facts(self) -> dict[str, object]:
        """What the trail keeps beside the day."""
        return self.model_dump(mode="json", exclude={"agency", "on"})


class InspectionStepIn(Form):
    """What happened afterwards."""

    kind: Literal[
        StepKind.FOUND, StepKind.POSTPONED, StepKind.REMEDIED, StepKind.VERIFIED, StepKind.REJECTED, StepKind.CLOSED
    ]
    on: date
    finding: Finding = None
    violation: Violation | None = Field(default=None, description="For `found`.")
    due_on: date | None = Field(default=None, description="For `found`, `postponed`: the remedy's last day.")
    remedy: Prose = Field(default="", description="What has to be done, or was done.")
    instrument: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = ""

    def step(self) -> InspectionStep:
        """The step as the domain takes it."""
        return InspectionStep(self.kind, self.on, self.finding, self.violation, self.due_on)

    def facts(self) -> dict[str, object]:
        """What the trail keeps beside it."""
        return {"remedy": self.remedy, "instrument": self.instrument}


class InspectionStepOut(BaseModel):
    """A step as it is kept for ever."""

    model_config = ConfigDict(frozen=True)

    number: int
    kind: StepKind
    on: date
    finding: Finding
    violation: Violation | None
    due_on: date | None
    facts: dict[str, object]
    officer: str | None
    recorded_at: datetime

    @classmethod
    def of(cls, recorded: RecordedInspectionStep) -> InspectionStepOut:
        step = recorded.step
        return cls(
            number=recorded.number,
            kind=step.kind,
            on=step.on,
            finding=step.finding,
            violation=step.violation,
            due_on=step.due_on,
            facts=dict(recorded.facts),
            officer=recorded.officer,
            recorded_at=recorded.at,
        )


class FindingOut(BaseModel):
    """A finding as it stands."""

    model_config = ConfigDict(frozen=True)

    number: int
    violation: Violation
    rule: str | None = Field(description="The rule that it breaks; null where none of the rules speaks of it.")
    found_on: date
    due_on: date
    remedied_on: date | None
    verified_on: date | None
    overdue: bool


class InspectionOut(BaseModel):
    """An inspection and everything that happened to it."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    agency: UUID
    opened_on: date
    closed_on: date | None
    findings: list[FindingOut]
    trail: list[InspectionStepOut]

    @classmethod
    def of(cls, shown: ShownInspection, today: date) -> InspectionOut:
        inspection = shown.inspection
        return cls(
            id=shown.id,
            agency=shown.agency,
            opened_on=inspection.opened_on,
            closed_on=inspection.closed_on,
            findings=[
                FindingOut(
                    number=found.number,
                    violation=found.violation,
                    rule=RULES.get(found.violation),
                    found_on=found.found_on,
                    due_on=found.due_on,
                    remedied_on=found.remedied_on,
                    verified_on=found.verified_on,
                    overdue=found.is_overdue(today),
                )
                for found in inspection.findings.values()
            ],
            trail=[InspectionStepOut.of(entry) for entry in shown.trail],
        )


class InspectionPage(BaseModel):
    """A page in the order of recording; `next` is the value of `after` for the following one."""

    model_config = ConfigDict(frozen=True)

    items: list[InspectionOut]
    next: UUID | None
