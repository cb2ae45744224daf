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
        "acts-name": Text("{name} không mang tên một trang của sổ việc.", "{name} is not named as a page of the act book."),
        "acts-missing": Text(
            "{name}: nhật ký có trang này nhưng kho không đưa ra. Tìm trong bản sao của kho.",
            "{name}: the log has this page, but the store does not give it. Look for it in the store's replica.",
        ),
        "acts-book-missing": Text(
            "{name}: nhật ký có một sổ việc nhưng kho không đưa ra trang nào.",
            "{name}: the log has an act book, but the store gives no page of it.",
        ),
        "acts-altered": Text("{name} đã bị sửa hoặc cắt bớt.", "{name} was altered or cut."),
        "acts-key-refused": Text(
            "{name}: KMS không mở được khóa của trang; trang bị sửa, hoặc của hệ thống khác.",
            "{name}: the KMS does not open its key; it was altered, or is another deployment's.",
        ),
        "acts-swapped": Text("{name} chứa trang khác (số {what}).", "{name} holds another page (number {what})."),
        "acts-foreign": Text("{name} là trang của một sổ việc khác.", "{name} is a page of another act book."),
        "acts-forked": Text(
            "{name} không phải trang mà trang sau nó nối tiếp.", "{name} is not the page that the one after it follows."
        ),
        "acts-unlogged": Text(
            "{name} không có trong nhật ký này và không nối tiếp trang nào. Trang của hệ thống khác, hoặc sổ vừa mở đúng"
            " lúc hỏng: kiểm tra rồi chạy lại với --admit-unlogged.",
            "{name} is not in this log and continues no page. Another deployment's, or a book that was begun in the last"
            " moment before the loss: look, then run again with --admit-unlogged.",
        ),
        "act-table-unknown": Text(
            "{name}: phần mềm này không biết bảng này; dùng bản mới hơn.",
            "{name}: this release does not know the table; use a newer one.",
        ),
        "act-row-dangling": Text(
            "{name}: hàng {what} dựa vào một gói nộp hoặc hàng chưa phục hồi được.",
            "{name}: row {what} refers to a package or a row that is not restored.",
        ),
        "act-row-contradicts": Text("{name}: hàng {what} trái với hàng khác.", "{name}: row {what} contradicts another row."),
        "part-missing": Text(
            "{name}: kho không còn phiên bản {what} mà gói nộp dùng. Lấy lại từ một bản sao có giữ phiên bản (replication), hoặc"
            " trỏ ingest sang bản sao đó, rồi chạy lại.",
            "{name}: the store has no version {what}, which a package names. Bring it back from a replica that keeps versions"
            " (replication, not a copy by name), or point ingest at that replica, and run again.",
        ),
        "part-cut": Text(
            "{name}: phiên bản {what} trong kho không đủ độ dài. Lấy lại từ một bản sao có giữ phiên bản (replication), hoặc trỏ"
            " ingest sang bản sao đó, rồi chạy lại.",
            "{name}: version {what} has another length in the store. Bring it back from a replica that keeps versions"
            " (replication, not a copy by name), or point ingest at that replica, and run again.",
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
