"""A copy of the inventory in which every problem is red where it stands, with a comment that says how to mend it.

Source: usability notes B6.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from pathlib import Path
from typing import Final

import openpyxl
from openpyxl.comments import Comment
from openpyxl.styles import PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from services.agency.sheets.findings import Finding

SUMMARY: Final = "Kết quả kiểm tra"
_COLOURS: Final = {"error": "FFFF7C80", "warning": "FFFFD966", "info": "FFDDEBF7"}
_HEADINGS: Final = ("Trang", "Dòng", "Cột", "Mức", "Mã", "Giá trị", "Vấn đề", "Cách sửa", "Problem", "Fix")
_WIDTHS: Final = (14, 8, 8, 10, 20, 30, 60, 60, 60, 60)


def write_report(workbook: Path, findings: Iterable[Finding], target: Path) -> None:
    """Write the copy to `target`; the inventory itself is not touched. Its first sheet lists every problem.

    Raises:
        OSError: a file cannot be read or written.
    """
    try:
        book = openpyxl.load_workbook(workbook)
    except (ValueError, KeyError, TypeError, OSError):  # an unreadable workbook still gets its list of problems
        book = openpyxl.Workbook()
    sheets = {sheet.title: sheet for sheet in book.worksheets}
    told: dict[tuple[str, str], list[Finding]] = {}
    listing = book.create_sheet(_free_name(sheets), 0)
    listing.append(_HEADINGS)
    for column, width in enumerate(_WIDTHS, 1):
        listing.column_dimensions[get_column_letter(column)].width = width
    for finding in findings:
        row = [finding.sheet, finding.row, finding.column, finding.severity, finding.code, finding.value]
        texts = [finding.message.vi, finding.fix.vi, finding.message.en, finding.fix.en]
        _append_text(listing, [*row, *texts])
        if finding.row and finding.column and finding.sheet in sheets:
            told.setdefault((finding.sheet, f"{finding.column}{finding.row}"), []).append(finding)
    for (sheet, place), group in told.items():
        _mark(sheets[sheet], place, group)
    listing.freeze_panes = "A2"
    book.active = 0
    book.save(target)


def _mark(sheet: Worksheet, place: str, group: list[Finding]) -> None:
    cell = sheet[place]
    if not hasattr(cell, "fill") or type(cell).__name__ == "MergedCell":
        return
    worst = next(level for level in ("error", "warning", "info") if any(item.severity == level for item in group))
    cell.fill = PatternFill("solid", start_color=_COLOURS[worst], end_color=_COLOURS[worst])
    said = "\n".join(f"[{item.code}] {item.message.vi}\n→ {item.fix.vi}" for item in group)
    cell.comment = Comment(said, "nopluu", height=120, width=360)


def _append_text(sheet: Worksheet, values: list[object]) -> None:
    sheet.append(values)
    for cell in sheet[sheet.max_row]:
        if cell.data_type == "f":  # a value that begins with = is shown, never calculated
            cell.data_type = "s"


def _free_name(taken: Container[str]) -> str:
    name, number = SUMMARY, 2
    while name in taken:
        name, number = f"{SUMMARY} {number}", number + 1
    return name
