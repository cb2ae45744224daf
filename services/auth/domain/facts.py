"""What auth tells every service of its registry, as `kernel.records.RegistryState` folds it, and what it logs.

A fact is public among the services; an event of the log names things by id only and binds the row by its digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from services.auth.domain.agencies import Agency, CodePeriod, DepositSource, End, Fonds, Name, Succession
from services.auth.domain.ceilings import CeilingDecision
from services.auth.domain.clients import Client, ClientKey
from services.kernel.canonical import canonical, rfc3339
from services.kernel.identifiers import AgencyId, ClientId

Fact = Mapping[str, object]

OPERATOR: Final = "operator"  # who acts in the log where no client does: the bootstrap on the machine itself


def agency_code_fact(agency: Agency, code: CodePeriod) -> Fact:
    return {
        "type": "agency",
        "id": str(agency.id),
        "name": agency.names[0].name,
        "code": code.code,
        "scheme": code.scheme.value,
        "valid_from": code.valid_from.isoformat(),
        "valid_to": None if code.valid_to is None else code.valid_to.isoformat(),
    }


def agency_ended_fact(agency: AgencyId, end: End) -> Fact:
    return {"type": "agency-ended", "id": str(agency), "on": end.on.isoformat(), "instrument": end.instrument}


def agency_renamed_fact(agency: AgencyId, name: Name) -> Fact:
    return {
        "type": "agency-renamed",
        "id": str(agency),
        "name": name.name,
        "on": name.valid_from.isoformat(),
        "instrument": name.instrument,
    }


def agency_code_ended_fact(agency: AgencyId, code: CodePeriod, end: End) -> Fact:
    return {
        "type": "agency-code-ended",
        "id": str(agency),
        "code": code.code,
        "valid_from": code.valid_from.isoformat(),
        "on": end.on.isoformat(),
        "instrument": end.instrument,
    }


def deposit_source_fact(source: DepositSource) -> Fact:
    return {
        "type": "deposit-source",
        "id": str(source.id),
        "agency": str(source.agency),
        "archive": str(source.archive),
        "valid_from": source.valid_from.isoformat(),
        "valid_to": None if source.valid_to is None else source.valid_to.isoformat(),
        "instrument": source.instrument,
    }


def deposit_source_ended_fact(source: UUID, end: End) -> Fact:
    return {"type": "deposit-source-ended", "id": str(source), "on": end.on.isoformat(), "instrument": end.instrument}


def succession_fact(succession: Succession) -> Fact:
    return {
        "type": "succession",
        "from": str(succession.predecessor),
        "to": str(succession.successor),
        "kind": succession.kind.value,
        "effective_on": succession.effective_on.isoformat(),
        "instrument": succession.instrument,
    }


def ceiling_fact(decision: CeilingDecision, at: datetime) -> Fact:
    """`at`: when it was approved. The officers stay in the registry and its log."""
    return {
        "type": "agency-ceiling",
        "id": str(decision.id),
        "agency": str(decision.terms.agency),
        **decision.ceiling(at).as_json(),
    }


def fonds_fact(fonds: Fonds) -> Fact:
    return {
        "type": "fonds",
        "id": str(fonds.id),
        "code": fonds.code,
        "name": fonds.name,
        "agency": str(fonds.creator),
        "custodian": str(fonds.custodian),
        "deposit_source": fonds.deposit_source,
    }


def client_fact(client: Client) -> Fact:
    return {
        "type": "client",
        "id": str(client.id),
        "agency": str(client.agency),
        "scopes": sorted(client.scopes),
        "officer": client.officer,
    }


def key_facts(client: Client, key: ClientKey) -> list[Fact]:
    """An officer's key signs rules, so the services must know it; of other keys they need only the revocation."""
    if client.officer is None:
        return []
    return [
        {
            "type": "officer-key",
            "client_id": str(client.id),
            "officer": client.officer,
            "scopes": sorted(client.scopes),
            "kid": key.kid,
            "jwk": dict(key.jwk),
            "not_before": rfc3339(key.not_before),
            "not_after": None if key.not_after is None else rfc3339(key.not_after),
        }
    ]


def key_revoked_fact(client: ClientId, kid: str, at: datetime) -> Fact:
    return {"type": "key-revoked", "client_id": str(client), "kid": kid, "at": rfc3339(at)}


def client_disabled_fact(client: ClientId, at: datetime) -> Fact:
    return {"type": "client-disabled", "client_id": str(client), "at": rfc3339(at)}


def key_row(client: Client, key: ClientKey) -> Fact:
    """A key as enrolled, for the log's digest."""
    return {
        "client": str(client.id),
        "kid": key.kid,
        "jwk": dict(key.jwk),
        "not_before": rfc3339(key.not_before),
        "not_after": None if key.not_after is None else rfc3339(key.not_after),
    }


def log_event(kind: str, *, by: ClientId | None, at: datetime, row: Fact, **ids: str | None) -> bytes:
    """An event of the log: what was done to which ids by whom, and the digest of the row it set; no name in it."""
    digest = hashlib.sha256(canonical(dict(row))).hexdigest()
    acting = OPERATOR if by is None else str(by)
    return canonical({"type": kind, "at": rfc3339(at), "by": acting, "row_sha256": digest, **ids})
