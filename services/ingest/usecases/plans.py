"""Plans by package: frozen from the first attempt on, so an instance may keep the ones it parsed last."""

from __future__ import annotations

import asyncio

from services.ingest.usecases.ports import Books
from services.kernel.identifiers import PackageId
from services.kernel.layout import Plan, Segment

_CROWDED = 5000  # components of a plan that may all lie in one part
_LARGE = 64 * 1024  # bytes; parsing a longer plan would hold up the event loop


async def parsed_plan(data: bytes) -> Plan:
    """The plan in its canonical bytes."""
    return Plan.parse(data) if len(data) < _LARGE else await asyncio.to_thread(Plan.parse, data)


async def segments_of(plan: Plan, number: int) -> list[Segment]:
    """The segments of a part; those of a part with very many, beside the event loop."""
    crowded = len(plan.components) > _CROWDED
    return await asyncio.to_thread(plan.segments, number) if crowded else plan.segments(number)


class PlanSource:
    """Keeps at most `capacity` components' worth of parsed plans, the least recently used leaving first.

    A plan is kept under its digest beside the package's id: another part size may be asked for until the first attempt.
    """

    def __init__(self, capacity: int = 400_000) -> None:
        self._capacity = capacity
        self._held = 0
        self._plans: dict[tuple[PackageId, bytes], Plan] = {}

    async def plan(self, books: Books, package: PackageId, sha256: bytes) -> Plan:
        """The package's plan with that digest, read from its rows when this instance does not hold it."""
        key = (package, sha256)
        plan = self._plans.pop(key, None)
        if plan is None:
            plan = await parsed_plan(await books.plan(package))
            if self._plans.pop(key, None) is None:  # another request may have parsed it meanwhile
                self._held += _weight(plan)
            while self._plans and self._held > self._capacity:
                self._held -= _weight(self._plans.pop(next(iter(self._plans))))
        self._plans[key] = plan
        return plan


def _weight(plan: Plan) -> int:
    return len(plan.components) + 1
