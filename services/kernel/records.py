"""Agencies, fonds, officers' keys and revocations, as a state that facts build up.

Auth publishes facts in one growing sequence; every service folds the same facts into the same state. Nothing is ever
rewritten: that a body ended, or who followed whom from which day on, is itself a fact, and every question about agencies
is asked for a day (DESIGN 6, domain §5). A day that ends something is the first on which it no longer holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from services.kernel.canonical import parse_rfc3339
from services.kernel.ceilings import Ceiling, ceiling_from_json, ceiling_on
from services.kernel.identifiers import AgencyId, ClientId, FondsId
from services.kernel.secrecy import Level


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
    not_before: datetime | None = None
    not_after: datetime | None = None

    def is_valid_at(self, moment: datetime) -> bool:
        """Whether the key's window holds; its end is exclusive."""
        begun = self.not_before is None or self.not_before <= moment
        return begun and (self.not_after is None or moment < self.not_after)


@dataclass(frozen=True, slots=True)
class _Period:
    """From a day until (not including) another, or without end."""

    start: date
    end: date | None

    def holds_on(self, day: date) -> bool:
        return self.start <= day and (self.end is None or day < self.end)


@dataclass(frozen=True, slots=True)
class _Predecessor:
    agency: AgencyId
    since: date


# A part that was detached leaves the records of its old body where they are, so it follows nothing.
_INHERITING = frozenset({"merge", "split", "dissolve"})


