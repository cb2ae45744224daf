"""Refusals of the upload protocol: packages, parts, receipts and reading (DESIGN 5)."""

from __future__ import annotations

from services.kernel.refusals.registry import Refusal, Text


class PackageUnknown(Refusal):
    code = "package-unknown"
    status = 404
    title = Text("Không có gói nộp này", "No such package")
    detail = Text(
        "Không có gói nộp mang mã này, hoặc gói không thuộc quyền xem của bạn.",
        "There is no package with this id, or it is not yours to see.",
    )
    fix = Text("Kiểm tra mã gói nộp và tài khoản đang dùng.", "Check the package id and the client you are using.")


class ComponentUnknown(Refusal):
    code = "component-unknown"
    status = 404
    title = Text("Không có tệp này", "No such component")
    detail = Text(
        "Không có tệp mang mã này, hoặc tệp không thuộc quyền đọc của bạn.",
        "There is no component with this id, or it is not yours to read.",
    )
    fix = Text("Tìm lại tệp trong mục lục rồi mở từ đó.", "Find the component in the catalog again and open it there.")


class ManifestUnknown(Refusal):
    code = "manifest-unknown"
    status = 404
    title = Text("Không có bản kê này", "No such manifest")
    detail = Text("Không có bản kê nào mang mã băm này.", "No declared manifest has this digest.")
    fix = Text("Kiểm tra mã băm trong thông báo.", "Check the digest in the message.")


class FondsUnknown(Refusal):
    code = "fonds-unknown"
    status = 422
    title = Text("Phông chưa được đăng ký", "The fonds is not registered")
    detail = Text(
        "Mã phông trong bản kê không có trong danh sách phông mà cơ quan của bạn được nộp.",
        "The manifest's fonds code is not among the fonds your agency may submit for.",
    )
    fix = Text(
        "Kiểm tra /fonds trong bản kê; nếu mã đúng, đề nghị Lưu trữ lịch sử đăng ký phông.",
        "Check /fonds in the manifest; if the code is right, ask the archive to register the fonds.",
    )


class SubmitterMismatch(Refusal):
    code = "submitter-mismatch"
    status = 422
    title = Text("Cơ quan nộp không khớp với tài khoản", "The submitter is not your agency")
    detail = Text(
        "Cơ quan ghi ở /submitter không phải cơ quan của tài khoản đang gửi.",
        "The agency at /submitter is not the agency of the client that sends.",
    )
    fix = Text("Ghi mã cơ quan của tài khoản này vào /submitter.", "Put this client's agency code at /submitter.")


class PackageRefused(Refusal):
    code = "package-refused-by-rules"
    status = 422
    title = Text("Gói nộp bị từ chối theo quy định bảo vệ bí mật nhà nước", "The secrecy rules refuse the package")
    detail = Text(
        "{documents} văn bản không được phép gửi lên hệ thống này. Chưa có nội dung nào được nhận.",
        "{documents} documents may not enter this deployment. No content has been received.",
    )
    fix = Text(
        "Chỉ gửi phiếu thay thế (stub) cho văn bản còn trong thời hạn bảo vệ: không trích yếu, không tệp. "
        "Lệnh `nopluu check` lập phiếu này trước khi gửi. Xem lại kết quả tại {where}.",
        "Send only a stub for documents still protected: no subject, no component. `nopluu check` makes the stubs "
        "before anything leaves the agency. Read this answer again at {where}.",
    )


class PartSizeInvalid(Refusal):
    code = "part-size-invalid"
    status = 422
    title = Text("Kích thước phần không hợp lệ", "The part size is not allowed")
    detail = Text("part_size phải là 1, 2, 4, 8 hoặc 16 MiB.", "part_size must be 1, 2, 4, 8 or 16 MiB.")
    fix = Text("Dùng một trong các giá trị đó, tính bằng byte.", "Use one of these values, in bytes.")


