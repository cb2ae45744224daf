"""Declaring a dossier: the manifest's bytes, and what each of its JSON pointers is on the agency's desk.

The bytes are the same for the same dossier, so a second run finds the first one's package.

Source: FORMATS "Manifest"; DESIGN 5.1.
"""

from __future__ import annotations

import hashlib
import mimetypes
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from services.agency.delivery import Document, Dossier, Origin
from services.agency.errors import FatalError, Fault
from services.agency.payload import CHUNK, Source, file_changed
from services.agency.sheets.findings import Finding
from services.agency.sheets.paths import DiskFile
from services.agency.sheets.texts import Severity
from services.agency.state import State
from services.kernel.canonical import canonical
from services.kernel.refusals.registry import Text

FORMAT: Final = "nopluu/manifest1"
UNHASHED: Final = "0" * 64  # stands for digests where only the rules are asked, before any file was read
_OF_NOTHING: Final = hashlib.sha256().hexdigest()  # the one digest that is known without reading: an empty file's
_DOCUMENT: Final = re.compile(r"/documents/(\d+)(?:/([a-z_]+)(?:/(.*))?)?")
_DOSSIER: Final = re.compile(r"/dossier(?:/([a-z_]+)(?:/(.*))?)?")
_MEDIA_TYPES: Final[Mapping[str, str]] = {
    ".pdf": "application/pdf",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".png": "image/png",
    ".mp3": "audio/mpeg",
    ".wav": "audio/wav",
    ".wma": "audio/x-ms-wma",
    ".mp4": "video/mp4",
    ".avi": "video/x-msvideo",
    ".wmv": "video/x-ms-wmv",
    ".xml": "application/xml",
}


@dataclass(frozen=True, slots=True)
class Declared:
    """A dossier as it is declared: the manifest's bytes and digest (hex), and its sources by (document, component)."""

    dossier: Dossier
    manifest: bytes
    digest: str
    sources: tuple[tuple[Source, ...], ...]

    def payload_sources(self, not_planned: Sequence[str]) -> list[Source]:
        """The files whose bytes the gateway wants, in the payload's order; `not_planned` are its pointers."""
        skipped = frozenset(not_planned)
        return [
            source
            for document, sources in enumerate(self.sources)
            if f"/documents/{document}" not in skipped
            for component, source in enumerate(sources)
            if f"/documents/{document}/components/{component}" not in skipped
        ]


def declare(dossier: Dossier, *, submitter: str, state: State, advance: Callable[[int], None]) -> Declared:
    """Hash the dossier's files, as far as that was not done before, and make its manifest.

    `advance` is told the bytes of each file once its digest is known.

    Raises:
        FatalError: a file cannot be read or changes meanwhile.
    """
    digests: dict[str, str] = {}
    sources: list[tuple[Source, ...]] = []
    for document in dossier.documents:
        found: list[Source] = []
        for file in document.files:
            source, digest = _hash(file, state, advance)
            digests[file.name] = digest.hex()
            found.append(source)
        sources.append(tuple(found))
    manifest = manifest_of(dossier, submitter=submitter, digests=digests)
    return Declared(dossier, manifest, hashlib.sha256(manifest).hexdigest(), tuple(sources))


def manifest_of(dossier: Dossier, *, submitter: str, digests: Mapping[str, str]) -> bytes:
    """The manifest's bytes; a file without a digest in `digests` gets `UNHASHED`."""
    head: dict[str, object] = {"metadata": dossier.metadata}
    if dossier.secrecy is not None:
        head["secrecy"] = dossier.secrecy
    value: dict[str, object] = {
        "format": FORMAT,
        "profile": dossier.profile,
        "fonds": dossier.fonds,
        "creator": dossier.creator,
        "submitter": submitter,
        "dossier": head,
        "documents": [_document(document, digests) for document in dossier.documents],
    }
    if dossier.transfer:
        value["transfer"] = dossier.transfer
    if dossier.supersedes:
        value["supersedes"] = dossier.supersedes
    return canonical(value)


def findings_of(faults: Sequence[Fault], dossier: Dossier, *, severity: Severity = "error") -> list[Finding]:
    """The gateway's pointers as places of the sheet."""
    return [_finding(fault, dossier, severity) for fault in faults]


def _finding(fault: Fault, dossier: Dossier, severity: Severity) -> Finding:
    origin, column = locate(fault.pointer, dossier)
    where = Text(f" (tại {fault.pointer})", f" (at {fault.pointer})") if column is None else Text("", "")
    return Finding(
        origin.sheet,
        origin.row,
        column,
        fault.code,
        severity,
        "",
        Text(fault.detail.vi + where.vi, fault.detail.en + where.en),
        Text("Sửa ô này rồi nộp lại", "Mend this cell and push again"),
    )


def locate(pointer: str, dossier: Dossier) -> tuple[Origin, str | None]:
    """The row and the column that a pointer into the dossier's manifest is about."""
    if (match := _DOCUMENT.match(pointer)) and int(match[1]) < len(dossier.documents):
        document = dossier.documents[int(match[1])]
        return document.origin, _column(document.origin, match[2], match[3])
    if match := _DOSSIER.match(pointer):
        return dossier.origin, _column(dossier.origin, match[1], match[2])
    return dossier.origin, dossier.origin.column(pointer.strip("/"))


def _column(origin: Origin, part: str | None, rest: str | None) -> str | None:
    match part:
        case "metadata":
            return origin.column((rest or "").partition("/")[0])
        case "components":
            return origin.column("path")
        case None:
            return None
        case _:
            return origin.column(part)


def _document(document: Document, digests: Mapping[str, str]) -> dict[str, object]:
    return {
        "ordinal": document.ordinal,
        "metadata": document.metadata,
        "secrecy": document.secrecy,
        "components": [
            {
                "name": file.name,
                "media_type": media_type(file.name),
                "size": file.size,
                "sha256": digests.get(file.name, UNHASHED if file.size else _OF_NOTHING),
            }
            for file in document.files
        ],
    }


def media_type(name: str) -> str:
    """The media type by the name's ending."""
    ending = f".{name.rpartition('.')[2].lower()}" if "." in name else ""
    return _MEDIA_TYPES.get(ending) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def _hash(file: DiskFile, state: State, advance: Callable[[int], None]) -> tuple[Source, bytes]:
    try:
        before = file.path.stat()
        source = Source(file.path, before.st_size, before.st_mtime_ns)
        if before.st_size != file.size:
            raise file_changed(file.path)
        place = file.path.resolve()
        known = state.digest_of(place, source.size, source.mtime_ns)
        if known is None:
            known = _digest(source)
            state.keep_digest(place, source.size, source.mtime_ns, known)
    except OSError as error:
        raise FatalError(
            "file-unreadable",
            Text(f"Không đọc được tệp {file.name}", f"Cannot read the file {file.name}: {error.strerror}"),
        ) from error
    advance(file.size)
    return source, known


def _digest(source: Source) -> bytes:
    digest = hashlib.sha256()
    with source.path.open("rb", buffering=0) as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
        after = source.path.stat()
    if (after.st_size, after.st_mtime_ns) != (source.size, source.mtime_ns):
        raise file_changed(source.path)
    return digest.digest()
