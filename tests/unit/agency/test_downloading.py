"""What a client asks the catalog for when it fetches a package, and where the files go."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest

from services.agency.answers import Answer
from services.agency.downloading import download
from services.agency.errors import FatalError
from services.agency.observing import Silent
from services.agency.session import Session

CATALOG, INGEST = "https://catalog.example", "https://ingest.example"
PACKAGE = UUID(int=7)


@dataclass
class Opened:
    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    def chunks(self) -> Iterator[bytes]:
        yield self.body


@dataclass
class Gateway:
    """Catalog and ingest as one client sees them: listings by address, bytes by component."""

    listings: dict[str, dict[str, Any]]
    contents: dict[str, bytes]
    asked: list[str] = field(default_factory=list)

    def endpoints(self) -> Any:
        return type("Endpoints", (), {"catalog": CATALOG, "ingest": INGEST})

    def request(self, method: str, url: str) -> Answer:
        self.asked.append(url.removeprefix(CATALOG))
        found = self.listings.get(url.removeprefix(CATALOG))
        return Answer(404, {}, b"{}") if found is None else Answer(200, {}, json.dumps(found).encode())

    @contextmanager
    def download(self, url: str) -> Iterator[Opened]:
        id_ = url.rpartition("/")[2].partition("?")[0]
        if url.startswith(CATALOG):
            yield Opened(307, {"location": f"{INGEST}/v1/components/{id_}?grant=g"})
        else:
            yield Opened(200, {}, self.contents[id_])

    def pause(self, seconds: float) -> None:
        raise AssertionError("nothing here is to be tried again")


def entry(id_: str, name: str, content: bytes) -> dict[str, Any]:
    return {"id": id_, "name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def paged(contents: Mapping[str, bytes], size: int) -> dict[str, dict[str, Any]]:
    """A package's listing, `size` documents a page, as catalog gives it."""
    address = f"/v1/packages/{PACKAGE}"
    documents = [{"id": f"d-{id_}", "components": [entry(id_, f"p/{id_}.pdf", body)]} for id_, body in contents.items()]
    pages: dict[str, dict[str, Any]] = {}
    for at in range(0, len(documents), size):
        following = at + size if at + size < len(documents) else None
        pages[address if at == 0 else f"{address}?after={at}"] = {
            "documents": documents[at : at + size],
            "next": None if following is None else str(following),
        }
    return pages


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_package_of_many_pages_is_fetched_whole(tmp_path: Path, size: int) -> None:
    contents = {f"c{at}": b"x" * at for at in range(5)}
    gateway = Gateway(paged(contents, size), contents)
    fetched = download(cast(Session, gateway), Silent(), PACKAGE, tmp_path)
    assert {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in fetched} == {
        f"p/{id_}.pdf": body for id_, body in contents.items()
    }
    assert len([address for address in gateway.asked if "packages" in address]) == -(-5 // size)


def test_bytes_of_another_digest_are_not_kept(tmp_path: Path) -> None:
    listing = {f"/v1/documents/{PACKAGE}": {"components": [entry("c", "a.pdf", b"right")]}}
    with pytest.raises(FatalError):
        download(cast(Session, Gateway(listing, {"c": b"wrong"})), Silent(), PACKAGE, tmp_path)
    assert list(tmp_path.iterdir()) == []
