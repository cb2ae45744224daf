"""An inspection of an agency by the police, as a trail of steps that is only added to.

What was looked at (place, process, devices, permissions) stands in the first step. Each finding has a number, a kind,
a remedy and a day by which it is due; the agency remedies, the police verify, and only then can the inspection close.
No step names a person of the agency, or a record's title.

Source: DESIGN 9 "Inspection"; domain notes §3 rules 7-12, 24, 29; NĐ 26/2020 art. 2-3, NĐ 63/2026.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from services.kernel.refusals.inspections import InspectionDayInvalid, InspectionFindingsOpen, InspectionStepUnfit
from services.kernel.refusals.registry import Text


class Violation(StrEnum):
    """Kinds of violation; the value is the word on the wire."""

    NETWORKED_DEVICE = "networked-device"
    NO_PERMISSION = "no-permission"
    RANK_TOO_LOW = "rank-too-low"
    COPYING_FORBIDDEN = "copying-forbidden"
    NO_REGISTER_ENTRY = "no-register-entry"
    TOO_MANY_COPIES = "too-many-copies"
    CLASSIFIED_IN_OPEN = "secret-in-open"
    MEDIUM_NOT_WIPED = "medium-not-wiped"
    AI_ON_CLASSIFIED = "ai-on-secret"
    PLACE_UNFIT = "place-unfit"
    NOTICE_LATE = "notice-late"
    OTHER = "other"


VIOLATIONS: Final[Mapping[Violation, Text]] = MappingProxyType(
    {
        Violation.NETWORKED_DEVICE: Text("Thiết bị số hóa nối mạng", "A capture device on a network"),
        Violation.NO_PERMISSION: Text("Không có văn bản cho phép sao, chụp", "No permission to copy"),
        Violation.RANK_TOO_LOW: Text("Người cho phép không đủ thẩm quyền", "The authoriser's rank is too low"),
        Violation.COPYING_FORBIDDEN: Text("Sao tài liệu ghi không được sao", "Copied against the document's own ban"),
        Violation.NO_REGISTER_ENTRY: Text("Không vào sổ quản lý sao, chụp", "No entry in the copying register"),
        Violation.TOO_MANY_COPIES: Text("Sao quá số bản cho phép", "More copies than allowed"),
        Violation.CLASSIFIED_IN_OPEN: Text("Đưa bí mật nhà nước lên mạng", "A state secret on an open network"),
        Violation.MEDIUM_NOT_WIPED: Text("Dùng lại vật mang tin chưa xóa", "A medium re-used before it was wiped"),
        Violation.AI_ON_CLASSIFIED: Text("Dùng AI, OCR trái quy định", "OCR or AI on secrets outside the enclave"),
        Violation.PLACE_UNFIT: Text("Nơi số hóa không bảo đảm", "The place of digitising is unfit"),
        Violation.NOTICE_LATE: Text("Chậm báo cáo, thông báo", "Notice or report given late"),
        Violation.OTHER: Text("Vi phạm khác", "Another violation"),
    }
)


RULES: Final[Mapping[Violation, str]] = MappingProxyType(
    {
        Violation.CLASSIFIED_IN_OPEN: "4",
        Violation.NO_PERMISSION: "7",
        Violation.RANK_TOO_LOW: "8",
        Violation.COPYING_FORBIDDEN: "9",
        Violation.NO_REGISTER_ENTRY: "10",
        Violation.NETWORKED_DEVICE: "11",
        Violation.TOO_MANY_COPIES: "12",
        Violation.AI_ON_CLASSIFIED: "24",
        Violation.MEDIUM_NOT_WIPED: "29",
    }
)
"""The rule that a kind of violation breaks, where one of the rules says so."""


class StepKind(StrEnum):
    """What happens to an inspection; the value is the word on the wire and in the database."""

    OPENED = "opened"
    FOUND = "found"
    POSTPONED = "postponed"
    REMEDIED = "remedied"
    VERIFIED = "verified"
    REJECTED = "rejected"  # the remedy did not hold
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class InspectionStep:
    """`finding` numbers the inspection's findings from 1. `on` is the day it happened, `due_on` the remedy's."""

    kind: StepKind
    on: date
    finding: int | None = None
    violation: Violation | None = None
    due_on: date | None = None


@dataclass(frozen=True, slots=True)
class FoundViolation:
    """A finding as it stands. `remedied_on` is None while there is no remedy that holds."""

    number: int
    violation: Violation
    found_on: date
    due_on: date
    remedied_on: date | None = None
    verified_on: date | None = None

    def is_overdue(self, today: date) -> bool:
        """Whether its day has passed without a remedy."""
        return self.remedied_on is None and self.due_on < today


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the steps add up to."""

    opened_on: date
    findings: Mapping[int, FoundViolation]
    closed_on: date | None = None

    @classmethod
    def of(cls, steps: Iterable[InspectionStep]) -> Inspection:
        """The fold over the whole trail, whose first step opened it.

        Raises:
            ValueError: no trail of an inspection.
        """
        made: Inspection | None = None
        for step in steps:
            made = cls(step.on, {}) if made is None and step.kind is StepKind.OPENED else _required(made).after(step)
        return _required(made)

    def after(self, step: InspectionStep) -> Inspection:
        """The inspection after a step that fits."""
        if step.kind is StepKind.CLOSED:
            return replace(self, closed_on=step.on)
        if step.kind is StepKind.FOUND and step.violation is not None and step.due_on is not None:
            number = len(self.findings) + 1
            found = FoundViolation(number, step.violation, step.on, step.due_on)
            return replace(self, findings={**self.findings, number: found})
        found = self.findings[step.finding or 0]
        if step.kind is StepKind.POSTPONED and step.due_on is not None:
            found = replace(found, due_on=step.due_on)
        elif step.kind is StepKind.REMEDIED:
            found = replace(found, remedied_on=step.on)
        elif step.kind is StepKind.VERIFIED:
            found = replace(found, verified_on=step.on)
        elif step.kind is StepKind.REJECTED:
            found = replace(found, remedied_on=None)
        return replace(self, findings={**self.findings, found.number: found})

    def require(self, step: InspectionStep, today: date) -> None:
        """Whether the step may be added.

        Raises:
            InspectionStepUnfit, InspectionFindingsOpen, InspectionDayInvalid
        """
        if step.on > today or step.on < self.opened_on or (step.due_on is not None and step.due_on < step.on):
            raise InspectionDayInvalid
        if self.closed_on is not None or step.kind is StepKind.OPENED:
            raise InspectionStepUnfit
        if step.kind is StepKind.CLOSED:
            unverified = sum(found.verified_on is None for found in self.findings.values())
            if unverified:
                raise InspectionFindingsOpen(findings=unverified)
            return
        if step.kind is StepKind.FOUND:
            if step.violation is None or step.due_on is None:
                raise InspectionStepUnfit
            return
        self._require_of_finding(step)

    def _require_of_finding(self, step: InspectionStep) -> None:
        found = self.findings.get(step.finding or 0)
        if found is None or found.verified_on is not None:
            raise InspectionStepUnfit
        remedied = found.remedied_on is not None
        if step.kind in (StepKind.VERIFIED, StepKind.REJECTED) and not remedied:
            raise InspectionStepUnfit
        if step.kind in (StepKind.REMEDIED, StepKind.POSTPONED) and remedied:
            raise InspectionStepUnfit
        if step.kind is StepKind.POSTPONED and (step.due_on is None or step.due_on <= found.due_on):
            raise InspectionDayInvalid


def _required(made: Inspection | None) -> Inspection:
    if made is None:
        raise ValueError("an inspection begins by being opened")
    return made
