"""The catalog's rows in PostgreSQL: readers' shelves and the keeper's desk.

Rows come in thousands and go in by `INSERT … SELECT FROM unnest(…)`: COPY is refused on a table with row-level
security, and this takes one round trip for ten thousand rows all the same.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from itertools import islice
from typing import Any, Final, TypeVar
from uuid import UUID

from sqlalchemy import TextClause, delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.catalog.adapters import tables as t
from services.catalog.adapters.exports_sql import SqlExports
from services.catalog.adapters.sessions import Sessions
from services.catalog.adapters.shelves_sql import SqlShelves
from services.catalog.adapters.tsearch import tsvector
from services.catalog.domain.description import Deposit, Description, DocumentEntry
from services.catalog.domain.labels import Reader
from services.catalog.usecases.ports import KeptLabels
from services.kernel.classification import message as classification_message
from services.kernel.classification.message import DOSSIER, ClassificationChanged
from services.kernel.erasure_message import ErasedComponent
from services.kernel.hold_messages import HoldChanged
from services.kernel.identifiers import ComponentId, FondsId, PackageId
from services.kernel.refusals.platform import DatabaseUnavailable
from services.kernel.secrecy import Level
from services.runtime import journal
from services.runtime.database import transaction
from services.runtime.jobs import Tasks

_Entry = TypeVar("_Entry")

REGISTER: Final = "register_package"
RELABEL: Final = "relabel_package"
"""The tasks that work on a kept message."""

_TASKS: Final = {"package_sealed": REGISTER, classification_message.TYPE: RELABEL}

_BATCH: Final = 10_000  # rows a statement
_EPOCH: Final = date(1970, 1, 1)
_BEFORE_ALL_DAYS: Final = -1_000_000  # where documents without a date stand
_MOMENT: Final = text("SELECT clock_timestamp()")
# Of this role, at whichever instance: others' transactions are none of a reader's.
_AT_WORK: Final = text(
    "SELECT count(*) FROM pg_stat_activity WHERE usename = current_user AND datname = current_database()"
    " AND pid <> pg_backend_pid() AND xact_start < :moment AND backend_xmin IS NOT NULL"
)
_LOOKS: Final = 100
_LOOK_EVERY: Final = 0.1  # seconds
_SETTLE: Final = text("SELECT catalog.settle_holds(:package)")
_ERASED: Final = text(
    "INSERT INTO catalog.erased_component AS known (id, erased_at, expelled)"
    " SELECT id, min(erased_at), bool_or(expelled)"
    "   FROM unnest(CAST(:ids AS uuid[]), CAST(:days AS timestamptz[]), CAST(:expelled AS boolean[]))"
    "     AS told(id, erased_at, expelled) GROUP BY id ORDER BY id"
    " ON CONFLICT (id) DO UPDATE SET erased_at = least(known.erased_at, excluded.erased_at),"
    "   expelled = known.expelled OR excluded.expelled"
)
_HOLDING: Final = text(
    "SELECT DISTINCT package FROM catalog.component WHERE id = ANY (CAST(:ids AS uuid[])) ORDER BY package"
)
_CHAIN_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtextextended('catalog.chain ' || :chain, 0))")


def _bulk(table: str, columns: dict[str, str], constant: dict[str, str]) -> TextClause:
    """An insert of many rows: `columns` come as arrays of the types given, `constant` columns once for all rows.

    A column given as `text>type` travels as text and is cast in the database.
    """
    arrays = ", ".join(f"CAST(:{name} AS {kind.partition('>')[0]}[])" for name, kind in columns.items())
    values = [
        f"CAST(row.{name} AS {kind.partition('>')[2]})" if ">" in kind else f"row.{name}"
        for name, kind in columns.items()
    ]
    values += [f"CAST(:{name} AS {kind})" for name, kind in constant.items()]
    return text(
        f"INSERT INTO catalog.{table} ({', '.join([*columns, *constant])})"  # noqa: S608 - fixed names of this module
        f" SELECT {', '.join(values)} FROM unnest({arrays}) AS row({', '.join(columns)})"
    )


_DOCUMENTS: Final = _bulk(
    "document",
    {
        "id": "uuid",
        "position": "integer",
        "ordinal": "integer",
        "label": "smallint",
        "stub": "boolean",
        "subject": "text",
        "issued_on": "date",
        "number": "text",
        "notation": "text",
        "type_name": "text",
        "issuer": "text",
        "signer": "text",
        "metadata": "text>jsonb",
        "secrecy": "text>jsonb",
        "component_count": "integer",
    },
    {"package": "uuid", "dossier": "uuid", "fonds": "uuid"},
)
_COMPONENTS: Final = _bulk(
    "component",
    {
        "position": "integer",
        "id": "uuid",
        "document": "uuid",
        "label": "smallint",
        "name": "text",
        "media_type": "text",
        "size": "bigint",
        "sha256": "bytea",
    },
    {"package": "uuid", "fonds": "uuid"},
)
_WORDS: Final = _bulk(
    "document_words",
    {"document": "uuid", "label": "smallint", "issued_on": "date", "day_number": "integer", "words": "text>tsvector"},
    {"package": "uuid", "fonds": "uuid"},
)


class SqlLedger:
    """See `usecases.ports.Ledger`; `tasks` defers jobs inside transactions."""

    def __init__(self, engine: AsyncEngine, tasks: Tasks) -> None:
        self._engine = engine
        self._sessions = Sessions(engine)
        self._tasks = tasks

    @asynccontextmanager
    async def reading(self, reader: Reader) -> AsyncIterator[SqlShelves]:
        async with self._sessions.reading(reader) as connection:
            yield SqlShelves(connection)

    @asynccontextmanager
    async def counter(self) -> AsyncIterator[SqlCounter]:
        async with transaction(self._engine) as connection:
            yield SqlCounter(connection, self._tasks)

    async def readers_gone(self) -> None:
        async with transaction(self._engine) as connection:
            moment = (await connection.execute(_MOMENT)).scalar_one()
        for _ in range(_LOOKS):
            async with transaction(self._engine) as connection:
                if not (await connection.execute(_AT_WORK, {"moment": moment})).scalar_one():
                    return
            await asyncio.sleep(_LOOK_EVERY)
        raise DatabaseUnavailable(retry_after=1)

    @asynccontextmanager
    async def keeping(self) -> AsyncIterator[SqlDesk]:
        async with self._sessions.keeping() as connection:
            yield SqlDesk(connection, self._tasks)


class SqlCounter:
    """See `usecases.ports.Counter`; `connection` is in no session."""

    def __init__(self, connection: AsyncConnection, tasks: Tasks) -> None:
        self._connection = connection
        self._tasks = tasks

    async def receive(self, message: UUID, kind: str, body: bytes, at: datetime) -> None:
        statement = upsert(t.received_message).values(id=message, kind=kind, body=body, received_at=at)
        taken = statement.on_conflict_do_nothing().returning(
            t.received_message.c.id
        )  # an INSERT's rowcount says nothing
        if (await self._connection.execute(taken)).one_or_none() is not None:
            await self._tasks.defer(self._connection, _TASKS[kind], message=str(message))

    @property
    def exports(self) -> SqlExports:
        return SqlExports(self._connection)

    async def journal(self, event: bytes) -> UUID:
        return await journal.append(self._connection, event)


class SqlDesk:
    """See `usecases.ports.Desk`; `connection` is in the keeper's session."""

    def __init__(self, connection: AsyncConnection, tasks: Tasks) -> None:
        self._connection = connection
        self._tasks = tasks

    async def open_message(self, message: UUID) -> bytes | None:
        columns = t.received_message.c
        query = select(columns.body).where(columns.id == message, columns.done_at.is_(None))
        body = (await self._connection.execute(query)).scalar_one_or_none()
        return None if body is None else bytes(body)

    async def close_message(self, message: UUID, at: datetime) -> None:
        await self._connection.execute(
            update(t.received_message).where(t.received_message.c.id == message).values(done_at=at, body=None)
        )

    async def wake_open_messages(self) -> int:
        columns = t.received_message.c
        query = select(columns.id, columns.kind).where(columns.done_at.is_(None)).order_by(columns.received_at)
        waiting = (await self._connection.execute(query)).all()
        for message in waiting:
            await self._tasks.defer(self._connection, _TASKS[message.kind], message=str(message.id))
        return len(waiting)

    async def alone_with(self, chain: PackageId) -> None:
        await self._connection.execute(_CHAIN_LOCK, {"chain": str(chain)})

    async def has_package(self, package: PackageId) -> bool:
        query = select(t.package.c.id).where(t.package.c.id == package)
        return (await self._connection.execute(query)).one_or_none() is not None

    async def registered(self, packages: Sequence[PackageId]) -> frozenset[PackageId]:
        query = select(t.package.c.id).where(t.package.c.id.in_(packages))
        return frozenset(PackageId(found) for found in (await self._connection.execute(query)).scalars())

    async def shelve(self, description: Description, at: datetime) -> None:
        deposit = description.deposit
        await self._connection.execute(
            upsert(t.fonds).values(id=deposit.fonds, code=deposit.fonds_code).on_conflict_do_nothing()
        )
        current = await self._make_way(deposit)
        await self._insert_package(description, current, at)
        await self._insert_dossier(description)
        of_all = {"package": deposit.package, "fonds": deposit.fonds}
        for batch in _batches(description.documents):
            await self._connection.execute(
                _DOCUMENTS, _document_columns(batch) | of_all | {"dossier": description.dossier.id}
            )
            if current:
                # Seconds of folding for a full batch: beside the event loop.
                await self._connection.execute(_WORDS, await asyncio.to_thread(_word_columns, batch) | of_all)
        for parts in _batches(description.components):
            await self._connection.execute(
                _COMPONENTS,
                of_all
                | {
                    "position": [entry.position for entry in parts],
                    "id": [entry.id for entry in parts],
                    "document": [entry.document for entry in parts],
                    "label": [int(entry.label) for entry in parts],
                    "name": [entry.name for entry in parts],
                    "media_type": [entry.media_type for entry in parts],
                    "size": [entry.size for entry in parts],
                    "sha256": [entry.sha256 for entry in parts],
                },
            )

    async def _make_way(self, deposit: Deposit) -> bool:
        """Whether this version is the newest of its chain; the one that was so until now leaves the search."""
        columns = t.package.c
        newest = (
            await self._connection.execute(select(func.max(columns.version)).where(columns.chain == deposit.chain))
        ).scalar_one()
        if newest is not None and newest > deposit.version:
            return False
        earlier = (
            update(t.package)
            .where(columns.chain == deposit.chain, columns.current)
            .values(current=False)
            .returning(columns.id)
        )
        superseded = list((await self._connection.execute(earlier)).scalars())
        for words in (t.document_words, t.held_words):
            await self._connection.execute(delete(words).where(words.c.package.in_(superseded)))
        return True

    async def _insert_package(self, description: Description, current: bool, at: datetime) -> None:
        deposit = description.deposit
        await self._connection.execute(
            insert(t.package).values(
                id=deposit.package,
                chain=deposit.chain,
                version=deposit.version,
                supersedes=deposit.supersedes,
                current=current,
                agency=deposit.agency,
                fonds=deposit.fonds,
                label=int(Level.NONE),  # codes and ids only
                profile=description.profile,
                transfer=description.transfer,
                creator=description.creator,
                submitter=description.submitter,
                manifest_sha256=deposit.manifest_sha256,
                not_planned=list(deposit.not_planned),
                levels={str(position): int(level) for position, level in deposit.levels.items()},
                document_count=len(description.documents),
                component_count=len(description.components),
                sealed_at=deposit.sealed_at,
                registered_at=at,
            )
        )

    async def _insert_dossier(self, description: Description) -> None:
        dossier = description.dossier
        await self._connection.execute(
            insert(t.dossier).values(
                package=description.deposit.package,
                id=dossier.id,
                fonds=description.deposit.fonds,
                label=int(dossier.label),
                dossier_code=dossier.dossier_code,
                title=dossier.title,
                starts_on=dossier.starts_on,
                ends_on=dossier.ends_on,
                metadata=dict(dossier.metadata),
                secrecy=None if dossier.secrecy is None else dict(dossier.secrecy),
            )
        )

    async def take_labels(self, message: ClassificationChanged, body: bytes, at: datetime) -> None:
        await self.alone_with(message.chain)
        received = upsert(t.received_message).values(
            id=message.id, kind=classification_message.TYPE, body=body, received_at=at
        )
        taken = received.on_conflict_do_nothing().returning(t.received_message.c.id)
        if (await self._connection.execute(taken)).one_or_none() is None:
            return
        values = {
            "chain": message.chain,
            "revision": message.revision,
            "labels": classification_message.labels_json(message.labels),
            "received_at": at,
        }
        newer = upsert(t.classification).values(package=message.package, **values)
        newer = newer.on_conflict_do_update(
            index_elements=("package",), set_=values, where=t.classification.c.revision < message.revision
        )
        stored = (await self._connection.execute(newer.returning(t.classification.c.package))).one_or_none()
        if stored is not None:
            for document, level in message.labels.items():
                await self._raise(message.package, document, level)
        await self._tasks.defer(self._connection, RELABEL, message=str(message.id))

    async def _raise(self, package: PackageId, document: int, level: Level) -> None:
        """Never lowers: what a lower label lets show is described first."""
        given = {"label": int(level)}
        if document == DOSSIER:
            own = t.dossier.c
            await self._connection.execute(
                update(t.dossier).where(own.package == package, own.label < int(level)).values(given)
            )
            return
        rows = t.document.c
        raised = update(t.document).where(rows.package == package, rows.position == document, rows.label < int(level))
        for id_ in (await self._connection.execute(raised.values(given).returning(rows.id))).scalars().all():
            parts, words = t.component.c, t.document_words.c
            await self._connection.execute(
                update(t.component).where(parts.package == package, parts.document == id_).values(given)
            )
            await self._connection.execute(update(t.document_words).where(words.document == id_).values(given))

    async def labels(self, package: PackageId) -> Mapping[int, Level]:
        query = select(t.classification.c.labels).where(t.classification.c.package == package)
        found = (await self._connection.execute(query)).scalar_one_or_none()
        return {} if found is None else classification_message.labels_from_json(found)

    async def keep_labels(self, kept: Sequence[KeptLabels], at: datetime) -> None:
        rows = [
            {
                "package": entry.package,
                "chain": entry.chain,
                "revision": entry.revision,
                "labels": classification_message.labels_json(entry.labels),
                "received_at": at,
            }
            for entry in kept
        ]
        if rows:
            await self._connection.execute(upsert(t.classification).on_conflict_do_nothing(), rows)

    async def relabel(self, description: Description, documents: Sequence[int]) -> None:
        deposit, dossier = description.deposit, description.dossier
        await self._connection.execute(
            update(t.dossier)
            .where(t.dossier.c.package == deposit.package)
            .values(
                label=int(dossier.label),
                dossier_code=dossier.dossier_code,
                title=dossier.title,
                starts_on=dossier.starts_on,
                ends_on=dossier.ends_on,
                metadata=dict(dossier.metadata),
            )
        )
        entries = [description.documents[document] for document in documents if document != DOSSIER]
        for entry in entries:
            columns = _document_columns([entry])
            values = {name: column[0] for name, column in columns.items() if name not in ("id", "metadata", "secrecy")}
            values["metadata"] = dict(entry.metadata)
            await self._connection.execute(update(t.document).where(t.document.c.id == entry.id).values(values))
            parts = t.component.c
            await self._connection.execute(
                update(t.component)
                .where(parts.package == deposit.package, parts.document == entry.id)
                .values(label=int(entry.label))
            )
        # A dossier lends its documents its words, or does so no more.
        await self._find_anew(description, description.documents if DOSSIER in documents else entries)
        await self.settle_holds(deposit.package)

    async def _find_anew(self, description: Description, entries: Sequence[DocumentEntry]) -> None:
        package = description.deposit.package
        current = select(t.package.c.id).where(t.package.c.id == package, t.package.c.current)
        if (await self._connection.execute(current)).one_or_none() is None:
            return
        for batch in _batches(entries):
            ids = [entry.id for entry in batch]
            for shelf in (t.document_words, t.held_words):
                await self._connection.execute(delete(shelf).where(shelf.c.document.in_(ids)))
            words = await asyncio.to_thread(_word_columns, batch)
            await self._connection.execute(_WORDS, words | {"package": package, "fonds": description.deposit.fonds})

    async def take_hold(self, message: HoldChanged) -> None:
        at, own = message.at, t.hold.c
        kept = upsert(t.hold).values(id=message.hold, taken_at=at, lifted_at=at if message.lifted else None)
        # Ingest's own hours, whichever message comes first: a rebuilt row is then the same one.
        hours = {
            "taken_at": func.least(own.taken_at, at),
            "lifted_at": func.coalesce(own.lifted_at, at) if message.lifted else own.lifted_at,
        }
        await self._connection.execute(kept.on_conflict_do_update(index_elements=[own.id], set_=hours))
        rows = [
            {"hold": message.hold, "package": item.package, "position": -1 if item.document is None else item.document}
            for item in message.items
        ]
        if rows:
            await self._connection.execute(upsert(t.hold_item).on_conflict_do_nothing(), rows)

    async def take_erased(self, components: Sequence[ErasedComponent]) -> None:
        if not components:
            return
        given = {
            "ids": [component.id for component in components],
            "days": [component.at for component in components],
            "expelled": [component.expelled for component in components],
        }
        await self._connection.execute(_ERASED, given)
        packages = (await self._connection.execute(_HOLDING, {"ids": given["ids"]})).scalars().all()
        for package in packages:
            await self.settle_holds(PackageId(package))

    async def settle_holds(self, package: PackageId) -> None:
        await self._connection.execute(_SETTLE, {"package": package})

    async def clear(self, package: PackageId) -> None:
        for table, column in (
            (t.held_words, t.held_words.c.package),
            (t.document_words, t.document_words.c.package),
            (t.component, t.component.c.package),
            (t.document, t.document.c.package),
            (t.dossier, t.dossier.c.package),
            (t.package, t.package.c.id),
        ):
            await self._connection.execute(delete(table).where(column == package))

    async def packages(self, *, after: PackageId | None, limit: int) -> list[PackageId]:
        query = select(t.package.c.id).order_by(t.package.c.id).limit(limit)
        if after is not None:
            query = query.where(t.package.c.id > after)
        return [PackageId(found) for found in (await self._connection.execute(query)).scalars()]

    async def deposit(self, package: PackageId) -> Deposit | None:
        query = (
            select(t.package, t.fonds.c.code.label("fonds_code"))
            .join(t.fonds, t.fonds.c.id == t.package.c.fonds)
            .where(t.package.c.id == package)
        )
        row = (await self._connection.execute(query)).one_or_none()
        if row is None:
            return None
        columns = t.component.c
        components = select(columns.id).where(columns.package == package).order_by(columns.position)
        return Deposit(
            package=PackageId(row.id),
            chain=PackageId(row.chain),
            version=row.version,
            supersedes=None if row.supersedes is None else PackageId(row.supersedes),
            agency=row.agency,
            fonds=FondsId(row.fonds),
            fonds_code=row.fonds_code,
            manifest_sha256=bytes(row.manifest_sha256),
            not_planned=tuple(row.not_planned),
            levels={int(position): Level(level) for position, level in row.levels.items()},
            components=tuple(ComponentId(found) for found in (await self._connection.execute(components)).scalars()),
            sealed_at=row.sealed_at,
            classified=await self.labels(package),
        )


