"""Clients, their roles and their keys.

Source: DESIGN 6 (roles are scopes; keys rotate with overlap; author and approver are never the same).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from services.kernel.identifiers import AgencyId, ClientId
from services.kernel.officers import person


class Scope(StrEnum):
    """What a client may be."""

    SUBMITTER = "submitter"
    ARCHIVIST = "archivist"
    SUPERVISOR = "supervisor"
    RULE_AUTHOR = "rule-author"
    RULE_APPROVER = "rule-approver"
    INCIDENT_OFFICER = "incident-officer"
    REGISTRAR = "registrar"
    MONITOR = "monitor"
    AUDITOR = "auditor"
    CUSTODIAN = "custodian"
    SERVICE = "service"


AUTHOR_AND_APPROVER: Final = frozenset({Scope.RULE_AUTHOR, Scope.RULE_APPROVER})
OFFICERS: Final = AUTHOR_AND_APPROVER | {Scope.INCIDENT_OFFICER, Scope.CUSTODIAN}


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A public key of a client; `kid` is its RFC 7638 thumbprint. Ends are exclusive.

    `proof` is the offer that proved possession of its private half; None where the operator vouched for it.
    """

    kid: str
    jwk: Mapping[str, str]
    not_before: datetime
    not_after: datetime | None
    revoked_at: datetime | None = None
    proof: str | None = None

    def is_usable(self, now: datetime) -> bool:
        """Whether a token may be obtained with it now. The end counts in whole seconds, as a token's does."""
        ended = self.not_after is not None and now >= self.not_after.replace(microsecond=0)
        return self.revoked_at is None and not ended and self.not_before <= now


@dataclass(frozen=True, slots=True)
class Client:
    """A program or a person's tool that acts for an agency; `officer` names the person where scopes demand one."""

    id: ClientId
    agency: AgencyId
    name: str
    scopes: frozenset[Scope]
    officer: str | None
    disabled_at: datetime | None = None

    def usable_key(self, keys: tuple[ClientKey, ...], kid: str, now: datetime) -> ClientKey | None:
        """The named key, if client and key may be used now."""
        if self.disabled_at is not None:
            return None
        return next((key for key in keys if key.kid == kid and key.is_usable(now)), None)


def scopes_fit(scopes: frozenset[Scope], officer: str | None) -> bool:
    """Whether one client may hold these scopes together.

    Author and approver of rules are two clients; a service is nothing else, nor is a custodian, who destroys what
    others decided on; an officer's scope names the officer.
    """
    if not scopes or scopes >= AUTHOR_AND_APPROVER:
        return False
    if {Scope.SERVICE, Scope.CUSTODIAN} & scopes and len(scopes) > 1:
        return False
    return officer is not None or not OFFICERS & scopes


def conflicting_role(scopes: frozenset[Scope], officer: str | None, others: Iterable[Client]) -> Client | None:
    """The client, of those that are not disabled, beside which the same officer may not have one with these scopes.

    Whoever authors rules does not approve them, with whichever client. An officer has one client for incidents at most
    (and as many keys as machines), so that two clients under one decision are two officers.
    """
    if officer is None:
        return None
    for other in others:
        if other.disabled_at is not None or other.officer is None or person(other.officer) != person(officer):
            continue
        together = scopes | other.scopes
        if together >= AUTHOR_AND_APPROVER or Scope.INCIDENT_OFFICER in scopes & other.scopes:
            return other
    return None
