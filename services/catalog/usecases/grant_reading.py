"""Let one client read one component once."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.catalog.domain.labels import Reader
from services.catalog.usecases.ports import Ledger, ReadableComponent, World
from services.kernel.canonical import canonical
from services.kernel.identifiers import ClientId, ComponentId
from services.kernel.messages import Grant
from services.kernel.refusals.exports import ExportNotApproved
from services.kernel.refusals.packages import ComponentUnknown
from services.kernel.secrecy import Level

LIFETIME: Final = timedelta(seconds=60)


async def grant_reading(
    component: ComponentId,
    client: ClientId,
    officer: str | None,
    *,
    reader: Reader,
    key: Ed25519PrivateKey,
    ledger: Ledger,
    world: World,
) -> str:
    """A signed grant for the client that asks, good for `LIFETIME` and one use; ingest judges holds and erasure.

    For a component of a labelled or restricted document the grant is in the log before it is given out.

    Raises:
        ExportNotApproved: its access mode is 03, and no approval in force names this reader and document (rule 28). The
            agency whose fonds it is takes nothing out of the archive that is not its own.
        ComponentUnknown: none, none of a current version, erased, or none that the reader may see: one answer for all.
    """
    async with ledger.reading(reader) as shelves:
        found = await shelves.component(component)
    if found is None:
        raise ComponentUnknown
    approval = await _approval(found, client, reader, ledger, world)
    if found.level is not Level.NONE or approval is not None:
        event: dict[str, object] = {
            "type": "reading_granted",
            "component": str(found.id),
            "document": str(found.document),
            "client": str(client),
        }
        if officer is not None:
            event["officer"] = officer
        if approval is not None:
            event["export"] = str(approval)
        async with ledger.counter() as counter:
            await counter.journal(canonical(event))
    return Grant(client, component, world.now() + LIFETIME, world.token()).sign(key)


async def _approval(
    found: ReadableComponent, client: ClientId, reader: Reader, ledger: Ledger, world: World
) -> UUID | None:
    """The approval under which a restricted document leaves; None where none is needed."""
    if not found.restricted or (not reader.archive and found.fonds in reader.fonds):
        return None
    today = world.today()
    async with ledger.counter() as counter:
        for request in await counter.exports.of_reader(client, found.document, today):
            if request.allows(client, found.document, today):
                return request.id
    raise ExportNotApproved
