"""What the tool remembers between runs: digests of files, and which manifest became which package.

It only saves work. The gateway is the truth about packages: whatever is lost or wrong here costs hashing or asking
again, never a duplicate. Several processes may share it.

Source: DESIGN 5.4; usability notes B3.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.agency.profile import write_private

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS file (
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, sha256 BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS package (
    manifest_sha256 TEXT PRIMARY KEY, package TEXT NOT NULL, label TEXT NOT NULL, source TEXT NOT NULL,
    state TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS looked (
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, matcher INTEGER NOT NULL,
    outcome BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS unlisted (package TEXT PRIMARY KEY, since REAL NOT NULL) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Pushed:
    """A package that this machine has declared; `state` is the last one seen."""

    manifest_sha256: str
    package: str
    label: str
    source: str
    state: str


class State:
    """The profile's state folder: `state.sqlite`, `receipts/`, `manifests/`; only its owner can read it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder = folder
        self._lock = threading.Lock()
        self._database = sqlite3.connect(
            folder / "state.sqlite", timeout=30, isolation_level=None, check_same_thread=False
        )
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        self._database.close()

    def digest_of(self, path: Path, size: int, mtime_ns: int) -> bytes | None:
        """The SHA-256 taken earlier of a file that has since kept its size and time."""
        rows = self._all(
            "SELECT sha256 FROM file WHERE path = ? AND size = ? AND mtime_ns = ?", str(path), size, mtime_ns
        )
        found = rows[0][0] if rows else None
        return found if isinstance(found, bytes) else None

    def keep_digest(self, path: Path, size: int, mtime_ns: int, sha256: bytes) -> None:
        """Remember a file's SHA-256."""
        self._all("INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?)", str(path), size, mtime_ns, sha256)

    def forget_digest(self, path: Path) -> None:
        """The file is not what was hashed; hash it again next time."""
        self._all("DELETE FROM file WHERE path = ?", str(path))

    def looked(self, path: Path, size: int, mtime_ns: int, matcher: int) -> bytes | None:
        """The outcome of looking into a file that has since kept its size and time, by these eyes."""
        rows = self._all(
            "SELECT outcome FROM looked WHERE path = ? AND size = ? AND mtime_ns = ? AND matcher = ?",
            str(path), size, mtime_ns, matcher,
        )  # fmt: skip
        found = rows[0][0] if rows else None
        return found if isinstance(found, bytes) else None

    def keep_looked(self, path: Path, size: int, mtime_ns: int, matcher: int, outcome: bytes) -> None:
        """Remember what was found in a file: words of closed sets and numbers."""
        self._all("INSERT OR REPLACE INTO looked VALUES (?, ?, ?, ?, ?)", str(path), size, mtime_ns, matcher, outcome)

    def keep_package(self, pushed: Pushed) -> None:
        """Remember which package a manifest became and how far it got."""
        self._all(
            "INSERT OR REPLACE INTO package VALUES (?, ?, ?, ?, ?)",
            pushed.manifest_sha256,
            pushed.package,
            pushed.label,
            pushed.source,
            pushed.state,
        )

    def packages(self) -> Iterator[Pushed]:
        """Every package declared from here."""
        for row in self._all("SELECT manifest_sha256, package, label, source, state FROM package ORDER BY rowid"):
            yield Pushed(*(str(value) for value in row))

    def expect_listing(self, package: str, since: float) -> None:
        """Remember that the catalog is to list a package sealed at `since` (seconds since 1970)."""
        self._all("INSERT OR REPLACE INTO unlisted VALUES (?, ?)", package, since)

    def expected_listings(self) -> list[tuple[str, float]]:
        """The packages not yet seen in the catalog, oldest first, each with the time of its sealing."""
        rows = self._all("SELECT package, since FROM unlisted ORDER BY since")
        return [(str(package), since) for package, since in rows if isinstance(since, float)]

    def forget_listing(self, package: str) -> None:
        """The catalog lists it, or it is no longer waited for."""
        self._all("DELETE FROM unlisted WHERE package = ?", package)

    def keep_manifest(self, package: str, manifest: bytes) -> Path:
        """Keep the manifest beside the receipt: `nopluu verify` needs both."""
        return self._keep("manifests", package, manifest)

    def keep_receipt(self, package: str, receipt: bytes) -> Path:
        """Keep a verified receipt."""
        return self._keep("receipts", package, receipt)

    def receipt_path(self, package: str) -> Path:
        """Where a package's receipt is, or would be."""
        return self.folder / "receipts" / f"{package}.json"

    def manifest_path(self, package: str) -> Path:
        """Where a package's manifest is, or would be."""
        return self.folder / "manifests" / f"{package}.json"

    def _keep(self, folder: str, package: str, content: bytes) -> Path:
        path = self.folder / folder / f"{package}.json"
        write_private(path, content)
        return path

    def _all(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        with self._lock, closing(self._database.execute(statement, values)) as cursor:
            return cursor.fetchall()
