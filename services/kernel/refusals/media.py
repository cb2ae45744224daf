"""Refusals of the register of media (rule 29, DECISION-0032)."""

from __future__ import annotations

from services.kernel.refusals.registry import Refusal, Text


class MediumUnknown(Refusal):
    code = "medium-unknown"
    status = 404
    title = Text("Không có vật mang tin này", "No such medium")
    detail = Text("Không có vật mang tin mang mã này trong sổ.", "There is no medium with this id in the register.")
    fix = Text("Xem sổ tại GET /v1/media.", "Look at GET /v1/media.")


class MediumNotWiped(Refusal):
    code = "medium-not-wiped"
    status = 409
    title = Text("Chưa được dùng lại vật mang tin", "The medium may not be used again yet")
    detail = Text(
        "Vật mang tin từng chứa bí mật nhà nước độ {level} và việc xóa chưa được người khác xác nhận.",
        "It held state secrets of the level {level}, and no other person has verified that it was wiped.",
    )
    fix = Text(
        "Xóa sạch và ghi bước `wiped`, một người khác kiểm tra và ghi `verified`; hoặc tiêu hủy (`destroyed`).",
        "Wipe it and record `wiped`, let another person look and record `verified`; or destroy it (`destroyed`).",
    )


class MediumSamePerson(Refusal):
    code = "medium-same-person"
    status = 409
    title = Text("Người xóa không được tự xác nhận", "Whoever wiped may not verify")
    detail = Text(
        "Bước xóa là của chính người này hoặc của chính ứng dụng này.", "It was wiped by this person or client."
    )
    fix = Text("Một người khác, trên máy khác, phải xác nhận.", "Another person, at another client, must verify.")


class MediumStepUnfit(Refusal):
    code = "medium-step-unfit"
    status = 409
    title = Text("Bước này không phù hợp", "This step does not fit")
    detail = Text(
        "Vật mang tin đã tiêu hủy, hoặc chưa xóa mà xác nhận, hoặc thiếu độ mật.",
        "It is destroyed, or was not wiped before being verified, or no level is stated.",
    )
    fix = Text(
        "Xem các bước của vật mang tin rồi ghi bước đúng.", "Look at the medium's steps and record the one that fits."
    )


class MediumDayInvalid(Refusal):
    code = "medium-day-invalid"
    status = 422
    title = Text("Ngày không hợp lệ", "The day does not fit")
    detail = Text("Ngày ở tương lai, hoặc trước bước gần nhất.", "The day is still to come, or before the last step.")
    fix = Text("Sửa `on`.", "Correct `on`.")
