"""Why a recovery record was not taken, in words an operator can act on. Codes are stable: scripts read them.

`{name}` is the record's object name, `{what}` another package's id, a writing's number, or the part that disagrees.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from services.kernel.refusals.registry import Text
from services.kernel.sealing.recovered import Refused

WORDS: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "record-name": Text("{name} không mang tên một gói nộp.", "{name} is not named after a package."),
        "record-missing": Text("{name} có trong danh mục nhưng kho không đưa ra.", "{name} is listed, but the store does not give it."),
        "record-altered": Text("{name} đã bị sửa hoặc cắt bớt.", "{name} was altered or cut."),
        "record-key-refused": Text(
            "{name}: KMS không mở được khóa của bản ghi; bản ghi bị sửa, của hệ thống khác, hoặc khóa KEK đã bị hủy.",
            "{name}: the KMS does not open its key; it was altered, is another deployment's, or its KEK was destroyed.",
        ),
        "record-swapped": Text("{name} chứa bản ghi của gói khác ({what}).", "{name} holds the record of another package ({what})."),
        "record-inconsistent": Text("{name}: nội dung không khớp nhau ({what}).", "{name}: its parts do not agree ({what})."),
        "record-unlogged": Text(
            "{name}: sự kiện niêm phong không có trong nhật ký này. Bản ghi của hệ thống khác, hoặc gói vừa niêm phong"
            " đúng lúc hỏng: kiểm tra rồi chạy lại với --admit-unlogged.",
            "{name}: its seal event is not in this log. Another deployment's record, or a package that was sealed in the"
            " last moment before the loss: look, then run again with --admit-unlogged.",
        ),
        "record-outdated": Text(
            "{name} là bản cũ: nhật ký có lần ghi số {what} sau nó. Tìm bản mới nhất trong bản sao của kho.",
            "{name} is an old one: the log has a later writing, number {what}. Look for the newest in the store's replica.",
        ),
        "record-conflict": Text("{name} trái với gói đã phục hồi ({what}).", "{name} contradicts a package restored before ({what})."),
        "origin-missing": Text(
            "{name} dùng lại tệp của gói {what}, mà gói đó chưa phục hồi được.",
            "{name} refers to components of package {what}, which is not restored.",
        ),
        "erased-elsewhere": Text(
            "{name} còn khóa của một tệp đã bị hủy theo bản ghi của gói {what}; khóa không được phục hồi.",
            "{name} still has the key of a component that is erased by the record of package {what}; it is not restored.",
        ),
    }
)  # fmt: skip


def told(refused: Refused) -> Text:
    """What to tell of one record."""
    return WORDS[refused.code].filled({"name": refused.name, "what": refused.what})
