"""The wire forms of catalog's API."""

from __future__ import annotations

from datetime import date
from typing import Any, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from services.catalog.usecases.open_record import OpenedPackage
from services.catalog.usecases.ports import FoundDocument, ShownComponent, ShownDocument, ShownDossier
from services.catalog.usecases.search_documents import Hit
from services.kernel.secrecy import LevelWord


class Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HighlightOut(Form):
    """A match inside a field of the hit, in code points: from `start` up to, not including, `end`."""

    field: str
    start: int
    end: int


class HitOut(Form):
    """A document that was found."""

    document: UUID
    dossier: UUID
    package: UUID
    fonds: UUID
    fonds_code: str
    dossier_code: str | None = Field(description="Null where the dossier's label is above the reader.")
    title: str | None = Field(description="The dossier's title; null where its label is above the reader.")
    subject: str | None = Field(description="Null for a stub, and for whatever stands above `none`.")
    issued_on: date | None
    number: str | None
    notation: str | None
    type_name: str | None
    issuer: str | None
    ordinal: int = Field(description="The document's number in its dossier.")
    level: LevelWord
    stub: bool
    components: int = Field(description="How many components the deposit holds of it.")
    highlights: list[HighlightOut]

    @classmethod
    def of(cls, hit: Hit) -> Self:
        return cls(
            **_common(hit.document),
            document=hit.document.document,
            components=hit.document.component_count,
            highlights=[HighlightOut(field=mark.field, start=mark.start, end=mark.end) for mark in hit.highlights],
        )


class PageOut(Form):
    """A page of hits, the best first; `next` goes into `after` for the following page, null on the last."""

    items: list[HitOut]
    next: str | None


class ComponentOut(Form):
    """A component of the deposit; its bytes are at `/v1/components/{id}`, unless they were erased."""

    id: UUID
    name: str
    size: int
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    media_type: str
    erased_at: AwareDatetime | None = Field(
        description="When its keys were destroyed at the end of its keeping: there is nothing to read any more. Else null."
    )

    @classmethod
    def of(cls, component: ShownComponent) -> Self:
        return cls(
            id=component.id,
            name=component.name,
            size=component.size,
            sha256=component.sha256.hex(),
            media_type=component.media_type,
            erased_at=component.erased_at,
        )


class DocumentOut(Form):
    """A document with everything its manifest says of it, and its components in order."""

    id: UUID
    dossier: UUID
    package: UUID
    fonds: UUID
    fonds_code: str
    dossier_code: str | None
    title: str | None
    subject: str | None
    issued_on: date | None
    number: str | None
    notation: str | None
    type_name: str | None
    issuer: str | None
    signer: str | None
    ordinal: int
    level: LevelWord
    stub: bool
    metadata: dict[str, Any] = Field(description="As sent, in the profile's wire names.")
    secrecy: dict[str, Any]
    components: list[ComponentOut]

    @classmethod
    def of(cls, document: ShownDocument) -> Self:
        return cls(
            **_common(document.found),
            id=document.found.document,
            signer=document.signer,
            metadata=dict(document.metadata),
            secrecy=dict(document.secrecy),
            components=[ComponentOut.of(component) for component in document.components],
        )


class DossierHeadOut(Form):
    """A dossier's own description."""

    id: UUID
    level: LevelWord
    dossier_code: str | None
    title: str | None
    starts_on: date | None
    ends_on: date | None
    metadata: dict[str, Any] = Field(description="As sent, in the profile's wire names.")
    secrecy: dict[str, Any] | None

    @classmethod
    def of(cls, dossier: ShownDossier) -> Self:
        return cls(
            id=dossier.id,
            level=dossier.level.wire,
            dossier_code=dossier.dossier_code,
            title=dossier.title,
            starts_on=dossier.starts_on,
            ends_on=dossier.ends_on,
            metadata=dict(dossier.metadata),
            secrecy=None if dossier.secrecy is None else dict(dossier.secrecy),
        )


class PackageOut(Form):
    """A package that stands: its dossier and a page of its documents, each with its components."""

    id: UUID
    version: int
    supersedes: UUID | None
    fonds: UUID
    fonds_code: str
    profile: str
    transfer: str | None
    creator: str
    submitter: str
    manifest_sha256: str
    sealed_at: AwareDatetime
    dossier: DossierHeadOut | None = Field(description="Null where the dossier's label is above the reader.")
    documents: list[DocumentOut]
    next: str | None = Field(description="Goes into `after` for the documents that follow; null on the last page.")

    @classmethod
    def of(cls, opened: OpenedPackage) -> Self:
        package = opened.package
        return cls(
            id=package.id,
            version=package.version,
            supersedes=package.supersedes,
            fonds=package.fonds,
            fonds_code=package.fonds_code,
            profile=package.profile,
            transfer=package.transfer,
            creator=package.creator,
            submitter=package.submitter,
            manifest_sha256=package.manifest_sha256.hex(),
            sealed_at=package.sealed_at,
            dossier=None if opened.dossier is None else DossierHeadOut.of(opened.dossier),
            documents=[DocumentOut.of(document) for document in opened.documents],
            next=None if opened.next is None else str(opened.next),
        )


class DossierOut(DossierHeadOut):
    """A dossier as its current version describes it, with a page of its documents and their components."""

    package: UUID
    version: int
    fonds: UUID
    fonds_code: str
    profile: str
    documents: list[DocumentOut]
    next: str | None = Field(description="Goes into `after` for the documents that follow; null on the last page.")

    @classmethod
    def within(cls, opened: OpenedPackage, dossier: ShownDossier) -> Self:
        return cls(
            **DossierHeadOut.of(dossier).model_dump(),
            package=opened.package.id,
            version=opened.package.version,
            fonds=opened.package.fonds,
            fonds_code=opened.package.fonds_code,
            profile=opened.package.profile,
            documents=[DocumentOut.of(document) for document in opened.documents],
            next=None if opened.next is None else str(opened.next),
        )


class MessageTaken(Form):
    """The message is kept; saying it again changes nothing."""

    message: UUID


def _common(found: FoundDocument) -> dict[str, Any]:
    return {
        "dossier": found.dossier,
        "package": found.package,
        "fonds": found.fonds,
        "fonds_code": found.fonds_code,
        "dossier_code": found.dossier_code,
        "title": found.title,
        "subject": found.subject,
        "issued_on": found.issued_on,
        "number": found.number,
        "notation": found.notation,
        "type_name": found.type_name,
        "issuer": found.issuer,
        "ordinal": found.ordinal,
        "level": found.level.wire,
        "stub": found.stub,
    }
