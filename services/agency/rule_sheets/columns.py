"""The sheets and their columns: headings as an officer reads them, and what of the bundle stands in each.

A column is found by its heading, so an officer may move columns about.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from services.agency.rule_sheets.cells import COUNT, DAY, FLAG, JSON, NAME, TEXT, Kind, words
from services.agency.rule_sheets.lists import BASIS, EXTENSIONS

COVER, RULES, EXAMPLES, FACTS = "Bìa", "Quy tắc", "Ví dụ", "Dữ kiện"
IGNORED: Final = frozenset({FACTS})
VERSION, FIRST_DAY = "Phiên bản", "Hiệu lực từ ngày"

EFFECTS: Final = {
    "refuse": "Từ chối",
    "quarantine": "Giữ chờ cán bộ",
    "withhold": "Chỉ giữ phiếu",
    "conditional": "Nhận có điều kiện",
    "admit": "Nhận",
}
LEVELS: Final = {"none": "Không mật", "mat": "Mật", "toi_mat": "Tối mật", "tuyet_mat": "Tuyệt mật"}
NETWORKS: Final = {
    "none": "Không nối mạng",
    "independent_lan": "LAN độc lập",
    "internal": "Mạng nội bộ",
    "internet": "Internet",
}
DEPLOYMENTS: Final = {"open": "Mạng mở", "independent-lan": "LAN độc lập"}
RELATIONS: Final = {
    "originator": "Cơ quan xác định độ mật",
    "superior": "Cơ quan cấp trên",
    "successor": "Cơ quan kế thừa",
    "archives_administration": "Cơ quan quản lý lưu trữ tỉnh",
}
ACCESS: Final = {"01": "01 Công khai", "02": "02 Có điều kiện", "03": "03 Mật"}
MATCHES: Final = {"positive": "Phải khớp", "negative": "Không được khớp"}


@dataclass(frozen=True, slots=True)
class Column:
    """`path` leads to the value in a row or an example; `choices` are offered in a list."""

    heading: str
    path: tuple[str, ...]
    kind: Kind
    width: int
    choices: tuple[str, ...] = field(default=())


def _words(heading: str, path: str, shown: dict[str, str], width: int) -> Column:
    return Column(heading, tuple(path.split(".")), words(shown), width, tuple(shown.values()))


def _column(heading: str, path: str, kind: Kind, width: int) -> Column:
    return Column(heading, tuple(path.split(".")), kind, width, ("có", "không") if kind is FLAG else ())


RULE_COLUMNS: Final = (
    _column("Mã", "id", NAME, 12),
    _column("Điều kiện", "condition", TEXT, 48),
    _words("Hệ quả", "effect", EFFECTS, 16),
    _column("Báo cáo công an", "report", FLAG, 10),
    _column("Căn cứ (văn bản | điều | từ | đến, mỗi căn cứ một dòng)", "basis", BASIS, 52),
    _column("Đã xác nhận với văn bản", "confirmed", FLAG, 12),
    _column("Điều còn phải xác nhận", "note", TEXT, 30),
    _column("Thông báo", "message.vi", TEXT, 40),
    _column("Thông báo tiếng Anh", "message.en", TEXT, 40),
    _column("Biểu thức CEL", "cel", TEXT, 60),
)

RULE_OF_EXAMPLE: Final = _column("Mã quy tắc", "rule", NAME, 12)
KIND_OF_EXAMPLE: Final = _words("Quy tắc phải", "kind", MATCHES, 16)
REST: Final = _column("Khác (JSON)", "", JSON, 30)
SITUATION_COLUMNS: Final = (
    _column("Ngày xét", "today", DAY, 12),
    _words("Độ mật", "secrecy.level", LEVELS, 12),
    _column("Là phiếu thay thế", "secrecy.stub", FLAG, 10),
    _column("Số tệp", "components", COUNT, 8),
    _column("Có trích yếu", "revealing", FLAG, 10),
    _column("Có siêu dữ liệu ngoài phiếu", "beyond_stub", FLAG, 12),
    _column("Ngày ban hành", "secrecy.issued_on", DAY, 12),
    _column("Ngày xác định độ mật", "secrecy.classified_on", DAY, 12),
    _column("Hết thời hạn (nếu ghi)", "secrecy.expires_on", DAY, 12),
    _column("Gia hạn", "secrecy.extensions", EXTENSIONS, 34),
    _column("Ngày giải mật", "secrecy.declassified.on", DAY, 12),
    _column("Cơ quan giải mật", "secrecy.declassified.authority", TEXT, 20),
    _words("Tư cách cơ quan giải mật", "secrecy.declassified.relation", RELATIONS, 24),
    _column("Mục trong danh mục", "secrecy.list_item", TEXT, 18),
    _column("Số cho phép sao chụp", "secrecy.permission.number", TEXT, 14),
    _column("Ngày cho phép", "secrecy.permission.date", DAY, 12),
    _column("Cơ quan cho phép", "secrecy.permission.authority", TEXT, 18),
    _column("Chức vụ người cho phép", "secrecy.permission.rank", TEXT, 18),
    _column("Số bản được phép", "secrecy.permission.copies", COUNT, 9),
    _column("Số bản đã sao", "secrecy.copies_made", COUNT, 9),
    _column("Sổ quản lý sao chụp", "secrecy.register_entry", TEXT, 14),
    _column("Ghi “không được sao”", "secrecy.copying_forbidden", FLAG, 10),
    _words("Mạng của máy sao chụp", "secrecy.capture_network", NETWORKS, 16),
    _column("Nơi để bản giấy", "secrecy.paper_location", TEXT, 18),
    _words("Chế độ sử dụng", "access_mode", ACCESS, 14),
    _words("Hệ thống", "deployment", DEPLOYMENTS, 14),
    _column("Có mật mã cơ yếu", "state_cipher", FLAG, 10),
    _words("Mức cao nhất của cơ quan (LAN độc lập)", "ceiling", LEVELS, 14),
    _column("Bộ trường", "profile", TEXT, 9),
    _words("Hồ sơ: mức cao nhất", "dossier.highest", LEVELS, 12),
    _column("Hồ sơ: có tiêu đề", "dossier.revealing", FLAG, 10),
    _words("Hồ sơ: chế độ sử dụng", "dossier.access_mode", ACCESS, 14),
    _words("Hồ sơ: độ mật riêng", "dossier.secrecy.level", LEVELS, 12),
    _column("Hồ sơ: là phiếu", "dossier.secrecy.stub", FLAG, 10),
    _column("Hồ sơ: ngày ban hành", "dossier.secrecy.issued_on", DAY, 12),
    _column("Hồ sơ: ngày xác định độ mật", "dossier.secrecy.classified_on", DAY, 12),
    _column("Ghi chú", "note", TEXT, 30),
)
EXAMPLE_COLUMNS: Final = (RULE_OF_EXAMPLE, KIND_OF_EXAMPLE, *SITUATION_COLUMNS, REST)
