"""What a sealed package says of its dossier, documents and components, as the catalog's rows.

Ids of documents and dossiers are made from those of the package and its chain, so that indexing again gives the same
ones. A dossier keeps its id through all versions.

What stands above NONE is described by what a stub may say (ordinal, dates, place of the paper): its subject is neither
kept here nor found; the manifest, which ingest keeps, has it. A dossier's title is found by its documents' words only
where its label is not above theirs, or a search would tell what the row does not show.

Source: DESIGN 9 ("A dossier's label covers its own metadata"), 10, promise 2; FORMATS "Event".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final
from uuid import UUID, uuid5

from services.catalog.domain.words import Entry, Passage, index
from services.kernel import strict_json
from services.kernel.canonical import parse_rfc3339
from services.kernel.classification.message import DOSSIER
from services.kernel.identifiers import ComponentId, DocumentId, FondsId, PackageId
from services.kernel.manifest import Manifest, ManifestComponent, ManifestDocument
from services.kernel.messages import MAX_MESSAGE, PackageSealed
from services.kernel.profiles import Part, Profile, profile
from services.kernel.profiles.model import as_text, filled
from services.kernel.secrecy import Level, Secrecy
from services.kernel.vietnam import day_in_vietnam

_DOCUMENT_COLUMNS: Final = ("subject", "document_number", "notation", "type_name", "issuer", "signer", "issued_on")
_CODES: Final = ("document_code", "archive_number")
_SILENT: Final = frozenset({"row_number", "file_count", "page_count", "page_from", "language", "origin", "access_mode"})
"""Fields that nobody searches by; their values stand in nearly every document."""
_MOST_NAMES: Final = 50  # components of one document whose file names are found


class SealUnfit(ValueError):
    """The seal event, the message and the manifest do not tell of the same deposit; the text holds no content."""


@dataclass(frozen=True, slots=True)
class DossierEntry:
    """The dossier as one version of its package describes it."""

    id: UUID
    label: Level
    dossier_code: str | None
    title: str | None
    starts_on: date | None
    ends_on: date | None
    metadata: Mapping[str, object]
    secrecy: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class DocumentEntry:
    """One document; `position` is its index in the manifest, `passages` the texts by which it is found."""

    id: DocumentId
    position: int
    ordinal: int
    label: Level
    stub: bool
    subject: str | None
    issued_on: date | None
    number: str | None
    notation: str | None
    type_name: str | None
    issuer: str | None
    signer: str | None
    metadata: Mapping[str, object]
    secrecy: Mapping[str, object]
    component_count: int
    passages: tuple[Passage, ...]

    def words(self) -> tuple[Entry, ...]:
        """What finds it. Made anew each time: of a large package they would fill the memory."""
        return index(self.passages, () if self.issued_on is None else (self.issued_on,))


@dataclass(frozen=True, slots=True)
class ComponentEntry:
    """One component that the deposit holds; `position` counts them in manifest order."""

    id: ComponentId
    position: int
    document: DocumentId
    label: Level
    name: str
    media_type: str
    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Deposit:
    """What a sealed package adds to the catalog, but for its description."""

    package: PackageId
    chain: PackageId
    version: int
    supersedes: PackageId | None
    agency: UUID
    fonds: FondsId
    fonds_code: str
    manifest_sha256: bytes
    not_planned: tuple[str, ...]
    levels: Mapping[int, Level]
    components: tuple[ComponentId, ...]
    sealed_at: datetime
    classified: Mapping[int, Level] = field(default_factory=dict)  # labels of later steps, before what the seal says


@dataclass(frozen=True, slots=True)
class Description:
    """Everything of one version of one package."""

    deposit: Deposit
    profile: str
    transfer: str | None
    creator: str
    submitter: str
    dossier: DossierEntry
    documents: tuple[DocumentEntry, ...]
    components: tuple[ComponentEntry, ...]


def deposit_of(message: PackageSealed) -> Deposit:
    """What the message and its seal event say.

    Raises:
        SealUnfit: the event is no seal event, or one of another package or manifest.
    """
    try:
        match strict_json.parse(message.event, max_bytes=MAX_MESSAGE):
            case {
                "type": "sealed",
                "package": str(package),
                "manifest_sha256": str(manifest),
                "sealed_at": str(sealed_at),
                "components": list(components),
            } if package == str(message.package) and manifest == message.manifest_sha256.hex():
                return Deposit(
                    package=message.package,
                    chain=message.chain,
                    version=message.version,
                    supersedes=message.supersedes,
                    agency=message.agency,
                    fonds=message.fonds,
                    fonds_code=message.fonds_code,
                    manifest_sha256=message.manifest_sha256,
                    not_planned=message.not_planned,
                    levels={at: Level.from_wire(word) for at, word in message.levels.items()},
                    components=tuple(ComponentId(UUID(component)) for component in components),
                    sealed_at=parse_rfc3339(sealed_at),
                )
            case _:
                raise SealUnfit("not the seal event of this package")
    except (ValueError, TypeError, AttributeError) as error:
        raise error if isinstance(error, SealUnfit) else SealUnfit(type(error).__name__) from error


def describe(deposit: Deposit, manifest: Manifest) -> Description:
    """The rows that a manifest makes, with the component ids of the seal event.

    Raises:
        SealUnfit: the manifest's digest is another one, or it has another number of components than the event.
    """
    if manifest.sha256 != deposit.manifest_sha256:
        raise SealUnfit("another manifest")
    fields = profile(manifest.profile)
    dossier = _dossier(deposit, manifest, fields)
    held = list(_held(deposit, manifest))
    if len(held) != len(deposit.components):
        raise SealUnfit(f"{len(deposit.components)} components sealed, {len(held)} in the manifest")
    counts = [0] * len(manifest.documents)
    names: list[list[str]] = [[] for _ in manifest.documents]
    components: list[ComponentEntry] = []
    labels = [_label(deposit, at, document) for at, document in enumerate(manifest.documents)]
    ids = [document_id(deposit.package, at) for at in range(len(manifest.documents))]
    for position, ((at, component), id_) in enumerate(zip(held, deposit.components, strict=True)):
        counts[at] += 1
        if counts[at] <= _MOST_NAMES:
            names[at].append(component.name)
        components.append(
            ComponentEntry(
                id_,
                position,
                ids[at],
                labels[at],
                component.name,
                component.media_type,
                component.size,
                component.sha256,
            )
        )
    documents = tuple(
        _document(
            ids[at], at, document, labels[at], counts[at], names[at], dossier, deposit.fonds_code, fields.document
        )
        for at, document in enumerate(manifest.documents)
    )
    return Description(
        deposit=deposit,
        profile=manifest.profile,
        transfer=manifest.transfer,
        creator=manifest.creator,
        submitter=manifest.submitter,
        dossier=dossier,
        documents=documents,
        components=tuple(components),
    )


def document_id(package: PackageId, position: int) -> DocumentId:
    """The id of a package's document by its index in the manifest."""
    return DocumentId(uuid5(package, f"document/{position}"))


