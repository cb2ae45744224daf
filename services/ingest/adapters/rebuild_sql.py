"""Ingest's rows brought back by the database's owner, who alone may put events back into the log."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.ingest.adapters import tables as t
from services.ingest.adapters.replay_sql import SqlReplay
from services.ingest.adapters.unfinished import wake_unfinished
from services.ingest.domain.states import State
from services.ingest.usecases.rebuild_packages import LogNotRestored
from services.kernel.identifiers import PackageId
from services.kernel.sealing.rebuilding import NotEmpty
from services.kernel.sealing.recovered import PREFIX, Placed, Refused, components_of
from services.kernel.sealing.recovery import renewal_event, renewal_salt
from services.runtime import journal
from services.runtime.database import transaction
from services.runtime.jobs import Tasks

AUTHOR: Final = "nopluu_ingest"
"""The role whose events these are: only it may ask for their receipts."""

_COPY = (
    "COPY ingest.component (package, position, id, key_id, wrapped_key, level, document, name, media_type, size,"
    " sha256, plan_position, origin, checked_at, held, erased_at, expelled) FROM STDIN (FORMAT BINARY)"
)
_COPY_TYPES = (
    "uuid", "int4", "uuid", "uuid", "bytea", "int2", "int4", "text", "text", "int8", "bytea", "int4", "uuid",
    "timestamptz", "bool", "timestamptz", "bool",
)  # fmt: skip
_STATE: Final = text(
    "SELECT EXISTS (SELECT FROM ingest.package) OR EXISTS (SELECT FROM ingest.act_book) OR EXISTS (SELECT FROM ingest.act),"
    " EXISTS (SELECT FROM ingest.rebuild WHERE ended_at IS NULL),"
    " EXISTS (SELECT FROM journal.leaf)"
)
# Between this rebuild and the catalog's no service may take the archive for whole.
_CATALOG_TOO: Final = text(
    "INSERT INTO catalog.rebuild (begun_at) VALUES (:at)"
    " ON CONFLICT (single) DO UPDATE SET begun_at = excluded.begun_at, ended_at = NULL"
)
_ATTACH: Final = text("SELECT journal.attach(:id, :salt, :event, :author, :index)")
_APPEND: Final = text(
    "WITH event AS (INSERT INTO journal.event (id, appended_at, appended_by, salt, event)"
    " VALUES (:id, clock_timestamp(), :author, :salt, :event) ON CONFLICT (id) DO NOTHING RETURNING id, appended_at, salt, event)"
    " INSERT INTO journal.pending (appended_at, event, entry)"
    r" SELECT appended_at, id, sha256('\x6e6f706c75752f6c6561663100'::bytea || salt || event) FROM event"
)
_ORIGINS: Final = text(
    "SELECT DISTINCT component.package, component.origin FROM ingest.component"
    " WHERE component.origin <> component.package"
    "   AND NOT EXISTS (SELECT FROM ingest.package WHERE package.id = component.origin)"
)
_ERASED: Final = text(
    "WITH erased AS (SELECT id, min(package::text)::uuid AS package, min(erased_at) AS at, bool_or(expelled) AS expelled"
    "   FROM ingest.component WHERE erased_at IS NOT NULL GROUP BY id)"
    " UPDATE ingest.component SET wrapped_key = NULL, erased_at = erased.at, expelled = erased.expelled FROM erased"
    "  WHERE component.id = erased.id AND component.wrapped_key IS NOT NULL"
    " RETURNING component.package, erased.package AS by"
)
_UNEXPLAINED: Final = text(
    "SELECT count(*) FROM journal.leaf WHERE NOT EXISTS (SELECT FROM journal.place WHERE place.index = leaf.index)"
)


class OwnersBooks:
    """See `usecases.rebuild_packages.EmptyBooks`; the engine is the owner's. `tasks` defers what is to be gone on with."""

    def __init__(self, engine: AsyncEngine, tasks: Tasks) -> None:
        self._engine = engine
        self._tasks = tasks

    async def begin(self, at: datetime) -> None:
        async with transaction(self._engine) as connection:
            packages, unended, leaves = (await connection.execute(_STATE)).one()
            if unended:
                return
            if packages:
                raise NotEmpty
            if not leaves:
                raise LogNotRestored
            await connection.execute(t.rebuild.delete())
            await connection.execute(insert(t.rebuild).values(begun_at=at))
            await connection.execute(_CATALOG_TOO, {"at": at})

    async def present(self, packages: Sequence[PackageId]) -> Collection[PackageId]:
        async with transaction(self._engine) as connection:
            # One that was never sealed came back from the act book in an earlier run, and has no record.
            sealed = t.package.c.seal_event.is_not(None)
            query = select(t.package.c.id).where(t.package.c.id.in_(packages), sealed)
            return {PackageId(found) for found in (await connection.execute(query)).scalars()}

    async def restore(self, placed: Sequence[Placed]) -> Sequence[Refused]:
        if not placed:
            return []
        try:
            async with transaction(self._engine) as connection:
                await _insert(connection, placed)
        except (IntegrityError, _StateUnknown) as error:
            if len(placed) == 1:
                return [
                    Refused(f"{PREFIX}{placed[0].believed.record.package.id}", "record-conflict", _constraint(error))
                ]
            return [refused for one in placed for refused in await self.restore([one])]
        return []

    async def dangling(self) -> Sequence[Refused]:
        async with transaction(self._engine) as connection:
            origins = (await connection.execute(_ORIGINS)).all()
            erased = {(row.package, row.by) for row in await connection.execute(_ERASED)}
        return [
            *(Refused(f"{PREFIX}{package}", "origin-missing", str(origin)) for package, origin in origins),
            *(Refused(f"{PREFIX}{package}", "erased-elsewhere", str(by)) for package, by in sorted(erased)),
        ]

    @asynccontextmanager
    async def replaying(self) -> AsyncIterator[SqlReplay]:
        async with transaction(self._engine) as connection:
            yield SqlReplay(connection, AUTHOR)

    async def unexplained(self) -> int:
        async with transaction(self._engine) as connection:
            return int((await connection.execute(_UNEXPLAINED)).scalar_one())

    async def end(self, at: datetime) -> None:
        async with transaction(self._engine) as connection:
            ended = t.rebuild.update().where(t.rebuild.c.ended_at.is_(None)).values(ended_at=at)
            if (await connection.execute(ended)).rowcount:
                await wake_unfinished(connection, self._tasks)


