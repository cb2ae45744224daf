"""Rule 21: a record whose level was raised after it came in is an incident, where nothing above NONE may be.

The step's own transaction has held the components already; the incident holds every copy and starts the clocks.
"""

from __future__ import annotations

import hashlib
from uuid import UUID

from services.ingest.domain.incidents import Kind, Source
from services.ingest.usecases.incident_ports import IncidentLedger
from services.ingest.usecases.open_incident import Target, open_incident
from services.ingest.usecases.ports import World
from services.kernel.classification.message import DOSSIER
from services.kernel.identifiers import PackageId


async def open_raised_incident(
    package: PackageId, document: int, step: UUID, *, ledger: IncidentLedger, world: World
) -> None:
    """Open the incident of a step; of a dossier's own label the whole package is held. One document, one step: one incident.

    Raises:
        IncidentTargetUnknown: to be looked at by an operator; the components stay held.
    """
    await open_incident(
        Target(package, None if document == DOSSIER else document),
        Source.RULE,
        Kind.LEVEL_RAISED,
        None,
        bundle_sha256=hashlib.sha256(step.bytes).digest(),
        ledger=ledger,
        world=world,
    )
