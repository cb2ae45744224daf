"""Small inventories for tests: the headings of the sample delivery and rows that differ from a sound one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path

import openpyxl

from services.agency.delivery import Delivery
from services.agency.sheets.columns import layout
from services.agency.sheets.reading import read_delivery
from services.agency.sheets.vocabulary import Vocabulary

TODAY = date(2026, 11, 24)
SAMPLES = Path(__file__).parents[2] / "data" / "dossiers"

SOUND: Mapping[str, object] = {
    "STT": 1,
    "Mã cơ quan": "000.00.47.A47",
    "Mã phông": "P012",
    "Tên phông": "Phông Huyện ủy Mẫu",
    "Phông số": "P012",
    "Nhiệm kỳ": "2005-2010",
    "Mục lục số": "01",
    "Hộp số": "01",
    "Hồ sơ số": "001",
    "Thời hạn bảo quản": "Vĩnh viễn",
    "Tiêu đề hồ sơ": "Hồ sơ thu thập tài liệu",
    "Ngày bắt đầu": datetime(2008, 1, 2),  # noqa: DTZ001 - Excel knows no zones
    "Ngày kết thúc": datetime(2008, 12, 28),  # noqa: DTZ001
    "Cơ quan ban hành": "Huyện ủy Mẫu",
    "Số văn bản": 17,
    "Ký hiệu văn bản": "17-TB/HU",
    "Ngày ký": datetime(2008, 1, 3),  # noqa: DTZ001
    "Thể loại văn bản": "Thông báo",
    "Trích yếu nội dung": "Kết luận",
    "Số trang văn bản": 1,
    "Độ mật": "Không",
    "Số thứ tự trong hồ sơ": 1,
    "Đường dẫn tệp": "D:\\SoHoa\\P012\\001\\a.pdf",
}


def write_sheet(
    folder: Path, rows: Sequence[Mapping[str, object]], *, files: Sequence[str] = ("P012/001/a.pdf",)
) -> Path:
    """A workbook with one row for each mapping of changes to the sound row, and the files under `scans/`."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "MLHS"
    headings = list(SOUND) + [heading for row in rows for heading in row if heading not in SOUND]
    headings = list(dict.fromkeys(headings))
    sheet.append(["HUYỆN ỦY MẪU"])
    sheet.append([])
    sheet.append(headings)
    for row in rows:
        sheet.append([(dict(SOUND) | dict(row)).get(heading) for heading in headings])
    path = folder / "muc-luc.xlsx"
    book.save(path)
    for name in files:
        place = folder / "scans" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"%PDF-1.4 " + name.encode())
    (folder / "scans").mkdir(exist_ok=True)
    return path


def read(path: Path, vocabulary: Vocabulary | None = None) -> Delivery:
    """Read a workbook with the files in `scans/` beside it."""
    return read_delivery(
        path, path.parent / "scans", layout=layout("party-flat"), vocabulary=vocabulary or Vocabulary(), today=TODAY
    )


def codes(delivery: Delivery) -> list[str]:
    """The codes found, in order of their places."""
    return [finding.code for finding in delivery.findings]
