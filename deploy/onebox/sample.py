"""The sample deployment: which agencies, fonds, clients and officers `make run` enrols, as data.

Codes and names are those of the sample deliveries; none belongs to a real agency.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

ARCHIVE_CODE: Final = "000.00.01.A47"
ARCHIVE_NAME: Final = "Kho Lưu trữ Tỉnh ủy Mẫu"
REGISTRAR_OFFICER: Final = "Nguyễn Thị Đăng Ký"
_LONG_AGO: Final = date(1990, 1, 1)

_DATA: Final = Path(__file__).parents[2] / "tests" / "data"
SHEET: Final = _DATA / "dossiers" / "party-clean" / "muc-luc.xlsx"
SCANS: Final = _DATA / "dossiers" / "party-clean" / "scans"
FOLDER: Final = _DATA / "folder-delivery"


@dataclass(frozen=True, slots=True)
class SampleFonds:
    """A fonds of an agency."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class SampleAgency:
    """An agency with its fonds; `key` names it in this program."""

    key: str
    code: str
    name: str
    kind: str
    level: str
    valid_from: date = _LONG_AGO
    fonds: tuple[SampleFonds, ...] = ()


@dataclass(frozen=True, slots=True)
class SampleClient:
    """A client of an agency; `key` names its profile and its key file."""

    key: str
    agency: str
    name: str
    scopes: tuple[str, ...]
    officer: str | None = None


AGENCIES: Final = (
    SampleAgency(
        "agency",
        "000.00.47.A47",
        "Huyện ủy Mẫu",
        "party-committee",
        "district",
        fonds=(SampleFonds("P012", "Phông Huyện ủy Mẫu"), SampleFonds("P013", "Phông Huyện ủy Mẫu (phần hai)")),
    ),
    SampleAgency(
        "stranger",
        "000.00.48.A47",
        "Huyện ủy Khác",
        "party-committee",
        "district",
        fonds=(SampleFonds("P099", "Phông Huyện ủy Khác"),),
    ),
    SampleAgency("office", "000.00.01.A47", "Văn phòng Tỉnh ủy Mẫu", "party-committee", "province"),
    SampleAgency("police", "000.00.02.A47", "Công an tỉnh Mẫu", "police", "province"),
)

CLIENTS: Final = (
    SampleClient("agency", "agency", "Phần mềm văn thư Huyện ủy Mẫu", ("submitter",)),
    SampleClient("stranger", "stranger", "Phần mềm văn thư Huyện ủy Khác", ("submitter",)),
    SampleClient("archivist", "archive", "Trạm của lưu trữ viên", ("archivist",)),
    SampleClient("custodian", "archive", "Máy của người giữ kho", ("custodian",), "Phạm Thị Giữ"),
    SampleClient("supervisor", "office", "Máy theo dõi của Văn phòng Tỉnh ủy", ("supervisor",)),
    SampleClient("auditor", "office", "Máy của kiểm toán viên", ("auditor",)),
    SampleClient("author", "police", "Máy của người soạn quy tắc", ("rule-author",), "Trần Văn Soạn"),
    SampleClient("approver", "police", "Máy của người duyệt quy tắc", ("rule-approver",), "Lê Thị Duyệt"),
    SampleClient("inspector", "police", "Máy của cán bộ kiểm tra", ("incident-officer",), "Phạm Văn Kiểm"),
    SampleClient("officer", "police", "Máy của cán bộ xử lý vụ việc", ("incident-officer",), "Phạm Văn Xử"),
    SampleClient("officer2", "police", "Máy của cán bộ xác nhận", ("incident-officer",), "Hoàng Thị Xác"),
)
