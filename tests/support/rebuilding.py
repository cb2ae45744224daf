"""A province's loss and return: rows as they stood, a log sequenced into the same store, and `rebuild` into a new database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg import sql
from psycopg.rows import dict_row
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.catalog.adapters.ledger_sql import SqlLedger as CatalogLedger
from services.catalog.adapters.rebuild_sql import OwnersFacts, SqlEmptyShelves
from services.catalog.adapters.world import RealWorld
from services.catalog.usecases import rebuild_catalog as catalogs
from services.catalog.usecases.receive_message import receive_message
from services.catalog.usecases.register_package import register_package, relabel_package
from services.ingest.adapters.acts_sql import SqlActLedger, StoredPages
from services.ingest.adapters.erasures_sql import CUSTODY_JOBS
from services.ingest.adapters.incidents_sql import SqlIncidentLedger
from services.ingest.adapters.ledger_sql import SqlLedger
from services.ingest.adapters.lost_parts import ListedParts, Versions
from services.ingest.adapters.rebuild_sql import OwnersBooks
from services.ingest.adapters.world import SystemWorld
from services.ingest.usecases import rebuild_packages as packages
from services.ingest.usecases.decide_incident import confirm_hidden
from services.ingest.usecases.seal_acts import seal_acts
from services.journal.log_rows import LogRows
from services.journal.publication import Publication
from services.journal.restoring import Restored, restore
from services.journal.sequencer import Sequencer
from services.kernel.sealing.keys import KeyAccess
from services.kernel.tlog.notes import LogSigner, VerifierKey
from services.runtime.database import create_engine, transaction
from services.runtime.jobs import Tasks
from services.runtime.object_store.port import ObjectStore
from services.runtime.recovered_acts import RecoveredActs
from services.runtime.recovered_records import RecoveredRecords
from tests.support.postgres import Database

SIGNER: Final = LogSigner("nopluu.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
KEYS: Final = [SIGNER.verifier]
COMPARED: Final = {
    "ingest": ("package", "package_document", "package_key", "component", "part", "attempt"),
    "catalog": (
        "fonds",
        "package",
        "dossier",
        "document",
        "component",
        "classification",
        "hold",
        "hold_item",
        "erased_component",
        "document_words",
        "held_words",
    ),
    "journal": ("leaf",),
}
NOT_RESTORED: Final[Mapping[str, tuple[str, ...]]] = {
    # Saves a request, and is fetched where it lacks (DECISION-0030).
    "ingest.part": ("heads",),
    # When the catalog wrote the row: now.
    "catalog.package": ("registered_at",),
    "catalog.classification": ("received_at",),
}

Rows = Mapping[str, Sequence[Mapping[str, Any]]]


def rows_of(database: Database, schemas: Sequence[str] = tuple(COMPARED)) -> Rows:
    """Every compared row of every compared table, without the columns that nothing restores."""
    found = {}
    with psycopg.connect(database.admin_url, row_factory=dict_row) as connection:
        for schema in schemas:
            for table in COMPARED[schema]:
                name = f"{schema}.{table}"
                rows = connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, table))).fetchall()
                lost = NOT_RESTORED.get(name, ())
                kept = [{column: row[column] for column in row if column not in lost} for row in rows]
                found[name] = sorted(kept, key=repr)
    return found


def query(database: Database, statement: str) -> list[tuple[Any, ...]]:
    """Rows, asked by the owner."""
    with psycopg.connect(database.admin_url) as connection:
        return connection.execute(statement.encode()).fetchall()


def kept_tables(database: Database) -> list[str]:
    """The tables of ingest whose changes are acts."""
    asked = "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'act_kept' ORDER BY 1"
    return [name.removeprefix("ingest.") for (name,) in query(database, asked)]


def kept_rows(database: Database) -> Rows:
    """All rows of those tables, but of packages only what was refused."""
    found = {}
    with psycopg.connect(database.admin_url, row_factory=dict_row) as connection:
        for table in kept_tables(database):
            only = " WHERE state = 'refused'" if table == "package" else ""
            rows = connection.execute(
                sql.SQL("SELECT * FROM {}").format(sql.Identifier("ingest", table)) + sql.SQL(only)
            ).fetchall()
            found[table] = sorted(rows, key=repr)
    return found


@asynccontextmanager
async def engines(database: Database, *roles: str) -> AsyncIterator[list[AsyncEngine]]:
    """One engine a role."""
    async with AsyncExitStack() as stack:
        made = []
        for role in roles:
            engine = create_engine(database.url_for(role), application_name="test", pool_size=4)
            stack.push_async_callback(engine.dispose)
            made.append(engine)
        yield made


async def sequence(
    database: Database, store: ObjectStore, signer: LogSigner = SIGNER, retired: Sequence[VerifierKey] = ()
) -> None:
    """Number everything and publish it into the store."""
    async with engines(database, "nopluu_journal") as [engine], engine.connect() as connection:
        rows = LogRows(connection)
        assert await rows.lock()
        sequencer = Sequencer(signer, retired, publication=Publication(store), now=lambda: datetime.now(UTC))
        await sequencer.open(rows)
        while await sequencer.number(rows):
            pass
        if sequencer.behind:
            await sequencer.publish(rows)


async def seal_all_acts(database: Database, store: ObjectStore, kms: KeyAccess) -> int:
    """What the relay of ingest's worker does, until nothing waits; how many pages it made."""
    made = 0
    async with engines(database, "nopluu_ingest") as [engine]:
        ledger, pages = SqlActLedger(engine), StoredPages(store)
        while await seal_acts(ledger=ledger, pages=pages, new_key=kms.generate, world=SystemWorld()):
            made += 1
    return made


