"""One step in the life of a classification, as it is kept for ever."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from services.kernel.secrecy import Level


class Kind(StrEnum):
    """What a step does; the value is the word on the wire and in the database."""

    EXPIRED = "expired"  # giải mật đương nhiên: the term ended; recorded by the gateway itself
    DECLASSIFIED = "declassified"  # giải mật theo quyết định
    DELISTED = "delisted"  # không còn thuộc danh mục bí mật nhà nước
    EXTENDED = "extended"  # gia hạn
    RAISED = "raised"  # tăng độ mật, also from none: xác định độ mật
    LOWERED = "lowered"  # giảm độ mật
    ANNULLED = "annulled"  # takes an earlier step back


RELEASING = frozenset({Kind.DECLASSIFIED, Kind.DELISTED})
"""Decisions after which the content is no secret."""

BY_DECISION = tuple(kind for kind in Kind if kind is not Kind.EXPIRED)
"""Kinds that somebody decides; the others follow from dates."""


@dataclass(frozen=True, slots=True)
class Step:
    """`number` counts the steps of one document from 1. Days are days in Vietnam.

    `level` is the level that RAISED and LOWERED set. `until` is the last day of protection that EXTENDED sets, or that
    a decision on the level states. `annuls` is the step that ANNULLED takes back.
    """

    id: UUID
    number: int
    kind: Kind
    decided_on: date
    effective_on: date
    level: Level | None = None
    until: date | None = None
    annuls: UUID | None = None
