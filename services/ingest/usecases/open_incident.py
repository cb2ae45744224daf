"""Open an incident: the item is held in the transaction that opens it, wherever it stands.

Order of effects: rows under hold, the incident, its first step, its clocks, the log's event and the message to catalog
are one transaction. Reading stops with its commit; catalog hides when the message reaches it and confirms by its answer.
The recovery record follows in a job: a hold must wait for neither the store nor the KMS.

Source: DESIGN 9 "incident", 10; domain §3; DECISION-0020.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from uuid import UUID

from services.ingest.domain.incidents import HOLDABLE, Kind, Source, State, clocks_of, due, rules_of
from services.ingest.domain.states import Event, transition
from services.ingest.usecases.complete_package import CATALOG
from services.ingest.usecases.incident_ports import (
    Actor,
    Hold,
    Incident,
    IncidentBooks,
    IncidentLedger,
    RunningClock,
    Step,
)
from services.ingest.usecases.ports import World
from services.kernel import strict_json
from services.kernel.canonical import canonical, rfc3339
from services.kernel.hold_messages import HoldChanged
from services.kernel.identifiers import ComponentId, PackageId
from services.kernel.manifest import MAX_MANIFEST
from services.kernel.refusals.incidents import IncidentTargetUnknown


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be held: a component, else a document by its index, else the whole package."""

    package: PackageId
    document: int | None = None
    component: ComponentId | None = None


async def open_incident(
    target: Target,
    source: Source,
    kind: Kind,
    by: Actor | None,
    *,
    rules: Sequence[str] = (),
    bundle_sha256: bytes | None = None,
    found: Mapping[str, object] = MappingProxyType({}),
    ledger: IncidentLedger,
    world: World,
) -> UUID:
    """Hold the target and begin its handling; the incident's id. Without `rules` it names the rule of its kind.

    What was `found` is kept with the first step: words of closed sets and numbers, nothing of the content.
    With `bundle_sha256` (the bundle that found it, or the step) it is safe to repeat: one document, or one package as a
    whole, and one cause open one incident. Changed rules open one for each set of rules that fires (DECISION-0026).

    Raises:
        IncidentTargetUnknown: no such package, document or component, or a package that ended without bytes.
    """
    named = tuple(rules) or rules_of(kind)
    async with ledger.transaction() as books:
        await books.alone_with_holds()
        package = await books.package(target.package, lock=True)
        if package is None or package.state not in HOLDABLE:
            raise IncidentTargetUnknown
        document = await _document(books, target)
        if bundle_sha256 is not None:
            again_for = named if kind is Kind.RULES_CHANGED else None
            standing = await books.incident_of_rule(package.id, document, bundle_sha256, again_for)
            if standing is not None:
                return standing
        now, today = world.now(), world.today()
        incident = Incident(
            id=world.new_id(),
            source=source,
            kind=kind,
            rules=named,
            bundle_sha256=bundle_sha256,
            package=package.id,
            document=document,
            component=target.component,
            agency=package.agency,
            fonds=package.fonds,
            state=State.OPEN,
            decision=None,
            level=None,
            due_on=None,
            opened_at=now,
            hidden_at=None,
            closed_at=None,
        )
        covered = await books.coverage(package.id, document, target.component)
        hold = Hold(world.new_id(), incident.id, now, None, None)
        await books.add_incident(incident)
        await books.place_hold(hold, covered)
        after = transition(package.state, Event.QUARANTINE)
        if document is None and after is not None:
            await books.set_state(package.id, after)
        facts = {"source": source.value, "kind": kind.value, "rules": list(named), "hold": str(hold.id), **found}
        await books.add_step(Step(incident.id, 1, "opened", now, by, facts))
        for clock in clocks_of(kind):
            await books.add_clock(RunningClock(incident.id, clock.kind, due(clock, today), None))
        await books.journal(
            canonical(
                {
                    "type": "incident_opened",
                    "incident": str(incident.id),
                    "hold": str(hold.id),
                    "package": str(package.id),
                    "source": source.value,
                    "kind": kind.value,
                    "by": None if by is None else str(by.client),
                    "at": rfc3339(now),
                }
            )
        )
        # The message's id is the hold's, so that its delivery is the confirmation of this very hold.
        message = HoldChanged(hold.id, now, hold.id, lifted=False, items=covered.items)
        await books.post(message.id, CATALOG, message.kind, message.to_bytes(), now)
        for held in {item.package for item in covered.items}:
            await books.wake_record(held)
    return incident.id


async def _document(books: IncidentBooks, target: Target) -> int | None:
    """The index of the document that is held.

    Raises:
        IncidentTargetUnknown
    """
    if target.component is not None:
        found = await books.document_of(target.package, target.component)
        if found is None or target.document not in (None, found):
            raise IncidentTargetUnknown
        return found
    if target.document is None or await books.has_document(target.package, target.document):
        return target.document
    manifest = await books.manifest(target.package)  # a document without components has no row of its own
    if target.document not in range(await asyncio.to_thread(_document_count, manifest)):
        raise IncidentTargetUnknown
    return target.document


def _document_count(manifest: bytes) -> int:
    match strict_json.parse(manifest, max_bytes=MAX_MANIFEST):
        case {"documents": list(documents)}:
            return len(documents)
        case _:
            return 0


class RuleIncidents:
    """See `ports.IncidentOpener`."""

    def __init__(self, ledger: IncidentLedger, world: World) -> None:
        self._ledger = ledger
        self._world = world

    async def open_by_rule(
        self, package: PackageId, document: int, *, rules: Sequence[str], bundle_sha256: bytes
    ) -> None:
        with suppress(IncidentTargetUnknown):  # the package ended without bytes since it was judged
            await open_incident(
                Target(package, document),
                Source.RULE,
                Kind.RULES_CHANGED,
                None,
                rules=sorted(set(rules)),  # a bundle may list its rows in another order
                bundle_sha256=bundle_sha256,
                ledger=self._ledger,
                world=self._world,
            )
