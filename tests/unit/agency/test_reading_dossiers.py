"""How rows become dossiers, and which file a path means."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import openpyxl

from services.agency.sheets.paths import FolderIndex, is_cover
from tests.unit.agency.workbooks import codes, read, write_sheet


def _path(name: str) -> str:
    return "D:\\SoHoa\\" + name.replace("/", "\\")


def test_a_title_that_differs_is_a_problem_and_not_a_second_dossier(tmp_path: Path) -> None:
    files = [f"P012/001/{name}.pdf" for name in "abc"]
    rows = [{"Đường dẫn tệp": _path(file), "Số thứ tự trong hồ sơ": at} for at, file in enumerate(files, 1)]
    rows[2]["Tiêu đề hồ sơ"] = "Một tiêu đề khác"
    delivery = read(write_sheet(tmp_path, rows, files=files))
    assert len(delivery.dossiers) == 1
    [finding] = delivery.findings
    assert (finding.code, finding.row, finding.value) == ("dossier-differs", 6, "Một tiêu đề khác")


def test_lost_zeros_are_restored_from_the_siblings_and_told_once(tmp_path: Path) -> None:
    files = [f"P012/00{n}/a.pdf" for n in (1, 2, 3)]
    rows: list[dict[str, object]] = [{"Hồ sơ số": f"00{n}", "Đường dẫn tệp": _path(files[n - 1])} for n in (1, 2, 3)]
    rows[1]["Hồ sơ số"] = 2
    delivery = read(write_sheet(tmp_path, rows, files=files))
    assert [dossier.metadata["dossier_number"] for dossier in delivery.dossiers] == ["001", "002", "003"]
    assert codes(delivery) == ["ok-leading-zero"]


def test_cells_merged_downwards_belong_to_the_dossier_above(tmp_path: Path) -> None:
    blank = dict.fromkeys(
        ("Mã cơ quan", "Mã phông", "Tên phông", "Phông số", "Nhiệm kỳ", "Mục lục số", "Hộp số", "Hồ sơ số",
         "Thời hạn bảo quản", "Tiêu đề hồ sơ", "Ngày bắt đầu", "Ngày kết thúc")
    )  # fmt: skip
    files = ["P012/001/a.pdf", "P012/001/b.pdf"]
    rows: list[dict[str, object]] = [
        {"Đường dẫn tệp": _path(files[0])},
        dict(blank) | {"Đường dẫn tệp": _path(files[1]), "Số thứ tự trong hồ sơ": 2},
    ]
    delivery = read(write_sheet(tmp_path, rows, files=files))
    assert codes(delivery) == ["ok-carried-down"]
    assert [len(dossier.documents) for dossier in delivery.dossiers] == [2]


def test_a_cover_is_not_counted_as_a_document(tmp_path: Path) -> None:
    files = ["P012/001/a.pdf", "P012/001/P012.001.BIA.pdf"]
    rows: list[dict[str, object]] = [
        {"Đường dẫn tệp": _path(files[0]), "Tổng số văn bản": 1},
        {"Đường dẫn tệp": _path(files[1]), "Tổng số văn bản": 1, "Trích yếu nội dung": None, "Ngày ký": None},
    ]
    delivery = read(write_sheet(tmp_path, rows, files=files))
    assert codes(delivery) == ["ok-cover"]
    assert is_cover("D:\\x\\BIA.PDF")
    assert not is_cover("D:\\x\\LABIA.pdf")


def test_headings_in_two_rows_are_read_together(tmp_path: Path) -> None:
    path = write_sheet(tmp_path, [{}])
    book = openpyxl.load_workbook(path)
    sheet = book["MLHS"]
    sheet.insert_rows(4)
    for column in range(14, 24):  # the document's headings move one row down, under a merged group name
        sheet.cell(4, column).value = sheet.cell(3, column).value
        sheet.cell(3, column).value = "VĂN BẢN" if column == 14 else None
    sheet.merge_cells(start_row=3, end_row=3, start_column=14, end_column=23)
    book.save(path)
    assert codes(read(path)) == []


def test_an_inventory_without_headings_says_so(tmp_path: Path) -> None:
    path = write_sheet(tmp_path, [{}])
    book = openpyxl.Workbook()
    book.save(path)
    assert codes(read(path)) == ["header-not-found"]


def test_an_equal_file_name_elsewhere_is_a_hint_and_never_a_match(tmp_path: Path) -> None:
    path = write_sheet(tmp_path, [{"Đường dẫn tệp": _path("P012/009/a.pdf")}])
    delivery = read(path)
    assert codes(delivery) == ["file-missing", "file-unclaimed"]
    assert "P012/001/a.pdf" in delivery.findings[0].fix.en


def test_a_path_is_found_by_its_longest_end_whatever_the_normal_form_on_disk(tmp_path: Path) -> None:
    name = unicodedata.normalize("NFD", "Huyện ủy/báo cáo.pdf")
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_bytes(b"x")
    index = FolderIndex(tmp_path)
    assert [file.name for file in index.files] == ["Huyện ủy/báo cáo.pdf"]
    assert index.find("\\\\may-chu\\chung\\Huyện ủy\\báo cáo.pdf").outcome == "exact"
    assert index.find("D:\\HUYỆN ỦY\\BÁO CÁO.PDF").outcome == "case"
    assert index.find("D:\\Huyện ủy\\..\\báo cáo.pdf").outcome == "missing"


def test_names_that_differ_only_in_case_are_told_apart_or_refused(tmp_path: Path) -> None:
    for name in ("a.pdf", "A.pdf"):
        (tmp_path / name).write_bytes(b"x")
    index = FolderIndex(tmp_path)
    assert index.find("A.pdf").outcome == "exact"
    assert index.find("A.PDF").outcome == "ambiguous"


def test_a_folder_given_one_level_too_high_still_matches(tmp_path: Path) -> None:
    (tmp_path / "scans" / "P012").mkdir(parents=True)
    (tmp_path / "scans" / "P012" / "a.pdf").write_bytes(b"x")
    assert FolderIndex(tmp_path).find("P012\\a.pdf").outcome == "exact"


def test_two_documents_of_one_dossier_never_share_an_ordinal(tmp_path: Path) -> None:
    files = ["P012/001/a.pdf", "P012/001/b.pdf"]
    rows: list[dict[str, object]] = [{"Đường dẫn tệp": _path(file)} for file in files]
    assert codes(read(write_sheet(tmp_path, rows, files=files))) == ["ordinal-twice"]
