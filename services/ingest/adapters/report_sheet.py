"""The yearly secrets report as a workbook that is printed, signed and filed: A4 landscape, Times New Roman, counts only.

Every cell is a number or a text; none is a formula, whatever an agency is called.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import openpyxl
from openpyxl.cell.cell import Cell
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.header_footer import HeaderFooterItem, _HeaderFooterPart
from openpyxl.worksheet.page import PageMargins
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from services.ingest.domain.incident_words import DECISIONS, KINDS, SOURCES
from services.ingest.domain.inspections import VIOLATIONS, Violation
from services.ingest.domain.secrets_report import AgencyCounts, Clock, Overdue, SecretsReport
from services.kernel.classification import Kind
from services.kernel.identifiers import AgencyId
from services.kernel.secrecy import Level

Named = Callable[[AgencyId], str]

_DATE: Final = "……………, ngày …… tháng …… năm ………"


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What stands above the title and above the signature; the two systems of offices write it differently.

    Source: NĐ 30/2020/NĐ-CP, appendix I (State); Hướng dẫn 36-HD/VPTW of 2018 (Party).
    """

    body: tuple[str, str]
    right: tuple[str, str]
    underlined: int
    signer: tuple[str, str]


LETTERHEADS: Final[Mapping[str, Letterhead]] = {
    "state": Letterhead(
        ("CƠ QUAN BÁO CÁO: ……………………………………", "Số: ………/BC-………"),
        ("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc"),
        1,
        ("THỦ TRƯỞNG CƠ QUAN", "(Ký tên, đóng dấu)"),
    ),
    "party": Letterhead(
        ("TỈNH ỦY ……………………… · VĂN PHÒNG", "*     Số ……… -BC/VPTU"),
        ("ĐẢNG CỘNG SẢN VIỆT NAM", _DATE),
        0,
        ("CHÁNH VĂN PHÒNG", "(Ký tên, đóng dấu)"),
    ),
}

_FONT: Final = "Times New Roman"
_LINE: Final = 16.0  # points of a line of text
_THIN: Final = Side(style="thin", color="FF000000")
_BOX: Final = Border(left=_THIN, right=_THIN, top=_THIN, bottom=_THIN)
_HEAD: Final = PatternFill("solid", start_color="FFE7E6E6", end_color="FFE7E6E6")
_CENTRE: Final = Alignment(horizontal="center", vertical="center", wrap_text=True)
_LEFT: Final = Alignment(horizontal="left", vertical="center", wrap_text=True, indent=1)
_LEVELS: Final = (Level.TUYET_MAT, Level.TOI_MAT, Level.MAT)
_CLOCKS: Final = {
    Clock.NOTICE: "Thông báo thay đổi độ mật",
    Clock.REMEDY: "Khắc phục vi phạm",
    Clock.DECISION: "Quyết định giải mật (hết thời hạn)",
    Clock.INCIDENT_REPORT: "Báo cáo sự cố cho Công an tỉnh",
    Clock.INCIDENT_RAISED: "Xử lý bản có độ mật được nâng",
    Clock.INCIDENT_REMEDY: "Thực hiện kết luận về sự cố",
}
_STEPS: Final[tuple[tuple[str, frozenset[Kind]], ...]] = (
    ("Đương nhiên giải mật", frozenset({Kind.EXPIRED})),
    ("Giải mật theo quyết định", frozenset({Kind.DECLASSIFIED, Kind.DELISTED})),
    ("Gia hạn", frozenset({Kind.EXTENDED})),
    ("Tăng độ mật", frozenset({Kind.RAISED})),
    ("Giảm độ mật", frozenset({Kind.LOWERED})),
    ("Hủy bước", frozenset({Kind.ANNULLED})),
)
# Heading, its columns: in the order of `_row`.
_OVERDUE: Final = (
    (Clock.NOTICE,),
    (Clock.REMEDY,),
    (Clock.DECISION,),
    (Clock.INCIDENT_REPORT, Clock.INCIDENT_RAISED, Clock.INCIDENT_REMEDY),
)
_COLUMNS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("Tài liệu đang mang độ mật", ("Tuyệt mật", "Tối mật", "Mật")),
    ("Thay đổi độ mật trong kỳ", tuple(name for name, _ in _STEPS)),
    ("Gói nộp bị từ chối", ("Số gói",)),
    ("Sự cố phát sinh trong kỳ", ("Số vụ", "Đã kết luận", "Đã đóng")),
    ("Kiểm tra", ("Số cuộc", "Vi phạm", "Đã khắc phục")),
    ("Quá hạn", ("Thông báo", "Khắc phục", "Chờ quyết định", "Sự cố")),
)


