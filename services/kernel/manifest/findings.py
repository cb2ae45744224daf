"""What can be wrong with a manifest: the code of each finding and its text, which never quotes the manifest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from services.kernel.refusals.registry import Pointer, Text

MAX_FINDINGS: Final = 100_000  # told; beyond it they are only counted
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")

FINDINGS: Final[Mapping[str, Text]] = {
    # forms of JSON
    "object-expected": Text("Phải là một đối tượng JSON.", "It must be a JSON object."),
    "list-expected": Text("Phải là một danh sách JSON.", "It must be a JSON list."),
    "text-expected": Text("Phải là một chuỗi.", "It must be a string."),
    "flag-expected": Text("Phải là true hoặc false.", "It must be true or false."),
    "number-expected": Text("Phải là số nguyên không âm.", "It must be a whole number of zero or more."),
    "member-unknown": Text(
        "Định dạng không có thành phần này; kiểm tra chính tả.", "The format has no such member; check its spelling."
    ),
    "required-missing": Text("Thành phần bắt buộc còn thiếu hoặc trống.", "It is mandatory, and missing or empty."),
    "text-too-long": Text("Dài quá {limit} ký tự.", "It has more than {limit} characters."),
    "text-unsafe": Text(
        "Có ký tự điều khiển hoặc ký tự Unicode hỏng.", "It contains a control character or broken Unicode."
    ),
    "number-too-long": Text("Có quá {limit} chữ số.", "It has more than {limit} digits."),
    # the head
    "format-unknown": Text("Phải là “nopluu/manifest1”.", "It must be “nopluu/manifest1”."),
    "profile-unknown": Text("Phải là party, tt02 hoặc tt05.", "It must be party, tt02 or tt05."),
    "agency-code-invalid": Text(
        "Mã cơ quan phải có dạng 000.00.47.A47 (QCVN 102:2016) hoặc H47.12 (QĐ 20/2020/QĐ-TTg).",
        "An agency code looks like 000.00.47.A47 (QCVN 102:2016) or H47.12 (QĐ 20/2020/QĐ-TTg).",
    ),
    "package-id-invalid": Text("Phải là một UUID viết thường.", "It must be a UUID in lower case."),
    # metadata
    "code-unknown": Text("Giá trị không có trong danh mục của trường này.", "The field's code list has no such value."),
    "date-invalid": Text("Ngày phải có dạng dd/mm/yyyy và có thật.", "A date is dd/mm/yyyy, and exists."),
    "dates-reversed": Text("Ngày bắt đầu sau ngày kết thúc.", "The start is after the end."),
    "retention-unknown": Text(
        "Thời hạn bảo quản phải là “Vĩnh viễn” hoặc số năm, ví dụ “10 năm”.",
        "The retention is “Vĩnh viễn” or a number of years, such as “10 năm”.",
    ),
    "document-count-differs": Text(
        "Tổng số văn bản khai báo khác số văn bản trong bản kê ({listed}).",
        "The stated number of documents is not the number in the manifest ({listed}).",
    ),
    # documents
    "documents-empty": Text("Bản kê phải có ít nhất một văn bản.", "The manifest must have at least one document."),
    "ordinal-invalid": Text(
        "Số thứ tự phải là số nguyên từ 1 đến 9999999.", "An ordinal is a whole number from 1 to 9999999."
    ),
    "ordinal-twice": Text("Số thứ tự này đã có trong hồ sơ.", "The ordinal stands twice in the dossier."),
    # secrecy
    "iso-date-invalid": Text(
        "Ngày phải có dạng yyyy-mm-dd, có thật, từ năm 1800 đến 2199.",
        "A date is yyyy-mm-dd, exists, and lies between 1800 and 2199.",
    ),
    # components
    "name-empty-part": Text("Đường dẫn có phần trống.", "The path has an empty part."),
    "name-not-relative": Text(
        "Phải là đường dẫn tương đối, phân cách bằng “/”, không có ổ đĩa.",
        "It must be a relative path with “/” between, without a drive.",
    ),
    "name-dots": Text("Đường dẫn không được có phần “.” hoặc “..”.", "No part of the path may be “.” or “..”."),
    "name-unsafe": Text(
        "Tên có ký tự điều khiển, ký tự đảo chiều hoặc ký tự Unicode hỏng.",
        "The name has a control character, a bidirectional control or broken Unicode.",
    ),
    "name-not-nfc": Text("Tên phải ở dạng Unicode NFC.", "The name must be in Unicode normal form NFC."),
    "name-too-long": Text(
        "Mỗi phần của đường dẫn dài tối đa 255 byte, cả đường dẫn 1024 byte.",
        "A part of the path has at most 255 bytes, the whole path 1024.",
    ),
    "name-twice": Text("Tên tệp này đã có trong bản kê.", "The name stands twice in the manifest."),
    "name-differs-in-case": Text(
        "Tên chỉ khác một tên khác ở chữ hoa, chữ thường; có hệ điều hành coi là một.",
        "The name differs from another one only in case; some systems take both for one.",
    ),
    "media-type-invalid": Text("Phải có dạng loại/kiểu, ví dụ application/pdf.", "It looks like application/pdf."),
    "size-invalid": Text(
        "Kích thước là số byte, từ 0 đến 9007199254740991.", "A size is in bytes, from 0 to 9007199254740991."
    ),
    "sha256-invalid": Text(
        "Mã băm SHA-256 phải là 64 ký tự hệ mười sáu viết thường.", "A SHA-256 digest is 64 lower-case hex digits."
    ),
    "empty-digest-wrong": Text(
        "Chỉ tệp rỗng, và mọi tệp rỗng, có mã băm của dãy 0 byte.",
        "An empty component, and no other, has the digest of no bytes.",
    ),
    "payload-too-large": Text(
        "Tổng kích thước các tệp vượt quá giới hạn.", "The components together are larger than the limit."
    ),
}


class Findings:
    """Every problem of one manifest, in the order of the manifest as far as it is read in that order."""

    __slots__ = ("count", "errors", "warnings")

    def __init__(self) -> None:
        self.errors: list[Pointer] = []
        self.warnings: list[Pointer] = []
        self.count = 0

    def error(self, pointer: str, code: str, limit: int = 0) -> None:
        self.count += 1
        if len(self.errors) < MAX_FINDINGS:
            self.errors.append(Pointer(pointer, code, _text(code, limit)))

    def warn(self, pointer: str, code: str, listed: int = 0) -> None:
        if len(self.warnings) < MAX_FINDINGS:
            self.warnings.append(Pointer(pointer, code, _text(code, listed)))


def member(pointer: str, name: str) -> str:
    """The pointer of a member whose name the client chose; the object's own where the name may be more than a name."""
    return f"{pointer}/{name}" if _PLAIN_NAME.fullmatch(name) else pointer


@lru_cache(maxsize=1024)
def _text(code: str, fact: int) -> Text:
    return FINDINGS[code].filled({"limit": fact, "listed": fact})
