"""Refusals about incidents, holds and the decisions of officers (DESIGN 9)."""

from __future__ import annotations

from services.kernel.refusals.registry import Refusal, Text


class IncidentUnknown(Refusal):
    code = "incident-unknown"
    status = 404
    title = Text("Không có vụ việc này", "No such incident")
    detail = Text("Không có vụ việc mang mã này.", "There is no incident with this id.")
    fix = Text("Xem danh sách bằng `nopluu incidents list`.", "List them with `nopluu incidents list`.")


class IncidentTargetUnknown(Refusal):
    code = "incident-target-unknown"
    status = 404
    title = Text("Không có đối tượng để niêm phong", "There is nothing there to hold")
    detail = Text(
        "Không có gói, văn bản hoặc tệp mang mã này, hoặc gói đã kết thúc mà không có dữ liệu.",
        "There is no such package, document or component, or the package ended without bytes.",
    )
    fix = Text(
        "Kiểm tra mã gói, số thứ tự văn bản và mã tệp.", "Check the package, the document's index, the component."
    )


class IncidentStepImpossible(Refusal):
    code = "incident-step-impossible"
    status = 409
    title = Text("Bước này không thực hiện được lúc này", "This step is not possible now")
    detail = Text("Vụ việc đang ở trạng thái {state}.", "The incident is {state}.")
    fix = Text("Xem lại vụ việc rồi chọn bước phù hợp.", "Look at the incident again and take the step that fits.")


class IncidentSameOfficer(Refusal):
    code = "incident-same-officer"
    status = 409
    title = Text("Người đề xuất không được tự xác nhận", "Whoever proposed may not confirm")
    detail = Text(
        "Đề xuất là của chính cán bộ này hoặc của chính ứng dụng này.",
        "The proposal is by this same officer or by this same client.",
    )
    fix = Text("Một cán bộ khác, trên máy khác, phải xác nhận.", "Another officer, at another client, must confirm.")


class IncidentProposalChanged(Refusal):
    code = "incident-proposal-changed"
    status = 409
    title = Text("Đề xuất đã được thay", "The proposal has changed")
    detail = Text("Đề xuất hiện hành là bước số {step}.", "The proposal that stands is step {step}.")
    fix = Text("Đọc đề xuất mới rồi xác nhận đúng bước đó.", "Read the new one, then confirm that very step.")


class DecisionIncomplete(Refusal):
    code = "incident-decision-incomplete"
    status = 422
    title = Text("Đề xuất thiếu thông tin", "The proposal lacks something")
    detail = Text(
        "Quyết định {decision} cần số văn bản làm căn cứ; sửa độ mật còn cần độ mật mới.",
        "The decision {decision} needs the instrument it rests on; a correction also needs the new level.",
    )
    fix = Text("Ghi `instrument`, và `level` khi sửa độ mật.", "Give `instrument`, and `level` to correct a level.")


class RemedyUnknown(Refusal):
    code = "incident-remedy-unknown"
    status = 404
    title = Text("Vụ việc không có việc phải làm này", "The incident has no such thing to do")
    detail = Text("Không có việc nào mang tên này còn chờ.", "Nothing of this name waits to be done.")
    fix = Text("Xem `clocks` của vụ việc.", "Look at the incident's `clocks`.")


class ExpulsionNotDone(Refusal):
    code = "incident-expulsion-not-done"
    status = 409
    title = Text("Người giữ kho chưa xóa xong", "The custodian has not expelled it yet")
    detail = Text("Còn {components} tệp chưa bị hủy khóa.", "{components} components still have their keys.")
    fix = Text("Chờ người giữ kho hoàn thành rồi ghi lại.", "Wait until the custodian has done it, then record it.")


class CorrectionNotDone(Refusal):
    code = "incident-correction-not-done"
    status = 409
    title = Text("Chưa có bước phân loại sửa độ mật", "No step has corrected the level yet")
    detail = Text(
        "Từ khi mở vụ việc chưa có bước phân loại nào đưa độ mật về mức đã quyết định: {level}.",
        "Since the incident was opened no classification step has brought the record to the level decided: {level}.",
    )
    fix = Text(
        "Ghi bước phân loại theo quyết định (`nopluu classification`), rồi ghi lại việc này.",
        "Record the step of that decision (`nopluu classification`), then record this as done.",
    )


class CorrectionEmpty(Refusal):
    code = "incident-correction-empty"
    status = 409
    title = Text("Độ mật đã đúng mức này", "It has this level already")
    detail = Text(
        "Độ mật hiện hành đã là {level} và không có bước phân loại nào từ khi mở vụ việc.",
        "The label is {level} already, and no classification step was recorded since the incident was opened.",
    )
    fix = Text(
        "Không có gì để sửa: đề xuất `release` để gỡ niêm phong, hoặc mức khác.",
        "There is nothing to correct: propose `release` to lift the hold, or another level.",
    )


class CorrectionCannotStay(Refusal):
    code = "incident-correction-cannot-stay"
    status = 409
    title = Text("Ở độ mật này tài liệu không được lưu tại đây", "At this level it may not stay here")
    detail = Text(
        "Hệ thống này không được giữ tệp ở độ mật {level}; sửa độ mật không làm cho tệp được phép ở lại.",
        "Files of the level {level} may not be kept in this deployment; correcting the level does not let them stay.",
    )
    fix = Text(
        "Đề xuất `expel` để loại tệp; cơ quan nộp lại bằng phiếu thay thế.",
        "Propose `expel`; the agency hands in a stub in its place.",
    )


class IncidentUnfinished(Refusal):
    code = "incident-unfinished"
    status = 409
    title = Text("Vụ việc còn việc phải làm", "The incident still has things to do")
    detail = Text("Còn {open} việc chưa xong.", "{open} things are not done.")
    fix = Text("Hoàn thành và ghi lại từng việc rồi mới kết thúc.", "Do and record each of them, then close.")


class ContentHeld(Refusal):
    code = "content-held"
    status = 409
    title = Text("Nội dung đang bị niêm phong", "An officer holds this content")
    detail = Text(
        "Bản kê có nội dung đang bị niêm phong hoặc đã bị loại theo quyết định của cán bộ bảo vệ bí mật nhà nước.",
        "The manifest has content that an officer holds, or that was expelled by decision.",
    )
    fix = Text(
        "Đọc thông báo tại /v1/notices; không gửi lại nội dung đó.",
        "Read the notice at /v1/notices; do not send that content again.",
    )
