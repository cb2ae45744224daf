"""What was under way when a database was lost is queued again with the end of its rebuild: queues come back empty.

Every one of these jobs may be run once too often: it looks at the rows first. What is periodic (re-wrapping, expiry, terms
that end, judging the holdings anew) goes on by itself.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.adapters.erasures_sql import FINISH_ERASURE
from services.ingest.adapters.incidents_sql import EXPEL, RENEW
from services.runtime.jobs import Tasks

_OWN_QUEUE: Final = text("SET LOCAL search_path = ingest_queue")
_ERASURES: Final = text("SELECT id FROM ingest.erasure WHERE finished_at IS NULL ORDER BY ordered_at")
_EXPULSIONS: Final = text("SELECT id FROM ingest.incident WHERE state = 'decided' AND decision = 'expel' ORDER BY id")
# Of what stands under a hold the record may not tell yet.
_RECORDS: Final = text(
    "SELECT DISTINCT i.package FROM ingest.hold_item i JOIN ingest.hold h ON h.id = i.hold"
    " JOIN ingest.package p ON p.id = i.package WHERE h.lifted_at IS NULL AND p.seal_event IS NOT NULL"
)


async def wake_unfinished(connection: AsyncConnection, tasks: Tasks) -> None:
    """Queue it all, in the caller's transaction, with the owner's rights."""
    erasures = list((await connection.execute(_ERASURES)).scalars())
    expulsions = list((await connection.execute(_EXPULSIONS)).scalars())
    records = list((await connection.execute(_RECORDS)).scalars())
    await connection.execute(_OWN_QUEUE)
    for erasure in erasures:
        await tasks.defer(connection, FINISH_ERASURE, erasure=str(erasure))
    for incident in expulsions:
        await tasks.defer(connection, EXPEL, incident=str(incident))
    for package in records:
        await tasks.defer(connection, RENEW, package=str(package))
    await connection.execute(text("SET LOCAL search_path TO DEFAULT"))
