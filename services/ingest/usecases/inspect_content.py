"""Rule 23: look into what was handed in as no secret; a mark of secrecy in a file's text is an incident, and is held.

Runs after the seal, in a queue of its own: no receipt waits for it. The files are read as any reader's are, opened in
memory, and given to a process that can do nothing but answer in words of closed sets. Only those words, the page and
counts are kept; the text goes nowhere.

Order of effects for each component: read and search → the incident with its hold, in its own transaction → the count and
the next position. A crash in between looks at one component again, and finds the incident that stands. What two officers
let go is not held again for the same bytes, in whatever dossier, by whatever matcher. What is held meanwhile, often the
other files of a document with a mark, is passed over, and looked at once it is let go.

Source: domain notes §3 rule 23; DESIGN 9 "incident"; DECISION-0025, DECISION-0034.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from services.ingest.domain.incidents import Kind, Source
from services.ingest.usecases.content_ports import ContentLedger, Inspector, PackageInspection, ToInspect
from services.ingest.usecases.incident_ports import IncidentLedger
from services.ingest.usecases.open_incident import Target, open_incident
from services.ingest.usecases.plans import PlanSource
from services.ingest.usecases.ports import ComponentPlace, Keys, StoredPartMissing, Vault, World
from services.ingest.usecases.read_component import stored_parts
from services.kernel.identifiers import PackageId
from services.kernel.marks import MATCHER, Inspected, Outcome
from services.kernel.refusals.incidents import IncidentTargetUnknown
from services.kernel.refusals.packages import PackageUnknown
from services.kernel.sealing.open import SealBroken

_PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class Inspecting:
    """The ports that looking at content needs."""

    content: ContentLedger
    incidents: IncidentLedger
    plans: PlanSource
    vault: Vault
    keys: Keys
    inspector: Inspector
    world: World
    told: Callable[[Outcome], None] = lambda _: None
    matcher: int = MATCHER


async def inspect_content(package: PackageId, ports: Inspecting) -> int:
    """Look at what is left of a sealed package; how many components were looked at.

    Safe to repeat, to interrupt and to run beside itself.

    Raises:
        KmsUnavailable, StoreUnavailable: what was looked at is kept, and the queue tries again.
    """
    async with ports.content.transaction() as books:
        position = await books.begin_inspection(package, ports.matcher)
    if position is None:
        return 0
    looked = await _look_at_all(package, position, ports, let_go=False)
    looked += await _look_at_all(package, 0, ports, let_go=True)
    async with ports.content.transaction() as books:
        await books.end_inspection(package, ports.matcher, ports.world.now())
    return looked


async def read_content_inspection(package: PackageId, *, content: ContentLedger) -> PackageInspection:
    """How far a package was looked into, and what an officer may want to look at.

    Raises:
        PackageUnknown: none that was looked into.
    """
    async with content.transaction() as books:
        found = await books.inspection(package)
    if found is None:
        raise PackageUnknown
    return found


async def find_uninspected(ports: Inspecting, *, limit: int = 1000) -> int:
    """Wake the inspection of what waits for it: sealed before there was one, or looked at by an older matcher."""
    async with ports.content.transaction() as books:
        waiting = await books.uninspected(ports.matcher, limit)
        for package, queued in waiting.items():
            if not queued:
                await books.wake_inspection(package)
    return len(waiting)


async def _look_at_all(package: PackageId, position: int, ports: Inspecting, *, let_go: bool) -> int:
    looked = 0
    while True:
        async with ports.content.transaction() as books:
            waiting = books.let_go if let_go else books.to_inspect
            page = await waiting(package, position, _PAGE)
        for entry in page:
            looked += await _look_at(package, entry, ports)
            position = entry.position + 1
        if len(page) < _PAGE:
            return looked


async def _look_at(package: PackageId, entry: ToInspect, ports: Inspecting) -> bool:
    async with ports.content.transaction() as books:
        place = await books.place(entry.component)
        if place is None or place.erased:
            return False
        if place.held or place.origin.held:
            await books.pass_over(package, entry)
            return False
    found = await _inspected(place, entry, ports)
    if found.outcome is Outcome.MARKED:
        await _hold(package, entry, found, ports)
    async with ports.content.transaction() as books:
        await books.note_inspected(package, entry, found, ports.matcher, ports.world.now())
    ports.told(found.outcome)
    return True


async def _inspected(place: ComponentPlace, entry: ToInspect, ports: Inspecting) -> Inspected:
    async with ports.content.transaction() as books:
        plan = await ports.plans.plan(books, place.origin.id, place.origin.plan_sha256)
        parts = await stored_parts(books, plan, place, 0, entry.size)
    key = await ports.keys.open_package_key(place.package_key)
    try:
        return await ports.inspector.inspect(entry.size, ports.vault.read(place, plan, parts, key, 0, entry.size))
    except (SealBroken, StoredPartMissing):
        return Inspected(Outcome.UNREADABLE)  # `reconcile` tells what the store lost; here nobody has looked at it


async def _hold(package: PackageId, entry: ToInspect, found: Inspected, ports: Inspecting) -> None:
    cause = hashlib.sha256(b"nopluu/inspection\0" + entry.sha256).digest()
    async with ports.content.transaction() as books:
        if await books.released(cause):
            return
    try:
        await open_incident(
            Target(package, entry.document, entry.component),
            Source.INSPECTION,
            Kind.STAMP_FOUND,
            None,
            bundle_sha256=cause,
            found={"marks": sorted(found.marks), "page": found.page},
            ledger=ports.incidents,
            world=ports.world,
        )
    except IncidentTargetUnknown:
        return  # the package ended without bytes since it was read
