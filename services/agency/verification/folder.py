"""The files of a folder by their names in NFC, with links that lead nowhere else.

Source: FORMATS "`nopluu verify`" ("found by name (NFC; a link that leaves D is refused)").
"""

from __future__ import annotations

import hashlib
import os
import stat
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path

from services.agency.verification.outcome import Failed

_CHUNK = 1024 * 1024


def files_of(folder: Path) -> Mapping[str, Path]:
    """Every file below the folder by its relative path in NFC, `/` between parts.

    Raises:
        Failed: not readable; a link that leaves the folder; two files of the same name.
    """
    try:
        root = folder.resolve(strict=True)
        if not root.is_dir():
            raise Failed("folder-unreadable", str(folder))
        found: dict[str, Path] = {}
        for path in _walk(root, root, (root,)):
            name = unicodedata.normalize("NFC", path.relative_to(root).as_posix())
            if name in found:
                raise Failed("file-ambiguous", name)
            found[name] = path
    except OSError as error:
        raise Failed("folder-unreadable", str(error.filename or folder)) from error
    return found


def digest_of(path: Path, size: int) -> bytes | None:
    """The SHA-256 of a regular file of exactly this size; None where it has another.

    Raises:
        Failed: not a regular file, or not readable.
    """
    try:
        # A named pipe would block for ever when opened, so its kind is asked first and again once it is open.
        if not stat.S_ISREG(path.stat().st_mode):
            raise Failed("file-not-regular", path.name)
        with path.open("rb", buffering=0) as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise Failed("file-not-regular", path.name)
            digest, read = hashlib.sha256(), 0
            while read <= size and (chunk := stream.read(_CHUNK)):
                digest.update(chunk)
                read += len(chunk)
    except OSError as error:
        raise Failed("file-unreadable", path.name) from error
    return digest.digest() if read == size else None


def _walk(folder: Path, root: Path, above: tuple[Path, ...]) -> Iterator[Path]:
    """`above` are the real folders on the way here: a link back to one of them would never end."""
    with os.scandir(folder) as entries:
        names = sorted(entries, key=lambda entry: entry.name)
    for entry in names:
        path = folder / entry.name
        if entry.is_symlink():
            real = path.resolve()
            if not real.is_relative_to(root):
                raise Failed("link-leaves-folder", path.relative_to(root).as_posix())
            if real in above:
                continue
        if entry.is_dir():
            yield from _walk(path, root, (*above, path.resolve()))
        else:
            yield path
