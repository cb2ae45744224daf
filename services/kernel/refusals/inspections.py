"""Refusals of inspections of agencies, and of the yearly secrets report (DESIGN 9)."""

from __future__ import annotations

from services.kernel.refusals.registry import Refusal, Text


class InspectionUnknown(Refusal):
    code = "inspection-unknown"
    status = 404
    title = Text("Không có cuộc kiểm tra này", "No such inspection")
    detail = Text("Không có cuộc kiểm tra mang mã này.", "There is no inspection with this id.")
    fix = Text("Xem danh sách ở /v1/inspections.", "List them at /v1/inspections.")


class InspectedAgencyUnknown(Refusal):
    code = "inspected-agency-unknown"
    status = 422
    title = Text("Không có cơ quan này", "No such agency")
    detail = Text(
        "Ngày kiểm tra, danh bạ không có cơ quan mang mã này.",
        "On the day of the inspection the registry has no agency with this id.",
    )
    fix = Text("Dùng mã cơ quan trong danh bạ.", "Use the agency's id in the registry.")


class InspectionStepUnfit(Refusal):
    code = "inspection-step-unfit"
    status = 409
    title = Text("Bước này không thực hiện được lúc này", "This step does not fit now")
    detail = Text(
        "Cuộc kiểm tra đã kết thúc, không có phát hiện mang số này, hoặc phát hiện chưa (đã) được khắc phục.",
        "The inspection is closed, there is no finding of this number, or it is not yet (already) remedied.",
    )
    fix = Text("Xem lại diễn biến của cuộc kiểm tra.", "Look at the inspection's trail first.")


class InspectionFindingsOpen(Refusal):
    code = "inspection-findings-open"
    status = 409
    title = Text("Còn phát hiện chưa được xác nhận khắc phục", "There are findings whose remedy is not verified")
    detail = Text(
        "Còn {findings} phát hiện chưa được công an xác nhận đã khắc phục.",
        "{findings} findings are not verified as remedied.",
    )
    fix = Text("Xác nhận từng phát hiện rồi kết thúc.", "Verify each finding, then close.")


class InspectionDayInvalid(Refusal):
    code = "inspection-day-invalid"
    status = 422
    title = Text("Ngày không hợp lệ", "The day does not fit")
    detail = Text(
        "Việc đã làm không được ghi sau hôm nay; hạn khắc phục không được trước ngày của bước.",
        "What was done is not dated after today; a remedy is not due before the step's own day.",
    )
    fix = Text("Sửa ngày theo biên bản.", "Mend the day by the minutes.")
