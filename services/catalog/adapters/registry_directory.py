"""Agencies' fonds from this service's copy of auth's facts."""

from __future__ import annotations

from services.catalog.usecases.ports import Clock
from services.kernel.identifiers import AgencyId, FondsId
from services.kernel.vietnam import day_in_vietnam
from services.runtime.registry_feed import Registry


class RegistryDirectory:
    """See `usecases.ports.Directory`; who followed whom is asked for today in Vietnam."""

    def __init__(self, registry: Registry, world: Clock) -> None:
        self._registry = registry
        self._world = world

    def fonds_of(self, agency: AgencyId) -> frozenset[FondsId]:
        return self._registry.state.fonds_of(agency, day_in_vietnam(self._world.now()))
