"""What was under way when a database was lost: holds stand before anything may be read, and jobs are queued again.

A recovery record may be older than the hold of its package by a job that never ran, and queues come back empty. Every job
here may be run once too often: it looks at the rows first. What is periodic (re-wrapping, expiry, terms that end, judging
the holdings anew) goes on by itself.

Source: DECISION-0020, DECISION-0022.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import TextClause, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.adapters import tables as t
from services.ingest.adapters.classifications_sql import RAISED_INCIDENT
from services.ingest.adapters.erasures_sql import FINISH_ERASURE, HOLD_PARTS
from services.ingest.adapters.incidents_sql import EXPEL, RENEW
from services.ingest.domain.incidents import WHOLE_PACKAGE
from services.ingest.usecases.complete_package import CATALOG
from services.kernel.hold_messages import HeldItem, HoldChanged
from services.kernel.identifiers import PackageId
from services.runtime.jobs import Tasks

_VIEWS: Final = (
    "CREATE TEMPORARY VIEW active_hold AS SELECT i.package, i.document FROM ingest.hold_item i"
    " JOIN ingest.hold h ON h.id = i.hold WHERE h.lifted_at IS NULL",
    "CREATE TEMPORARY VIEW wholly_held AS SELECT n.package FROM ingest.incident n"
    " JOIN ingest.hold h ON h.incident = n.id WHERE h.lifted_at IS NULL AND n.document IS NULL",
    # Raised where nothing above NONE may be, and the incident that follows is not opened yet.
    "CREATE TEMPORARY VIEW raised_lately AS SELECT s.package, s.document, s.id FROM ingest.classification_step s"
    " WHERE s.kind = 'raised'"
    " AND EXISTS (SELECT FROM ingest.finding f WHERE f.package = s.package AND f.code = 'classification-raised')"
    " AND NOT EXISTS (SELECT FROM ingest.incident n WHERE n.bundle_sha256 = sha256(uuid_send(s.id)))",
)
_NO_VIEWS: Final = text("DROP VIEW active_hold, wholly_held, raised_lately")
_HELD: Final = (
    "UPDATE ingest.component c SET held = true WHERE NOT c.held"
    " AND EXISTS (SELECT FROM active_hold a WHERE a.package = c.package AND a.document IN (c.document, -1))",
    "UPDATE ingest.component c SET held = true WHERE NOT c.held AND c.id IN"
    " (SELECT k.id FROM ingest.component k JOIN raised_lately r ON r.package = k.package AND r.document = k.document)",
    "UPDATE ingest.package p SET held = true WHERE NOT p.held"
    " AND EXISTS (SELECT FROM active_hold a WHERE a.package = p.id AND a.document = -1)",
    "UPDATE ingest.package p SET state = 'quarantined' WHERE p.state = 'sealed'"
    " AND EXISTS (SELECT FROM wholly_held w WHERE w.package = p.id)",
)
_LIFTED: Final = (
    "UPDATE ingest.component c SET held = false WHERE c.held AND c.package IN (SELECT package FROM ingest.hold_item)"
    " AND NOT EXISTS (SELECT FROM raised_lately r WHERE r.package = c.package)"
    " AND NOT EXISTS (SELECT FROM active_hold a WHERE a.package = c.package AND a.document IN (c.document, -1))",
    "UPDATE ingest.package p SET held = false WHERE p.held AND p.id IN (SELECT package FROM ingest.hold_item)"
    " AND NOT EXISTS (SELECT FROM active_hold a WHERE a.package = p.id AND a.document = -1)",
    "UPDATE ingest.package p SET state = 'sealed' WHERE p.state = 'quarantined'"
    " AND EXISTS (SELECT FROM ingest.incident n WHERE n.package = p.id AND n.document IS NULL)"
    " AND NOT EXISTS (SELECT FROM wholly_held w WHERE w.package = p.id)",
)
_OWN_QUEUE: Final = text("SET LOCAL search_path = ingest_queue")
_ERASURES: Final = text("SELECT id FROM ingest.erasure WHERE finished_at IS NULL ORDER BY ordered_at")
_EXPULSIONS: Final = text("SELECT id FROM ingest.incident WHERE state = 'decided' AND decision = 'expel' ORDER BY id")
# A record may not tell yet of what was held, lifted or raised lately.
_RECORDS: Final = text(
    "SELECT id FROM ingest.package WHERE seal_event IS NOT NULL AND id IN"
    " (SELECT package FROM ingest.hold_item UNION SELECT package FROM raised_lately) ORDER BY id"
)
_RAISED: Final = text("SELECT package, document, id FROM raised_lately ORDER BY id")
_SEALED_LATELY: Final = text(
    "SELECT id FROM ingest.package WHERE sealed_at > (SELECT max(sealed_at) FROM ingest.package) - interval '1 day'"
)
_STANDING: Final = text(
    "SELECT h.id, h.placed_at, i.chain, i.package, i.document FROM ingest.hold h JOIN ingest.hold_item i ON i.hold = h.id"
    " WHERE h.lifted_at IS NULL ORDER BY h.id, i.package, i.document"
)


async def settle_holds(connection: AsyncConnection, *, complete: bool) -> None:
    """Rows agree with the holds that stand. Unless all acts came back, what a record says is held stays held."""
    for statement in (*_VIEWS, *_HELD, *(_LIFTED if complete else ())):
        await connection.execute(text(statement))
    await connection.execute(_NO_VIEWS)


async def wake_unfinished(connection: AsyncConnection, tasks: Tasks) -> None:
    """Queue it all, in the caller's transaction, with the owner's rights."""

    async def ids(query: TextClause) -> list[str]:
        return [str(found) for found in (await connection.execute(query)).scalars()]

    for view in _VIEWS:
        await connection.execute(text(view))
    erasures, expulsions = await ids(_ERASURES), await ids(_EXPULSIONS)
    records, sealed = await ids(_RECORDS), await ids(_SEALED_LATELY)
    raised = (await connection.execute(_RAISED)).all()
    told = await _tell_holds(connection)
    await connection.execute(_NO_VIEWS)
    await connection.execute(_OWN_QUEUE)
    for erasure in erasures:
        await tasks.defer(connection, FINISH_ERASURE, erasure=erasure)
    for incident in expulsions:
        await tasks.defer(connection, EXPEL, incident=incident)
    for package in records:
        await tasks.defer(connection, RENEW, package=package)
    for package in sealed:
        await tasks.defer(connection, HOLD_PARTS, package=package)
    for row in raised:
        arguments = {"package": str(row.package), "document": str(row.document), "step": str(row.id)}
        await tasks.defer(connection, RAISED_INCIDENT, **arguments)
    for message in told:
        await tasks.defer(connection, "deliver_message", message=message)
    await connection.execute(text("SET LOCAL search_path TO DEFAULT"))


async def _tell_holds(connection: AsyncConnection) -> list[str]:
    """Messages of all holds that stand, each under its hold's id as when it was placed: catalog may not know of the last."""
    rows = (await connection.execute(_STANDING)).all()
    for hold, placed_at in {row.id: row.placed_at for row in rows}.items():
        items = tuple(
            HeldItem(
                PackageId(row.chain), PackageId(row.package), None if row.document == WHOLE_PACKAGE else row.document
            )
            for row in rows
            if row.id == hold
        )
        message = HoldChanged(hold, placed_at, hold, lifted=False, items=items)
        await connection.execute(
            insert(t.outbox).values(
                id=hold, target=CATALOG, kind=message.kind, body=message.to_bytes(), created_at=placed_at
            )
        )
    return sorted({str(row.id) for row in rows})
