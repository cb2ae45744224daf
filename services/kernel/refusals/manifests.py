"""Refusals of a manifest as such: what is wrong with its bytes, before any rule is asked (DESIGN 5.1)."""

from __future__ import annotations

from services.kernel.refusals.registry import Refusal, Text


class ManifestTooLarge(Refusal):
    code = "manifest-too-large"
    status = 413
    title = Text("Bản kê quá lớn", "The manifest is too large")
    detail = Text("Bản kê dài quá {limit} byte.", "The manifest has more than {limit} bytes.")
    fix = Text(
        "Mỗi gói nộp là một hồ sơ; chia hồ sơ quá lớn thành nhiều hồ sơ.",
        "A package is one dossier; split a dossier that is too large.",
    )


class ManifestTooComplex(Refusal):
    code = "manifest-too-complex"
    status = 413
    title = Text("Bản kê có quá nhiều giá trị", "The manifest has too many values")
    detail = Text("Bản kê có quá {limit} giá trị JSON.", "The manifest has more than {limit} JSON values.")
    fix = Text(
        "Chỉ khai siêu dữ liệu và tệp của một hồ sơ trong một bản kê.",
        "Declare only one dossier's metadata and components in one manifest.",
    )


class ManifestNotJson(Refusal):
    code = "manifest-not-json"
    status = 400
    title = Text("Bản kê không phải JSON hợp lệ", "The manifest is not strict JSON")
    detail = Text("Không đọc được bản kê: {reason_vi}.", "The manifest cannot be read: {reason}.")
    fix = Text(
        "Ghi bản kê bằng thư viện JSON, mã hóa UTF-8, không có dấu BOM, không lặp tên thành phần, chỉ dùng số nguyên.",
        "Write it with a JSON library: UTF-8, no byte order mark, no member twice, integers only.",
    )


class ManifestInvalid(Refusal):
    code = "manifest-invalid"
    status = 422
    title = Text("Bản kê có lỗi", "The manifest has errors")
    detail = Text(
        "Có {problems} chỗ phải sửa; mỗi chỗ được nêu bằng một con trỏ JSON. Chưa có nội dung nào được nhận.",
        "{problems} places must be mended, each named by a JSON pointer. No content has been received.",
    )
    fix = Text("Sửa các chỗ được nêu rồi khai báo lại.", "Mend the places named and declare again.")
