"""Which row claims which file: every file under the folder belongs to exactly one row.

Source: domain notes §1.6.
"""

from __future__ import annotations

import re
from typing import Final

from services.agency.sheets.findings import Findings
from services.agency.sheets.paths import DiskFile, FolderIndex
from services.agency.sheets.workbook import Cell

_SEPARATORS: Final = re.compile(r"[;\n\r|]+")
_NOWHERE: Final = ("Sửa đường dẫn, hoặc chép tệp vào thư mục", "Mend the path, or copy the file into the folder")


class Claims:
    """The files claimed so far."""

    def __init__(self, index: FolderIndex, findings: Findings) -> None:
        self._index = index
        self._findings = findings
        self._claimed: dict[str, Cell] = {}

    @property
    def files(self) -> list[DiskFile]:
        """Every file under the folder."""
        return self._index.files

    def claim(self, cell: Cell, stated: int | None, stated_at: Cell | None) -> list[DiskFile]:
        """The files that a path cell names; `stated` is how many the row says there are."""
        if cell.uncached:
            self._findings.at(cell, "formula-uncached")
            return []
        if not isinstance(cell.value, str) or cell.empty:
            return []
        paths = [path for part in _SEPARATORS.split(cell.value) if (path := part.strip())]
        if stated is not None and stated_at is not None and stated != len(paths):
            self._findings.at(stated_at, "file-count-mismatch", listed=len(paths))
        found: list[DiskFile] = []
        for path in paths:
            match = self._index.find(path)
            file = match.file
            if match.outcome == "ambiguous":
                self._findings.at(cell, "path-ambiguous", value=path)
            elif file is None:
                self._missing(cell, path)
            elif (first := self._claimed.get(file.name)) is not None:
                self._findings.at(cell, "path-twice", value=path, first=first.row)
            else:
                self._claimed[file.name] = cell
                found.append(file)
                if match.outcome == "case":
                    self._findings.at(cell, "ok-case", name=file.name)
                if not file.size:
                    self._findings.at(cell, "file-empty", value=file.name)
        return found

    def report_unclaimed(self, sheet: str, column: str | None) -> None:
        """Every file that no row has claimed, and every name that cannot be sent."""
        for file in self._index.files:
            if file.name not in self._claimed:
                self._findings.place(sheet, None, column, "file-unclaimed", value=file.name)
        for name in self._index.unsafe:
            self._findings.place(sheet, None, column, "file-name-unsafe", value=name)
        for name in self._index.unreadable:
            self._findings.place(sheet, None, column, "file-unreadable", value=name)

    def _missing(self, cell: Cell, path: str) -> None:
        vi, en = _NOWHERE
        if elsewhere := self._index.namesakes(path)[:3]:
            names = ", ".join(elsewhere)
            vi, en = (
                f"Có tệp cùng tên ở: {names}; kiểm tra lại đường dẫn",
                f"A file of that name is at: {names}; check the path",
            )
        self._findings.at(cell, "file-missing", value=path, hint_vi=vi, hint_en=en)