def sheet_of(report: SecretsReport, overdue: Sequence[Overdue], named: Named, *, letterhead: Letterhead) -> bytes:
    """The workbook: the summary with its signatures, incidents, violations, refusals by rule, what is overdue."""
    book = openpyxl.Workbook()
    first = book.active
    if not isinstance(first, Worksheet):
        raise TypeError("a new workbook has a sheet")
    _summary(first, report, named, letterhead)
    _incidents(book.create_sheet("Sự cố"), report, named)
    _violations(book.create_sheet("Vi phạm"), report, named)
    _refusals(book.create_sheet("Từ chối"), report, named)
    _overdue(book.create_sheet("Quá hạn"), report, overdue, named)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _summary(sheet: Worksheet, report: SecretsReport, named: Named, letterhead: Letterhead) -> None:
    sheet.title = "Tổng hợp"
    columns = 2 + sum(len(names) for _, names in _COLUMNS)
    _page(sheet, [5.0, 34.0, *([7.6] * (columns - 2))])
    half = columns // 2
    for at, words in enumerate(letterhead.body):
        _merged(sheet, 1 + at, 1, half, words, bold=at == 0)
    for at, words in enumerate(letterhead.right):
        underline = at == letterhead.underlined
        _merged(sheet, 1 + at, half + 1, columns, words, bold=at <= letterhead.underlined, underline=underline)
    _merged(sheet, 4, 1, columns, f"BÁO CÁO CÔNG TÁC BẢO VỆ BÍ MẬT NHÀ NƯỚC NĂM {report.year}", bold=True, size=14)
    _merged(sheet, 5, 1, columns, _span(report), italic=True)
    _heads(sheet, 7)
    row = 9
    for number, counts in enumerate(report.agencies, 1):
        _line(sheet, row, [number, named(counts.agency), *_row(counts)])
        row += 1
    totals = [sum(column) for column in zip(*map(_row, report.agencies), strict=True)] or [0] * (columns - 2)
    _line(sheet, row, ["", "TỔNG CỘNG", *totals], bold=True)
    sheet.print_title_rows = "7:8"
    _signatures(sheet, row + 2, half, columns, letterhead)


def _row(counts: AgencyCounts) -> list[int]:
    changed = [sum(count for (kind, _, _), count in counts.steps.items() if Kind(kind) in kinds) for _, kinds in _STEPS]
    found = [sum(entry[at] for entry in counts.violations.values()) for at in (0, 1)]
    overdue = [sum(counts.overdue.get(clock, 0) for clock in clocks) for clocks in _OVERDUE]
    held = [counts.held.get(level, 0) for level in _LEVELS]
    cases = counts.incidents.items()
    incidents = [
        sum(counts.incidents.values()),
        sum(count for case, count in cases if case.decision is not None),
        sum(count for case, count in cases if case.closed),
    ]
    return [*held, *changed, counts.refused_packages, *incidents, counts.inspections, *found, *overdue]


def _heads(sheet: Worksheet, row: int) -> None:
    for column, name in ((1, "STT"), (2, "Cơ quan")):
        sheet.merge_cells(start_row=row, start_column=column, end_row=row + 1, end_column=column)
        _head(sheet, row, column, name)
        _head(sheet, row + 1, column, "")
    column = 3
    for heading, names in _COLUMNS:
        if len(names) > 1:
            sheet.merge_cells(start_row=row, start_column=column, end_row=row, end_column=column + len(names) - 1)
        for at, name in enumerate(names):
            _head(sheet, row, column + at, "" if at else heading)
            _head(sheet, row + 1, column + at, name)
        column += len(names)
    sheet.row_dimensions[row].height = 46
    sheet.row_dimensions[row + 1].height = 62


def _signatures(sheet: Worksheet, row: int, half: int, columns: int, letterhead: Letterhead) -> None:
    if _DATE not in letterhead.right:
        _merged(sheet, row, half + 1, columns, _DATE, italic=True)
    _merged(sheet, row + 1, 1, half, "NGƯỜI LẬP BIỂU", bold=True)
    _merged(sheet, row + 1, half + 1, columns, letterhead.signer[0], bold=True)
    _merged(sheet, row + 2, 1, half, "(Ký, ghi rõ họ tên)", italic=True)
    _merged(sheet, row + 2, half + 1, columns, letterhead.signer[1], italic=True)


def _incidents(sheet: Worksheet, report: SecretsReport, named: Named) -> None:
    heads = ("STT", "Cơ quan", "Loại sự cố", "Nguồn phát hiện", "Kết luận", "Đã đóng", "Số vụ")
    _list_page(sheet, report, "SỰ CỐ PHÁT SINH TRONG KỲ", heads, [5.0, 46.0, 42.0, 20.0, 30.0, 10.0, 8.0])
    row = 5
    for counts in report.agencies:
        for case, count in counts.incidents.items():
            words = [KINDS[case.kind], SOURCES[case.source], DECISIONS[case.decision], "Có" if case.closed else "Chưa"]
            _line(sheet, row, [row - 4, named(counts.agency), *words, count], texts=(2, 3, 4, 5))
            row += 1


