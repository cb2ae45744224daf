"""Refusals of the platform beneath the services: what is down, full or not reachable."""

from __future__ import annotations

from services.kernel.refusals.registry import Refusal, Text


class StoreUnavailable(Refusal):
    code = "store-unavailable"
    status = 503
    title = Text("Kho lưu trữ tạm thời không dùng được", "The object store is not available")
    detail = Text(
        "Kho lưu trữ chưa xác nhận thao tác này; không có gì được ghi nhận.",
        "The object store did not acknowledge this; nothing was recorded.",
    )
    fix = Text("Gửi lại cùng yêu cầu sau ít phút.", "Send the same request again in a few minutes.")
    retryable = True


class KmsUnavailable(Refusal):
    code = "kms-unavailable"
    status = 503
    title = Text("Dịch vụ khóa tạm thời không dùng được", "The key service is not available")
    detail = Text(
        "Không lấy được khóa mã hóa; hệ thống không bao giờ lưu nội dung khi chưa mã hóa.",
        "No encryption key could be had; content is never stored unencrypted.",
    )
    fix = Text("Gửi lại cùng yêu cầu sau ít phút.", "Send the same request again in a few minutes.")
    retryable = True