class _StateUnknown(ValueError):
    """A record of a package that no record may be of."""


def _constraint(error: Exception) -> str:
    """What a row contradicts: the constraint's name, or that of the state."""
    diagnosis = getattr(getattr(error, "orig", None), "diag", None)
    return str(getattr(diagnosis, "constraint_name", None) or "state")


async def _insert(connection: AsyncConnection, placed: Sequence[Placed]) -> None:
    records = [entry.believed.record for entry in placed]
    await connection.execute(insert(t.package), [_package(entry) for entry in placed])
    await connection.execute(
        insert(t.package_document),
        [{"package": record.package.id, "manifest": record.manifest, "plan": record.plan} for record in records],
    )
    keys = [
        {"package": record.package.id, "level": int(key.level), "kek": key.kek, "wrapped": key.wrapped}
        for record in records
        for key in record.keys
    ]
    if keys:
        await connection.execute(insert(t.package_key), keys)
    parts = [
        {
            "package": record.package.id,
            "number": part.number,
            "attempt": part.attempt,
            "sha256": part.sha256,
            "size": part.size,
            "stored_size": part.stored_size,
            "ciphertext_digest": str(part.ciphertext_digest),
            "object_version": part.object_version,
            "stored_at": part.stored_at,
        }
        for record in records
        for part in record.parts
    ]
    if parts:
        await connection.execute(insert(t.part), parts)
    await _copy(connection, placed)
    events = [event for entry in placed for event in _events(entry)]
    logged = [event for event in events if event["index"] is not None]
    if logged:
        await connection.execute(_ATTACH, logged)
    for event in events:
        if event["index"] is None:
            await connection.execute(_APPEND, {name: event[name] for name in ("id", "salt", "event", "author")})


def _package(placed: Placed) -> Mapping[str, Any]:
    record, plan = placed.believed.record, placed.believed.plan
    facts = record.package
    try:
        state = State(facts.state)
    except ValueError as error:
        raise _StateUnknown from error
    return {
        "id": facts.id,
        "chain": facts.chain,
        "version": facts.version,
        "supersedes": facts.supersedes,
        "agency": facts.agency,
        "client": facts.client,
        "fonds": facts.fonds,
        "fonds_code": facts.fonds_code,
        "profile": facts.profile,
        "state": state.value,
        "manifest_sha256": placed.believed.manifest.sha256,
        "plan_sha256": hashlib.sha256(record.plan).digest(),
        "rules_sha256": facts.rules_sha256,
        "part_size": facts.part_size,
        "part_count": plan.part_count,
        "payload_size": facts.payload_size,
        "component_count": len(record.components),
        "stored_parts": plan.part_count,
        "declared_at": facts.declared_at,
        "expires_at": facts.expires_at,
        "sealed_at": facts.sealed_at,
        "seal_event": record.seal.id,
        **{name: record.description[name] for name in ("verdicts", "not_planned", "warnings", "levels")},
        # All of it on hold: the order itself comes back with the orders' own rows, and until then nothing is shown.
        "held": bool(record.components) and all(component.held for component in record.components),
        "record_number": record.writing.number,
        "record_secret": record.writing.secret,
    }


def _events(placed: Placed) -> list[Mapping[str, Any]]:
    """The seal event, and those of later writings; an id that no row names is made anew."""
    record = placed.believed.record
    seal = {"id": record.seal.id, "salt": record.seal.salt, "event": record.seal.event, "index": placed.index}
    renewals = [
        {
            "id": journal.ticket().id,
            "salt": renewal_salt(record.writing.secret, number),
            "event": renewal_event(record.package.id, number),
            "index": index,
        }
        for number, index in placed.renewals.items()
    ]
    return [{**event, "author": AUTHOR} for event in (seal, *renewals)]


async def _copy(connection: AsyncConnection, placed: Sequence[Placed]) -> None:
    raw = await connection.get_raw_connection()
    driver = raw.driver_connection
    if driver is None:
        raise RuntimeError("the connection is closed")
    async with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.set_types(_COPY_TYPES)
        for entry in placed:
            package: UUID = entry.believed.record.package.id
            declared = components_of(entry.believed.manifest)
            for row in entry.believed.record.components:
                _, component = declared[row.name]
                await copy.write_row(
                    (
                        package,
                        row.position,
                        row.id,
                        row.key_id,
                        row.wrapped_key,
                        int(row.level),
                        row.document,
                        row.name,
                        component.media_type,
                        component.size,
                        component.sha256,
                        row.plan_position,
                        row.origin,
                        row.checked_at,
                        row.held,
                        None if row.erasure is None else row.erasure.at,
                        row.erasure is not None and row.erasure.expelled,
                    )
                )
