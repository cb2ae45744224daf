"""Refusals of erasure: expulsion and disposal by the custodian (DESIGN 7)."""

from __future__ import annotations

from services.kernel.refusals.registry import Refusal, Text


class ErasureUnknown(Refusal):
    code = "erasure-unknown"
    status = 404
    title = Text("Không có lệnh xóa này", "No such erasure")
    detail = Text("Không có lệnh xóa nào mang mã này.", "No erasure was ordered under this id.")
    fix = Text("Kiểm tra mã của lệnh xóa.", "Check the id of the erasure.")


class ErasureConflict(Refusal):
    code = "erasure-conflict"
    status = 409
    title = Text("Mã này đã dùng cho lệnh xóa khác", "Another erasure stands under this id")
    detail = Text(
        "Lệnh xóa mang mã này có nội dung khác; lệnh mới chưa được thực hiện.",
        "What was ordered under this id is something else; nothing was erased now.",
    )
    fix = Text("Dùng một mã UUID mới cho mỗi lệnh xóa.", "Use a fresh UUID for each erasure.")


class ErasureTooEarly(Refusal):
    code = "erasure-too-early"
    status = 409
    title = Text("Gói nộp chưa niêm phong", "The package is not sealed")
    detail = Text(
        "Gói đang ở trạng thái {state}; chưa có gì để tiêu hủy.",
        "The package is {state}: nothing is kept yet that could be disposed of.",
    )
    fix = Text(
        "Gói chưa niêm phong thì cơ quan nộp bỏ gói, hoặc gói tự hết hạn.",
        "What is not sealed is abandoned by its agency, or expires.",
    )


class ErasureHeld(Refusal):
    code = "erasure-held"
    status = 409
    title = Text("Tài liệu đang bị giữ nguyên trạng", "What is to be disposed of is on hold")
    detail = Text(
        "{components} tệp đang bị giữ theo quyết định của cán bộ; không được tiêu hủy.",
        "{components} components are on hold by an officer's decision and may not be disposed of.",
    )
    fix = Text(
        "Chờ cán bộ có thẩm quyền bỏ lệnh giữ, hoặc quyết định trục xuất.",
        "Wait until the officer lifts the hold, or decides on expulsion.",
    )


class ErasureComponentsUnknown(Refusal):
    code = "erasure-components-unknown"
    status = 422
    title = Text("Gói nộp không có các tệp này", "The package has no such components")
    detail = Text(
        "{components} tệp trong lệnh không thuộc gói này; chưa có gì bị xóa.",
        "{components} of the named components are not the package's; nothing was erased.",
    )
    fix = Text("Kiểm tra mã tệp và mã gói.", "Check the ids of the components and of the package.")
