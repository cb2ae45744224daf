"""What officers see of incidents, what an agency is told of those in its packages, and the counts.

Nobody is told a title or a subject: an incident names ids, words of closed sets, days and the numbers of instruments.

Source: DESIGN 9 "incident"; DECISION-0020.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from uuid import UUID

from services.ingest.domain.incidents import REMEDIES, State, clock
from services.ingest.usecases.incident_ports import (
    Hold,
    Incident,
    IncidentLedger,
    RunningClock,
    Step,
    Violation,
)
from services.ingest.usecases.ports import Directory, Submitter, World
from services.kernel.hold_messages import HeldItem
from services.kernel.refusals.incidents import IncidentUnknown
from services.kernel.refusals.registry import Text
from services.kernel.vietnam import VIETNAM


@dataclass(frozen=True, slots=True)
class ShownClock:
    """Something to be done, in words, with its basis in law where it has one."""

    running: RunningClock
    what: Text
    basis: str | None
    confirmed: bool
    overdue: bool


@dataclass(frozen=True, slots=True)
class OpenedIncident:
    """An incident with its whole trail; `covered` is what its holds cover."""

    incident: Incident
    steps: tuple[Step, ...]
    clocks: tuple[ShownClock, ...]
    holds: tuple[Hold, ...]
    covered: tuple[HeldItem, ...]


@dataclass(frozen=True, slots=True)
class Notice:
    """What an agency is told: which document of which package, and what it must do; never what it says."""

    incident: Incident
    text: Text


async def list_incidents(
    *, after: UUID | None, limit: int, state: State | None, overdue: bool, ledger: IncidentLedger, world: World
) -> list[Incident]:
    """Incidents in the order in which they were opened; with `overdue` only those that a clock has run out on."""
    async with ledger.transaction() as books:
        return await books.incidents(
            after=after, limit=limit, state=state, overdue_on=world.today() if overdue else None
        )


async def open_trail(incident_id: UUID, *, ledger: IncidentLedger, world: World) -> OpenedIncident:
    """An incident and everything that was done about it.

    Raises:
        IncidentUnknown
    """
    async with ledger.transaction() as books:
        incident = await books.incident(incident_id)
        if incident is None:
            raise IncidentUnknown
        holds = await books.holds(incident_id)
        return OpenedIncident(
            incident,
            tuple(await books.steps(incident_id)),
            tuple(_shown(entry, world.today()) for entry in await books.clocks(incident_id)),
            tuple(holds),
            tuple([item for hold in holds for item in await books.items(hold.id)]),
        )


async def notices(
    submitter: Submitter, *, after: UUID | None, limit: int, ledger: IncidentLedger, directory: Directory
) -> list[Notice]:
    """What the caller's agency must know of holds on its own and its predecessors' packages."""
    agencies = directory.agencies_followed_by(submitter.agency)
    async with ledger.transaction() as books:
        found = await books.incidents_of(agencies, after=after, limit=limit)
    return [Notice(incident, _told(incident)) for incident in found]


async def violations(since: date, until: date, *, ledger: IncidentLedger) -> Sequence[Violation]:
    """Counts by agency and kind, from the first of these days to the second, both in Vietnam and included."""
    async with ledger.transaction() as books:
        return await books.violations(
            datetime.combine(since, time.min, VIETNAM), datetime.combine(until, time.max, VIETNAM)
        )


async def count_open(*, ledger: IncidentLedger, world: World) -> tuple[int, int]:
    """How many incidents are not closed, and how many clocks are overdue."""
    async with ledger.transaction() as books:
        return await books.open_counts(world.today())


def _shown(running: RunningClock, today: date) -> ShownClock:
    legal = clock(running.kind)
    overdue = running.met_at is None and running.due_on < today
    if legal is not None:
        return ShownClock(running, legal.what, legal.basis, legal.confirmed, overdue)
    what = next(text for decision, text in REMEDIES.items() if decision.value == running.kind)
    return ShownClock(running, what, None, True, overdue)


def _told(incident: Incident) -> Text:
    where = Text("Cả gói", "The whole package")
    if incident.document is not None:
        number = incident.document + 1
        where = Text(f"Văn bản thứ {number} trong bản kê", f"Document {number} of the manifest")
    return Text(
        f"{where.vi} đang bị niêm phong. Không gửi lại, không sao chép, không chuyển tiếp nội dung này; giữ nguyên bản "
        "gốc và bản số tại cơ quan, ngắt khỏi mạng thiết bị đang lưu, chờ Công an tỉnh liên hệ.",
        f"{where.en} is under an officer's hold. Do not send, copy or forward this content; keep the original and the "
        "files at your office, take the device that stores them off any network, and wait for the provincial police.",
    )