def _batches(entries: Sequence[_Entry]) -> Iterator[list[_Entry]]:
    rest = iter(entries)
    while batch := list(islice(rest, _BATCH)):
        yield batch


def _document_columns(documents: Sequence[DocumentEntry]) -> dict[str, Any]:
    return {
        "id": [entry.id for entry in documents],
        "position": [entry.position for entry in documents],
        "ordinal": [entry.ordinal for entry in documents],
        "label": [int(entry.label) for entry in documents],
        "stub": [entry.stub for entry in documents],
        "subject": [entry.subject for entry in documents],
        "issued_on": [entry.issued_on for entry in documents],
        "number": [entry.number for entry in documents],
        "notation": [entry.notation for entry in documents],
        "type_name": [entry.type_name for entry in documents],
        "issuer": [entry.issuer for entry in documents],
        "signer": [entry.signer for entry in documents],
        "metadata": [json.dumps(entry.metadata, ensure_ascii=False) for entry in documents],
        "secrecy": [json.dumps(entry.secrecy, ensure_ascii=False) for entry in documents],
        "component_count": [entry.component_count for entry in documents],
    }


def _word_columns(documents: Sequence[DocumentEntry]) -> dict[str, Any]:
    return {
        "document": [entry.id for entry in documents],
        "label": [int(entry.label) for entry in documents],
        "issued_on": [entry.issued_on for entry in documents],
        "day_number": [
            _BEFORE_ALL_DAYS if entry.issued_on is None else (entry.issued_on - _EPOCH).days for entry in documents
        ],
        "words": [tsvector(entry.words()) for entry in documents],
    }
