"""Put every part of a sealed package under legal hold: run by the custodian's worker, with its own credential.

Until then, and for ever after an erasure's lifting, only the serving credential's own restraint keeps a version; so the
job is deferred by the sealing transaction itself, and a queue that does not move is an alert.

Source: DESIGN 7; DECISION-0018.
"""

from __future__ import annotations

from services.ingest.usecases.erasure_ports import Custody
from services.ingest.usecases.ports import Ledger
from services.kernel.identifiers import PackageId


async def hold_parts(package: PackageId, *, ledger: Ledger, custody: Custody) -> int:
    """How many parts are on hold. Safe to repeat, and to run while an erasure replaces parts: copies are held anyway.

    Raises:
        StoreUnavailable, StoredPartMissing: to be tried again by the queue.
    """
    async with ledger.transaction() as books:
        found = await books.package(package)
        parts = [] if found is None or found.seal_event is None else await books.parts(package)
    for part in parts:
        await custody.hold(part.attempt, part.object_version)
    return len(parts)
