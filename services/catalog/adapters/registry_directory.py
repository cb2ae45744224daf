"""Agencies' fonds from this service's copy of auth's facts."""

from __future__ import annotations

from services.kernel.identifiers import AgencyId, FondsId
from services.runtime.registry_feed import Registry


class RegistryDirectory:
    """See `usecases.ports.Directory`."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def fonds_of(self, agency: AgencyId) -> frozenset[FondsId]:
        return self._registry.state.fonds_of(agency)
