"""Refusals of reading a component beside those every reader knows (DESIGN 7 "Reading")."""

from __future__ import annotations

from services.kernel.refusals.registry import Refusal, Text


class RangesRefused(Refusal):
    code = "ranges-refused"
    status = 416
    title = Text("Quá nhiều khoảng byte hoặc các khoảng chồng nhau", "Too many ranges, or ranges that overlap")
    detail = Text(
        "Mỗi yêu cầu được tối đa {most} khoảng byte không chồng nhau.",
        "One request may ask for at most {most} ranges, none of which overlap.",
    )
    fix = Text("Chia thành nhiều yêu cầu.", "Ask in several requests.")


class PreconditionFailed(Refusal):
    code = "precondition-failed"
    status = 412
    title = Text("Tệp không phải là bản đã nêu", "The component is not the one you named")
    detail = Text("ETag của tệp khác với If-Match.", "The component's ETag is not in If-Match.")
    fix = Text("Bỏ If-Match, hoặc mở lại tệp từ mục lục.", "Leave If-Match out, or open the component anew.")


class ContentMissing(Refusal):
    code = "content-missing"
    status = 503
    title = Text("Kho không trả được nội dung đã nhận", "The store does not have what it acknowledged")
    detail = Text(
        "Nội dung của tệp không có trong kho đối tượng; người vận hành đã được báo.",
        "The component's bytes are not in the object store; the operators are alerted.",
    )
    fix = Text(
        "Báo cho đơn vị vận hành kèm mã yêu cầu; thử lại sau khi kho được khôi phục.",
        "Tell the operators, with the request id; try again once the store is restored.",
    )
    retryable = True


class ContentBroken(Refusal):
    code = "content-broken"
    status = 502
    title = Text("Nội dung trong kho đã bị thay đổi", "The store's bytes are not what was sealed")
    detail = Text(
        "Nội dung trong kho không qua được kiểm tra niêm phong; không byte nào được trả về.",
        "The store's bytes fail the seal's check; none of them was given out.",
    )
    fix = Text(
        "Báo cho đơn vị vận hành kèm mã yêu cầu: cần khôi phục tệp từ bản sao.",
        "Tell the operators, with the request id: the component must be restored from a copy.",
    )
