"""What a reader sees, in PostgreSQL. No statement here asks for labels or fonds: row-level security does."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.adapters import tables as t
from services.catalog.adapters.tsearch import exact_query, folded_query
from services.catalog.domain.exports import RESTRICTED
from services.catalog.usecases.ports import (
    Found,
    FoundDocument,
    Mark,
    ReadableComponent,
    Search,
    ShownComponent,
    ShownDocument,
    ShownDossier,
    ShownPackage,
)
from services.kernel.identifiers import ComponentId, DocumentId, FondsId, PackageId
from services.kernel.profiles import profile as profile_named
from services.kernel.secrecy import Level

_FIND: Final = text(
    "SELECT document, exact, rank FROM catalog.find(CAST(:wanted AS tsquery), CAST(:exact AS tsquery), :fonds,"
    " CAST(:since AS date), CAST(:until AS date), CAST(:after_exact AS boolean), CAST(:after_rank AS real),"
    " CAST(:after_document AS uuid), :page)"
)


class SqlShelves:
    """See `usecases.ports.Shelves`; `connection` is in the reader's session."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find(self, search: Search) -> Found:
        hits = (await self._connection.execute(_FIND, _asked(search))).all()
        page = hits[: search.limit]
        query = _documents().where(t.document.c.id.in_([hit.document for hit in page]))
        found = {row.id: _found(row) for row in await self._connection.execute(query)}
        last = page[-1] if len(hits) > search.limit else None
        return Found(
            tuple(found[hit.document] for hit in page if hit.document in found),
            None if last is None else Mark(last.exact, last.rank, DocumentId(last.document)),
        )

    async def document(self, document: DocumentId) -> ShownDocument | None:
        row = (await self._connection.execute(_documents().where(t.document.c.id == document))).one_or_none()
        if row is None:
            return None
        components = await self._components(t.component.c.package == row.package, t.component.c.document == document)
        return _shown(row, components.get(row.id, ()))

    async def documents(self, package: PackageId, *, after: int, limit: int) -> list[ShownDocument]:
        position = t.document.c.position
        query = _documents().where(t.document.c.package == package, position > after).order_by(position).limit(limit)
        rows = (await self._connection.execute(query)).all()
        shown = t.component.c.document.in_([row.id for row in rows])
        components = await self._components(t.component.c.package == package, shown)
        return [_shown(row, components.get(row.id, ())) for row in rows]

    async def dossier(self, package: PackageId) -> ShownDossier | None:
        query = select(t.dossier).where(t.dossier.c.package == package, ~t.dossier.c.held)
        row = (await self._connection.execute(query)).one_or_none()
        if row is None:
            return None
        return ShownDossier(
            id=row.id,
            level=Level(row.label),
            dossier_code=row.dossier_code,
            title=row.title,
            starts_on=row.starts_on,
            ends_on=row.ends_on,
            metadata=row.metadata,
            secrecy=row.secrecy,
        )

    async def package(self, package: PackageId) -> ShownPackage | None:
        newest = t.package.alias("newest")
        query = (
            select(t.package, newest.c.id.label("newest"), t.fonds.c.code.label("fonds_code"))
            .join(newest, (newest.c.chain == t.package.c.chain) & newest.c.current)
            .join(t.fonds, t.fonds.c.id == t.package.c.fonds)
            .where(t.package.c.id == package, ~t.package.c.held)
        )
        row = (await self._connection.execute(query)).one_or_none()
        if row is None:
            return None
        return ShownPackage(
            id=PackageId(row.id),
            newest=PackageId(row.newest),
            version=row.version,
            supersedes=None if row.supersedes is None else PackageId(row.supersedes),
            fonds=FondsId(row.fonds),
            fonds_code=row.fonds_code,
            profile=row.profile,
            transfer=row.transfer,
            creator=row.creator,
            submitter=row.submitter,
            manifest_sha256=bytes(row.manifest_sha256),
            sealed_at=row.sealed_at,
        )

    async def package_of_dossier(self, dossier: UUID) -> PackageId | None:
        query = (
            select(t.dossier.c.package)
            .join(t.package, (t.package.c.id == t.dossier.c.package) & t.package.c.current)
            .where(t.dossier.c.id == dossier, ~t.dossier.c.held)
        )
        found = (await self._connection.execute(query)).scalar_one_or_none()
        return None if found is None else PackageId(found)

    async def component(self, component: ComponentId) -> ReadableComponent | None:
        """Its document must be seen too: a component has no life of its own."""
        own = t.component.c
        query = (
            select(
                own.id,
                own.label,
                own.document,
                own.fonds,
                t.package.c.profile,
                t.document.c.metadata.label("document_metadata"),
                t.dossier.c.metadata.label("dossier_metadata"),
            )
            .join(t.package, (t.package.c.id == own.package) & t.package.c.current)
            .join(t.document, t.document.c.id == own.document)
            .outerjoin(t.dossier, t.dossier.c.package == own.package)
            .where(own.id == component, own.erased_at.is_(None), ~own.held, ~t.document.c.held, ~t.package.c.held)
            .limit(1)
        )
        row = (await self._connection.execute(query)).one_or_none()
        if row is None:
            return None
        profile = profile_named(row.profile)
        modes = {
            profile.access_mode(profile.document, row.document_metadata),
            profile.access_mode(profile.dossier, row.dossier_metadata or {}),
        }
        return ReadableComponent(
            ComponentId(row.id), Level(row.label), DocumentId(row.document), FondsId(row.fonds), RESTRICTED in modes
        )

    async def _components(self, *conditions: ColumnElement[bool]) -> dict[UUID, list[ShownComponent]]:
        own = t.component.c
        query = (
            select(own.document, own.id, own.name, own.size, own.sha256, own.media_type, own.erased_at)
            .where(*conditions, ~own.held)
            .order_by(own.position)
        )
        found: defaultdict[UUID, list[ShownComponent]] = defaultdict(list)
        for row in await self._connection.execute(query):
            shown = ShownComponent(
                ComponentId(row.id), row.name, row.size, bytes(row.sha256), row.media_type, row.erased_at
            )
            found[row.document].append(shown)
        return found