def dossier_id(chain: PackageId) -> UUID:
    """The id of the dossier that a chain of versions describes."""
    return uuid5(chain, "dossier")


def _held(deposit: Deposit, manifest: Manifest) -> Iterator[tuple[int, ManifestComponent]]:
    """The components that the deposit holds, each with its document's index."""
    absent = frozenset(deposit.not_planned)
    for at, document in enumerate(manifest.documents):
        if f"/documents/{at}" in absent:
            continue
        for inner, component in enumerate(document.components):
            if not absent or f"/documents/{at}/components/{inner}" not in absent:
                yield at, component


def _label(deposit: Deposit, at: int, document: ManifestDocument) -> Level:
    """What the last step says; else the level that ingest's verdict found, and a stub never less than it says itself."""
    if at in deposit.classified:
        return deposit.classified[at]
    found = deposit.levels.get(at, Level.NONE)
    return max(found, _stated(document.secrecy)) if document.secrecy.stub else found


def _stated(secrecy: Secrecy) -> Level:
    return Level.TUYET_MAT if secrecy.level is None else secrecy.level


def _dossier(deposit: Deposit, manifest: Manifest, fields: Profile) -> DossierEntry:
    secrecy = manifest.dossier_secrecy
    label = deposit.classified.get(DOSSIER, deposit.levels.get(DOSSIER, Level.NONE))
    if (
        DOSSIER not in deposit.classified
        and secrecy is not None
        and secrecy.protected_on(day_in_vietnam(deposit.sealed_at))
    ):
        label = max(label, _stated(secrecy))
    part, metadata = fields.dossier, manifest.dossier
    if label is not Level.NONE:
        metadata = _of_stub(metadata, part)
    return DossierEntry(
        id=dossier_id(deposit.chain),
        label=label,
        dossier_code=_text(part, metadata, "dossier_code"),
        title=_text(part, metadata, "title"),
        starts_on=_day(part, metadata, "start_date"),
        ends_on=_day(part, metadata, "end_date"),
        metadata=metadata,
        secrecy=None if secrecy is None else secrecy_shown(secrecy),
    )


def _document(
    id_: DocumentId,
    at: int,
    document: ManifestDocument,
    label: Level,
    components: int,
    names: Sequence[str],
    dossier: DossierEntry,
    fonds_code: str,
    part: Part,
) -> DocumentEntry:
    hidden = label is not Level.NONE or document.secrecy.stub  # of a stub there is nothing else
    metadata = _of_stub(document.metadata, part) if hidden else document.metadata
    issued_on = _day(part, metadata, "issued_on") or document.secrecy.issued_on
    # A row may not be found by what it does not show: a dossier above the document lends it no words.
    of_dossier = dossier if dossier.label <= label else None
    if hidden:
        passages = _of_stub_passages(document, metadata, part, of_dossier)
    else:
        passages = [*_passages(metadata, part, of_dossier), Passage(fonds_code, "D"), *map(_file_name, names)]
    return DocumentEntry(
        id=id_,
        position=at,
        ordinal=document.ordinal,
        label=label,
        stub=document.secrecy.stub,
        subject=_text(part, metadata, "subject"),
        issued_on=issued_on,
        number=_text(part, metadata, "document_number"),
        notation=_text(part, metadata, "notation"),
        type_name=_named(part, metadata, "type_name"),
        issuer=_text(part, metadata, "issuer"),
        signer=_text(part, metadata, "signer"),
        metadata=metadata,
        secrecy=secrecy_shown(document.secrecy),
        component_count=components,
        passages=tuple(passage for passage in passages if passage.text),
    )


