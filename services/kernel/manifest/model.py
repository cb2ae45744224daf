"""A manifest after parsing. Metadata stay as they were sent; only what others compute with has a type of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.kernel.identifiers import PackageId
from services.kernel.refusals.registry import Pointer
from services.kernel.secrecy import Secrecy


@dataclass(frozen=True, slots=True)
class ManifestComponent:
    """One file. `name` is a relative path, NFC; `size` is in bytes; `sha256` is 32 bytes."""

    name: str
    media_type: str
    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class ManifestDocument:
    """One document. `metadata` has the profile's wire names and whatever else was sent."""

    ordinal: int
    metadata: Mapping[str, object]
    secrecy: Secrecy
    components: tuple[ManifestComponent, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """One dossier as declared. `sha256` is the digest of the bytes as received.

    `fonds`, `creator` and `submitter` are codes; whether anyone knows them is not judged here. `warnings` are places
    worth a look that keep nothing from being declared.
    """

    profile: str
    transfer: str | None
    fonds: str
    creator: str
    submitter: str
    supersedes: PackageId | None
    dossier: Mapping[str, object]
    dossier_secrecy: Secrecy | None
    documents: tuple[ManifestDocument, ...]
    sha256: bytes
    warnings: tuple[Pointer, ...]
