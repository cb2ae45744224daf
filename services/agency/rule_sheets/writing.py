"""From a bundle to a workbook that an officer can read and change."""

from __future__ import annotations

import copy
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Final

import openpyxl
from openpyxl.cell.cell import Cell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from services.agency.errors import UsageError
from services.agency.rule_sheets.cells import CellValue
from services.agency.rule_sheets.columns import (
    COVER,
    EXAMPLE_COLUMNS,
    EXAMPLES,
    FACTS,
    FIRST_DAY,
    KIND_OF_EXAMPLE,
    MATCHES,
    REST,
    RULE_COLUMNS,
    RULE_OF_EXAMPLE,
    RULES,
    SITUATION_COLUMNS,
    VERSION,
    Column,
)
from services.agency.rule_sheets.members import found, without
from services.kernel.refusals.registry import Text
from services.kernel.rules.facts import VARIABLES

_HEAD: Final = PatternFill("solid", start_color="FF1F4E78", end_color="FF1F4E78")
_DOUBT: Final = PatternFill("solid", start_color="FFFFF2CC", end_color="FFFFF2CC")
_TOP: Final = Alignment(wrap_text=True, vertical="top")
_LINE: Final = 15.0  # points of a line of text in a row
_GUIDE: Final = (
    "Bộ quy tắc bí mật nhà nước của hệ thống Nộp Lưu. Trang “Quy tắc”: mỗi dòng một quy tắc; nền vàng là dòng chưa được "
    "xác nhận với văn bản. Trang “Ví dụ”: mỗi dòng một tình huống mà quy tắc phải khớp hoặc không được khớp.",
    "Mọi quy tắc khớp đều có tác dụng; hệ quả mạnh nhất thắng: Từ chối, Giữ chờ cán bộ, Chỉ giữ phiếu, Nhận có điều kiện, Nhận.",
    "Sửa xong, lưu dạng .xlsx rồi chạy: nopluu rules import TỆP.xlsx -o ban-thao.json. Không dùng công thức; không ẩn dòng, cột.",
    "Khi lập bộ mới phải tăng số phiên bản.",
)


def workbook_of(bundle: Mapping[str, object]) -> bytes:
    """The workbook of a bundle as it stands on the wire (`format`, `version`, `effective_from`, `rows`).

    Raises:
        UsageError: a text is too long for a spreadsheet's cell.
    """
    book = openpyxl.Workbook()
    cover = book.worksheets[0]
    cover.title = COVER
    _cover(cover, bundle)
    rows = [row for row in _list(bundle["rows"]) if isinstance(row, dict)]
    rules = _sheet(book, RULES, RULE_COLUMNS)
    for number, row in enumerate(rows, 2):
        _write(rules, number, RULE_COLUMNS, _cells(RULE_COLUMNS, row))
        if row.get("confirmed") is not True:
            for cell in rules[number]:
                cell.fill = _DOUBT
    examples = _sheet(book, EXAMPLES, EXAMPLE_COLUMNS)
    for number, cells in enumerate(_example_rows(rows), 2):
        _write(examples, number, EXAMPLE_COLUMNS, cells)
    for sheet, columns, freeze in ((rules, RULE_COLUMNS, "C2"), (examples, EXAMPLE_COLUMNS, "C2")):
        _furnish(sheet, columns, freeze)
    _facts(book.create_sheet(FACTS))
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _cover(sheet: Worksheet, bundle: Mapping[str, object]) -> None:
    sheet.column_dimensions["A"].width = 22
    sheet.column_dimensions["B"].width = 90
    _text(sheet, 1, 1, "BỘ QUY TẮC BÍ MẬT NHÀ NƯỚC").font = Font(bold=True, size=14)
    _text(sheet, 2, 1, VERSION)
    _text(sheet, 3, 1, FIRST_DAY)
    _fill(sheet, 2, 2, int(str(bundle["version"])))
    _fill(sheet, 3, 2, date.fromisoformat(str(bundle["effective_from"])))
    for number in (2, 3):
        sheet.cell(number, 2).alignment = Alignment(horizontal="left")
    for number, line in enumerate(_GUIDE, 5):
        _text(sheet, number, 2, line).alignment = _TOP
        sheet.row_dimensions[number].height = 2 * _LINE


