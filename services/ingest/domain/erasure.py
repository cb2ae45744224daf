"""What a custodian may order to be destroyed, and what of it goes.

*Expulsion* removes content that may not be here: every version of the dossier loses it, held or not. *Disposal* ends
the keeping of one version's content: what another version still refers to stays until that one lets go of it too.

Source: DESIGN 5.5, 7; DECISION-0018.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.ingest.domain.states import State
from services.kernel.identifiers import ClientId, ComponentId, PackageId

NEVER_SEALED = frozenset({State.EXPIRED, State.ABANDONED})
"""A version that ended before it was sealed refers to nothing any more."""


class ErasureKind(StrEnum):
    """Why content is destroyed; the value is the word on the wire and in the database."""

    EXPULSION = "expulsion"
    DISPOSAL = "disposal"


@dataclass(frozen=True, slots=True)
class ErasureOrder:
    """An order under an id of the custodian's choosing. `components` None means all that the package holds.

    `instrument` is number and date of the decision that demands it, never a title of a document.
    """

    id: UUID
    kind: ErasureKind
    package: PackageId
    components: frozenset[ComponentId] | None
    instrument: str
    client: ClientId
    officer: str


@dataclass(frozen=True, slots=True)
class Erasure:
    """An order that was carried out in the rows: the keys are gone. `finished_at` says when the stored bytes were too.

    `components` are gone for every version; `kept` were let go of by this one and live on in others.
    """

    order: ErasureOrder
    components: tuple[ComponentId, ...]
    kept: tuple[ComponentId, ...]
    ordered_at: datetime
    finished_at: datetime | None

    def complete_from(self, backups: timedelta) -> datetime | None:
        """When no backup of the database holds a key any more, which are kept for so long; None before it is finished."""
        return None if self.finished_at is None else self.finished_at + backups


@dataclass(frozen=True, slots=True)
class Reference:
    """One version's row of a component: whether it still has the key, whether it is on hold, where its package stands."""

    package: PackageId
    state: State
    component: ComponentId
    alive: bool
    held: bool


@dataclass(frozen=True, slots=True)
class Effect:
    """What an order does to the rows: which rows lose their key, which components then have none left, which live on."""

    rows: tuple[tuple[PackageId, ComponentId], ...]
    gone: tuple[ComponentId, ...]
    kept: tuple[ComponentId, ...]
    held: int


def effect(order: ErasureOrder, named: Sequence[ComponentId], references: Sequence[Reference]) -> Effect:
    """Judge an order by all versions' rows of the components it names; `held` counts those it may not touch."""
    by_component: dict[ComponentId, list[Reference]] = {component: [] for component in named}
    for reference in references:
        if reference.component in by_component:
            by_component[reference.component].append(reference)
    rows: list[tuple[PackageId, ComponentId]] = []
    gone: list[ComponentId] = []
    kept: list[ComponentId] = []
    held = 0
    for component, found in by_component.items():
        if order.kind is ErasureKind.DISPOSAL:
            held += any(entry.held for entry in found)
            others = [entry for entry in found if entry.package != order.package and entry.state not in NEVER_SEALED]
        else:
            others = []
        if any(entry.alive for entry in others):
            kept.append(component)
            rows += [(entry.package, component) for entry in found if entry.alive and entry.package == order.package]
        else:
            gone.append(component)
            rows += [(entry.package, component) for entry in found if entry.alive]
    return Effect(tuple(rows), tuple(gone), tuple(kept), held)
