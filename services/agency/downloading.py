"""Fetching components back: streamed to a file, checked against the catalog's digest, whole or not at all.

The catalog answers where the bytes are and under which grant; that address is a different one, so the request is
signed anew for it.

Source: DESIGN 3 (grants), 7 "Reading".
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urljoin
from uuid import UUID

from services.agency.answers import protocol_broken, refusal
from services.agency.errors import FatalError, LaterError
from services.agency.observing import Observer
from services.agency.session import Session
from services.agency.wire import NetworkError
from services.kernel.refusals.registry import Text
from services.kernel.signing import parse_content_digest

_RESERVED = frozenset(
    {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10))}
)
_FORBIDDEN = str.maketrans(dict.fromkeys('<>:"|?*\\', "_"))
_ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class Wanted:
    """A component to fetch; name, size and digest are what the catalog states, where it was asked."""

    id: str
    name: str
    size: int | None
    sha256: str | None


def download(session: Session, observer: Observer, wanted: UUID, folder: Path) -> list[Path]:
    """Fetch a component, or every component of a document, dossier or package.

    Raises:
        AgencyError: there is nothing of that id for this client, or the bytes are not what the catalog states.
    """
    components = _components(session, wanted)
    folder.mkdir(parents=True, exist_ok=True)
    fetched: list[Path] = []
    for component in components:
        observer.stage(component.name, "download", component.size or 0)
        fetched.append(_fetch(session, observer, component, folder))
        observer.finished(component.name)
    return fetched


def safe_name(name: str) -> Path:
    """A relative path that is safe on every system: NFC, no step that leaves the folder, no reserved name."""
    steps: list[str] = []
    for step in unicodedata.normalize("NFC", name).replace("\\", "/").split("/"):
        clean = "".join(character for character in step if unicodedata.category(character)[0] != "C")
        clean = clean.translate(_FORBIDDEN).strip().rstrip(".")
        if not clean or clean in (".", ".."):
            continue
        steps.append(f"_{clean}" if clean.partition(".")[0].lower() in _RESERVED else clean)
    return Path(*steps) if steps else Path("component")


def _components(session: Session, wanted: UUID) -> list[Wanted]:
    catalog = session.endpoints().catalog
    for kind in ("documents", "dossiers", "packages"):
        address = f"{catalog}/v1/{kind}/{wanted}"
        answer = session.request("GET", address)
        if answer.status == 200:
            return list(_pages(session, address, answer.json()))
        if answer.status not in (404, 405):
            raise refusal(answer)
    return [Wanted(str(wanted), str(wanted), None, None)]


def _pages(session: Session, address: str, page: Mapping[str, object]) -> Iterator[Wanted]:
    """The components of a listing, page by page; `page` is its first."""
    yield from _listed(session, page)
    while (following := page.get("next")) is not None:
        answer = session.request("GET", f"{address}?{urlencode({'after': str(following)})}")
        if answer.status != 200:
            raise refusal(answer)
        page = answer.json()
        yield from _listed(session, page)


def _listed(session: Session, value: Mapping[str, object]) -> Iterator[Wanted]:
    catalog = session.endpoints().catalog
    for entry in _objects(value.get("components")):
        yield Wanted(str(entry["id"]), str(entry.get("name", entry["id"])), _size(entry), _digest(entry))
    for entry in _objects(value.get("documents")):
        if "components" in entry:
            yield from _listed(session, entry)
            continue
        id_ = entry.get("id", entry.get("document"))
        answer = session.request("GET", f"{catalog}/v1/documents/{id_}")
        if answer.status != 200:
            raise refusal(answer)
        yield from _listed(session, answer.json())


def _fetch(session: Session, observer: Observer, wanted: Wanted, folder: Path) -> Path:
    target = folder / safe_name(wanted.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(_ATTEMPTS):
        try:
            return _stream(session, observer, wanted, target)
        except NetworkError as error:
            reason = error.reason
            session.pause(2.0**attempt)
    raise LaterError(
        "download-broken",
        Text(f"Mất kết nối khi tải: {reason}", f"The connection broke while fetching: {reason}"),
        Text("Chạy lại lệnh", "Run the command again"),
    )


def _stream(session: Session, observer: Observer, wanted: Wanted, target: Path) -> Path:
    digest = hashlib.sha256()
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with session.download(f"{session.endpoints().catalog}/v1/components/{wanted.id}") as first:
            location = first.headers.get("location") if first.status in (302, 303, 307, 308) else None
            if location is None:
                raise protocol_broken("the catalog gave no address of the component")
        with session.download(urljoin(session.endpoints().catalog, location)) as answer, draft.open("wb") as stream:
            stated = wanted.sha256 or _stated_digest(answer.headers)
            for chunk in answer.chunks():
                digest.update(chunk)
                stream.write(chunk)
                observer.advance(wanted.name, "download", len(chunk))
            stream.flush()
            os.fsync(stream.fileno())
        if stated is not None and digest.hexdigest() != stated:
            raise FatalError(
                "digest-mismatch",
                Text("Tệp tải về không khớp mã băm", "The fetched bytes do not have the stated digest"),
                Text("Thử lại; nếu lặp lại, báo đơn vị vận hành", "Try again; if it repeats, tell the operators"),
            )
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return target


def _stated_digest(headers: Mapping[str, str]) -> str | None:
    for name in ("repr-digest", "content-digest"):
        if name in headers:
            try:
                return parse_content_digest(headers[name]).hex()
            except ValueError:
                return None
    return None


def _objects(value: object) -> list[Mapping[str, object]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _size(entry: Mapping[str, object]) -> int | None:
    size = entry.get("size")
    return size if isinstance(size, int) else None


def _digest(entry: Mapping[str, object]) -> str | None:
    digest = entry.get("sha256")
    return digest if isinstance(digest, str) else None