def _sheet(book: openpyxl.Workbook, name: str, columns: Sequence[Column]) -> Worksheet:
    sheet: Worksheet = book.create_sheet(name)
    for number, column in enumerate(columns, 1):
        cell = _text(sheet, 1, number, column.heading)
        cell.font, cell.fill, cell.alignment = Font(bold=True, color="FFFFFFFF"), _HEAD, _TOP
        sheet.column_dimensions[get_column_letter(number)].width = column.width
    sheet.row_dimensions[1].height = 4 * _LINE
    return sheet


def _cells(columns: Sequence[Column], row: Mapping[str, object]) -> list[CellValue]:
    cells: list[CellValue] = []
    for column in columns:
        there, value = found(row, column.path)
        cell = column.kind.encoded(value) if there else None
        if there and cell is None and value != "":
            raise _too_long(column)
        cells.append(cell)
    return cells


def _example_rows(rows: Sequence[Mapping[str, object]]) -> Iterator[list[CellValue]]:
    for row in rows:
        for kind in MATCHES:
            _, entries = found(row, ("examples", kind))
            for entry in _list(entries):
                yield [
                    RULE_OF_EXAMPLE.kind.encoded(row["id"]),
                    KIND_OF_EXAMPLE.kind.encoded(kind),
                    *_situation(entry if isinstance(entry, dict) else {}),
                ]


def _situation(example: Mapping[str, object]) -> list[CellValue]:
    """A cell for each member that has a column; what is left of the example in the last one."""
    left: dict[str, object] = copy.deepcopy(dict(example))
    cells: list[CellValue] = []
    for column in SITUATION_COLUMNS:
        there, value = found(left, column.path)
        cell = column.kind.encoded(value) if there else None
        if cell is not None:
            without(left, column.path)
        cells.append(cell)
    rest = REST.kind.encoded(left) if left else None
    if left and rest is None:
        raise _too_long(REST)
    return [*cells, rest]


def _write(sheet: Worksheet, number: int, columns: Sequence[Column], cells: Sequence[CellValue]) -> None:
    lines = 1.0
    for place, (column, value) in enumerate(zip(columns, cells, strict=True), 1):
        _fill(sheet, number, place, value)
        sheet.cell(number, place).alignment = _TOP
        if isinstance(value, str):
            # A column's width is in digits; Vietnamese words break a little earlier.
            lines = max(lines, sum(1 + len(line) // max(1, column.width - 2) for line in value.split("\n")))
    sheet.row_dimensions[number].height = min(lines, 26) * _LINE


def _fill(sheet: Worksheet, row: int, column: int, value: CellValue) -> None:
    if isinstance(value, str):
        _text(sheet, row, column, value)
    elif value is not None:
        cell = sheet.cell(row, column, value)
        if isinstance(value, date):
            cell.number_format = "dd/mm/yyyy"


def _text(sheet: Worksheet, row: int, column: int, value: str) -> Cell:
    """Text that stays text, whatever it begins with, also when somebody edits the cell."""
    cell = sheet.cell(row, column, value)
    cell.data_type = "s"
    cell.number_format = "@"
    cell.quotePrefix = True
    return cell


def _furnish(sheet: Worksheet, columns: Sequence[Column], freeze: str) -> None:
    sheet.freeze_panes = freeze
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.print_title_rows = "1:1"
    for number, column in enumerate(columns, 1):
        if column.choices:
            # Not an error but a hint: a situation may hold a word that the lists do not have.
            offered = DataValidation(
                type="list", formula1=f'"{",".join(column.choices)}"', allow_blank=True, showErrorMessage=False
            )
            letter = get_column_letter(number)
            offered.add(f"{letter}2:{letter}{max(sheet.max_row, 2) + 200}")
            sheet.add_data_validation(offered)


def _facts(sheet: Worksheet) -> None:
    """What an expression may speak of; only to read."""
    for number, heading in enumerate(("Dữ kiện dùng trong biểu thức CEL", "Kiểu"), 1):
        _text(sheet, 1, number, heading).font = Font(bold=True)
    for number, (name, kind) in enumerate(VARIABLES.items(), 2):
        _text(sheet, number, 1, name)
        _text(sheet, number, 2, kind.value)
    sheet.column_dimensions["A"].width = 40
    sheet.column_dimensions["B"].width = 14


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _too_long(column: Column) -> UsageError:
    return UsageError(
        "rules-text-too-long",
        Text(
            f"Cột “{column.heading}” có nội dung quá dài đối với một ô bảng tính",
            f"Column “{column.heading}” has a text too long for a spreadsheet's cell",
        ),
    )
