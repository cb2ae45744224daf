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


class DatabaseUnavailable(Refusal):
    code = "database-unavailable"
    status = 503
    title = Text("Cơ sở dữ liệu tạm thời không dùng được", "The database is not available")
    detail = Text(
        "Cơ sở dữ liệu chưa xác nhận thao tác này. Nếu thao tác đã được ghi nhận, gửi lại sẽ nhận đúng kết quả đó.",
        "The database did not acknowledge this. If it was recorded all the same, a repeat gets that same answer.",
    )
    fix = Text("Gửi lại cùng yêu cầu sau ít giây.", "Send the same request again in a few seconds.")
    retryable = True


class RebuildUnfinished(Refusal):
    code = "rebuild-unfinished"
    status = 503
    title = Text("Cơ sở dữ liệu chưa phục hồi xong", "The database is not rebuilt to the end")
    detail = Text(
        "Một lần phục hồi cơ sở dữ liệu từ kho lưu trữ chưa kết thúc; dịch vụ không trả lời và không nhận gì khi dữ liệu mới có một phần.",
        "A rebuild of the database from the object store is not ended; nothing is answered or taken from half an archive.",
    )
    fix = Text(
        "Đơn vị vận hành chạy lại nopluu-admin ingest rebuild và catalog rebuild đến hết (services/RESTORING.md); dịch vụ tự tiếp tục.",
        "The operator runs nopluu-admin ingest rebuild and catalog rebuild to their end (services/RESTORING.md); the service then goes on by itself.",
    )
    retryable = True


class RegistryStale(Refusal):
    code = "registry-stale"
    status = 503
    title = Text("Chưa cập nhật được danh bạ khóa và cơ quan", "The registry of keys and agencies is out of date")
    detail = Text(
        "Bản sao danh bạ của dịch vụ này cũ hơn mức cho phép, nên chưa thể xét khóa nào còn hiệu lực.",
        "This service's copy of the registry is older than allowed, so it cannot tell which keys are still valid.",
    )
    fix = Text(
        "Gửi lại sau ít giây; nếu kéo dài, báo đơn vị vận hành.",
        "Try again in a few seconds; if it lasts, tell the operator.",
    )
    retryable = True


class InstanceStopping(Refusal):
    code = "instance-stopping"
    status = 503
    title = Text("Máy chủ đang dừng", "The instance is stopping")
    detail = Text(
        "Máy chủ dừng trước khi xử lý xong yêu cầu này.", "The instance stopped before it was done with this request."
    )
    fix = Text("Gửi lại cùng yêu cầu.", "Send the same request again.")
    retryable = True


class InstanceFull(Refusal):
    code = "instance-requests-limit"
    status = 503
    title = Text("Máy chủ đang bận", "The server is busy")
    detail = Text(
        "Máy chủ đang xử lý đủ {limit} yêu cầu chưa xác thực; nội dung của yêu cầu này chưa được đọc.",
        "The instance already has {limit} unproved requests in flight; the body of this one was not read.",
    )
    fix = Text("Thử lại sau thời gian nêu ở Retry-After.", "Try again after the time in Retry-After.")
    retryable = True


class RequestLate(Refusal):
    code = "request-body-late"
    status = 408
    title = Text("Nội dung yêu cầu đến quá chậm", "The body came too slowly")
    detail = Text("Nội dung phải đến trọn trong {seconds} giây.", "The body must be complete in {seconds} s.")
    fix = Text("Gửi lại.", "Send again.")
    retryable = True


class InternalError(Refusal):
    code = "internal-error"
    status = 500
    title = Text("Lỗi bên trong hệ thống", "An error inside the gateway")
    detail = Text(
        "Hệ thống gặp lỗi ngoài dự kiến khi xử lý yêu cầu này.",
        "The gateway met an unexpected error with this request.",
    )
    fix = Text(
        "Gửi lại sau; nếu vẫn lỗi, báo đơn vị vận hành kèm request_id.",
        "Try again later; if it persists, report the request_id to the operator.",
    )
    retryable = True


class NotFound(Refusal):
    code = "not-found"
    status = 404
    title = Text("Không có địa chỉ này", "No such address")
    detail = Text("Dịch vụ không có địa chỉ được yêu cầu.", "The service has no such address.")
    fix = Text("Đối chiếu địa chỉ với tài liệu tại /docs.", "Compare the address with the documents at /docs.")


class MethodNotAllowed(Refusal):
    code = "method-not-allowed"
    status = 405
    title = Text("Phương thức không được hỗ trợ", "The method is not allowed here")
    detail = Text("Địa chỉ này không nhận phương thức đã dùng.", "This address does not take the method used.")
    fix = Text("Dùng một phương thức nêu ở tiêu đề Allow.", "Use one of the methods in the Allow header.")


