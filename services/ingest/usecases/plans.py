"""Plans by package: frozen at declaration, so an instance may keep the ones it parsed last."""

from __future__ import annotations

from services.ingest.usecases.ports import Books
from services.kernel.identifiers import PackageId
from services.kernel.layout import Plan


class PlanSource:
    """Keeps at most `capacity` components' worth of parsed plans, the least recently used leaving first."""

    def __init__(self, capacity: int = 400_000) -> None:
        self._capacity = capacity
        self._held = 0
        self._plans: dict[PackageId, Plan] = {}

    async def plan(self, books: Books, package: PackageId) -> Plan:
        """The package's plan, read from its rows when this instance does not hold it."""
        plan = self._plans.pop(package, None)
        if plan is None:
            plan = Plan.parse(await books.plan(package))
            self._held += len(plan.components)
            while self._plans and self._held > self._capacity:
                oldest = self._plans.pop(next(iter(self._plans)))
                self._held -= len(oldest.components)
        self._plans[package] = plan
        return plan