def _violations(sheet: Worksheet, report: SecretsReport, named: Named) -> None:
    heads = ("STT", "Cơ quan", "Loại vi phạm", "Phát hiện", "Đã khắc phục", "Quá hạn")
    _list_page(sheet, report, "VI PHẠM PHÁT HIỆN QUA KIỂM TRA", heads, [5.0, 42.0, 48.0, 12.0, 14.0, 12.0])
    row = 5
    for counts in report.agencies:
        for kind, (found, remedied, overdue) in counts.violations.items():
            words = VIOLATIONS[Violation(kind)].vi
            _line(sheet, row, [row - 4, named(counts.agency), words, found, remedied, overdue], texts=(2, 3))
            row += 1


def _refusals(sheet: Worksheet, report: SecretsReport, named: Named) -> None:
    heads = ("STT", "Cơ quan", "Quy tắc", "Số gói")
    _list_page(sheet, report, "GÓI NỘP BỊ TỪ CHỐI THEO QUY TẮC", heads, [5.0, 60.0, 48.0, 12.0])
    row = 5
    for counts in report.agencies:
        for rule, count in sorted(counts.refused.items()):
            _line(sheet, row, [row - 4, named(counts.agency), rule, count], texts=(2, 3))
            row += 1


def _overdue(sheet: Worksheet, report: SecretsReport, overdue: Sequence[Overdue], named: Named) -> None:
    heads = ("STT", "Cơ quan", "Việc quá hạn", "Mã", "Số", "Hạn")
    _list_page(sheet, report, "VIỆC QUÁ HẠN", heads, [5.0, 42.0, 34.0, 40.0, 7.0, 12.0])
    for number, entry in enumerate(overdue, 1):
        which: int | str = "" if entry.number is None else entry.number
        values: list[int | str] = [
            number,
            named(entry.agency),
            _CLOCKS[entry.clock],
            entry.subject,
            which,
            _day(entry.due_on),
        ]
        _line(sheet, number + 4, values, texts=(2, 3, 4))


def _list_page(
    sheet: Worksheet, report: SecretsReport, title: str, heads: Sequence[str], widths: Sequence[float]
) -> None:
    _page(sheet, widths)
    _merged(sheet, 1, 1, len(heads), title, bold=True, size=14)
    _merged(sheet, 2, 1, len(heads), _span(report), italic=True)
    for column, name in enumerate(heads, 1):
        _head(sheet, 4, column, name)
    sheet.print_title_rows = "4:4"


def _page(sheet: Worksheet, widths: Sequence[float]) -> None:
    for column, width in enumerate(widths, 1):
        sheet.column_dimensions[get_column_letter(column)].width = width
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = 9  # A4
    sheet.page_setup.fitToWidth = 1
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.page_margins = PageMargins(left=0.5, right=0.5, top=0.6, bottom=0.8, header=0.3, footer=0.4)
    sheet.print_options.horizontalCentered = True
    sheet.HeaderFooter.oddFooter = HeaderFooterItem(center=_HeaderFooterPart("Trang &P/&N"))


def _merged(
    sheet: Worksheet,
    row: int,
    first: int,
    last: int,
    words: str,
    *,
    bold: bool = False,
    italic: bool = False,
    underline: bool = False,
    size: int = 12,
) -> None:
    sheet.merge_cells(start_row=row, start_column=first, end_row=row, end_column=last)
    cell = _put(sheet, row, first, words)
    cell.font = Font(name=_FONT, size=size, bold=bold, italic=italic, underline="single" if underline else None)
    cell.alignment = _CENTRE


def _head(sheet: Worksheet, row: int, column: int, words: str) -> None:
    cell = sheet.cell(row=row, column=column)
    cell.border, cell.fill = _BOX, _HEAD
    if words:
        _put(sheet, row, column, words)
        cell.font = Font(name=_FONT, size=11, bold=True)
        cell.alignment = _CENTRE


def _line(
    sheet: Worksheet, row: int, values: Sequence[int | str], *, bold: bool = False, texts: Sequence[int] = (2,)
) -> None:
    lines = 1
    for column, value in enumerate(values, 1):
        cell = _put(sheet, row, column, value)
        cell.border = _BOX
        cell.font = Font(name=_FONT, size=11, bold=bold)
        cell.alignment = _LEFT if column in texts else _CENTRE
        # A row grows with its text only where somebody edits it: the height is set for whoever just prints.
        width = sheet.column_dimensions[get_column_letter(column)].width or 8.0
        lines = max(lines, -(-len(str(value)) // max(1, int(width * 0.9))))
    sheet.row_dimensions[row].height = _LINE * lines


def _put(sheet: Worksheet, row: int, column: int, value: int | str) -> Cell:
    cell = sheet.cell(row=row, column=column)
    if not isinstance(cell, Cell):
        raise TypeError("a merged cell takes no value")
    cell.value = value
    if isinstance(value, str):
        cell.data_type = "s"  # a text that begins with `=` stays a text
    return cell


def _span(report: SecretsReport) -> str:
    period = f"Từ ngày {_day(report.period.first)} đến ngày {_day(report.period.last)}"
    return f"({period}; số liệu tính đến ngày {_day(report.as_of)})"


def _day(day: date) -> str:
    return f"{day:%d/%m/%Y}"
