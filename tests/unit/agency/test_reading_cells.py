"""What a contractor's cell may hold, and what `check` says of it."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import openpyxl
import pytest

from tests.unit.agency.workbooks import codes, read, write_sheet


def test_a_sound_row_has_no_finding(tmp_path: Path) -> None:
    delivery = read(write_sheet(tmp_path, [{}]))
    assert codes(delivery) == []
    document = delivery.dossiers[0].documents[0]
    assert document.metadata["issued_on"] == "03/01/2008"
    assert document.metadata["document_number"] == "17"
    assert document.secrecy == {"level": "none", "issued_on": "2008-01-03"}
    assert [file.name for file in document.files] == ["P012/001/a.pdf"]
    assert delivery.dossiers[0].fonds == "P012"
    assert delivery.dossiers[0].creator == "000.00.47.A47"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Ngày ký": "3/1/2008"}, "ok-date-text"),
        ({"Ngày ký": "ngày 3 tháng 1 năm 2008"}, "ok-date-text"),
        ({"Ngày ký": "2008-01-03"}, "ok-date-text"),
        ({"Ngày ký": 39450}, "ok-date-serial"),
        ({"Ngày ký": "2008"}, "date-year-only"),
        ({"Ngày ký": 2008}, "date-year-only"),
        ({"Ngày ký": "31/02/2008"}, "date-invalid"),
        ({"Ngày ký": "03/01/08"}, "date-invalid"),
        ({"Ngày ký": True}, "date-invalid"),
        ({"Ngày ký": datetime(2031, 1, 1)}, "date-future"),  # noqa: DTZ001
        ({"Ngày ký": None}, "required-missing"),
        ({"Số trang văn bản": "hai"}, "not-a-number"),
        ({"Số trang văn bản": -1}, "not-a-number"),
        ({"Số trang văn bản": 1.5}, "not-a-number"),
        ({"Trích yếu nội dung": "#REF!"}, "cell-error"),
        ({"Trích yếu nội dung": "Kết luận\xa0"}, "ok-normalised"),
        ({"Trích yếu nội dung": unicodedata.normalize("NFD", "Kết luận")}, "ok-normalised"),
        ({"Trích yếu nội dung": "B¸o c¸o tiÕn ®é"}, "legacy-font"),
        ({"Trích yếu nội dung": "Baùo caùo tieán ñoä"}, "legacy-font"),
        ({"Trích yếu nội dung": "h\ufffdng"}, "control-character"),
        ({"Số văn bản": 12345678901234567890}, "precision-lost"),
        ({"Số văn bản": datetime(2008, 1, 2)}, "number-turned-date"),  # noqa: DTZ001
        ({"Độ mật": "bí mật"}, "secrecy-unknown"),
        ({"Độ mật": None}, "required-missing"),
        ({"Thời hạn bảo quản": "lâu dài"}, "unknown-code"),
        ({"Thời hạn bảo quản": "20 năm"}, "retention-not-permanent"),
        ({"Mã cơ quan": "Huyện ủy"}, "agency-code-invalid"),
        ({"Tổng số văn bản": 7}, "count-mismatch"),
        ({"Số lượng tệp": 2}, "file-count-mismatch"),
        ({"Cột của chúng tôi": "x"}, "column-unknown"),
    ],
)
def test_each_fault_has_its_code(tmp_path: Path, change: Mapping[str, object], code: str) -> None:
    delivery = read(write_sheet(tmp_path, [change]))
    assert code in codes(delivery)
    assert all(finding.message.vi and finding.fix.en for finding in delivery.findings)


def test_a_formula_that_was_never_calculated_is_not_an_empty_cell(tmp_path: Path) -> None:
    delivery = read(write_sheet(tmp_path, [{"Trích yếu nội dung": '="Kết "&"luận"'}]))
    assert codes(delivery) == ["formula-uncached"]


def test_a_year_in_a_cell_formatted_as_a_date_is_still_a_bare_year(tmp_path: Path) -> None:
    path = write_sheet(tmp_path, [{"Ngày ký": 2008}])
    book = openpyxl.load_workbook(path)
    for row in book["MLHS"].iter_rows():
        for cell in row:
            if cell.value == 2008:
                cell.number_format = "DD/MM/YYYY"
    book.save(path)
    [finding] = read(path).findings
    assert (finding.code, finding.value) == ("date-year-only", "2008")


def test_zeros_shown_by_the_format_are_part_of_the_code(tmp_path: Path) -> None:
    path = write_sheet(tmp_path, [{"Hồ sơ số": 7}])
    book = openpyxl.load_workbook(path)
    for row in book["MLHS"].iter_rows():
        for cell in row:
            if cell.value == 7:
                cell.number_format = "000"
    book.save(path)
    delivery = read(path)
    assert codes(delivery) == []
    assert delivery.dossiers[0].metadata["dossier_number"] == "007"


def test_hidden_rows_are_told(tmp_path: Path) -> None:
    path = write_sheet(tmp_path, [{}])
    book = openpyxl.load_workbook(path)
    book["MLHS"].row_dimensions[4].hidden = True
    book.save(path)
    [finding] = read(path).findings
    assert (finding.code, finding.row) == ("hidden-row", 4)


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "not-xlsx"), (b"STT,Ho so", "not-xlsx"), (b"PK\x03\x04", "not-xlsx")],
)
def test_what_is_no_workbook_is_a_finding(tmp_path: Path, content: bytes, code: str) -> None:
    path = write_sheet(tmp_path, [{}])
    path.write_bytes(content)
    assert codes(read(path)) == [code]


def test_unknown_columns_are_kept_under_their_heading(tmp_path: Path) -> None:
    delivery = read(write_sheet(tmp_path, [{"Cột của chúng tôi": "giữ lại"}]))
    assert delivery.dossiers[0].documents[0].metadata["other"] == {"Cột của chúng tôi": "giữ lại"}
