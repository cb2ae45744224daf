"""From the rows of one dossier to the dossier: what its rows agree on, its documents, and their files.

Source: domain notes §1.6; DESIGN 4.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from typing import Final

from services.agency.delivery import Document, Dossier, Origin
from services.agency.sheets.columns import Field, Layout
from services.agency.sheets.files import Claims
from services.agency.sheets.findings import Findings, shown
from services.agency.sheets.paths import is_cover
from services.agency.sheets.rows import Row
from services.agency.sheets.values import CellReader
from services.agency.sheets.vocabulary import Vocabulary
from services.agency.sheets.workbook import Cell
from services.kernel.folding import fold
from services.kernel.identifiers import parse_agency_code

COVER_TYPE: Final = "Bìa hồ sơ"
_PERMANENT: Final = frozenset({"vinh vien", "01"})
_YEARS: Final = re.compile(r"\d{1,3} nam")
_EMPTY: Final = Cell("", 0, "")


class Assembly:
    """Makes dossiers of grouped rows and reports at each cell what keeps it from being one."""

    def __init__(
        self, layout: Layout, vocabulary: Vocabulary, cells: CellReader, findings: Findings, claims: Claims
    ) -> None:
        self._layout = layout
        self._vocabulary = vocabulary
        self._cells = cells
        self._findings = findings
        self._claims = claims
        self._of_dossier = [entry for entry in layout.fields if entry.belongs == "dossier"]
        self._of_document = [entry for entry in layout.fields if entry.belongs == "document"]

    def dossier(self, rows: list[Row], *, fonds: str | None) -> Dossier:
        """The dossier of these rows, as far as they can be read."""
        first = rows[0]
        covers = [row for row in rows if _names_cover(row)]
        listed = [row for row in rows if not _names_cover(row)]
        values = self._agreed(rows, len(listed))
        metadata = {entry.wire: values[entry.id] for entry in self._of_dossier if entry.wire and entry.id in values}
        metadata["dossier_code"] = ".".join(part for part in first.dossier if part)
        columns = {
            (entry.wire or entry.id): first.cells[entry.id].column
            for entry in self._of_dossier
            if entry.id in first.cells
        }
        for name, known in (("dossier_code", "dossier_number"), ("fonds", "fonds_code"), ("creator", "agency_code")):
            if known in first.cells:
                columns[name] = first.cells[known].column
        creator = str(values.get("agency_code", ""))
        if creator:
            self._check_agency(first.cells["agency_code"], creator)
        return Dossier(
            label=str(metadata["dossier_code"]),
            profile=self._layout.profile,
            fonds=fonds or str(values.get("fonds_code") or values.get("fonds_number") or ""),
            creator=creator,
            metadata=dict(metadata),
            secrecy=None,
            documents=self._documents(listed, covers),
            origin=Origin(first.sheet, first.number, columns),
            rows=frozenset((row.sheet, row.number) for row in rows),
        )

    def _agreed(self, rows: list[Row], listed: int) -> dict[str, object]:
        """What the rows say of their dossier; the most frequent value where they differ, and a finding there."""
        read = {
            entry.id: [self._value(row, entry) for row in rows]
            for entry in self._of_dossier
            if entry.id in rows[0].cells
        }
        reversed_rows = self._check_period(rows, read)
        agreed: dict[str, object] = {}
        for entry in self._of_dossier:
            if entry.id not in read:
                continue
            values = read[entry.id]
            self._check_missing(rows, entry, values)
            known = Counter(value for value in values if value is not None)
            if not known:
                continue
            usual = known.most_common(1)[0][0]
            agreed[entry.id] = usual
            if entry.kind == "count":
                self._check_count(rows, entry, values, listed)
                continue
            for at, (row, value) in enumerate(zip(rows, values, strict=True)):
                if value in (None, usual) or (entry.kind == "date" and at in reversed_rows):
                    continue
                code = "retention-differs" if entry.kind == "retention" else "dossier-differs"
                self._findings.at(row.cells[entry.id], code, name=entry.name, usual=shown(usual))
            if entry.kind == "retention" and fold(str(usual)) not in _PERMANENT:
                cell = next(row.cells[entry.id] for row, value in zip(rows, values, strict=True) if value == usual)
                self._findings.at(cell, "retention-not-permanent")
        return {name: _on_wire(value) for name, value in agreed.items()}

    def _check_missing(self, rows: list[Row], entry: Field, values: list[object]) -> None:
        if not entry.required:
            return
        missing = [row.cells[entry.id] for row in rows if row.cells[entry.id].empty]
        # Where no row has it, one finding says so; otherwise each row that lacks it is a place to mend.
        for cell in missing[:1] if len(missing) == len(values) else missing:
            self._findings.at(cell, "required-missing", name=entry.name)

    def _check_period(self, rows: list[Row], read: dict[str, list[object]]) -> frozenset[int]:
        """The rows whose start lies after their end; told once where all rows say the same."""
        starts, ends = read.get("start_date"), read.get("end_date")
        if starts is None or ends is None:
            return frozenset()
        found = [
            at
            for at, (start, end) in enumerate(zip(starts, ends, strict=True))
            if isinstance(start, date) and isinstance(end, date) and start > end
        ]
        same = len(found) == len(rows) and len(set(starts)) == len(set(ends)) == 1
        for at in found[:1] if same else found:
            cell = rows[at].cells["start_date"]
            self._findings.at(cell, "dates-reversed", start=shown(starts[at]), end=shown(ends[at]))
        return frozenset(found)

    def _check_count(self, rows: list[Row], entry: Field, values: list[object], listed: int) -> None:
        wrong = [row.cells[entry.id] for row, value in zip(rows, values, strict=True) if value not in (None, listed)]
        same = len(wrong) == len(rows) and len(set(values)) == 1
        for cell in wrong[:1] if same else wrong:
            self._findings.at(cell, "count-mismatch", listed=listed)

    def _check_agency(self, cell: Cell, creator: str) -> None:
        try:
            parse_agency_code(creator)
        except ValueError:
            self._findings.at(cell, "agency-code-invalid", value=creator)

    def _documents(self, listed: list[Row], covers: list[Row]) -> list[Document]:
        documents = [self._document(row) for row in listed]
        stated: dict[int, Row] = {}
        for row, document in zip(listed, documents, strict=True):
            if document.ordinal in stated:
                self._findings.at(row.cells["ordinal"], "ordinal-twice", first=stated[document.ordinal].number)
            elif document.ordinal:
                stated[document.ordinal] = row
        unused = (number for number in range(1, 2 * len(listed) + len(covers) + 2) if number not in stated)
        for document in documents:
            document.ordinal = document.ordinal or next(unused)
        return documents + [self._cover(row, next(unused)) for row in covers]

    def _document(self, row: Row) -> Document:
        metadata: dict[str, object] = {}
        columns: dict[str, str] = {}
        ordinal = 0
        secrecy: dict[str, object] = {}
        stated_files: int | None = None
        issued: object = None
        for entry in self._of_document:
            cell = row.cells.get(entry.id)
            if cell is None:
                continue
            columns[entry.wire or entry.id] = cell.column
            if cell.empty:
                if entry.required:
                    self._findings.at(cell, "required-missing", name=entry.name)
                continue
            if entry.kind == "path":
                continue
            value = self._value(row, entry)
            if value is None:
                continue
            if entry.kind == "ordinal":
                ordinal = value if isinstance(value, int) else 0
            elif entry.kind == "secrecy":
                secrecy["level"] = value
            if entry.id == "issued_on":
                issued = value
            if entry.id == "file_count" and isinstance(value, int):
                stated_files = value
            if entry.wire:
                metadata[entry.wire] = _on_wire(value)
        secrecy.setdefault("level", "none")
        if isinstance(issued, date):
            secrecy["issued_on"] = issued.isoformat()
        if secrecy["level"] != "none" and (place := metadata.get("original_location")):
            secrecy["paper_location"] = place
        if other := {heading: text for heading, cell in row.other.items() if (text := self._cells.text(cell))}:
            metadata["other"] = other
        path = row.cells.get("path")
        claimed = self._claims.claim(path, stated_files, row.cells.get("file_count")) if path is not None else []
        return Document(ordinal, metadata, secrecy, claimed, Origin(row.sheet, row.number, columns))

    def _cover(self, row: Row, ordinal: int) -> Document:
        path = row.cells["path"]
        self._findings.at(path, "ok-cover")
        claimed = self._claims.claim(path, None, None)
        columns = {
            entry.wire or entry.id: row.cells[entry.id].column for entry in self._of_document if entry.id in row.cells
        }
        return Document(
            ordinal, {"type_name": COVER_TYPE}, {"level": "none"}, claimed, Origin(row.sheet, row.number, columns)
        )

    def _value(self, row: Row, entry: Field) -> object:
        """A cell's value by the kind of its field; dates as dates, everything else as it goes on the wire."""
        cell = row.cells.get(entry.id, _EMPTY)
        if entry.key:  # read, and mended, when the rows were grouped
            code = row.key.get(entry.id)
            return None if code is None else code.text
        match entry.kind:
            case "number" | "count" | "ordinal":
                return self._cells.number(cell)
            case "date":
                return self._cells.day(cell)
            case "secrecy":
                return self._cells.level(cell)
            case "code":
                read = self._cells.code(cell)
                return self._within(cell, entry, None if read is None else read.text)
            case "retention" | "type" | "coded":
                return self._listed(cell, entry)
            case _:
                return self._within(cell, entry, self._cells.text(cell))

    def _listed(self, cell: Cell, entry: Field) -> str | None:
        text = self._cells.text(cell)
        if text is None:
            return None
        codes = self._vocabulary.lists.get((entry.belongs, entry.wire or entry.id))
        if codes is None:
            if entry.kind == "retention" and fold(text) not in _PERMANENT and not _YEARS.fullmatch(fold(text)):
                self._findings.at(
                    cell, "unknown-code", name=entry.name, choices="Vĩnh viễn, 70 năm, 50 năm, 20 năm, 10 năm"
                )
            return text
        found = codes.find(text)
        if found is None:
            code = "unknown-type" if entry.kind == "type" else "unknown-code"
            self._findings.at(cell, code, name=entry.name, choices=", ".join(codes.choices))
        return found

    def _within(self, cell: Cell, entry: Field, text: str | None) -> str | None:
        limit = self._vocabulary.lengths.get((entry.belongs, entry.wire or entry.id))
        if text is not None and limit is not None and len(text) > limit:
            self._findings.at(cell, "too-long", name=entry.name, length=len(text), limit=limit)
        return text


def _names_cover(row: Row) -> bool:
    path = row.cells.get("path")
    return path is not None and isinstance(path.value, str) and is_cover(path.value.strip())


def _on_wire(value: object) -> object:
    return value.strftime("%d/%m/%Y") if isinstance(value, date) else value
