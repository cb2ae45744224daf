"""From bytes to a manifest, or to one refusal with every place that must be mended.

Memory is bounded before anything is built: by the bytes, and by a count of what could become a JSON value. The parsed
JSON is given up document by document while the manifest grows.

Source: FORMATS "Manifest"; DESIGN 5.1, 9; security notes §8.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from services.kernel import strict_json
from services.kernel.identifiers import PackageId, parse_agency_code
from services.kernel.manifest.findings import Findings
from services.kernel.manifest.metadata import check_metadata, number_of
from services.kernel.manifest.model import Manifest, ManifestComponent, ManifestDocument
from services.kernel.manifest.names import fault_of
from services.kernel.manifest.reading import Members
from services.kernel.manifest.secrecy import read_secrecy
from services.kernel.profiles import NAMES, Profile
from services.kernel.profiles import profile as profile_named
from services.kernel.refusals.manifests import ManifestInvalid, ManifestNotJson, ManifestTooComplex, ManifestTooLarge
from services.kernel.secrecy import Level, Secrecy

MIB: Final = 1024 * 1024
FORMAT: Final = "nopluu/manifest1"
MAX_MANIFEST: Final = 64 * MIB
MAX_VALUES: Final = 3_000_000
MAX_PAYLOAD: Final = 2**53 - 1  # bytes
_LARGEST: Final = 2**53 - 1  # bytes of one component
_MEMBERS: Final = frozenset(
    {"format", "profile", "transfer", "fonds", "creator", "submitter", "supersedes", "dossier", "documents"}
)
_OF_DOSSIER: Final = frozenset({"metadata", "secrecy"})
_OF_DOCUMENT: Final = frozenset({"ordinal", "metadata", "secrecy", "components"})
_OF_COMPONENT: Final = frozenset({"name", "media_type", "size", "sha256"})
_ORDINALS: Final = range(1, 10_000_000)
_LONGEST_CODE: Final = 100  # characters of a fonds code, a transfer
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_MEDIA_TYPE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}")
_OF_NOTHING: Final = hashlib.sha256().hexdigest()
_UNSTATED: Final = Secrecy(level=None)


def parse(data: bytes, *, max_bytes: int = MAX_MANIFEST) -> Manifest:
    """The manifest in these bytes.

    Raises:
        ManifestTooLarge, ManifestTooComplex: more than any dossier has.
        ManifestNotJson: not strict JSON.
        ManifestInvalid: with every problem at its pointer.
    """
    if len(data) > max_bytes:
        raise ManifestTooLarge(limit=max_bytes)
    if data.count(b",") + data.count(b"[") + data.count(b"{") > MAX_VALUES:
        raise ManifestTooComplex(limit=MAX_VALUES)
    try:
        value = strict_json.parse(data, max_bytes=max_bytes)
    except strict_json.StrictJsonError as error:
        raise ManifestNotJson(reason=error.reason, reason_vi=error.reason_vi) from None
    findings = Findings()
    if not isinstance(value, dict):
        findings.error("", "object-expected")
        raise _invalid(findings)
    if value.get("format") != FORMAT:
        findings.error("/format", "format-unknown")
        raise _invalid(findings)
    manifest = _Reader(value, findings).manifest(hashlib.sha256(data).digest())
    if findings.count:
        raise _invalid(findings)
    return manifest


def component_bound(data: bytes) -> int:
    """No fewer than the components that a manifest of these bytes declares, without parsing it."""
    # A member's name can be spelt with \\u escapes; where there are none, the digest's name stands once a component.
    return data.count(b"{") if b"\\u" in data else data.count(b'"sha256"')


def _invalid(findings: Findings) -> ManifestInvalid:
    return ManifestInvalid(pointers=findings.errors, problems=findings.count)


class _Reader:
    """Reads one manifest whose JSON is already known to be strict."""

    def __init__(self, value: dict[str, object], findings: Findings) -> None:
        self._value = value
        self._findings = findings
        self._head = Members(value, "", findings)
        self._profile: Profile | None = None
        self._ordinals: set[int] = set()
        self._names: set[str] = set()
        self._folded: set[str] = set()
        self._payload = 0

    def manifest(self, sha256: bytes) -> Manifest:
        head = self._head
        head.only(_MEMBERS)
        name = head.text("profile", limit=_LONGEST_CODE, required=True)
        if name in NAMES:
            self._profile = profile_named(name)
        elif name:
            head.fault("profile", "profile-unknown")
        fonds = head.text("fonds", limit=_LONGEST_CODE, required=True)
        creator, submitter = self._agency("creator"), self._agency("submitter")
        transfer = head.text("transfer", limit=_LONGEST_CODE)
        supersedes = self._supersedes()
        dossier, dossier_secrecy = self._dossier()
        documents = self._documents()
        self._check_count(dossier, documents)
        return Manifest(
            profile=name,
            transfer=transfer or None,
            fonds=fonds,
            creator=creator,
            submitter=submitter,
            supersedes=supersedes,
            dossier=dossier,
            dossier_secrecy=dossier_secrecy,
            documents=documents,
            sha256=sha256,
            warnings=tuple(self._findings.warnings),
        )

    def _agency(self, name: str) -> str:
        code = self._head.text(name, limit=_LONGEST_CODE, required=True)
        if code:
            try:
                parse_agency_code(code)
            except ValueError:
                self._head.fault(name, "agency-code-invalid")
        return code

    def _supersedes(self) -> PackageId | None:
        text = self._head.text("supersedes", limit=_LONGEST_CODE)
        if not text:
            return None
        try:
            found = UUID(text)
        except ValueError:
            found = None
        if found is None or str(found) != text:
            self._head.fault("supersedes", "package-id-invalid")
            return None
        return PackageId(found)

    def _dossier(self) -> tuple[Mapping[str, object], Secrecy | None]:
        members = self._head.inner("dossier")
        if members is None:
            if not self._head.has("dossier"):
                self._head.fault("dossier", "required-missing")
            return {}, None
        members.only(_OF_DOSSIER)
        secrecy = self._secrecy(members) if members.has("secrecy") else None
        metadata = self._metadata(members)
        if self._profile is not None and metadata is not None:
            stub = secrecy is not None and secrecy.stub
            check_metadata(metadata, self._profile.dossier, "/dossier/metadata", self._findings, stub=stub)
        return metadata or {}, secrecy

    def _documents(self) -> tuple[ManifestDocument, ...]:
        entries = self._value.get("documents")
        if not isinstance(entries, list):
            self._head.fault("documents", "required-missing" if entries is None else "list-expected")
            return ()
        if not entries:
            self._head.fault("documents", "documents-empty")
        documents: list[ManifestDocument] = []
        for at in range(len(entries)):
            document = self._document(entries[at], f"/documents/{at}")
            entries[at] = None  # what was read is given up, so that the JSON and the manifest never stand side by side
            if document is not None:
                documents.append(document)
        return tuple(documents)

    def _document(self, entry: object, pointer: str) -> ManifestDocument | None:
        if not isinstance(entry, dict):
            self._findings.error(pointer, "object-expected")
            return None
        members = Members(entry, pointer, self._findings)
        members.only(_OF_DOCUMENT)
        ordinal = self._ordinal(members)
        secrecy = self._secrecy(members)
        metadata = self._metadata(members)
        if self._profile is not None and metadata is not None:
            place = f"{pointer}/metadata"
            check_metadata(metadata, self._profile.document, place, self._findings, stub=secrecy.stub)
        return ManifestDocument(ordinal, metadata or {}, secrecy, self._components(members))

    def _ordinal(self, members: Members) -> int:
        value = members.raw("ordinal")
        if not isinstance(value, int) or isinstance(value, bool) or value not in _ORDINALS:
            members.fault("ordinal", "required-missing" if value is None else "ordinal-invalid")
            return 0
        if value in self._ordinals:
            members.fault("ordinal", "ordinal-twice")
        self._ordinals.add(value)
        return value

    def _secrecy(self, members: Members) -> Secrecy:
        value = members.inner("secrecy")
        if value is None:
            return _UNSTATED
        stated = members.raw("secrecy")
        return read_secrecy(stated, value.pointer, self._findings) if isinstance(stated, dict) else _UNSTATED

    def _metadata(self, members: Members) -> Mapping[str, object] | None:
        value = members.raw("metadata")
        if isinstance(value, dict):
            return value
        members.fault("metadata", "required-missing" if value is None else "object-expected")
        return None

    def _components(self, members: Members) -> tuple[ManifestComponent, ...]:
        entries = members.raw("components")
        if not isinstance(entries, list):
            members.fault("components", "required-missing" if entries is None else "list-expected")
            return ()
        found: list[ManifestComponent] = []
        entry: object
        for at, entry in enumerate(entries):
            pointer = f"{members.pointer}/components/{at}"
            if not isinstance(entry, dict):
                self._findings.error(pointer, "object-expected")
                continue
            component = self._component(entry, pointer)
            if component is not None:
                found.append(component)
        return tuple(found)

    def _component(self, entry: dict[str, object], pointer: str) -> ManifestComponent | None:
        before = self._findings.count
        if entry.keys() != _OF_COMPONENT:
            Members(entry, pointer, self._findings).only(_OF_COMPONENT)
        name, media_type = entry.get("name"), entry.get("media_type")
        size, digest = entry.get("size"), entry.get("sha256")
        if not isinstance(name, str):
            self._missing(name, f"{pointer}/name", "text-expected")
        elif (fault := fault_of(name)) is not None:
            self._findings.error(f"{pointer}/name", fault)
        else:
            self._claim(name, f"{pointer}/name")
        if not isinstance(media_type, str) or not _MEDIA_TYPE.fullmatch(media_type):
            self._missing(media_type, f"{pointer}/media_type", "media-type-invalid")
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= _LARGEST:
            self._missing(size, f"{pointer}/size", "size-invalid")
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            self._missing(digest, f"{pointer}/sha256", "sha256-invalid")
        elif isinstance(size, int) and (size == 0) is not (digest == _OF_NOTHING):
            self._findings.error(f"{pointer}/sha256", "empty-digest-wrong")
        if self._findings.count > before or not isinstance(size, int):
            return None
        self._payload += size
        if self._payload > MAX_PAYLOAD >= self._payload - size:
            self._findings.error(f"{pointer}/size", "payload-too-large")
        return ManifestComponent(str(name), str(media_type), size, bytes.fromhex(str(digest)))

    def _missing(self, value: object, pointer: str, otherwise: str) -> None:
        self._findings.error(pointer, "required-missing" if value is None else otherwise)

    def _claim(self, name: str, pointer: str) -> None:
        if name in self._names:
            self._findings.error(pointer, "name-twice")
            return
        self._names.add(name)
        folded = name.casefold()
        if folded in self._folded:
            self._findings.warn(pointer, "name-differs-in-case")
        self._folded.add(folded)

    def _check_count(self, dossier: Mapping[str, object], documents: tuple[ManifestDocument, ...]) -> None:
        """Warn where the dossier states another number of documents; a cover may be counted or not."""
        if self._profile is None:
            return
        part = self._profile.dossier
        stated = number_of(part.value(dossier, "document_count"))
        if stated is None:
            return
        covers = sum(1 for document in documents if self._is_cover(document))
        if not len(documents) - covers <= stated <= len(documents):
            pointer = f"/dossier/metadata/{part.wire('document_count')}"
            self._findings.warn(pointer, "document-count-differs", len(documents))

    def _is_cover(self, document: ManifestDocument) -> bool:
        """Whether a document is one of those its profile lets go without a subject: the dossier's cover."""
        field = None if self._profile is None else self._profile.document.by_name.get("subject")
        return (
            field is not None
            and document.secrecy.level is Level.NONE
            and not document.secrecy.stub
            and not field.demanded(document.metadata)
        )
