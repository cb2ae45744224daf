"""Refusals of steps in the life of a classification, and of inspections (DESIGN 9, DECISION-0021)."""

from __future__ import annotations

from services.kernel.refusals.registry import Refusal, Text


class ClassifiedUnknown(Refusal):
    code = "classified-record-unknown"
    status = 404
    title = Text("Không có tài liệu này", "No such record")
    detail = Text(
        "Không có gói nộp đã niêm phong mang mã này, hoặc gói không có tài liệu ở vị trí đã nêu.",
        "There is no sealed package with this id, or it has no document at the position given.",
    )
    fix = Text(
        "Nêu gói là phiên bản mới nhất và vị trí tài liệu trong bản kê, đếm từ 0.",
        "Name the newest version's package and the document's position in the manifest, counted from 0.",
    )


class AuthorityIncompetent(Refusal):
    code = "classification-authority-incompetent"
    status = 422
    title = Text("Cơ quan ra quyết định không có thẩm quyền", "The deciding body is not competent")
    detail = Text(
        "Ngày {on}, cơ quan đã nêu với tư cách {relation} không có thẩm quyền thực hiện {kind} đối với tài liệu này.",
        "On {on} the body named, as {relation}, could not decide {kind} for this record.",
    )
    fix = Text(
        "Kiểm tra ngày quyết định và cơ quan kế thừa vào ngày đó; quyết định sai thẩm quyền phải được ban hành lại.",
        "Check the decision's date and who had succeeded by then; a decision by the wrong body must be taken anew.",
    )


class AuthorityUnproved(Refusal):
    code = "classification-authority-unproved"
    status = 403
    title = Text("Cần cán bộ công an xác nhận thẩm quyền", "A police officer must attest the authority")
    detail = Text(
        "Danh bạ cơ quan không chứng minh được thẩm quyền này; chỉ cán bộ incident-officer được ghi nhận.",
        "The registry cannot prove this authority; only an incident-officer may record the step.",
    )
    fix = Text(
        "Chuyển quyết định cho cán bộ Công an tỉnh phụ trách để ghi nhận.",
        "Hand the decision to the provincial police officer in charge, who records it.",
    )


class StepAhead(Refusal):
    code = "classification-step-ahead"
    status = 422
    title = Text("Ngày của quyết định không hợp lệ", "The decision's days do not fit")
    detail = Text(
        "Ngày quyết định không được sau hôm nay, ngày hiệu lực không được trước ngày quyết định; "
        "tăng độ mật, gia hạn và hủy bước có hiệu lực ngay.",
        "A decision is not dated after today and takes effect no earlier than it was taken; "
        "raising, extending and annulling take effect at once.",
    )
    fix = Text("Sửa ngày theo văn bản, hoặc ghi nhận vào đúng ngày.", "Mend the days, or record it on the day itself.")


class ClassificationUnchanged(Refusal):
    code = "classification-unchanged"
    status = 409
    title = Text("Quyết định không thay đổi điều gì", "The decision would change nothing")
    detail = Text(
        "Tài liệu vào ngày hiệu lực đã ở mức đó, không còn là bí mật nhà nước, hoặc mức nêu ra không cao (thấp) hơn.",
        "On the effective day the record already is so, is no state secret, or the level named is not higher (lower).",
    )
    fix = Text("Xem lại lịch sử độ mật của tài liệu.", "Look at the record's history first.")


class ExtensionLate(Refusal):
    code = "classification-extension-late"
    status = 422
    title = Text("Quyết định gia hạn sau khi đã hết thời hạn", "The extension was decided after the term had ended")
    detail = Text(
        "Thời hạn bảo vệ đã hết ngày {until}; tài liệu đã đương nhiên giải mật.",
        "Protection ended on {until}; the record was declassified by law.",
    )
    fix = Text(
        "Nếu nội dung vẫn thuộc danh mục, cơ quan có thẩm quyền phải xác định lại độ mật.",
        "If it still stands on a list, the competent body must determine its level anew.",
    )


class ExtensionTooLong(Refusal):
    code = "classification-extension-too-long"
    status = 422
    title = Text("Gia hạn quá thời hạn cơ bản", "The extension is longer than a base term")
    detail = Text("Mỗi lần gia hạn đến muộn nhất ngày {most}.", "One extension reaches no further than {most}.")
    fix = Text("Kiểm tra ngày hết hạn trong quyết định.", "Check the last day in the decision.")


class TermTooLong(Refusal):
    code = "classification-term-too-long"
    status = 422
    title = Text("Thời hạn dài hơn thời hạn cơ bản", "The term is longer than the base term")
    detail = Text("Thời hạn của mức này đến muộn nhất ngày {most}.", "This level's term ends on {most} at the latest.")
    fix = Text("Bỏ until để tính theo thời hạn cơ bản.", "Leave until out and the base term is counted.")


class TermUnknown(Refusal):
    code = "classification-term-unknown"
    status = 409
    title = Text("Không tính được thời hạn đang có", "The present term cannot be computed")
    detail = Text(
        "Không có ngày xác định độ mật hay ngày ban hành nên tài liệu được coi là chưa hết hạn; không có gì để gia hạn.",
        "Neither classification nor issue date is known, so the record counts as unexpired; there is nothing to extend.",
    )
    fix = Text(
        "Ghi nhận quyết định điều chỉnh độ mật có nêu ngày hết hạn.",
        "Record a decision on the level that states its last day.",
    )


class ListItemMissing(Refusal):
    code = "classification-list-item-missing"
    status = 422
    title = Text("Thiếu mục trong danh mục bí mật nhà nước", "The list item is missing")
    detail = Text(
        "Xác định hoặc tăng độ mật phải nêu mục trong danh mục bí mật nhà nước.",
        "Giving or raising a level names the item of the list of state secrets.",
    )
    fix = Text("Nêu list_item theo quyết định.", "Give list_item as the decision states it.")


class AnnulledStepUnfit(Refusal):
    code = "classification-annulled-step-unfit"
    status = 422
    title = Text("Không hủy được bước đã nêu", "The step named cannot be annulled")
    detail = Text(
        "Bước không có ở tài liệu này, đã bị hủy, hoặc là bước tự động do hết thời hạn.",
        "The step is none of this record's, is annulled already, or is the automatic one at the end of the term.",
    )
    fix = Text(
        "Nêu mã bước trong lịch sử; bước tự động chỉ thay đổi bằng gia hạn đã quyết định đúng hạn hoặc xác định lại độ mật.",
        "Name a step of the history; after the automatic one only an extension decided in time, or a new level, counts.",
    )