class PartNotPlanned(Refusal):
    code = "part-not-planned"
    status = 404
    title = Text("Kế hoạch gửi không có phần này", "The plan has no such part")
    detail = Text(
        "Phần {part} không có; gói có {parts} phần, đánh số từ 0.",
        "There is no part {part}; the package has {parts} parts, counted from 0.",
    )
    fix = Text("Đọc lại kế hoạch tại /v1/packages/…/plan.", "Read the plan again at /v1/packages/…/plan.")


class PartSizeWrong(Refusal):
    code = "part-length-wrong"
    status = 422
    title = Text("Độ dài phần không đúng", "The part has the wrong length")
    detail = Text(
        "Phần {part} dài {length} byte; theo kế hoạch phải là {planned} byte.",
        "Part {part} has {length} bytes; the plan says {planned}.",
    )
    fix = Text("Cắt dữ liệu đúng theo part_size của kế hoạch.", "Cut the payload every part_size bytes of the plan.")


class PartConflict(Refusal):
    code = "part-conflict"
    status = 409
    title = Text("Phần này đã có nội dung khác", "Another content stands under this part number")
    detail = Text("Phần {part} đã được lưu với mã băm khác.", "Part {part} is already stored with another digest.")
    fix = Text(
        "Tệp trên máy đã thay đổi sau khi khai báo; khai báo lại gói nộp.",
        "The files changed after the declaration; declare the package again.",
    )


class PartDigestMismatch(Refusal):
    code = "part-digest-mismatch"
    status = 422
    title = Text("Nội dung phần không khớp mã băm", "The part does not match its digest")
    detail = Text(
        "Nội dung nhận được của phần {part} không khớp Content-Digest.",
        "The bytes received for part {part} do not match Content-Digest.",
    )
    fix = Text("Gửi lại phần này.", "Send this part again.")
    retryable = True


class PartTruncated(Refusal):
    code = "part-truncated"
    status = 400
    title = Text("Nội dung phần bị cắt ngắn", "The part's body ended early")
    detail = Text(
        "Phần {part} nhận được {received} trên {planned} byte.", "Part {part}: {received} of {planned} bytes arrived."
    )
    fix = Text("Gửi lại phần này.", "Send this part again.")
    retryable = True


class PartTooSlow(Refusal):
    code = "part-too-slow"
    status = 408
    title = Text("Phần gửi quá chậm", "The part came too slowly")
    detail = Text(
        "Phần {part}: dữ liệu ngừng đến hoặc đến quá lâu; không có gì được lưu.",
        "Part {part}: its bytes stopped coming, or took too long; nothing was stored.",
    )
    fix = Text("Kiểm tra đường truyền rồi gửi lại phần này.", "Check the connection and send this part again.")
    retryable = True


class ComponentMismatch(Refusal):
    code = "component-digest-mismatch"
    status = 422
    title = Text("Tệp không khớp bản kê", "A component does not match the manifest")
    detail = Text(
        "{components} tệp trong phần {part} có mã băm khác với bản kê.",
        "{components} components in part {part} do not have the digest of the manifest.",
    )
    fix = Text(
        "Tệp đã thay đổi sau khi lập bản kê: lập lại bản kê rồi khai báo lại.",
        "The files changed after the manifest was made: make the manifest again and declare it.",
    )


class PackageNotReceiving(Refusal):
    code = "package-not-receiving"
    status = 409
    title = Text("Gói nộp không còn nhận dữ liệu", "The package takes no more parts")
    detail = Text("Gói đang ở trạng thái {state}.", "The package is {state}.")
    fix = Text(
        "Xem trạng thái gói; nếu cần, khai báo phiên bản mới.", "Look at its status; if needed declare a new version."
    )


class AbandonTooLate(Refusal):
    code = "abandon-too-late"
    status = 409
    title = Text("Không thể bỏ gói nộp này nữa", "The package can no longer be abandoned")
    detail = Text("Gói đang ở trạng thái {state}.", "The package is {state}.")
    fix = Text("Liên hệ lưu trữ lịch sử nếu gói bị nhầm.", "Ask the archive if the package is a mistake.")


