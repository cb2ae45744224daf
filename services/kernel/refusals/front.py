"""What the front proxy answers by itself, where no service was asked or none answered.

Its answers are files (`deploy/haproxy/errors`), made from this register, in both languages at once: the proxy does not
read `Accept-Language`.

Source: DESIGN 5 ("Refusals"); `deploy/haproxy/README.md`.
"""

from __future__ import annotations

from services.kernel.refusals.registry import Refusal, Text

_LATER = Text(
    "Gửi lại sau vài giây, ký lại với nonce mới; những gì đã nhận vẫn còn.",
    "Send again in a few seconds, signed anew with a new nonce; what was received stands.",
)


class FrontRequestRefused(Refusal):
    code = "front-request-refused"
    status = 400
    title = Text("Cổng trước không nhận dạng yêu cầu này", "The front does not take a request of this form")
    detail = Text(
        "Yêu cầu có hai trường Host, hai Content-Length, trường Upgrade, hoặc phương thức CONNECT, TRACE.",
        "The request has two Host or two Content-Length fields, an Upgrade field, or the method CONNECT or TRACE.",
    )
    fix = Text("Gửi HTTP/1.1 thông thường; kiểm tra proxy ở giữa.", "Send plain HTTP/1.1; check any proxy in between.")


class FrontFieldNameRefused(Refusal):
    code = "front-field-name-refused"
    status = 403
    title = Text("Tên trường không được nhận", "A field name is not taken")
    detail = Text(
        "Tên trường chỉ được có chữ cái, chữ số và dấu gạch nối.",
        "Field names may hold letters, digits and hyphens only.",
    )
    fix = Text("Bỏ trường có dấu gạch dưới hay dấu chấm.", "Leave out fields with an underscore or a dot.")


class FrontRequestLate(Refusal):
    code = "front-request-late"
    status = 408
    title = Text("Yêu cầu đến quá chậm", "The request came too slowly")
    detail = Text(
        "Phần đầu phải đến trọn trong 3 giây, nội dung của yêu cầu lấy token trong 5 giây.",
        "The head must be complete in 3 s, the body of a token request in 5 s.",
    )
    fix = _LATER
    retryable = True


class FrontInstanceLost(Refusal):
    code = "front-instance-lost"
    status = 502
    title = Text("Dịch vụ ngắt giữa chừng", "The service went away")
    detail = Text(
        "Dịch vụ đã đóng kết nối trước khi trả lời; không rõ yêu cầu đã có tác dụng hay chưa.",
        "The service closed the connection before it answered; whether the request had its effect is not known.",
    )
    fix = _LATER
    retryable = True


class FrontNoInstance(Refusal):
    code = "front-no-instance"
    status = 503
    title = Text("Chưa có dịch vụ nào sẵn sàng", "No instance is ready")
    detail = Text("Yêu cầu chưa được chuyển tới dịch vụ nào.", "The request was handed to no service.")
    fix = _LATER
    retryable = True


class FrontInstanceLate(Refusal):
    code = "front-instance-late"
    status = 504
    title = Text("Dịch vụ không trả lời kịp", "The service did not answer in time")
    detail = Text(
        "Quá 90 giây không có trả lời; không rõ yêu cầu đã có tác dụng hay chưa.",
        "There was no answer for 90 s; whether the request had its effect is not known.",
    )
    fix = _LATER
    retryable = True
