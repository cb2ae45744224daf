"""Carry out the expulsion that two officers decided: the custodian's erasure is ordered for everything under the hold.

Runs as a job after the decision has committed, for the recovery records must be written anew and the store may be away.
Until then the hold stands, and the remedy shows as ordered. The keys go here; the custodian's worker removes the bytes.

Source: DESIGN 7 (expulsion), 9; DECISION-0018, DECISION-0020.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID, uuid5

from services.ingest.domain.erasure import ErasureKind, ErasureOrder
from services.ingest.domain.incidents import Decision, State
from services.ingest.domain.states import Event, transition
from services.ingest.usecases.incident_ports import IncidentLedger, Step
from services.ingest.usecases.order_erasure import order_erasure
from services.ingest.usecases.plans import PlanSource
from services.ingest.usecases.ports import Keys, Ledger, Vault, World
from services.kernel.identifiers import ComponentId, PackageId

NOBODY: Final = "–"


async def expel_held(
    incident_id: UUID,
    *,
    incidents: IncidentLedger,
    ledger: Ledger,
    plans: PlanSource,
    vault: Vault,
    keys: Keys,
    world: World,
) -> int:
    """Order the erasure of what the incident's holds cover and whose key still stands; how many orders.

    A package that was never sealed ends with it.

    Safe to repeat: an order's id follows from incident and package, and what has no key is not ordered again.

    Raises:
        StoreUnavailable, KmsUnavailable: to be tried again.
    """
    async with incidents.transaction() as books:
        incident = await books.incident(incident_id)
        if incident is None or incident.decision is not Decision.EXPEL or incident.state is not State.DECIDED:
            return 0
        steps = await books.steps(incident_id)
        covered = {item.package for hold in await books.holds(incident_id) for item in await books.items(hold.id)}
    confirmed = next(step for step in reversed(steps) if step.kind == "confirmed")
    ordered = 0
    # The package that the incident names goes first: expelling from one version expels from all of its dossier.
    for package in sorted(covered, key=lambda found: (found != incident.package, found)):
        async with incidents.transaction() as books:
            left = await books.keyed_components(incident_id, package)
            found = await books.package(package)
        # Without what went from another version, an unsealed one can never be completed.
        unsealed = found is not None and found.seal_event is None and transition(found.state, Event.EXPEL) is not None
        if left or unsealed:
            order = _order(incident_id, package, left, steps, confirmed)
            await order_erasure(order, plans=plans, ledger=ledger, vault=vault, keys=keys, world=world)
            ordered += 1
    return ordered


def _order(
    incident: UUID, package: PackageId, left: frozenset[ComponentId], steps: list[Step], confirmed: Step
) -> ErasureOrder:
    if confirmed.by is None:
        raise RuntimeError("nobody confirmed the decision")
    instrument = next((step.facts.get("instrument") for step in reversed(steps) if step.kind == "proposed"), None)
    return ErasureOrder(
        id=uuid5(incident, str(package)),
        kind=ErasureKind.EXPULSION,
        package=package,
        components=left,
        instrument=str(instrument or incident),
        client=confirmed.by.client,
        officer=confirmed.by.officer or NOBODY,
    )
