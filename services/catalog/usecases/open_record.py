"""Open a document, a dossier or a package: its description and the components it holds.

Only current versions are served. An earlier version may show what its successor no longer may, so it is kept, and
whoever asks for it is told which package stands now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.catalog.domain.labels import Reader
from services.catalog.usecases.ports import Ledger, Shelves, ShownDocument, ShownDossier, ShownPackage
from services.kernel.identifiers import DocumentId, PackageId
from services.kernel.refusals.catalog import DocumentUnknown, DossierUnknown, PackageSuperseded
from services.kernel.refusals.packages import PackageUnknown

FIRST: Final = -1
"""Before the first document."""
PAGE: Final = 1000
"""Documents that one answer holds at most."""


@dataclass(frozen=True, slots=True)
class OpenedPackage:
    """A package with a page of what is in it and may be seen; `dossier` is None where its label is above the reader.

    `next` is the position after which the next page begins; None on the last.
    """

    package: ShownPackage
    dossier: ShownDossier | None
    documents: tuple[ShownDocument, ...]
    next: int | None


async def open_document(document: DocumentId, *, reader: Reader, ledger: Ledger) -> ShownDocument:
    """A document with its components.

    Raises:
        DocumentUnknown: none, none of a current version, or none that the reader may see.
    """
    async with ledger.reading(reader) as shelves:
        found = await shelves.document(document)
    if found is None:
        raise DocumentUnknown
    return found


async def open_dossier(
    dossier: UUID, *, after: int = FIRST, limit: int = PAGE, reader: Reader, ledger: Ledger
) -> tuple[ShownDossier, OpenedPackage]:
    """A dossier, and the package that is its current version; its documents beyond position `after`.

    Raises:
        DossierUnknown: none, or none that the reader may see.
    """
    async with ledger.reading(reader) as shelves:
        package = await shelves.package_of_dossier(dossier)
        head = None if package is None else await shelves.dossier(package)
        shown = None if package is None else await shelves.package(package)
        if package is None or head is None or shown is None:
            raise DossierUnknown
        return head, await _page(shelves, shown, head, after, limit)


async def open_package(
    package: PackageId, *, after: int = FIRST, limit: int = PAGE, reader: Reader, ledger: Ledger
) -> OpenedPackage:
    """A package that stands; its documents beyond position `after`.

    Raises:
        PackageUnknown: none, or none that the reader may see.
        PackageSuperseded: another version stands in its place; the refusal names it.
    """
    async with ledger.reading(reader) as shelves:
        shown = await shelves.package(package)
        if shown is None:
            raise PackageUnknown
        if shown.newest != shown.id:
            raise PackageSuperseded(newest=str(shown.newest))
        return await _page(shelves, shown, await shelves.dossier(package), after, limit)


async def _page(
    shelves: Shelves, package: ShownPackage, dossier: ShownDossier | None, after: int, limit: int
) -> OpenedPackage:
    documents = await shelves.documents(package.id, after=after, limit=limit + 1)  # one more tells of a next page
    page = documents[:limit]
    return OpenedPackage(package, dossier, tuple(page), page[-1].position if len(documents) > limit else None)
