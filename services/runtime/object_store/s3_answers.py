"""What a store answers, read as from an enemy: bounded, and refused where it is not what was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote
from xml.etree import ElementTree

import aiohttp

from services.runtime.object_store.port import ObjectHeld, ObjectMissing, VersionEntry

_ABSENT = ("NoSuchKey", "NoSuchVersion", "MethodNotAllowed", "InvalidRange", "InvalidArgument")
"""Error codes of an object, a version or bytes that are not there; a delete marker answers MethodNotAllowed."""

_KEPT = ("AccessDenied", "InvalidRequest", "ObjectLocked")
"""Error codes for the removal of a version on hold: SeaweedFS', MinIO's, and that of other stores."""

_NEVER_HELD = ("NoSuchObjectLockConfiguration", "NoSuchObjectLegalHold")

_MAX_ERROR = 64 * 1024


class StoreAnswer(Exception):
    """What the store answered instead of what was asked of it; the cause behind a StoreUnavailable.

    `final` where the same request will be answered in the same way again.
    """

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing; `after` asks for the next one and is empty on the last."""

    objects: tuple[tuple[str, int], ...]
    versions: tuple[VersionEntry, ...]
    after: Mapping[str, str]


def read_page(answer: bytes) -> Page:
    """A listing of objects or of versions.

    Raises:
        StoreAnswer: not such a listing, or one that would never end.
    """
    root = _xml(answer)
    objects = tuple((unquote(_text(entry, "Key")), _size(entry)) for entry in root.findall("{*}Contents"))
    versions = tuple(
        VersionEntry(
            unquote(_text(entry, "Key")),
            _text(entry, "VersionId"),
            size=0 if tag == "DeleteMarker" else _size(entry),
            newest=entry.findtext("{*}IsLatest") == "true",
            marker=tag == "DeleteMarker",
        )
        for tag in ("Version", "DeleteMarker")
        for entry in root.findall(f"{{*}}{tag}")
    )
    if root.findtext("{*}IsTruncated", "false") != "true":
        return Page(objects, versions, {})
    token = root.findtext("{*}NextContinuationToken")
    if token:
        return Page(objects, versions, {"continuation-token": token})
    key = root.findtext("{*}NextKeyMarker")
    if not key:
        raise StoreAnswer("a listing goes on without saying from where")
    marker = root.findtext("{*}NextVersionIdMarker")
    return Page(objects, versions, {"key-marker": unquote(key), **({"version-id-marker": marker} if marker else {})})


def legal_hold(answer: bytes) -> bool:
    """Whether the answer about a version's legal hold says that it is on. Raises StoreAnswer."""
    return _xml(answer).findtext("{*}Status") == "ON"


def keeps_versions(answer: bytes) -> bool:
    """Whether the answer about a bucket's versioning says that it is on. Raises StoreAnswer."""
    return _xml(answer).findtext("{*}Status") == "Enabled"


def _xml(answer: bytes) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(answer)  # noqa: S314 - expat bounds entities, our reader bounds the answer
    except (ElementTree.ParseError, ValueError) as error:
        raise StoreAnswer("not XML") from error


def _text(entry: ElementTree.Element, tag: str) -> str:
    found = entry.findtext(f"{{*}}{tag}")
    if found is None:
        raise StoreAnswer(f"a listing's entry has no {tag}")
    return found


def _size(entry: ElementTree.Element) -> int:
    text = _text(entry, "Size")
    if not (text.isascii() and text.isdigit()):
        raise StoreAnswer("a listing's entry has no size")
    return int(text)


async def expect(answer: aiohttp.ClientResponse, status: int) -> None:
    """Return where the answer has this status.

    Raises:
        ObjectMissing: the store says that the object, the version or the bytes are absent.
        StoreAnswer: anything else; a missing bucket too, for its objects are not known to be absent.
    """
    if answer.status == status:
        return
    code = _error_code(await whole(answer, _MAX_ERROR))
    if answer.status in (400, 404, 405, 416) and code in _ABSENT:
        raise ObjectMissing
    raise StoreAnswer(f"{answer.status} {code}", final=answer.status < 500 and answer.status not in (408, 429))


async def never_held(answer: aiohttp.ClientResponse) -> bool:
    """Whether a refusal about a version's legal hold means that none was ever set.

    Raises:
        ObjectMissing: it means that the version is absent.
    """
    code = _error_code(await whole(answer, _MAX_ERROR))
    if code in _ABSENT:
        raise ObjectMissing
    return code in _NEVER_HELD


async def removed(answer: aiohttp.ClientResponse) -> None:
    """Return where a version is gone, or was never there.

    Raises:
        ObjectHeld: the store keeps it, from everybody or from this credential.
        StoreAnswer
    """
    if answer.status in (204, 404):
        return
    code = _error_code(await whole(answer, _MAX_ERROR))
    if answer.status in (400, 403) and code in _KEPT:
        raise ObjectHeld
    raise StoreAnswer(f"{answer.status} {code}", final=answer.status < 500 and answer.status not in (408, 429))


async def whole(answer: aiohttp.ClientResponse, most: int) -> bytes:
    """The answer's body.

    Raises:
        StoreAnswer: more than `most` bytes.
    """
    pieces: list[bytes] = []
    size = 0
    async for piece in answer.content.iter_any():
        size += len(piece)
        if size > most:
            raise StoreAnswer("an answer is too long")
        pieces.append(piece)
    return b"".join(pieces)


def _error_code(body: bytes) -> str:
    """The code of an S3 error; words that are not one are not repeated."""
    try:
        code = ElementTree.fromstring(body).findtext("Code", "")  # noqa: S314 - as in _xml
    except (ElementTree.ParseError, ValueError):
        return ""
    return code if code.isalnum() else ""
