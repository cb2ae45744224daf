"""The yearly secrets report, and the clocks that have run out.

Source: NĐ 26/2020/NĐ-CP art. 8 (rule 27).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Final

from services.ingest.domain.inspections import FoundViolation
from services.ingest.domain.secrets_report import AgencyCounts, Clock, Overdue, Period, SecretsReport
from services.ingest.usecases.inspect_agency import ShownInspection, list_inspections
from services.ingest.usecases.inspection_ports import InspectionLedger, SecretsCounter, SecretsFigures
from services.ingest.usecases.ports import World
from services.kernel.identifiers import AgencyId

_PAGE: Final = 500


async def secrets_report(
    year: int, *, counter: SecretsCounter, inspections: InspectionLedger, world: World
) -> SecretsReport:
    """The report of a year; of one that is not over, as of today."""
    today, period = world.today(), Period.of_year(year)
    as_of = min(today, period.last)
    figures = await counter.figures(period, as_of)
    trails = await _all(inspections)
    overdue = [*figures.overdue, *(entry for trail in trails for entry in _remedies_overdue(trail, as_of))]
    agencies = sorted(
        {
            *(agency for agency, _ in figures.held),
            *(key[0] for key in figures.steps),
            *(agency for agency, _ in figures.refused),
            *figures.refused_packages,
            *(agency for agency, _ in figures.incidents),
            *(trail.agency for trail in trails if _touches(trail, period)),
            *(entry.agency for entry in overdue),
        },
        key=str,
    )
    return SecretsReport(
        year, period, as_of, tuple(_counts(agency, figures, trails, overdue, period, as_of) for agency in agencies)
    )


async def overdue_clocks(*, counter: SecretsCounter, inspections: InspectionLedger, world: World) -> list[Overdue]:
    """Everything that was due before today and is not done, the oldest first."""
    today = world.today()
    found = [*await counter.overdue(today)]
    for trail in await _all(inspections):
        found += _remedies_overdue(trail, today)
    return sorted(found, key=lambda entry: (entry.due_on, entry.clock.value, entry.subject))


async def _all(inspections: InspectionLedger) -> list[ShownInspection]:
    found: list[ShownInspection] = []
    while True:
        after = found[-1].id if found else None
        page = await list_inspections(None, after=after, limit=_PAGE, ledger=inspections)
        found += page
        if len(page) < _PAGE:
            return found


def _remedies_overdue(trail: ShownInspection, today: date) -> list[Overdue]:
    return [
        Overdue(Clock.REMEDY, trail.agency, str(trail.id), found.number, found.due_on)
        for found in trail.inspection.findings.values()
        if found.is_overdue(today)
    ]


def _touches(trail: ShownInspection, period: Period) -> bool:
    return trail.inspection.opened_on in period or any(
        found.found_on in period for found in trail.inspection.findings.values()
    )


def _counts(
    agency: AgencyId,
    figures: SecretsFigures,
    trails: Sequence[ShownInspection],
    overdue: Sequence[Overdue],
    period: Period,
    as_of: date,
) -> AgencyCounts:
    own = [trail for trail in trails if trail.agency == agency]
    found = [entry for trail in own for entry in trail.inspection.findings.values() if entry.found_on in period]
    return AgencyCounts(
        agency=agency,
        held={level: count for (of, level), count in figures.held.items() if of == agency},
        steps={key[1:]: count for key, count in figures.steps.items() if key[0] == agency},
        refused={rule: count for (of, rule), count in figures.refused.items() if of == agency},
        refused_packages=figures.refused_packages.get(agency, 0),
        incidents={case: count for (of, case), count in figures.incidents.items() if of == agency},
        inspections=sum(trail.inspection.opened_on in period for trail in own),
        violations=_violations(found, as_of),
        overdue=Counter(entry.clock for entry in overdue if entry.agency == agency),
    )


def _violations(found: Sequence[FoundViolation], as_of: date) -> dict[str, tuple[int, int, int]]:
    kinds = sorted({entry.violation for entry in found})
    return {
        kind.value: (
            sum(entry.violation is kind for entry in found),
            sum(entry.violation is kind and entry.remedied_on is not None for entry in found),
            sum(entry.violation is kind and entry.is_overdue(as_of) for entry in found),
        )
        for kind in kinds
    }
