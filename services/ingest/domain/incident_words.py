"""How incidents are called in a report that people sign; on the wire the words of `incidents` stand."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from services.ingest.domain.incidents import Decision, Kind, Source

SOURCES: Final[Mapping[Source, str]] = MappingProxyType(
    {
        Source.RULE: "Quy tắc",
        Source.INSPECTION: "Kiểm tra nội dung",
        Source.ARCHIVIST: "Lưu trữ viên",
        Source.OFFICER: "Cán bộ Công an",
    }
)

KINDS: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        Kind.CONTENT: "Nội dung có bí mật nhà nước",
        Kind.METADATA: "Siêu dữ liệu có bí mật nhà nước",
        Kind.RULES_CHANGED: "Trở thành bí mật theo quy tắc mới",
        Kind.LEVEL_RAISED: "Độ mật được nâng sau khi nhận",
        Kind.STAMP_FOUND: "Có dấu độ mật mà khai không mật",
        Kind.READ_OUTSIDE_ENCLAVE: "OCR, AI ngoài vùng được phép",
        Kind.LEAK: "Lộ, mất bí mật nhà nước",
        Kind.EXPORT_UNAPPROVED: "Xuất không có phê duyệt",
        Kind.MEDIUM_REUSED: "Dùng lại vật mang tin chưa xóa",
        Kind.ACCESS_CONTRADICTION: "Chế độ sử dụng trái độ mật",
    }
)

DECISIONS: Final[Mapping[Decision | None, str]] = MappingProxyType(
    {
        None: "Chưa kết luận",
        Decision.RELEASE: "Không phải bí mật, mở lại",
        Decision.DECLASSIFIED_ELSEWHERE: "Đã được giải mật",
        Decision.EXPEL: "Đưa ra khỏi kho",
        Decision.CORRECT_LEVEL: "Sửa độ mật",
    }
)
