"""What the routes need, put at `app.state.wiring` by `main`, and who may call them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import Depends, Request

from services.ingest.domain.in_flight import InFlight
from services.ingest.domain.secrets_report import Overdue, SecretsReport
from services.ingest.usecases.classification_ports import Bodies, ClassificationLedger
from services.ingest.usecases.content_ports import ContentLedger
from services.ingest.usecases.declare_later import Declarations
from services.ingest.usecases.holdings import Holdings
from services.ingest.usecases.incident_ports import IncidentLedger
from services.ingest.usecases.inspection_ports import AgencyNames, InspectionLedger, SecretsCounter
from services.ingest.usecases.keep_media import MediaLedger
from services.ingest.usecases.plans import PlanSource
from services.ingest.usecases.ports import (
    Directory,
    Judge,
    Keys,
    Ledger,
    PublicLog,
    Receipts,
    RuleStore,
    Submitter,
    Vault,
    World,
)
from services.ingest.usecases.running_readings import RunningReadings
from services.kernel.identifiers import AgencyId
from services.kernel.secrecy import DeploymentProfile
from services.runtime.callers import Caller, require

ReportSheet = Callable[[SecretsReport, Sequence[Overdue], Callable[[AgencyId], str]], bytes]


@dataclass(frozen=True, slots=True)
class Wiring:
    """The ports, joined to their adapters. `grant_key` is catalog's public key; `max_open` counts packages an agency;
    `backups` is how long the database's backups are kept.
    """

    ledger: Ledger
    vault: Vault
    keys: Keys
    judge: Judge
    rules: RuleStore
    holdings: Holdings
    directory: Directory
    world: World
    receipts: Receipts
    log: PublicLog
    plans: PlanSource
    declarations: Declarations
    in_flight: InFlight
    grant_key: Ed25519PublicKey
    max_open: int
    classifications: ClassificationLedger
    bodies: Bodies
    deployment: DeploymentProfile
    backups: timedelta
    inspections: InspectionLedger
    media: MediaLedger
    content: ContentLedger
    secrets: SecretsCounter
    names: AgencyNames
    report_sheet: ReportSheet
    running: RunningReadings
    incidents: IncidentLedger


async def wiring(request: Request) -> Wiring:
    """What `main` joined."""
    found = request.app.state.wiring
    if not isinstance(found, Wiring):
        raise TypeError("app.state.wiring is not set")
    return found


def submitter(sender: Caller) -> Submitter:
    """The caller as the use cases know it."""
    return Submitter(sender.client, sender.agency)


Wired = Annotated[Wiring, Depends(wiring)]
Submitting = Annotated[Caller, require("submitter")]
Approving = Annotated[Caller, require("rule-approver")]
RefusedReading = Annotated[Caller, require("incident-officer", "rule-approver")]
RuleOfficer = Annotated[Caller, require("rule-author", "rule-approver")]
Classifying = Annotated[Caller, require("archivist", "incident-officer")]
FollowingClassification = Annotated[Caller, require("archivist", "incident-officer", "supervisor", "auditor")]
Custodian = Annotated[Caller, require("custodian")]
SeeingErasures = Annotated[Caller, require("custodian", "incident-officer", "auditor")]
Inspecting = Annotated[Caller, require("incident-officer")]
KeepingMedia = Annotated[Caller, require("incident-officer", "archivist")]
FollowingMedia = Annotated[Caller, require("incident-officer", "archivist", "supervisor", "auditor")]
FollowingInspections = Annotated[Caller, require("incident-officer", "supervisor", "auditor")]
Deciding = Annotated[Caller, require("incident-officer")]
Finding = Annotated[Caller, require("incident-officer", "archivist")]
SEEING_INCIDENTS: Final = frozenset({"incident-officer", "supervisor", "auditor"})
Watching = Annotated[Caller, require(*sorted(SEEING_INCIDENTS))]
Serving = Annotated[Caller, require("service")]
# Any enrolled client: what it may see is judged otherwise, or is no secret.
Calling = Annotated[
    Caller,
    require(
        "submitter", "archivist", "supervisor", "rule-author", "rule-approver", "incident-officer", "registrar",
        "monitor", "auditor", "custodian", "service",
    ),
]  # fmt: skip