def _asked(search: Search) -> dict[str, object]:
    query, after = search.query, search.after
    return {
        "wanted": None if query is None else folded_query(query),
        "exact": None if query is None else exact_query(query),
        "fonds": search.fonds,
        "since": search.since,
        "until": search.until,
        "after_exact": None if after is None else after.exact,
        "after_rank": None if after is None else after.rank,
        "after_document": None if after is None else after.document,
        "page": search.limit + 1,  # one more tells whether there is a next page
    }


def _documents() -> Select[Any]:
    """Documents of current versions, with what their dossier lends them where its row may be seen."""
    return (
        select(t.document, t.dossier.c.dossier_code, t.dossier.c.title, t.fonds.c.code.label("fonds_code"))
        .join(t.package, (t.package.c.id == t.document.c.package) & t.package.c.current & ~t.package.c.held)
        .join(t.fonds, t.fonds.c.id == t.document.c.fonds)
        .outerjoin(t.dossier, (t.dossier.c.package == t.document.c.package) & ~t.dossier.c.held)
        .where(~t.document.c.held)
    )


def _found(row: Row[Any]) -> FoundDocument:
    return FoundDocument(
        document=DocumentId(row.id),
        dossier=row.dossier,
        package=PackageId(row.package),
        fonds=FondsId(row.fonds),
        fonds_code=row.fonds_code,
        level=Level(row.label),
        stub=row.stub,
        ordinal=row.ordinal,
        dossier_code=row.dossier_code,
        title=row.title,
        subject=row.subject,
        issued_on=row.issued_on,
        number=row.number,
        notation=row.notation,
        type_name=row.type_name,
        issuer=row.issuer,
        component_count=row.component_count,
    )


def _shown(row: Row[Any], components: list[ShownComponent] | tuple[()]) -> ShownDocument:
    return ShownDocument(_found(row), row.position, row.signer, row.metadata, row.secrecy, tuple(components))