@dataclass(slots=True)
class RegistryState:
    """Everything that services ask of auth's facts; `position` is the last fact's number."""

    position: int = 0
    _codes: dict[AgencyId, dict[tuple[str, date], _Period]] = field(default_factory=dict)
    _ended: dict[AgencyId, date] = field(default_factory=dict)
    _names: dict[AgencyId, dict[date, str]] = field(default_factory=dict)
    _fonds: dict[FondsId, Fonds] = field(default_factory=dict)
    _by_code: dict[str, list[Fonds]] = field(default_factory=dict)
    _predecessors: dict[AgencyId, list[_Predecessor]] = field(default_factory=dict)
    _officer_keys: dict[str, OfficerKey] = field(default_factory=dict)
    _ceilings: dict[AgencyId, list[Ceiling]] = field(default_factory=dict)
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
            case {"type": "agency", "id": str(agency), "code": str(code), "valid_from": str(start)}:
                begun = date.fromisoformat(start)
                held = self._codes.setdefault(AgencyId(UUID(agency)), {})
                held[code, begun] = _Period(begun, _day(fact.get("valid_to")))
                # Every code of an agency comes with its first name; a new name is a fact of its own.
                self._names.setdefault(AgencyId(UUID(agency)), {}).setdefault(date.min, str(fact.get("name") or code))
            case {"type": "agency-renamed", "id": str(agency), "name": str(name), "on": str(day)}:
                self._names.setdefault(AgencyId(UUID(agency)), {})[date.fromisoformat(day)] = name
            case {"type": "agency-code-ended", "id": str(agency), "code": str(code), "valid_from": str(start)}:
                begun = date.fromisoformat(start)
                held = self._codes.setdefault(AgencyId(UUID(agency)), {})
                held[code, begun] = _Period(begun, _day(fact["on"]))
            case {"type": "agency-ended", "id": str(agency), "on": str(day)}:
                self._ended[AgencyId(UUID(agency))] = date.fromisoformat(day)
            case {"type": "fonds", "id": str(fonds), "code": str(code), "name": str(name), "agency": str(agency)}:
                entry = Fonds(FondsId(UUID(fonds)), code, name, AgencyId(UUID(agency)))
                self._fonds[entry.id] = entry
                self._by_code.setdefault(code, []).append(entry)
            case {
                "type": "succession",
                "from": str(earlier),
                "to": str(later),
                "kind": str(kind),
                "effective_on": str(day),
            }:
                if kind in _INHERITING:
                    entry_of = self._predecessors.setdefault(AgencyId(UUID(later)), [])
                    entry_of.append(_Predecessor(AgencyId(UUID(earlier)), date.fromisoformat(day)))
            case {
                "type": "officer-key",
                "client_id": str(client),
                "officer": str(officer),
                "scopes": list(scopes),
                "kid": str(kid),
                "jwk": dict(jwk),
                "not_before": str(start),
            }:
                until = fact.get("not_after")
                self._officer_keys[kid] = OfficerKey(
                    client=ClientId(UUID(client)),
                    officer=officer,
                    scopes=frozenset(scopes),
                    jwk=jwk,
                    not_before=parse_rfc3339(start),
                    not_after=None if until is None else parse_rfc3339(str(until)),
                )
            case {"type": "agency-ceiling", "agency": str(agency)}:
                self._ceilings.setdefault(AgencyId(UUID(agency)), []).append(ceiling_from_json(fact))
            case {"type": "key-revoked", "kid": str(kid)}:
                self._revoked.add(kid)
            case {"type": "client-disabled", "client_id": str(client)}:
                self._disabled.add(ClientId(UUID(client)))
            case _:
                pass

    def is_revoked(self, kid: str, client: ClientId) -> bool:
        return kid in self._revoked or client in self._disabled

    def officer_key(self, kid: str, moment: datetime) -> OfficerKey | None:
        """An officer's signing key, unless it is revoked or the moment lies outside its window."""
        key = self._officer_keys.get(kid)
        if key is None or self.is_revoked(kid, key.client) or not key.is_valid_at(moment):
            return None
        return key

    def officer_key_at(self, kid: str, moment: datetime) -> OfficerKey | None:
        """An officer's signing key whose window held at a past moment, though it may have been revoked since."""
        key = self._officer_keys.get(kid)
        return key if key is not None and key.is_valid_at(moment) else None

    def exists_on(self, agency: AgencyId, day: date) -> bool:
        """Whether the agency had not ended by that day."""
        return agency not in self._ended or day < self._ended[agency]

    def name_on(self, agency: AgencyId, day: date) -> str | None:
        """What the agency was called on that day; None where it is unknown."""
        names = self._names.get(agency, {})
        begun = [since for since in names if since <= day]
        return names[max(begun)] if begun else None

    def has_code(self, agency: AgencyId, code: str, day: date) -> bool:
        """Whether the agency was there on that day and the code was its own."""
        held = self._codes.get(agency, {})
        return self.exists_on(agency, day) and any(
            name == code and period.holds_on(day) for (name, _), period in held.items()
        )

    def ceilings(self, agency: AgencyId) -> tuple[Ceiling, ...]:
        """Every decision on how secret a record this agency may hand in, in the order of their recording."""
        return tuple(self._ceilings.get(agency, ()))

    def ceiling(self, agency: AgencyId, day: date, *, known_at: datetime | None = None) -> Level:
        """How secret a record this very agency may hand in on that day: nobody inherits a ceiling, none outlives its agency.

        `known_at`: by what was recorded until then.
        """
        return ceiling_on(self.ceilings(agency), day, known_at=known_at) if self.exists_on(agency, day) else Level.NONE

    def followed_by(self, agency: AgencyId, day: date) -> tuple[AgencyId, ...]:
        """The agency and all its predecessors by that day, however far back; nobody where it has ended itself.

        From the day of a succession on, the successor follows what the predecessor handed in, and nobody else does.
        """
        found: dict[AgencyId, None] = {}
        waiting = [agency] if self.exists_on(agency, day) else []
        while waiting:
            current = waiting.pop()
            if current not in found:
                found[current] = None
                waiting.extend(entry.agency for entry in self._predecessors.get(current, ()) if entry.since <= day)
        return tuple(found)

    def fonds(self, fonds: FondsId) -> Fonds | None:
        return self._fonds.get(fonds)

    def closed_on(self, fonds: FondsId) -> date | None:
        """The day on which the fonds closed, because the body that formed it ceased."""
        entry = self._fonds.get(fonds)
        return None if entry is None else self._ended.get(entry.agency)

    def fonds_for(self, agency: AgencyId, code: str, day: date, *, creator: str | None = None) -> Fonds | None:
        """The one fonds with this code that the agency may submit for on that day: its own, or a predecessor's.

        Bodies that merged may each have had a fonds with the same code; then the code that `creator` ever had decides,
        and where that does not leave one, none is chosen.
        """
        mine = self.followed_by(agency, day)
        found = [entry for entry in self._by_code.get(code, ()) if entry.agency in mine]
        if len(found) > 1:
            found = [entry for entry in found if any(creator == name for name, _ in self._codes.get(entry.agency, ()))]
        return found[0] if len(found) == 1 else None

    def fonds_of(self, agency: AgencyId, day: date) -> frozenset[FondsId]:
        """All fonds whose packages the agency may follow on that day."""
        mine = self.followed_by(agency, day)
        return frozenset(entry.id for entry in self._fonds.values() if entry.agency in mine)


def _day(value: object) -> date | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError("a fact's day is not a date")
    return date.fromisoformat(value)