class SupersedesInvalid(Refusal):
    code = "supersedes-invalid"
    status = 422
    title = Text("Không thể thay thế gói nộp đã nêu", "The named package cannot be superseded")
    detail = Text(
        "Gói nêu ở /supersedes không có, không thuộc phông này, hoặc đã có phiên bản mới hơn.",
        "The package at /supersedes is unknown, belongs to another fonds, or already has a newer version.",
    )
    fix = Text("Nêu phiên bản mới nhất của chính hồ sơ đó.", "Name the latest version of that same dossier.")


class DeclarationLost(Refusal):
    code = "declaration-lost"
    status = 410
    title = Text("Lần khai báo này không còn", "This declaration is gone")
    detail = Text(
        "Máy chủ đã dừng khi đang xét bản kê; không có gì được lưu.",
        "The server stopped while it judged the manifest; nothing was kept.",
    )
    fix = Text("Khai báo lại cùng bản kê.", "Declare the same manifest again.")
    retryable = True


class AgencyBusy(Refusal):
    code = "agency-in-flight-limit"
    status = 429
    title = Text("Cơ quan đang gửi quá nhiều cùng lúc", "Your agency has too much in flight")
    detail = Text(
        "Giới hạn là {limit} byte đang gửi cùng lúc cho một cơ quan.",
        "The limit is {limit} bytes in flight for one agency.",
    )
    fix = Text("Gửi ít kết nối song song hơn rồi thử lại.", "Use fewer parallel connections and try again.")
    retryable = True


class AgencyPackagesLimit(Refusal):
    code = "agency-open-packages-limit"
    status = 429
    title = Text("Cơ quan có quá nhiều gói đang nộp dở", "Your agency has too many unfinished packages")
    detail = Text(
        "Giới hạn là {limit} gói đã khai báo mà chưa gửi đủ.",
        "The limit is {limit} packages that are declared and not complete.",
    )
    fix = Text("Gửi nốt hoặc bỏ bớt các gói đang dở.", "Finish or abandon some of them.")
    retryable = True


class InstanceBusy(Refusal):
    code = "instance-in-flight-limit"
    status = 503
    title = Text("Máy chủ đang bận", "The server is busy")
    detail = Text(
        "Máy chủ đã nhận đủ {limit} byte đang gửi cùng lúc.", "The instance already has {limit} bytes in flight."
    )
    fix = Text("Thử lại sau thời gian nêu ở Retry-After.", "Try again after the time in Retry-After.")
    retryable = True


class RangeUnsatisfiable(Refusal):
    code = "range-not-satisfiable"
    status = 416
    title = Text("Khoảng byte nằm ngoài tệp", "The range lies outside the component")
    detail = Text("Tệp dài {length} byte.", "The component has {length} bytes.")
    fix = Text("Yêu cầu khoảng nằm trong độ dài đó.", "Ask for a range within that length.")


class GrantInvalid(Refusal):
    code = "grant-invalid"
    status = 403
    title = Text("Phiếu đọc không hợp lệ", "The reading grant is not valid")
    detail = Text(
        "Phiếu đọc sai, đã dùng, đã hết hạn, hoặc cấp cho người khác.",
        "The grant is wrong, used, expired, or was given to another client.",
    )
    fix = Text("Mở lại tệp từ mục lục để có phiếu mới.", "Open the component from the catalog again for a new grant.")


class RulesMissing(Refusal):
    code = "rules-not-published"
    status = 503
    title = Text("Chưa có bộ quy tắc bí mật nhà nước", "No secrecy rules are in force")
    detail = Text(
        "Chưa có bộ quy tắc nào được ký và công bố; không gói nào được nhận.",
        "No signed bundle of rules is in force; no package is taken.",
    )
    fix = Text("Đề nghị Công an tỉnh công bố bộ quy tắc.", "The provincial police must publish the rules.")
    retryable = True