async def register_all(database: Database, *, reverse: bool = False) -> None:
    """What catalog's worker does with ingest's messages, delivered by hand, the last first if `reverse`."""
    async with engines(database, "nopluu_ingest", "nopluu_catalog") as [ingest, catalog]:
        async with transaction(ingest) as connection:
            query = text("SELECT kind, body FROM ingest.outbox ORDER BY created_at")
            messages = [(kind, bytes(body)) for kind, body in await connection.execute(query)]
        ledger, world = CatalogLedger(catalog, Tasks("catalog_queue")), RealWorld()
        # Ingest gives no manifest of what is held before catalog has confirmed it.
        told = sorted(reversed(messages) if reverse else messages, key=lambda each: each[0] != "hold_placed")
        for kind, body in told:
            message = await receive_message(body, ledger=ledger, world=world)
            if kind.startswith("hold_"):
                await confirm_hidden(message, world.now(), ledger=SqlIncidentLedger(ingest, Tasks("ingest_queue")))
            work = {"package_sealed": register_package, "classification_changed": relabel_package}.get(kind)
            if work is not None:
                manifests = _Manifests(SqlLedger(ingest, Tasks("ingest_queue")))
                await work(message, ledger=ledger, manifests=manifests, world=world)


async def restore_log(database: Database, store: ObjectStore, keys: Sequence[VerifierKey] = KEYS) -> Restored:
    """`nopluu-admin journal restore`."""
    async with engines(database, "nopluu_journal") as [engine], engine.connect() as connection:
        return await restore(connection, store, keys)


async def rebuild_ingest(
    database: Database,
    store: ObjectStore,
    kms: KeyAccess,
    *,
    admit_unlogged: bool = False,
    accept: bool = False,
    alone: bool = True,
) -> packages.Rebuilt:
    """`nopluu-admin ingest rebuild`; where `alone`, ingest is to be asked although catalog's rebuild has not followed."""
    assert isinstance(store, Versions)
    async with engines(database, "postgres") as [owner]:
        rebuilt = await packages.rebuild_packages(
            records=RecoveredRecords(store, kms, owner, owner, admit_unlogged),
            pages=RecoveredActs(store, kms, owner, owner, admit_unlogged),
            parts=ListedParts(owner, store),
            books=OwnersBooks(owner, Tasks("ingest_queue", queues=CUSTODY_JOBS)),
            now=lambda: datetime.now(UTC),
            told=lambda _: None,
            accept_losses=accept,
        )
    if alone:
        with psycopg.connect(database.admin_url) as connection:
            connection.execute("DELETE FROM catalog.rebuild")
    return rebuilt


def unfinished(database: Database) -> list[str]:
    """The schemas whose rebuild is not ended."""
    return sorted(name for (name,) in query(database, "SELECT journal.unfinished_rebuilds()"))


async def rebuild_catalog(database: Database, store: ObjectStore, kms: KeyAccess) -> catalogs.Rebuilt:
    """`nopluu-admin catalog rebuild`."""
    async with engines(database, "postgres", "nopluu_catalog") as [owner, engine]:
        ledger = CatalogLedger(engine, Tasks("catalog_queue"))
        return await catalogs.rebuild_catalog(
            records=RecoveredRecords(store, kms, engine, owner),
            facts=OwnersFacts(owner),
            shelves=SqlEmptyShelves(engine, ledger),
            now=lambda: datetime.now(UTC),
            told=lambda _: None,
        )


@dataclass(frozen=True, slots=True)
class _Manifests:
    """See `catalog.usecases.ports.Manifests`; ingest's rows, asked without a request."""

    ledger: SqlLedger

    async def fetch(self, sha256: bytes) -> bytes:
        async with self.ledger.transaction() as books:
            found = await books.manifest_with_digest(sha256)
        assert found is not None
        return found
