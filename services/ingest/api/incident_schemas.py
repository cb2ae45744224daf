"""The wire forms of incidents, notices and counts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.ingest.api.schemas import Answer, BothLanguages
from services.ingest.domain.incidents import Decision, Kind, Source, State
from services.ingest.usecases.incident_ports import Found, Incident, Violation
from services.ingest.usecases.read_incidents import Notice, OpenedIncident
from services.kernel.refusals.registry import Text
from services.kernel.secrecy import LevelWord

Instrument = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$"),
    Field(description="Number and notation of the paper it rests on; never its subject.", examples=["12/QĐ-CAT"]),
]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class IncidentIn(_Form):
    """What is to be held: a component, else a document by its index in the manifest, else the whole package."""

    package: UUID
    document: Annotated[int | None, Field(ge=0, le=1_000_000)] = None
    component: UUID | None = None
    kind: Kind


class ProposalIn(_Form):
    """What an officer proposes."""

    decision: Decision
    instrument: Instrument | None = None
    level: LevelWord | None = None
    due_on: date | None = Field(default=None, description="The last day to carry it out; today where it is left out.")


class ConfirmationIn(_Form):
    """The proposal that is confirmed, by the number of its step."""

    step: Annotated[int, Field(ge=1)]


class DoneIn(_Form):
    """Something with a clock that was done."""

    what: Annotated[str, StringConstraints(pattern=r"^[a-z-]{1,40}$")]
    instrument: Instrument | None = None


class IncidentAnswer(Answer):
    """An incident; `document` is null where the whole package is held."""

    incident: UUID
    source: Source
    kind: Kind
    rules: list[str]
    package: UUID
    document: int | None
    component: UUID | None
    agency: UUID
    fonds: UUID
    state: State
    decision: Decision | None
    level: LevelWord | None
    opened_at: datetime
    hidden_at: datetime | None = Field(description="When catalog had confirmed: hidden everywhere since.")
    closed_at: datetime | None

    @classmethod
    def of(cls, incident: Incident) -> IncidentAnswer:
        return cls.model_validate(_members(incident))


class StepAnswer(Answer):
    """One step of the trail."""

    number: int
    kind: str
    at: datetime
    client: UUID | None
    officer: str | None
    facts: dict[str, object]


class ClockAnswer(Answer):
    """Something to be done by the end of a day."""

    kind: str
    what: BothLanguages
    basis: str | None
    confirmed: bool = Field(description="Whether the time limit was confirmed in the text of the law.")
    due_on: date
    met_at: datetime | None
    overdue: bool


class CoveredAnswer(Answer):
    """What the hold covers."""

    package: UUID
    document: int | None


class TrailAnswer(IncidentAnswer):
    """An incident with its whole trail."""

    held: bool
    covered: list[CoveredAnswer]
    clocks: list[ClockAnswer]
    steps: list[StepAnswer]

    @classmethod
    def of_trail(cls, opened: OpenedIncident) -> TrailAnswer:
        return cls.model_validate(
            _members(opened.incident)
            | {
                "held": any(hold.lifted_at is None for hold in opened.holds),
                "covered": [{"package": item.package, "document": item.document} for item in opened.covered],
                "clocks": [
                    {
                        "kind": entry.running.kind,
                        "what": both(entry.what),
                        "basis": entry.basis,
                        "confirmed": entry.confirmed,
                        "due_on": entry.running.due_on,
                        "met_at": entry.running.met_at,
                        "overdue": entry.overdue,
                    }
                    for entry in opened.clocks
                ],
                "steps": [
                    {
                        "number": step.number,
                        "kind": step.kind,
                        "at": step.at,
                        "client": None if step.by is None else step.by.client,
                        "officer": None if step.by is None else step.by.officer,
                        "facts": dict(step.facts),
                    }
                    for step in opened.steps
                ],
            }
        )


class IncidentPage(Answer):
    items: list[IncidentAnswer]
    next: UUID | None


class ProposedAnswer(Answer):
    """The number of the proposal's step, which another officer confirms."""

    step: int


class NoticeAnswer(Answer):
    """What the agency is told: where, and what to do; nothing of the content."""

    incident: UUID
    code: Kind
    package: UUID
    document: int | None = Field(description="Index into the manifest's documents, from 0; null: the whole package.")
    ordinal: int | None = Field(description="The same, counted from 1.")
    state: State
    what_to_do: BothLanguages
    since: datetime

    @classmethod
    def of(cls, notice: Notice) -> NoticeAnswer:
        incident = notice.incident
        return cls.model_validate(
            {
                "incident": incident.id,
                "code": incident.kind,
                "package": incident.package,
                "document": incident.document,
                "ordinal": None if incident.document is None else incident.document + 1,
                "state": incident.state,
                "what_to_do": both(notice.text),
                "since": incident.opened_at,
            }
        )


class NoticePage(Answer):
    items: list[NoticeAnswer]
    next: UUID | None


class ViolationAnswer(Answer):
    """`found`: `incident`, `inspection` (a finding) or `refused` (packages that the rules refused)."""

    agency: UUID
    found: Found
    kind: str
    count: int

    @classmethod
    def of(cls, violation: Violation) -> ViolationAnswer:
        return cls(agency=violation.agency, found=violation.found, kind=violation.kind, count=violation.count)


class ViolationsAnswer(Answer):
    """Counts by agency, by how it was found, and by kind."""

    since: date
    until: date
    items: list[ViolationAnswer]


def both(text: Text) -> Mapping[str, str]:
    """A sentence in both languages."""
    return {"vi": text.vi, "en": text.en}


def _members(incident: Incident) -> dict[str, object]:
    return {
        "incident": incident.id,
        "source": incident.source,
        "kind": incident.kind,
        "rules": list(incident.rules),
        "package": incident.package,
        "document": incident.document,
        "component": incident.component,
        "agency": incident.agency,
        "fonds": incident.fonds,
        "state": incident.state,
        "decision": incident.decision,
        "level": None if incident.level is None else incident.level.wire,
        "opened_at": incident.opened_at,
        "hidden_at": incident.hidden_at,
        "closed_at": incident.closed_at,
    }
