"""Leave to take restricted documents out of the archive: asked for by one person, approved by another, until a day.

Restricted is what has access mode 03 (chế độ sử dụng Mật), its own or its dossier's, also after its protection has ended.

Source: domain notes §3 rule 28 and "Copy authority"; DECISION-0031.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from services.kernel.identifiers import ClientId, DocumentId

RESTRICTED: Final = "03"
LONGEST: Final = timedelta(days=90)
"""From the decision to the last day of an approval."""


class Step(StrEnum):
    """What became of a request; the value is the word on the wire and in the database."""

    APPROVED = "approved"
    DECLINED = "declined"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts: the client, and the name of whoever sits before it."""

    client: ClientId
    officer: str | None


@dataclass(frozen=True, slots=True)
class ExportTerms:
    """What is asked: which documents, on what paper of what authority, and the last day of it."""

    documents: frozenset[DocumentId]
    number: str
    decided_on: date
    authority: str
    recipient: str
    until: date

    def fits(self, today: date) -> bool:
        """Whether the days fit: decided by today, not over, and not for longer than `LONGEST`."""
        return self.decided_on <= today <= self.until <= self.decided_on + LONGEST


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """A request with its steps, in their order."""

    id: UUID
    terms: ExportTerms
    asked_by: Person
    asked_at: datetime
    steps: tuple[tuple[Step, Person, datetime], ...] = ()

    @property
    def last(self) -> Step | None:
        return self.steps[-1][0] if self.steps else None

    def allows(self, reader: ClientId, document: DocumentId, today: date) -> bool:
        """Whether this client may take this document out today."""
        return (
            self.last is Step.APPROVED
            and self.asked_by.client == reader
            and document in self.terms.documents
            and self.terms.decided_on <= today <= self.terms.until
        )


_BEFORE: Final = {Step.APPROVED: None, Step.DECLINED: None, Step.ENDED: Step.APPROVED}


def possible(request: ExportRequest, step: Step) -> bool:
    """A request is approved or declined once; what was approved may be ended; nothing is undone."""
    return request.last is _BEFORE[step]