def _passages(metadata: Mapping[str, object], part: Part, dossier: DossierEntry | None) -> list[Passage]:
    """A document's texts, the telling ones first: places in the index are limited, and rank counts weights."""
    number, notation = _text(part, metadata, "document_number"), _text(part, metadata, "notation")
    passages = [Passage(_code(number, notation), "A"), Passage(_text(part, metadata, "subject") or "", "A")]
    passages += [Passage(_text(part, metadata, name) or "", "B") for name in _CODES]
    passages.append(Passage(_named(part, metadata, "type_name") or "", "B"))
    if dossier is not None:
        passages += [Passage(dossier.dossier_code or "", "B"), Passage(dossier.title or "", "C")]
    passages += [Passage(_text(part, metadata, name) or "", "D") for name in ("issuer", "signer")]
    known = {part.wire(name) for name in (*_DOCUMENT_COLUMNS, *_CODES, *_SILENT)}
    passages += [
        Passage(text, "D")
        for wire, value in metadata.items()
        if wire not in known
        for text in _texts(value)
        if text.strip()
    ]
    return passages


def _of_stub_passages(
    document: ManifestDocument, metadata: Mapping[str, object], part: Part, dossier: DossierEntry | None
) -> list[Passage]:
    passages = [Passage(str(document.ordinal), "A"), Passage(document.secrecy.paper_location, "A")]
    passages.append(Passage(_text(part, metadata, "original_location") or "", "A"))
    if dossier is not None:
        passages.append(Passage(dossier.dossier_code or "", "B"))
    return passages


def _of_stub(metadata: Mapping[str, object], part: Part) -> Mapping[str, object]:
    return {wire: value for wire, value in metadata.items() if (field := part.by_wire.get(wire)) and field.in_stub}


def _file_name(name: str) -> Passage:
    return Passage(name.rpartition("/")[2].rpartition(".")[0] or name.rpartition("/")[2], "D")


def _code(number: str | None, notation: str | None) -> str:
    """`12` and `QĐ-UBND` stand side by side, so that `12/QĐ-UBND` finds them; `12-QĐ/TU` says the number already."""
    if number is None or notation is None:
        return notation or number or ""
    return notation if notation.startswith(number) else f"{number}/{notation}"


def _text(part: Part, metadata: Mapping[str, object], name: str) -> str | None:
    return as_text(part.value(metadata, name)).strip() or None


def _named(part: Part, metadata: Mapping[str, object], name: str) -> str | None:
    """A coded value by its label: people search for `Quyết định`, not for `02`."""
    text = _text(part, metadata, name)
    field = part.by_name.get(name)
    return text if text is None or field is None else field.codes.get(text, text)


def _day(part: Part, metadata: Mapping[str, object], name: str) -> date | None:
    """A date of the profile, dd/mm/yyyy; the manifest's parser has judged it."""
    text = _text(part, metadata, name)
    if text is None:
        return None
    day, month, year = text.split("/")
    return date(int(year), int(month), int(day))


def _texts(value: object) -> Iterator[str]:
    """Every text and number inside a value of any shape."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, list):
        for entry in value:
            yield from _texts(entry)
    elif isinstance(value, dict):
        for entry in value.values():
            yield from _texts(entry)


def secrecy_shown(secrecy: Secrecy) -> dict[str, object]:
    """A secrecy object as catalog shows it, in the words of the manifest; what is not stated is left out."""
    stated: dict[str, object] = {
        "level": None if secrecy.level is None else secrecy.level.wire,
        "issued_on": _iso(secrecy.issued_on),
        "classified_on": _iso(secrecy.classified_on),
        "expires_on": _iso(secrecy.expires_on),
        "extensions": [
            {"decided_on": _iso(extension.decided_on), "until": _iso(extension.until)}
            for extension in secrecy.extensions
        ],
        "declassified": {
            name: value
            for name, value in (
                ("on", _iso(secrecy.declassified_on)),
                ("authority", secrecy.declassified_by),
                ("relation", secrecy.declassified_as),
            )
            if value
        },
        "list_item": secrecy.list_item,
        "stub": secrecy.stub or None,
        "paper_location": secrecy.paper_location,
    }
    return {name: value for name, value in stated.items() if name == "level" or filled(value)}


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
