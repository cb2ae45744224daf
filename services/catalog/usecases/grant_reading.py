"""Let one client read one component once."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.catalog.domain.labels import Reader
from services.catalog.usecases.ports import Ledger, World
from services.kernel.canonical import canonical
from services.kernel.identifiers import ClientId, ComponentId
from services.kernel.messages import Grant
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

    For a component of a labelled document the grant is in the log before it is given out.

    Raises:
        ComponentUnknown: none, none of a current version, erased, or none that the reader may see: one answer for all.
    """
    async with ledger.reading(reader) as shelves:
        found = await shelves.component(component)
    if found is None:
        raise ComponentUnknown
    if found.level is not Level.NONE:
        event: dict[str, object] = {
            "type": "reading_granted",
            "component": str(found.id),
            "document": str(found.document),
            "client": str(client),
        }
        if officer is not None:
            event["officer"] = officer
        async with ledger.counter() as counter:
            await counter.journal(canonical(event))
    return Grant(client, component, world.now() + LIFETIME, world.token()).sign(key)
