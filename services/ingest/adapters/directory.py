"""Agencies, fonds and officers from this service's copy of auth's facts, as they are today in Vietnam."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime

from services.kernel.ceilings import Ceiling
from services.kernel.classification import Successions
from services.kernel.identifiers import AgencyId, FondsId
from services.kernel.records import OfficerKey
from services.kernel.secrecy import Level
from services.kernel.vietnam import day_in_vietnam
from services.runtime.registry_feed import Registry


class RegistryDirectory:
    """See `usecases.ports.Directory`, `usecases.ports.Ceilings`, `usecases.classification_ports.Bodies`, `usecases.inspection_ports.AgencyNames`. Every question raises RegistryStale while the copy is too old."""

    def __init__(self, registry: Registry, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._registry = registry
        self._clock = clock

    def fonds_for(self, agency: AgencyId, code: str, creator: str) -> FondsId | None:
        found = self._registry.state.fonds_for(agency, code, self._today(), creator=creator)
        return None if found is None else found.id

    def agency_has_code(self, agency: AgencyId, code: str) -> bool:
        return self._registry.state.has_code(agency, code, self._today())

    def agencies_followed_by(self, agency: AgencyId) -> Sequence[AgencyId]:
        return self._registry.state.followed_by(agency, self._today())

    def ceiling(self, agency: AgencyId) -> Level:
        return self._registry.state.ceiling(agency, self._today())

    def ceilings(self, agency: AgencyId) -> Sequence[Ceiling]:
        return self._registry.state.ceilings(agency)

    def ceiling_at(self, agency: AgencyId, moment: datetime) -> Level:
        return self._registry.state.ceiling(agency, day_in_vietnam(moment), known_at=moment)

    def officer_key(self, kid: str) -> OfficerKey | None:
        return self._registry.state.officer_key(kid, self._clock())

    def officer_key_at(self, kid: str, moment: datetime) -> OfficerKey | None:
        # A key that was registered stays registered: an old copy may say that it is there, only a fresh one that it is not.
        known = self._registry.last_known.officer_key_at(kid, moment)
        return known if known is not None else self._registry.state.officer_key_at(kid, moment)

    def body_of(self, fonds: FondsId) -> AgencyId | None:
        found = self._registry.state.fonds(fonds)
        return None if found is None else found.agency

    def name_on(self, agency: AgencyId, day: date) -> str:
        return self._registry.state.name_on(agency, day) or str(agency)

    def agency_exists(self, agency: AgencyId, day: date) -> bool:
        state = self._registry.state
        return state.name_on(agency, day) is not None and state.exists_on(agency, day)

    def successions(self) -> Successions:
        return self._registry.state

    def _today(self) -> date:
        return day_in_vietnam(self._clock())
