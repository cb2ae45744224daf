"""Agencies, fonds, officers' keys and revocations, as a state that facts build up.

Auth publishes facts in one growing sequence; every service folds the same facts into the same state. Nothing is ever
rewritten: who followed whom is itself a fact (DESIGN 6, domain §5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from services.kernel.identifiers import AgencyId, ClientId, FondsId


@dataclass(frozen=True, slots=True)
class Fonds:
    """A fonds keeps its id and code for ever; `agency` is the body whose records formed it."""

    id: FondsId
    code: str
    name: str
    agency: AgencyId


@dataclass(frozen=True, slots=True)
class OfficerKey:
    """A key with which an officer signs rules."""

    client: ClientId
    officer: str
    scopes: frozenset[str]
    jwk: Mapping[str, str]


@dataclass(slots=True)
class RegistryState:
    """Everything that services ask of auth's facts; `position` is the last fact's number."""

    position: int = 0
    _codes: dict[AgencyId, set[str]] = field(default_factory=dict)
    _fonds: dict[FondsId, Fonds] = field(default_factory=dict)
    _by_code: dict[str, list[Fonds]] = field(default_factory=dict)
    _predecessors: dict[AgencyId, set[AgencyId]] = field(default_factory=dict)
    _officer_keys: dict[str, OfficerKey] = field(default_factory=dict)
    _revoked: set[str] = field(default_factory=set)
    _disabled: set[ClientId] = field(default_factory=set)

    def apply(self, facts: Iterable[Mapping[str, object]]) -> None:
        """Fold facts in, in order. A fact of an unknown type is passed over: an older service may meet newer facts.

        Raises:
            ValueError: a fact lacks what its type demands.
        """
        for fact in facts:
            number = fact.get("seq")
            if not isinstance(number, int):
                raise ValueError("a fact has no number")
            if number > self.position:
                self._apply(fact)
                self.position = number

    def _apply(self, fact: Mapping[str, object]) -> None:
        match fact:
            case {"type": "agency", "id": str(agency), "code": str(code)}:
                self._codes.setdefault(AgencyId(UUID(agency)), set()).add(code)
            case {"type": "fonds", "id": str(fonds), "code": str(code), "name": str(name), "agency": str(agency)}:
                entry = Fonds(FondsId(UUID(fonds)), code, name, AgencyId(UUID(agency)))
                self._fonds[entry.id] = entry
                self._by_code.setdefault(code, []).append(entry)
            case {"type": "succession", "from": str(earlier), "to": str(later)}:
                self._predecessors.setdefault(AgencyId(UUID(later)), set()).add(AgencyId(UUID(earlier)))
            case {
                "type": "officer-key",
                "client_id": str(client),
                "officer": str(officer),
                "scopes": list(scopes),
                "kid": str(kid),
                "jwk": dict(jwk),
            }:
                self._officer_keys[kid] = OfficerKey(ClientId(UUID(client)), officer, frozenset(scopes), jwk)
            case {"type": "key-revoked", "kid": str(kid)}:
                self._revoked.add(kid)
            case {"type": "client-disabled", "client_id": str(client)}:
                self._disabled.add(ClientId(UUID(client)))
            case _:
                pass

    def is_revoked(self, kid: str, client: ClientId) -> bool:
        return kid in self._revoked or client in self._disabled

    def officer_key(self, kid: str) -> OfficerKey | None:
        """An officer's signing key, unless it is revoked."""
        key = self._officer_keys.get(kid)
        return None if key is None or self.is_revoked(kid, key.client) else key

    def has_code(self, agency: AgencyId, code: str) -> bool:
        return code in self._codes.get(agency, ())

    def followed_by(self, agency: AgencyId) -> tuple[AgencyId, ...]:
        """The agency and all its predecessors, however far back."""
        found: dict[AgencyId, None] = {}
        waiting = [agency]
        while waiting:
            current = waiting.pop()
            if current not in found:
                found[current] = None
                waiting.extend(self._predecessors.get(current, ()))
        return tuple(found)

    def fonds(self, fonds: FondsId) -> Fonds | None:
        return self._fonds.get(fonds)

    def fonds_for(self, agency: AgencyId, code: str) -> Fonds | None:
        """The fonds with this code that the agency may submit for: its own, or a predecessor's."""
        mine = self.followed_by(agency)
        return next((entry for entry in self._by_code.get(code, ()) if entry.agency in mine), None)

    def fonds_of(self, agency: AgencyId) -> frozenset[FondsId]:
        """All fonds whose packages the agency may follow."""
        mine = self.followed_by(agency)
        return frozenset(entry.id for entry in self._fonds.values() if entry.agency in mine)
