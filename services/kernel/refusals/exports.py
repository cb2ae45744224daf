"""Refusals of taking restricted documents out of the archive (rule 28, DECISION-0031)."""

from __future__ import annotations

from services.kernel.refusals.registry import Refusal, Text


class ExportNotApproved(Refusal):
    code = "export-not-approved"
    status = 403
    title = Text("Chưa được phép đưa tài liệu ra ngoài", "There is no leave to take this document out")
    detail = Text(
        "Tài liệu có chế độ sử dụng Mật (03); phải có văn bản phê duyệt còn hiệu lực cho chính người đọc này.",
        "The document has access mode 03 (restricted); an approval that is in force for this very reader is needed.",
    )
    fix = Text(
        "Đề nghị tại POST /v1/exports với số, ngày văn bản phê duyệt; một người khác duyệt, rồi tải lại.",
        "Ask at POST /v1/exports with number and day of the approving paper; another person approves, then read again.",
    )


class ExportUnknown(Refusal):
    code = "export-unknown"
    status = 404
    title = Text("Không có đề nghị này", "No such request")
    detail = Text("Không có đề nghị mang mã này.", "There is no request with this id.")
    fix = Text("Xem các đề nghị tại GET /v1/exports.", "Look at GET /v1/exports.")


class ExportSettled(Refusal):
    code = "export-settled"
    status = 409
    title = Text("Bước này không còn thực hiện được", "This step can no longer be taken")
    detail = Text(
        "Đề nghị đã được duyệt, bị từ chối hoặc đã kết thúc.", "The request was approved, declined or has ended."
    )
    fix = Text("Xem đề nghị; nếu cần, lập đề nghị mới.", "Look at the request; ask anew where it is needed.")


class ExportSamePerson(Refusal):
    code = "export-same-person"
    status = 409
    title = Text("Người đề nghị không được tự duyệt", "Whoever asked may not approve")
    detail = Text(
        "Đề nghị là của chính người này hoặc của chính ứng dụng này.", "It was asked by this person or client."
    )
    fix = Text("Một người khác, trên máy khác, phải duyệt.", "Another person, at another client, must approve.")


class ExportDatesInvalid(Refusal):
    code = "export-dates-invalid"
    status = 422
    title = Text("Ngày của phê duyệt không hợp lệ", "The approval's days do not fit")
    detail = Text(
        "Ngày văn bản không ở tương lai, ngày cuối chưa qua và cách ngày văn bản không quá 90 ngày.",
        "The paper is not of a day to come, the last day is not past and at most 90 days after the paper's.",
    )
    fix = Text("Sửa decided_on hoặc until.", "Correct decided_on or until.")
