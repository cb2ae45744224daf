"""Reading a delivery: an inventory workbook and the folder of files it describes.

Source: domain notes §1.6; usability notes B5-B7.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from services.agency.delivery import Delivery, Dossier
from services.agency.sheets.assembly import Assembly
from services.agency.sheets.columns import Columns, Layout, find_columns
from services.agency.sheets.files import Claims
from services.agency.sheets.findings import Findings
from services.agency.sheets.paths import FolderIndex
from services.agency.sheets.rows import document_rows, group_rows, letter
from services.agency.sheets.values import CellReader
from services.agency.sheets.vocabulary import Vocabulary
from services.agency.sheets.workbook import Sheet, WorkbookError, read_workbook


def read_delivery(
    workbook: Path, folder: Path, *, layout: Layout, vocabulary: Vocabulary, today: date, fonds: str | None = None
) -> Delivery:
    """Everything the inventory says about the files under `folder`, and everything that is wrong with it.

    What a clerk can mend is a finding, never an exception. `fonds` is the gateway's code of the fonds where it differs
    from the sheet's own.

    Raises:
        OSError: the workbook or the folder cannot be opened.
    """
    findings = Findings()
    claims = Claims(FolderIndex(folder, ignoring=frozenset({workbook})), findings)
    dossiers: list[Dossier] = []
    try:
        sheets = read_workbook(workbook)
    except WorkbookError as error:
        findings.place(workbook.name, None, None, error.reason)
    else:
        tables = [columns for sheet in sheets if (columns := find_columns(sheet, layout.fields)) is not None]
        if tables:
            cells = CellReader(findings, today=today)
            rows = [row for columns in tables for row in document_rows(columns, layout, findings)]
            assembly = Assembly(layout, vocabulary, cells, findings, claims)
            dossiers = [assembly.dossier(group, fonds=fonds) for group in group_rows(rows, layout, cells, findings)]
            if not rows:
                findings.place(tables[0].sheet.name, None, None, "no-documents")
            claims.report_unclaimed(tables[0].sheet.name, _path_column(tables[0]))
        else:
            findings.place(_first_name(sheets, workbook), None, None, "header-not-found")
    return Delivery(workbook, folder, dossiers, findings.sorted())


def _path_column(columns: Columns) -> str | None:
    position = columns.fields.get("path")
    return None if position is None else letter(position)


def _first_name(sheets: list[Sheet], workbook: Path) -> str:
    return sheets[0].name if sheets else workbook.name
