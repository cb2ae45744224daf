"""Open a document, a dossier or a package: its description and the components it holds.

Only current versions are served. An earlier version may show what its successor no longer may, so it is kept, and
whoever asks for it is told which package stands now.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.catalog.domain.labels import Reader
from services.catalog.usecases.ports import Ledger, ShownDocument, ShownDossier, ShownPackage
from services.kernel.identifiers import DocumentId, PackageId
from services.kernel.refusals.catalog import DocumentUnknown, DossierUnknown, PackageSuperseded
from services.kernel.refusals.packages import PackageUnknown


@dataclass(frozen=True, slots=True)
class OpenedPackage:
    """A package with everything in it that its reader may see; `dossier` is None where its label is above the reader."""

    package: ShownPackage
    dossier: ShownDossier | None
    documents: tuple[ShownDocument, ...]


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


async def open_dossier(dossier: UUID, *, reader: Reader, ledger: Ledger) -> tuple[ShownDossier, OpenedPackage]:
    """A dossier, and the package that is its current version.

    Raises:
        DossierUnknown: none, or none that the reader may see.
    """
    async with ledger.reading(reader) as shelves:
        package = await shelves.package_of_dossier(dossier)
        head = None if package is None else await shelves.dossier(package)
        shown = None if package is None else await shelves.package(package)
        if package is None or head is None or shown is None:
            raise DossierUnknown
        return head, OpenedPackage(shown, head, tuple(await shelves.documents(package)))


async def open_package(package: PackageId, *, reader: Reader, ledger: Ledger) -> OpenedPackage:
    """A package that stands.

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
        return OpenedPackage(shown, await shelves.dossier(package), tuple(await shelves.documents(package)))
