"""Refusals of the catalog: searching, opening a description, messages (DESIGN 10).

What is absent and what is forbidden get the same refusal, so that nobody learns of a record by being refused it.
"""

from __future__ import annotations

from services.kernel.refusals.registry import Refusal, Text


class DocumentUnknown(Refusal):
    code = "document-unknown"
    status = 404
    title = Text("Không có văn bản này", "No such document")
    detail = Text(
        "Không có văn bản mang mã này, hoặc văn bản không thuộc quyền xem của bạn.",
        "There is no document with this id, or it is not yours to see.",
    )
    fix = Text("Tìm lại văn bản qua /v1/search.", "Find the document again through /v1/search.")


class DossierUnknown(Refusal):
    code = "dossier-unknown"
    status = 404
    title = Text("Không có hồ sơ này", "No such dossier")
    detail = Text(
        "Không có hồ sơ mang mã này, hoặc hồ sơ không thuộc quyền xem của bạn.",
        "There is no dossier with this id, or it is not yours to see.",
    )
    fix = Text("Tìm lại hồ sơ qua /v1/search.", "Find the dossier again through /v1/search.")


class PackageSuperseded(Refusal):
    code = "package-superseded"
    status = 410
    title = Text("Gói nộp đã được thay thế", "The package was superseded")
    detail = Text(
        "Phiên bản đang có hiệu lực của hồ sơ này là gói {newest}.",
        "The version of this dossier that stands now is the package {newest}.",
    )
    fix = Text("Mở gói nêu trong detail.", "Open the package named in detail.")


class SearchWithoutWords(Refusal):
    code = "search-without-words"
    status = 422
    title = Text("Câu tìm không có từ nào", "The search has no words")
    detail = Text(
        "Câu tìm chỉ gồm dấu hoặc ký hiệu, không có chữ hay số.",
        "The search consists of signs only; it holds no letter and no digit.",
    )
    fix = Text(
        "Nhập ít nhất một từ, một số hoặc một ngày; bỏ trống q để xem theo ngày, mới nhất trước.",
        "Give at least one word, number or date; leave q out to browse by date, the newest first.",
    )


class SearchTooLong(Refusal):
    code = "search-too-long"
    status = 422
    title = Text("Câu tìm quá dài", "The search is too long")
    detail = Text(
        "Câu tìm có {words} từ; tối đa {limit}.",
        "The search has {words} words; the most is {limit}.",
    )
    fix = Text("Bỏ bớt từ ít phân biệt.", "Leave out the words that tell the least.")


class CursorInvalid(Refusal):
    code = "search-cursor-invalid"
    status = 422
    title = Text("Dấu trang không hợp lệ", "The page mark is not valid")
    detail = Text(
        "Giá trị của after không phải dấu trang do hệ thống cấp cho câu tìm này.",
        "The value of after is not a page mark that was given out for this search.",
    )
    fix = Text(
        "Dùng nguyên giá trị next của trang trước, hoặc bỏ after để xem từ đầu.",
        "Use the previous page's next as it is, or leave after out to start again.",
    )


class PeriodReversed(Refusal):
    code = "search-period-reversed"
    status = 422
    title = Text("Khoảng ngày bị ngược", "The period is reversed")
    detail = Text("from phải không muộn hơn to.", "from must not be later than to.")
    fix = Text("Đổi chỗ hai ngày.", "Swap the two dates.")


class MessageMalformed(Refusal):
    code = "message-malformed"
    status = 400
    title = Text("Thông điệp không đúng dạng", "The message has no known form")
    detail = Text(
        "Nội dung không phải thông điệp nopluu/message1 thuộc loại mà dịch vụ này nhận.",
        "The body is not a nopluu/message1 message of a type that this service takes.",
    )
    fix = Text(
        "Hai dịch vụ phải cùng phiên bản; báo đơn vị vận hành.",
        "Both services must be of the same release; tell the operator.",
    )
