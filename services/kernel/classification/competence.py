"""Who may decide a step: the body that classified the record, whoever followed it by that day, or one above it.

The registry proves the body of the fonds and its successors by date. What it cannot know (a ministry, the body above,
who heads the archives administration) an officer of the police attests by name, with the instrument; nothing in
between passes.

Source: Law 29/2018/QH14 art. 20-22; Law 33/2024/QH15 art. 65; domain notes §3 rule 19, §5; DECISION-0021.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, Protocol

from services.kernel.classification.steps import BY_DECISION, Kind
from services.kernel.identifiers import AgencyId
from services.kernel.refusals.classification import AuthorityIncompetent


class Relation(StrEnum):
    """What the deciding body is to the one that classified the record."""

    ORIGINATOR = "originator"
    SUCCESSOR = "successor"
    SUPERIOR = "superior"
    ARCHIVES_ADMINISTRATION = "archives_administration"


class Proof(StrEnum):
    """What a step's competence rests on."""

    REGISTRY = "registry"
    ATTESTED = "attested"  # by the officer who recorded the step
    CALENDAR = "calendar"  # the automatic step needs nobody


@dataclass(frozen=True, slots=True)
class Authority:
    """Who decided. `agency` is None where the body is not in the registry; `name` is that of a body, never a person."""

    name: str
    relation: Relation
    agency: AgencyId | None = None


class Successions(Protocol):
    """What is asked of the registry (`kernel.records.RegistryState`), for a day."""

    def exists_on(self, agency: AgencyId, day: date) -> bool: ...

    def followed_by(self, agency: AgencyId, day: date) -> tuple[AgencyId, ...]: ...


@dataclass(frozen=True, slots=True)
class Warrant:
    """One row of the table: which relation may decide which steps, on days from `since` on."""

    relation: Relation
    kinds: tuple[Kind, ...]
    since: date
    basis: str


_LAW_2018: Final = date(2020, 7, 1)
_BEFORE: Final = date(1900, 1, 1)  # an ordinance of before gave the same bodies the same right

WARRANTS: Final = (
    Warrant(Relation.ORIGINATOR, BY_DECISION, _BEFORE, "Luật 29/2018/QH14 Đ20, Đ21, Đ22"),
    Warrant(Relation.SUCCESSOR, BY_DECISION, _BEFORE, "Luật 29/2018/QH14 Đ20, Đ21, Đ22 (our inference)"),
    Warrant(
        Relation.SUPERIOR,
        (Kind.DECLASSIFIED, Kind.DELISTED, Kind.RAISED, Kind.ANNULLED),
        _LAW_2018,
        "Luật 29/2018/QH14 Đ22 (our inference)",
    ),
    Warrant(
        Relation.ARCHIVES_ADMINISTRATION, (Kind.DECLASSIFIED, Kind.DELISTED), date(2025, 7, 1), "Luật 33/2024/QH15 Đ65"
    ),
)


def judge_competence(
    kind: Kind, authority: Authority, decided_on: date, *, body: AgencyId, registry: Successions
) -> Proof:
    """What the authority's right rests on; `body` is the one whose records formed the fonds.

    Raises:
        AuthorityIncompetent: it could not decide this on that day.
    """
    relation, agency = authority.relation, authority.agency
    if not _warranted(WARRANTS, relation, kind, decided_on):
        raise AuthorityIncompetent(relation=relation.value, kind=kind.value, on=decided_on.isoformat())
    body_stood = registry.exists_on(body, decided_on)
    if agency is None:
        # Only a body that is no more lets the archives administration decide in its place.
        competent = relation is not Relation.ARCHIVES_ADMINISTRATION or not body_stood
        proof = Proof.ATTESTED
    elif relation is Relation.ORIGINATOR:
        competent = registry.exists_on(agency, decided_on)
        proof = Proof.REGISTRY if agency == body else Proof.ATTESTED
    elif relation is Relation.SUCCESSOR:
        competent = agency != body and body in registry.followed_by(agency, decided_on)
        proof = Proof.REGISTRY
    else:
        standing = registry.exists_on(agency, decided_on) and agency != body
        competent = standing and (relation is Relation.SUPERIOR or not body_stood)
        proof = Proof.ATTESTED
    if not competent:
        raise AuthorityIncompetent(relation=relation.value, kind=kind.value, on=decided_on.isoformat())
    return proof


def _warranted(warrants: Iterable[Warrant], relation: Relation, kind: Kind, day: date) -> bool:
    return any(row.relation is relation and kind in row.kinds and row.since <= day for row in warrants)
