"""Refusals of decisions on how secret a record an agency may hand in over the independent LAN (DECISION-0024)."""

from __future__ import annotations

from services.kernel.refusals.registry import Refusal, Text


class CeilingTopSecret(Refusal):
    code = "ceiling-top-secret"
    status = 422
    title = Text("Tuyệt mật không bao giờ được nộp", "Top secret is never handed in")
    detail = Text(
        "Mức cao nhất của một cơ quan không thể là Tuyệt mật: tài liệu Tuyệt mật không được số hóa.",
        "An agency's ceiling cannot be top secret: what is top secret may not be digitised.",
    )
    fix = Text("Chọn none, mat hoặc toi_mat.", "Choose none, mat or toi_mat.")


class CeilingDatesInvalid(Refusal):
    code = "ceiling-dates-invalid"
    status = 422
    title = Text("Ngày của quyết định không hợp lệ", "The decision's days do not fit")
    detail = Text(
        "Quyết định có hiệu lực từ ngày ký trở đi, ngày ký không ở tương lai, ngày hết hiệu lực sau ngày bắt đầu, và cơ quan "
        "phải tồn tại vào ngày bắt đầu.",
        "A decision holds from its own day at the earliest, is not of a day to come, ends after it begins, and its agency "
        "is there on its first day.",
    )
    fix = Text("Sửa decided_on, valid_from hoặc valid_to.", "Correct decided_on, valid_from or valid_to.")


class CeilingUnknown(Refusal):
    code = "ceiling-unknown"
    status = 404
    title = Text("Không có quyết định này", "No such decision")
    detail = Text("Không có quyết định mang mã này.", "There is no decision with this id.")
    fix = Text("Xem danh sách ở GET /v1/ceilings.", "List them at GET /v1/ceilings.")


class CeilingSettled(Refusal):
    code = "ceiling-settled"
    status = 409
    title = Text("Quyết định đã được duyệt hoặc bác", "The decision was approved or declined")
    detail = Text(
        "Quyết định này đã được duyệt hoặc bác; điều đã ghi không được sửa.",
        "This decision was approved or declined already; nothing recorded is changed.",
    )
    fix = Text(
        "Đề xuất một quyết định mới, có ngày bắt đầu của nó.", "Propose a new decision with a first day of its own."
    )


class CeilingSameOfficer(Refusal):
    code = "ceiling-same-officer"
    status = 409
    title = Text("Người đề xuất không được tự duyệt", "Whoever proposed may not approve")
    detail = Text(
        "Đề xuất là của chính cán bộ này hoặc của chính ứng dụng này.",
        "The proposal is by this same officer or by this same client.",
    )
    fix = Text("Một cán bộ khác, trên máy khác, phải duyệt.", "Another officer, at another client, must approve.")
