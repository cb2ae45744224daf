"""Agencies, fonds and officers from this service's copy of auth's facts."""

from __future__ import annotations

from collections.abc import Sequence

from services.kernel.identifiers import AgencyId, FondsId
from services.kernel.records import OfficerKey
from services.runtime.registry_feed import Registry


class RegistryDirectory:
    """See `usecases.ports.Directory`. Every question raises RegistryStale while the copy is too old."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def fonds_for(self, agency: AgencyId, code: str) -> FondsId | None:
        found = self._registry.state.fonds_for(agency, code)
        return None if found is None else found.id

    def agency_has_code(self, agency: AgencyId, code: str) -> bool:
        return self._registry.state.has_code(agency, code)

    def agencies_followed_by(self, agency: AgencyId) -> Sequence[AgencyId]:
        return self._registry.state.followed_by(agency)

    def officer_key(self, kid: str) -> OfficerKey | None:
        return self._registry.state.officer_key(kid)
