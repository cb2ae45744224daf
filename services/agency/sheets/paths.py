"""Finding the file a sheet means: Windows paths of another machine against the folder that was delivered.

`D:\\SoHoa\\P012\\001\\a.pdf` means `P012/001/a.pdf` under the folder: the longest end of the written path that is a whole
path from the folder on. A mere equal file name is never enough, for it would attach another dossier's file.

Source: domain notes §1.6.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from services.kernel.manifest.names import fault_of

_IGNORED: Final = frozenset({"thumbs.db", "desktop.ini", ".ds_store"})
_DRIVE: Final = re.compile(r"^(?:[A-Za-z]:|\\\\[^\\]+\\[^\\]+)")
_COVER: Final = re.compile(r"(?:^|[/._ -])bia\.pdf$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DiskFile:
    """A file under the folder: its name in the manifest (relative, `/`, NFC), where it is, and its size in bytes."""

    name: str
    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class Match:
    """What a written path was found to mean."""

    outcome: Literal["exact", "case", "missing", "ambiguous"]
    file: DiskFile | None = None


class FolderIndex:
    """Every file under a folder, by the name people write."""

    def __init__(self, root: Path, *, ignoring: frozenset[Path] = frozenset()) -> None:
        self.root = root
        self.files: list[DiskFile] = []
        self.unsafe: list[str] = []
        self.unreadable: list[str] = []
        self._by_name: dict[str, DiskFile] = {}
        self._by_folded: dict[str, list[DiskFile]] = {}
        self._by_last: dict[str, list[DiskFile]] = {}
        for file in self._walk({path.resolve() for path in ignoring}):
            self.files.append(file)
            self._by_name.setdefault(file.name, file)
            self._by_folded.setdefault(file.name.casefold(), []).append(file)
            self._by_last.setdefault(file.name.rpartition("/")[2].casefold(), []).append(file)

    def find(self, written: str) -> Match:
        """The file that a path in a sheet means."""
        steps = steps_of(written)
        if not steps:
            return Match("missing")
        for first in range(len(steps)):
            name = "/".join(steps[first:])
            same = self._by_folded.get(name.casefold(), [])
            if exact := self._by_name.get(name):
                return Match("ambiguous" if len({file.name for file in same}) < len(same) else "exact", exact)
            if same:
                return Match("case", same[0]) if len(same) == 1 else Match("ambiguous")
        # The folder given may lie above the one the paths begin in.
        end = "/" + "/".join(steps).casefold()
        longer = [file for file in self._by_last.get(steps[-1].casefold(), []) if file.name.casefold().endswith(end)]
        if len(longer) == 1:
            return Match("exact" if longer[0].name.endswith("/" + "/".join(steps)) else "case", longer[0])
        return Match("ambiguous" if longer else "missing")

    def namesakes(self, written: str) -> list[str]:
        """Files of the same last name elsewhere under the folder: a hint, never a match."""
        steps = steps_of(written)
        return [file.name for file in self._by_last.get(steps[-1].casefold(), [])] if steps else []

    def _walk(self, ignored: set[Path]) -> Iterator[DiskFile]:
        for folder, folders, names in os.walk(self.root):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                path = Path(folder) / name
                relative = path.relative_to(self.root).as_posix()
                if name.casefold() in _IGNORED or name.startswith(("~$", ".")) or path.resolve() in ignored:
                    continue
                normal = unicodedata.normalize("NFC", relative)
                outside = path.is_symlink() and not path.resolve().is_relative_to(self.root.resolve())
                if outside or "\ufffd" in normal or fault_of(normal) is not None:
                    self.unsafe.append(normal.encode("utf-8", "replace").decode())
                    continue
                try:
                    if not path.is_file():
                        continue
                    yield DiskFile(normal, path, path.stat().st_size)
                except OSError:
                    self.unreadable.append(normal)


def steps_of(written: str) -> list[str]:
    """The path's steps, without drive or share, `.` and empty ones; `..` makes it no path at all."""
    plain = unicodedata.normalize("NFC", written.strip().strip("\"'"))
    plain = _DRIVE.sub("", plain).replace("\\", "/")
    steps = [step.strip() for step in plain.split("/")]
    steps = [step for step in steps if step and step != "."]
    return [] if ".." in steps else steps


def is_cover(written: str) -> bool:
    """Whether the path names a dossier's cover: it ends in `BIA.pdf`."""
    return _COVER.search(written.replace("\\", "/")) is not None