class RequestInvalid(Refusal):
    code = "request-invalid"
    status = 422
    title = Text("Yêu cầu không hợp lệ", "The request is not valid")
    detail = Text("{errors} chỗ trong yêu cầu cần sửa.", "{errors} places in the request must be mended.")
    fix = Text(
        "Sửa từng chỗ nêu trong errors theo tài liệu tại /docs.",
        "Mend each place listed in errors, following the documents at /docs.",
    )


class RequestNotJson(Refusal):
    code = "request-not-json"
    status = 400
    title = Text("Nội dung yêu cầu không phải JSON", "The request's body is not JSON")
    detail = Text(
        "Nội dung không đọc được như JSON (UTF-8, không trùng khóa, không NaN).",
        "The body cannot be read as JSON (UTF-8, no duplicate members, no NaN).",
    )
    fix = Text("Gửi JSON đúng RFC 8259.", "Send JSON as in RFC 8259.")


class MediaTypeUnsupported(Refusal):
    code = "media-type-unsupported"
    status = 415
    title = Text("Kiểu nội dung không được hỗ trợ", "The media type is not supported")
    detail = Text(
        "Địa chỉ này không nhận kiểu nội dung nêu ở Content-Type.",
        "This address does not take the type in Content-Type.",
    )
    fix = Text("Đặt Content-Type như tài liệu tại /docs.", "Set Content-Type as documented at /docs.")


class BodyTooLarge(Refusal):
    code = "body-too-large"
    status = 413
    title = Text("Nội dung yêu cầu quá lớn", "The request's body is too large")
    detail = Text("Địa chỉ này nhận tối đa {limit} byte.", "This address takes at most {limit} bytes.")
    fix = Text("Gửi nội dung nhỏ hơn giới hạn.", "Send a body within the limit.")


class HostUnknown(Refusal):
    code = "host-unknown"
    status = 421
    title = Text("Tên máy chủ trong yêu cầu không đúng", "The request names another host")
    detail = Text(
        "Yêu cầu phải có đúng một tiêu đề Host, là tên của dịch vụ này.",
        "A request must have exactly one Host header, with this service's name.",
    )
    fix = Text("Dùng địa chỉ nêu tại /.well-known/nopluu.", "Use the address stated at /.well-known/nopluu.")


class HeadersTooLarge(Refusal):
    code = "headers-too-large"
    status = 431
    title = Text("Tiêu đề yêu cầu quá nhiều hoặc quá lớn", "The request has too many or too large headers")
    detail = Text(
        "Tối đa {count} tiêu đề và {limit} byte tiêu đề.", "At most {count} headers and {limit} bytes of headers."
    )
    fix = Text("Bỏ bớt tiêu đề không cần thiết.", "Leave out headers that are not needed.")


class ContentEncodingRefused(Refusal):
    code = "content-encoding-refused"
    status = 415
    title = Text("Không nhận nội dung đã nén", "Encoded content is not taken")
    detail = Text(
        "Yêu cầu có Content-Encoding; nội dung phải được gửi nguyên dạng, đúng như đã ký.",
        "The request has a Content-Encoding; content must be sent as it is, exactly as signed.",
    )
    fix = Text("Gửi nội dung không nén và bỏ tiêu đề Content-Encoding.", "Send it unencoded, without Content-Encoding.")


class BodyFramingAmbiguous(Refusal):
    code = "body-framing-ambiguous"
    status = 400
    title = Text("Độ dài nội dung không xác định duy nhất", "The body's length is ambiguous")
    detail = Text(
        "Dùng đúng một Content-Length hoặc Transfer-Encoding: chunked, không dùng cả hai.",
        "Use exactly one Content-Length, or Transfer-Encoding: chunked, never both.",
    )
    fix = Text("Chỉ gửi Content-Length.", "Send Content-Length alone.")


class PathAmbiguous(Refusal):
    code = "path-ambiguous"
    status = 400
    title = Text("Địa chỉ chứa ký tự có thể hiểu hai cách", "The address can be read in two ways")
    detail = Text(
        "Địa chỉ không được chứa %2F, %5C, \\ hoặc đoạn . và .. (kể cả khi mã hóa).",
        "The address must not contain %2F, %5C, \\ or the segments . and .. (encoded or not).",
    )
    fix = Text("Dùng địa chỉ đúng như tài liệu tại /docs.", "Use the address exactly as documented at /docs.")
