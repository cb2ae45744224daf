"""Refusals of a bundle of secrecy rules that somebody wants to publish (DESIGN 9)."""

from __future__ import annotations

from services.kernel.refusals.registry import Refusal, Text


class RulesEnvelopeInvalid(Refusal):
    code = "rules-envelope-invalid"
    status = 400
    title = Text("Phong bì bộ quy tắc không hợp lệ", "Not an envelope of rules")
    detail = Text("Không đọc được phong bì DSSE: {reason}.", "The DSSE envelope cannot be read: {reason}.")
    fix = Text(
        "Lập phong bì bằng `nopluu rules sign` và `nopluu rules assemble`.",
        "Make it with `nopluu rules sign` and `nopluu rules assemble`.",
    )


class RulesUnsigned(Refusal):
    code = "rules-unsigned"
    status = 422
    title = Text("Bộ quy tắc chưa được ký", "The rules are not signed")
    detail = Text("Phong bì không có chữ ký nào.", "The envelope has no signature.")
    fix = Text(
        "Cần chữ ký của người soạn và của người phê duyệt.", "It needs the author's and the approver's signatures."
    )


class RulesSignatureWrong(Refusal):
    code = "rules-signature-wrong"
    status = 422
    title = Text("Chữ ký trên bộ quy tắc không đúng", "A signature on the rules is wrong")
    detail = Text(
        "Chữ ký của khóa {keyid} không khớp với nội dung: bộ quy tắc đã bị sửa sau khi ký.",
        "The signature by key {keyid} does not fit the content: it was altered after signing.",
    )
    fix = Text("Ký lại đúng nội dung sẽ công bố.", "Sign the very content that is to be published.")


class RulesSignerUnknown(Refusal):
    code = "rules-signer-unknown"
    status = 422
    title = Text("Không biết người ký bộ quy tắc", "A signer of the rules is not known")
    detail = Text(
        "Khóa {keyid} không thuộc cán bộ nào đang được phép, hoặc đã bị thu hồi.",
        "The key {keyid} belongs to no officer in office, or it has been revoked.",
    )
    fix = Text(
        "Đề nghị quản trị viên đăng ký khóa của cán bộ, hoặc ký bằng khóa còn hiệu lực.",
        "Have the registrar register the officer's key, or sign with a key in force.",
    )


class RulesSingleSigned(Refusal):
    code = "rules-single-signed"
    status = 422
    title = Text("Bộ quy tắc mới có một chữ ký", "The rules have only one signature")
    detail = Text("Cần hai chữ ký của hai cán bộ khác nhau.", "Two different officers must sign.")
    fix = Text(
        "Người phê duyệt ký cùng nội dung, rồi ghép bằng `nopluu rules assemble`.",
        "Let the approver sign the same content, then join both with `nopluu rules assemble`.",
    )


class RulesSameOfficer(Refusal):
    code = "rules-same-officer"
    status = 422
    title = Text("Người soạn và người phê duyệt là một", "Author and approver are the same person")
    detail = Text(
        "Các chữ ký là của cùng một cán bộ hoặc cùng một ứng dụng.",
        "The signatures are by the same officer or the same client.",
    )
    fix = Text("Một cán bộ khác phải phê duyệt.", "Another officer must approve.")


class RulesSignerScope(Refusal):
    code = "rules-signer-scope"
    status = 422
    title = Text("Người ký không có thẩm quyền", "A signer lacks the authority")
    detail = Text(
        "Cần một người ký có quyền rule-author và một người khác có quyền rule-approver.",
        "One signer needs the scope rule-author, another one rule-approver.",
    )
    fix = Text("Để đúng người soạn và người phê duyệt ký.", "Let the author and the approver sign.")


class BundleInvalid(Refusal):
    code = "rules-bundle-invalid"
    status = 422
    title = Text("Bộ quy tắc có lỗi", "The bundle of rules has errors")
    detail = Text(
        "Có {problems} chỗ phải sửa; mỗi chỗ được nêu bằng một con trỏ JSON.",
        "{problems} places must be mended, each named by a JSON pointer.",
    )
    fix = Text("Sửa các chỗ được nêu, ký lại rồi công bố.", "Mend the places named, sign again and publish.")


class RulesNotNewer(Refusal):
    code = "rules-not-newer"
    status = 409
    title = Text("Bộ quy tắc không mới hơn bộ đang dùng", "The rules are not newer than those in force")
    detail = Text(
        "Phiên bản {version} không lớn hơn phiên bản {current} đang dùng.",
        "Version {version} is not greater than version {current}, which is in force.",
    )
    fix = Text("Tăng số phiên bản, ký lại rồi công bố.", "Raise the version, sign again and publish.")


class RulesNotInForce(Refusal):
    code = "rules-not-in-force"
    status = 422
    title = Text("Bộ quy tắc chưa có hiệu lực", "The rules are not in force yet")
    detail = Text("Bộ quy tắc có hiệu lực từ {effective_from}.", "The rules are in force from {effective_from}.")
    fix = Text("Công bố từ ngày đó.", "Publish on or after that day.")
