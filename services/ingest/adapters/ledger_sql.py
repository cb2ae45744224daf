"""The ledger in PostgreSQL: SQLAlchemy Core on the caller's transaction, COPY where rows come in thousands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Column,
    Integer,
    LargeBinary,
    Row,
    Uuid,
    any_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.ingest.adapters import tables as t
from services.ingest.adapters.content_queue import INSPECT
from services.ingest.adapters.erasures_sql import HOLD_PARTS, SqlErasures
from services.ingest.domain.package import Package, PartOffer, StoredPart
from services.ingest.domain.states import State
from services.ingest.usecases.ports import (
    Attempt,
    ComponentPlace,
    ComponentRow,
    Declaration,
    Finding,
    Judged,
    LogTicket,
    Nonce,
    PackageDescription,
    PackageKey,
    PlannedKey,
    PublishedRules,
    RefusedPackage,
    Submitter,
)
from services.ingest.usecases.recovery_records import description_json, verdict_from_json
from services.kernel.identifiers import AgencyId, AttemptId, ClientId, ComponentId, FondsId, KeyId, PackageId
from services.kernel.sealing.ciphertext_digest import CiphertextDigest
from services.kernel.sealing.recovery import Writing
from services.kernel.secrecy import Level
from services.runtime import journal, nonces
from services.runtime.database import transaction
from services.runtime.jobs import Tasks

_T = TypeVar("_T")
_COPY_COMPONENTS = (
    "COPY ingest.component (package, position, id, key_id, wrapped_key, level, document, name, media_type, size,"
    " sha256, plan_position, origin) FROM STDIN (FORMAT BINARY)"
)
_COPY_TYPES = (
    "uuid", "int4", "uuid", "uuid", "bytea", "int2", "int4", "text", "text", "int8", "bytea", "int4", "uuid",
)  # fmt: skip


HOLDS_LOCK = "hashtext('ingest.hold')"
_WITH_OTHERS = text(f"SELECT pg_advisory_xact_lock_shared({HOLDS_LOCK})")
# A hold on something of the package that catalog has not confirmed.
_UNCONFIRMED = (
    exists()
    .where(
        t.hold_item.c.package == t.package.c.id,
        t.hold.c.id == t.hold_item.c.hold,
        t.hold.c.hidden_at.is_(None),
        t.hold.c.lifted_at.is_(None),
    )
    .correlate(t.package)
)


class SqlLedger:
    """Transactions on the rows of ingest; `tasks` defers jobs inside them."""

    def __init__(self, engine: AsyncEngine, tasks: Tasks) -> None:
        self._engine = engine
        self._tasks = tasks

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqlBooks]:
        async with transaction(self._engine) as connection:
            yield SqlBooks(connection, self._tasks)


class SqlBooks:
    """See `usecases.ports.Books`."""

    def __init__(self, connection: AsyncConnection, tasks: Tasks) -> None:
        self._connection = connection
        self._tasks = tasks

    @property
    def erasures(self) -> SqlErasures:
        return SqlErasures(self._connection, self._tasks, _PACKAGE, _package)

    async def claim(self, nonce: Nonce) -> None:
        if not isinstance(nonce, nonces.Nonce):
            raise TypeError("not a nonce of a verified request")
        await nonces.claim(self._connection, nonce)

    async def keep_nonces(self, today: date) -> None:
        await nonces.keep_partitions(self._connection, today)

    async def package(self, package: PackageId, *, lock: bool = False) -> Package | None:
        query = select(*_PACKAGE).where(t.package.c.id == package, t.package.c.state != State.REFUSED.value)
        row = (await self._connection.execute(query.with_for_update() if lock else query)).one_or_none()
        return None if row is None else _package(row)

    async def refused(self, package: PackageId) -> RefusedPackage | None:
        columns = t.package.c
        query = select(columns.id, columns.agency, columns.declared_at, columns.rules_sha256, columns.verdicts).where(
            columns.id == package, columns.state == State.REFUSED.value
        )
        row = (await self._connection.execute(query)).one_or_none()
        if row is None:
            return None
        verdicts = tuple(verdict_from_json(entry) for entry in row.verdicts)
        return RefusedPackage(
            PackageId(row.id), AgencyId(row.agency), row.declared_at, bytes(row.rules_sha256), verdicts
        )

    async def open_packages(self, agency: AgencyId) -> int:
        columns = t.package.c
        query = select(func.count()).where(columns.agency == agency, columns.state.in_(t.OPEN_STATES))
        return int((await self._connection.execute(query)).scalar_one())

    async def live_package(self, agency: AgencyId, manifest_sha256: bytes) -> Package | None:
        query = select(*_PACKAGE).where(
            t.package.c.agency == agency,
            t.package.c.manifest_sha256 == manifest_sha256,
            t.package.c.state.in_(t.LIVE_STATES),
        )
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else _package(row)

    async def packages_of(
        self, agencies: Sequence[AgencyId], *, after: PackageId | None, limit: int, state: State | None
    ) -> list[Package]:
        query = (
            select(*_PACKAGE)
            .where(t.package.c.agency.in_(agencies), t.package.c.state != State.REFUSED.value, ~t.package.c.held)
            .order_by(t.package.c.id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(t.package.c.id > after)
        if state is not None:
            query = query.where(t.package.c.state == state.value)
        return [_package(row) for row in await self._connection.execute(query)]

    async def description(self, package: PackageId) -> PackageDescription:
        columns = t.package.c
        row = (
            await self._connection.execute(
                select(columns.verdicts, columns.not_planned, columns.warnings, columns.levels).where(
                    columns.id == package
                )
            )
        ).one()
        return PackageDescription(
            tuple(verdict_from_json(entry) for entry in row.verdicts),
            tuple((pointer, reason) for pointer, reason in row.not_planned),
            tuple((pointer, code, vi, en) for pointer, code, vi, en in row.warnings),
            tuple((document, Level(level)) for document, level in row.levels),
        )

    async def manifest(self, package: PackageId) -> bytes:
        return await self._document(t.package_document.c.manifest, package)

    async def manifest_with_digest(self, sha256: bytes) -> bytes | None:
        query = (
            select(t.package_document.c.manifest)
            .join(t.package, t.package.c.id == t.package_document.c.package)
            .where(t.package.c.manifest_sha256 == sha256, ~_UNCONFIRMED)
            .limit(1)
        )
        found = (await self._connection.execute(query)).scalar_one_or_none()
        return None if found is None else bytes(found)

    async def plan(self, package: PackageId) -> bytes:
        return await self._document(t.package_document.c.plan, package)

    async def _document(self, column: Column[bytes], package: PackageId) -> bytes:
        found = await self._connection.execute(select(column).where(t.package_document.c.package == package))
        return bytes(found.scalar_one())

    async def declare(
        self,
        package: Package,
        description: PackageDescription,
        *,
        manifest: bytes,
        plan: bytes,
        keys: Sequence[PackageKey],
        components: Sequence[ComponentRow],
    ) -> bool:
        statement = (
            upsert(t.package)
            .values(
                id=package.id,
                chain=package.chain,
                version=package.version,
                supersedes=package.supersedes,
                agency=package.agency,
                client=package.client,
                fonds=package.fonds,
                fonds_code=package.fonds_code,
                profile=package.profile,
                state=package.state.value,
                manifest_sha256=package.manifest_sha256,
                plan_sha256=package.plan_sha256,
                rules_sha256=package.rules_sha256,
                part_size=package.part_size,
                part_count=package.part_count,
                payload_size=package.payload_size,
                component_count=package.component_count,
                stored_parts=0,
                declared_at=package.declared_at,
                expires_at=package.expires_at,
                **description_json(description),
            )
            .on_conflict_do_nothing()
            .returning(t.package.c.id)
        )
        if (await self._connection.execute(statement)).one_or_none() is None:
            return False
        await self._connection.execute(
            insert(t.package_document).values(package=package.id, manifest=manifest, plan=plan)
        )
        for key in keys:
            await self._connection.execute(
                insert(t.package_key).values(package=package.id, level=int(key.level), kek=key.kek, wrapped=key.wrapped)
            )
        await self._copy(package.id, components)
        return True

    async def _copy(self, package: PackageId, components: Sequence[ComponentRow]) -> None:
        raw = await self._connection.get_raw_connection()
        driver = raw.driver_connection
        if driver is None:
            raise RuntimeError("the connection is closed")
        async with driver.cursor() as cursor, cursor.copy(_COPY_COMPONENTS) as copy:
            copy.set_types(_COPY_TYPES)
            async for row in _in_turns(components):
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
                        row.media_type,
                        row.size,
                        row.sha256,
                        row.plan_position,
                        row.origin,
                    )
                )

    async def replan(self, package: Package, plan: bytes) -> None:
        await self._connection.execute(
            update(t.package)
            .where(t.package.c.id == package.id)
            .values(part_size=package.part_size, part_count=package.part_count, plan_sha256=package.plan_sha256)
        )
        await self._connection.execute(
            update(t.package_document).where(t.package_document.c.package == package.id).values(plan=plan)
        )

    async def refuse(
        self, package: PackageId, submitter: Submitter, *, at: datetime, salt: bytes, salted: bytes, judged: Judged
    ) -> None:
        await self._connection.execute(
            insert(t.package).values(
                id=package,
                chain=package,
                version=1,
                agency=submitter.agency,
                client=submitter.client,
                state=State.REFUSED.value,
                manifest_salt=salt,
                manifest_salted=salted,
                rules_sha256=judged.rules_sha256,
                part_size=0,
                part_count=0,
                payload_size=0,
                component_count=0,
                stored_parts=0,
                declared_at=at,
                expires_at=at,
                **description_json(PackageDescription(judged.verdicts, (), ())),
            )
        )

    async def latest_of_chain(self, chain: PackageId) -> Package | None:
        query = (
            select(*_PACKAGE)
            .where(t.package.c.chain == chain, t.package.c.state.in_(t.CHAIN_STATES))
            .order_by(t.package.c.version.desc())
            .limit(1)
        )
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else _package(row)

    async def components(self, package: PackageId) -> list[ComponentRow]:
        query = select(*_COMPONENT).where(t.component.c.package == package).order_by(t.component.c.position)
        return [_component(row) async for row in _in_turns(await self._connection.execute(query))]

    async def planned_keys(self, package: PackageId, first: int, last: int) -> list[PlannedKey]:
        rows = await self._connection.execute(_PLANNED_KEYS, {"package": package, "first": first, "last": last})
        return [
            PlannedKey(position, KeyId(key_id), wrapped_key, _LEVELS[level], size, sha256)
            async for position, key_id, wrapped_key, level, size, sha256 in _in_turns(rows)
        ]

    async def package_keys(self, package: PackageId) -> list[PackageKey]:
        query = select(t.package_key).where(t.package_key.c.package == package).order_by(t.package_key.c.level)
        return [_package_key(row) for row in await self._connection.execute(query)]

    async def place(self, component: ComponentId) -> ComponentPlace | None:
        own = t.component
        # A hold on any version hides the bytes, for they are the same; a key in any version opens them.
        held = func.bool_or(own.c.held).over().label("held_anywhere")
        key = t.package_key.c
        query = (  # component and package key in one statement: they may be moved to another level together
            select(*_COMPONENT, held, key.kek, key.wrapped)
            .outerjoin(t.package_key, (key.package == own.c.origin) & (key.level == own.c.level))
            .where(own.c.id == component)
            .order_by(own.c.wrapped_key.is_(None), own.c.package != own.c.origin, own.c.package)
            .limit(1)
        )
        row = (await self._connection.execute(query)).one_or_none()
        if row is None or row.kek is None:
            return None
        origin = await self.package(PackageId(row.origin))
        if origin is None:
            return None
        found = replace(_component(row), plan_position=await self._position(component, origin.id))
        held = row.held_anywhere or (await self._connection.execute(_RAISING, {"component": component})).scalar_one()
        return ComponentPlace(found, origin, _package_key(row), held=held, erased=row.wrapped_key is None)

    async def _position(self, component: ComponentId, origin: PackageId) -> int | None:
        own = t.component.c
        query = select(own.plan_position).where(own.package == origin, own.id == component)
        return (await self._connection.execute(query)).scalar_one_or_none()

    async def part(self, package: PackageId, number: int) -> StoredPart | None:
        query = select(t.part).where(t.part.c.package == package, t.part.c.number == number)
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else _part(row)

    async def parts(self, package: PackageId, first: int = 0, last: int | None = None) -> list[StoredPart]:
        query = select(t.part).where(t.part.c.package == package, t.part.c.number >= first).order_by(t.part.c.number)
        if last is not None:
            query = query.where(t.part.c.number <= last)
        return [_part(row) for row in await self._connection.execute(query)]

    async def part_numbers(self, package: PackageId) -> list[int]:
        query = select(t.part.c.number).where(t.part.c.package == package).order_by(t.part.c.number)
        return list((await self._connection.execute(query)).scalars())

    async def open_attempt(self, attempt: Attempt, offer: PartOffer) -> None:
        await self._connection.execute(
            insert(t.attempt).values(
                id=attempt.id,
                package=attempt.package,
                part=attempt.part,
                sha256=offer.sha256,
                opened_at=attempt.opened_at,
            )
        )

    async def win_attempt(self, attempt: AttemptId) -> bool:
        won = delete(t.attempt).where(t.attempt.c.id == attempt, ~t.attempt.c.lost)
        return (await self._connection.execute(won)).rowcount == 1

    async def lose_attempt(self, attempt: AttemptId) -> None:
        await self._connection.execute(update(t.attempt).where(t.attempt.c.id == attempt).values(lost=True))

    async def has_attempts(self, package: PackageId) -> bool:
        query = select(literal(1)).where(t.attempt.c.package == package).limit(1)
        return (await self._connection.execute(query)).one_or_none() is not None

    async def record_part(self, package: PackageId, part: StoredPart) -> None:
        await self._connection.execute(
            insert(t.part).values(
                package=package,
                number=part.number,
                attempt=part.attempt,
                sha256=part.sha256,
                size=part.size,
                stored_size=part.stored_size,
                ciphertext_digest=str(part.ciphertext_digest),
                object_version=part.object_version,
                stored_at=part.stored_at,
                heads=part.heads or None,
            )
        )

    async def withdraw_parts(self, package: PackageId, numbers: Sequence[int] | None = None) -> int:
        withdrawn = delete(t.part).where(t.part.c.package == package)
        if numbers is not None:  # one array, for a statement takes no more than 65,535 parameters
            chosen = bindparam("numbers", list(numbers), type_=ARRAY(Integer))
            withdrawn = withdrawn.where(t.part.c.number == any_(chosen))
        gone = withdrawn.returning(
            t.part.c.attempt, t.part.c.package, t.part.c.number, t.part.c.sha256, t.part.c.stored_at, literal(True)
        ).cte("gone")
        lost = (
            insert(t.attempt)
            .from_select(["id", "package", "part", "sha256", "opened_at", "lost"], select(gone))
            .returning(t.attempt.c.id)
        )
        return len((await self._connection.execute(lost)).all())

    async def set_state(
        self,
        package: PackageId,
        state: State,
        *,
        stored_parts: int | None = None,
        expires_at: datetime | None = None,
        sealed_at: datetime | None = None,
        seal_event: UUID | None = None,
    ) -> None:
        changed = {
            "stored_parts": stored_parts,
            "expires_at": expires_at,
            "sealed_at": sealed_at,
            "seal_event": seal_event,
        }
        values = {"state": state.value} | {name: value for name, value in changed.items() if value is not None}
        await self._connection.execute(update(t.package).where(t.package.c.id == package).values(values))

    async def mark_checked(self, package: PackageId, component: ComponentId, at: datetime) -> None:
        await self._connection.execute(
            update(t.component)
            .where(t.component.c.package == package, t.component.c.id == component)
            .values(checked_at=at)
        )

    async def unmark_checked(self, package: PackageId, components: Sequence[ComponentId]) -> None:
        chosen = bindparam("components", list(components), type_=ARRAY(Uuid))
        await self._connection.execute(
            update(t.component)
            .where(t.component.c.package == package, t.component.c.id == any_(chosen))
            .values(checked_at=None)
        )

    async def add_finding(self, package: PackageId, finding: Finding) -> None:
        await self._connection.execute(
            insert(t.finding).values(
                package=package,
                pointer=finding.pointer,
                code=finding.code,
                vi=finding.vi,
                en=finding.en,
                found_at=finding.at,
            )
        )

    async def findings(self, package: PackageId) -> list[Finding]:
        query = select(t.finding).where(t.finding.c.package == package).order_by(t.finding.c.id)
        return [
            Finding(row.pointer, row.code, row.vi, row.en, row.found_at)
            for row in await self._connection.execute(query)
        ]

    async def lost_attempts(self, before: datetime, limit: int) -> list[Attempt]:
        columns = t.attempt.c
        await self._connection.execute(
            update(t.attempt).where(columns.opened_at < before, ~columns.lost).values(lost=True)
        )
        query = (
            select(columns.id, columns.package, columns.part, columns.opened_at)
            .where(columns.lost)
            .order_by(columns.opened_at)
            .limit(limit)
        )
        return [
            Attempt(AttemptId(row.id), PackageId(row.package), row.part, row.opened_at)
            for row in await self._connection.execute(query)
        ]

    async def forget_attempt(self, attempt: AttemptId) -> None:
        await self._connection.execute(delete(t.attempt).where(t.attempt.c.id == attempt))

    async def overdue_packages(self, now: datetime, limit: int) -> list[PackageId]:
        columns, item = t.package.c, t.hold_item.c
        held = (
            select(item.package)
            .join(t.hold, t.hold.c.id == item.hold)
            .where(item.package == columns.id, t.hold.c.lifted_at.is_(None))
        )
        query = (
            select(columns.id)
            .where(columns.state.in_(t.OPEN_STATES), columns.expires_at < now, ~columns.held, ~held.exists())
            .limit(limit)
        )
        return [PackageId(found) for found in (await self._connection.execute(query)).scalars()]

    async def carry_labels(self, package: PackageId) -> None:
        found = await self._connection.execute(_RAISED_BEFORE, {"package": package})
        carried: dict[int, int] = {row.document: row.level for row in found}
        if not carried:
            return
        stated = dict((await self.description(package)).levels)
        levels = {at: max(carried.get(at, 0), int(stated.get(at, Level.NONE))) for at in {*carried, *stated}}
        await self._connection.execute(
            update(t.package)
            .where(t.package.c.id == package)
            .values(levels=[[at, level] for at, level in sorted(levels.items())])
        )

    async def journal(self, event: bytes, ticket: LogTicket | None = None) -> UUID:
        drawn = None if ticket is None else journal.Ticket(ticket.id, ticket.salt)
        return await journal.append(self._connection, event, drawn)

    async def appended(self, event: UUID) -> tuple[bytes, bytes] | None:
        return await journal.appended(self._connection, event)

    async def writing(self, package: PackageId) -> Writing | None:
        columns = t.package.c
        query = select(columns.record_number, columns.record_secret).where(columns.id == package)
        number, secret = (await self._connection.execute(query)).one()
        return None if secret is None else Writing(number, bytes(secret))

    async def set_writing(self, package: PackageId, writing: Writing) -> None:
        values = {"record_number": writing.number, "record_secret": writing.secret}
        await self._connection.execute(update(t.package).where(t.package.c.id == package).values(values))

    async def post(self, message: UUID, target: str, kind: str, body: bytes, at: datetime) -> None:
        await self._connection.execute(
            insert(t.outbox).values(id=message, target=target, kind=kind, body=body, created_at=at)
        )
        await self._tasks.defer(self._connection, "deliver_message", message=str(message))

    async def pending_message(self, message: UUID) -> tuple[str, bytes] | None:
        columns = t.outbox.c
        query = select(columns.target, columns.body).where(columns.id == message, columns.delivered_at.is_(None))
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else (row.target, bytes(row.body))

    async def delivered(self, message: UUID, at: datetime) -> None:
        await self._connection.execute(update(t.outbox).where(t.outbox.c.id == message).values(delivered_at=at))

    async def wake_holding(self, package: PackageId) -> None:
        await self._tasks.defer(self._connection, HOLD_PARTS, package=str(package))

    async def wake_inspection(self, package: PackageId) -> None:
        await self._tasks.defer(self._connection, INSPECT, package=str(package))

    async def wake_completion(self, package: PackageId) -> None:
        await self._tasks.defer(self._connection, "complete_package", package=str(package))

    async def rules_in_force(self, day: date, *, below: int | None = None) -> PublishedRules | None:
        columns = t.rule_bundle.c
        query = select(t.rule_bundle).where(columns.effective_from <= day).order_by(columns.version.desc()).limit(1)
        if below is not None:
            query = query.where(columns.version < below)
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else _published(row)

    async def rules_to_come(self, day: date) -> list[PublishedRules]:
        columns = t.rule_bundle.c
        query = select(t.rule_bundle).where(columns.effective_from > day).order_by(columns.version)
        return [_published(row) for row in await self._connection.execute(query)]

    async def rules_of_version(self, version: int) -> PublishedRules | None:
        query = select(t.rule_bundle).where(t.rule_bundle.c.version == version)
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else _published(row)

    async def newest_rules_version(self) -> int:
        await self._connection.execute(_RULES_LOCK)
        query = select(func.coalesce(func.max(t.rule_bundle.c.version), 0))
        return int((await self._connection.execute(query)).scalar_one())

    async def add_rules(self, rules: PublishedRules, by: ClientId) -> None:
        await self._connection.execute(
            insert(t.rule_bundle).values(
                version=rules.version,
                sha256=rules.sha256,
                envelope=rules.envelope,
                effective_from=rules.effective_from,
                published_at=rules.published_at,
                published_by=by,
            )
        )

    async def held_contents(self, digests: Sequence[bytes]) -> frozenset[bytes]:
        await self._connection.execute(_WITH_OTHERS)
        content, hold = t.hold_content.c, t.hold.c
        asked = bindparam("digests", list(digests), type_=ARRAY(LargeBinary))
        query = (
            select(content.sha256)
            .join(t.hold, hold.id == content.hold)
            .where(content.sha256 == any_(asked), hold.lifted_at.is_(None))
        )
        return frozenset(bytes(digest) for digest in (await self._connection.execute(query)).scalars())

    async def held_documents(self, package: PackageId) -> frozenset[int]:
        item = t.hold_item.c
        query = (
            select(item.document)
            .join(t.hold, t.hold.c.id == item.hold)
            .where(item.package == package, t.hold.c.lifted_at.is_(None))
        )
        return frozenset((await self._connection.execute(query)).scalars())

    async def unreadable(self, components: Sequence[ComponentId]) -> frozenset[ComponentId]:
        own = t.component.c
        asked = bindparam("components", list(components), type_=ARRAY(Uuid))
        query = select(own.id).where(
            own.id == any_(asked), own.package == own.origin, own.held | own.wrapped_key.is_(None)
        )
        return frozenset(ComponentId(found) for found in (await self._connection.execute(query)).scalars())

    async def open_declaration(self, declaration: PackageId, submitter: Submitter, at: datetime) -> None:
        await self._connection.execute(
            insert(t.declaration).values(id=declaration, agency=submitter.agency, client=submitter.client, seen_at=at)
        )

    async def touch_declaration(self, declaration: PackageId, at: datetime) -> None:
        await self._connection.execute(
            update(t.declaration).where(t.declaration.c.id == declaration).values(seen_at=at)
        )

    async def close_declaration(self, declaration: PackageId, outcome: Mapping[str, object] | None) -> None:
        if outcome is None:
            await self._connection.execute(delete(t.declaration).where(t.declaration.c.id == declaration))
        else:
            await self._connection.execute(
                update(t.declaration).where(t.declaration.c.id == declaration).values(outcome=dict(outcome))
            )

    async def declaration(self, declaration: PackageId) -> Declaration | None:
        columns = t.declaration.c
        query = select(columns.agency, columns.seen_at, columns.outcome).where(columns.id == declaration)
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else Declaration(AgencyId(row.agency), row.seen_at, row.outcome)

    async def forget_declarations(self, before: datetime) -> None:
        await self._connection.execute(delete(t.declaration).where(t.declaration.c.seen_at < before))


_TURN = 1000
_LEVELS = tuple(Level)
# Read for every part, with up to thousands of rows: plain tuples, no row objects built column by column.
_PLANNED_KEYS = text(
    "SELECT plan_position, key_id, wrapped_key, level, size, sha256 FROM ingest.component"
    " WHERE package = :package AND plan_position BETWEEN :first AND :last ORDER BY plan_position"
)
# Its level was raised and catalog has not confirmed it, or gave grants until just before it did.
_RAISING = text(
    "SELECT EXISTS (SELECT FROM ingest.component k JOIN ingest.classification c"
    " ON c.package = k.package AND c.document = k.document JOIN ingest.outbox o ON o.id = c.raised_by"
    " WHERE k.id = :component AND (o.delivered_at IS NULL OR o.delivered_at > now() - interval '60 seconds'))"
)
# By content, and the dossier (-1) by itself: one chain is one dossier.
_RAISED_BEFORE = text(
    "SELECT CASE WHEN c.document < 0 THEN -1 ELSE k.document END AS document, max(c.level) AS level"
    " FROM ingest.package p JOIN ingest.package e ON e.chain = p.chain AND e.id <> p.id"
    " JOIN ingest.classification c ON c.package = e.id AND c.level > c.sealed_as"
    " LEFT JOIN ingest.component o ON o.package = c.package AND o.document = c.document"
    " LEFT JOIN ingest.component k ON k.package = p.id AND k.sha256 = o.sha256"
    " WHERE p.id = :package AND (c.document < 0 OR k.document IS NOT NULL) GROUP BY 1"
)
_RULES_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('ingest.rule_bundle'))")

_PACKAGE = [
    t.package.c[name]
    for name in (
        "id", "chain", "version", "supersedes", "agency", "client", "fonds", "fonds_code", "profile", "state",
        "manifest_sha256", "plan_sha256", "rules_sha256", "part_size", "part_count", "payload_size",
        "component_count", "stored_parts", "declared_at", "expires_at", "sealed_at", "seal_event", "held",
    )
]  # fmt: skip
_COMPONENT = [
    t.component.c[name]
    for name in (
        "position", "id", "key_id", "wrapped_key", "level", "document", "name", "media_type", "size", "sha256",
        "plan_position", "origin", "checked_at", "held", "erased_at", "expelled",
    )
]  # fmt: skip


async def _in_turns(rows: Iterable[_T]) -> AsyncIterator[_T]:
    """Rows in their thousands, with a turn for other requests now and then."""
    for number, row in enumerate(rows, 1):
        yield row
        if number % _TURN == 0:
            await asyncio.sleep(0)


def _published(row: Row[Any]) -> PublishedRules:
    return PublishedRules(row.version, bytes(row.sha256), bytes(row.envelope), row.effective_from, row.published_at)


def _package(row: Row[Any]) -> Package:
    return Package(
        id=PackageId(row.id),
        chain=PackageId(row.chain),
        version=row.version,
        supersedes=None if row.supersedes is None else PackageId(row.supersedes),
        agency=AgencyId(row.agency),
        client=ClientId(row.client),
        fonds=FondsId(row.fonds),
        fonds_code=row.fonds_code,
        profile=row.profile,
        state=State(row.state),
        manifest_sha256=bytes(row.manifest_sha256),
        plan_sha256=bytes(row.plan_sha256),
        rules_sha256=bytes(row.rules_sha256),
        part_size=row.part_size,
        part_count=row.part_count,
        payload_size=row.payload_size,
        component_count=row.component_count,
        stored_parts=row.stored_parts,
        declared_at=row.declared_at,
        expires_at=row.expires_at,
        sealed_at=row.sealed_at,
        seal_event=row.seal_event,
        held=row.held,
    )


def _component(row: Row[*tuple[Any, ...]]) -> ComponentRow:
    return ComponentRow(
        position=row.position,
        id=ComponentId(row.id),
        key_id=KeyId(row.key_id),
        wrapped_key=bytes(row.wrapped_key or b""),
        level=Level(row.level),
        document=row.document,
        name=row.name,
        media_type=row.media_type,
        size=row.size,
        sha256=bytes(row.sha256),
        plan_position=row.plan_position,
        origin=PackageId(row.origin),
        checked_at=row.checked_at,
        held=row.held,
        erased_at=row.erased_at,
        expelled=row.expelled,
    )


def _package_key(row: Row[*tuple[Any, ...]]) -> PackageKey:
    return PackageKey(Level(row.level), row.kek, bytes(row.wrapped))


def _part(row: Row[Any]) -> StoredPart:
    return StoredPart(
        number=row.number,
        attempt=AttemptId(row.attempt),
        sha256=bytes(row.sha256),
        size=row.size,
        stored_size=row.stored_size,
        ciphertext_digest=CiphertextDigest.parse(row.ciphertext_digest),
        object_version=row.object_version,
        stored_at=row.stored_at,
        heads=bytes(row.heads or b""),
    )
