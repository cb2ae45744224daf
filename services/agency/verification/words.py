"""What each outcome of a verification means, in words a non-programmer can act on. One code a cause.

Codes are stable: scripts read them. The exit code says which kind it is: 0 proved, 1 refuted, 2 could not be judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from services.agency.errors import Exit
from services.kernel.refusals.registry import Text


class Words(NamedTuple):
    """The exit code, what happened, and what to do."""

    exit: Exit
    text: Text
    fix: Text


_KEEP = Text(
    "Giữ nguyên biên nhận này, lấy lại bản gốc từ hệ thống rồi kiểm tra lại; nếu vẫn sai, báo đơn vị kiểm tra.",
    "Keep this receipt, fetch the original again and verify anew; if it still fails, tell the auditors.",
)
_KEYS = Text(
    "Kiểm tra tệp khóa có đủ khóa của nhật ký này, kể cả khóa đã ngừng dùng.",
    "Check that the key file holds this log's keys, retired ones too.",
)
_FILES = Text(
    "So lại tệp trên máy với bản đã nộp; tệp khác với bản đã nộp thì biên nhận không chứng minh cho nó.",
    "Compare with what was deposited: the receipt proves nothing about a file that differs.",
)
_PATHS = Text("Kiểm tra đường dẫn và quyền đọc.", "Check the path and the right to read it.")

CODES: Final[Mapping[str, Words]] = MappingProxyType(
    {
        "proved": Words(
            Exit.DONE,
            Text("Biên nhận đúng: việc nộp đã được chứng minh.", "The receipt is true: the deposit is proved."),
            Text("Lưu biên nhận cùng bản kê và tệp khóa.", "Keep the receipt with the manifest and the key file."),
        ),
        "receipt-form": Words(
            Exit.REFUTED, Text("Tệp này không phải là biên nhận nopluu/receipt1.", "This is no nopluu/receipt1."), _KEEP
        ),
        "receipt-not-canonical": Words(
            Exit.REFUTED,
            Text("Biên nhận đã bị thay đổi cách ghi (thừa, thiếu hoặc đổi byte).", "The receipt was rewritten: bytes were added, dropped or changed."),
            _KEEP,
        ),
        "receipt-salt": Words(
            Exit.REFUTED, Text("Muối trong biên nhận sai độ dài.", "The receipt's salt has another length."), _KEEP
        ),
        "event-form": Words(
            Exit.REFUTED, Text("Sự kiện trong biên nhận không đúng dạng.", "The event in the receipt is malformed."), _KEEP
        ),
        "event-not-canonical": Words(
            Exit.REFUTED,
            Text("Sự kiện trong biên nhận đã bị thay đổi cách ghi.", "The event in the receipt was rewritten."),
            _KEEP,
        ),
        "event-not-seal": Words(
            Exit.REFUTED,
            Text("Sự kiện này không phải là niêm phong gói nộp.", "The event is not the sealing of a package."),
            _KEEP,
        ),
        "proof-form": Words(
            Exit.REFUTED, Text("Bằng chứng nhật ký không đúng dạng.", "The log proof is malformed."), _KEEP
        ),
        "checkpoint-form": Words(
            Exit.REFUTED, Text("Điểm kiểm của nhật ký không đúng dạng.", "The log's checkpoint is malformed."), _KEEP
        ),
        "signature-wrong": Words(
            Exit.REFUTED,
            Text("Chữ ký trên điểm kiểm sai: biên nhận đã bị sửa hoặc giả mạo.", "A signature on the checkpoint is wrong: altered or forged."),
            _KEEP,
        ),
        "signature-unsupported": Words(
            Exit.REFUTED,
            Text("Máy này không kiểm được loại chữ ký ML-DSA-44 của nhân chứng.", "This installation cannot verify the witness's ML-DSA-44 signature."),
            Text("Kiểm tra trên máy có bản cryptography mới hơn.", "Verify where a newer cryptography is installed."),
        ),
        "log-unknown": Words(
            Exit.REFUTED,
            Text("Không khóa nào trong tệp khóa là của nhật ký đã ký biên nhận này.", "No key given is that of the log which signed this receipt."),
            _KEYS,
        ),
        "not-in-log": Words(
            Exit.REFUTED,
            Text("Sự kiện không nằm trong nhật ký mà điểm kiểm đã ký.", "The event does not stand in the log that was signed."),
            _KEEP,
        ),
        "witnesses-missing": Words(
            Exit.REFUTED,
            Text("Chưa đủ nhân chứng đồng ký.", "Too few witnesses cosigned."),
            Text("Tải lại biên nhận sau: nhân chứng có thể ký muộn hơn.", "Fetch the receipt again later: witnesses may sign after it."),
        ),
        "manifest-mismatch": Words(
            Exit.REFUTED,
            Text("Bản kê này không phải là bản kê của biên nhận.", "The manifest is not the one of the receipt."),
            Text("Dùng đúng bản kê đã nộp, không lưu lại bằng chương trình khác.", "Use the very manifest that was sent, not saved again by another program."),
        ),
        "manifest-form": Words(
            Exit.REFUTED,
            Text("Bản kê khớp mã băm nhưng không đọc được danh mục tệp.", "The manifest has the digest, but its list of files cannot be read."),
            _KEEP,
        ),
        "components-exceed-manifest": Words(
            Exit.REFUTED,
            Text("Biên nhận nêu nhiều tệp hơn bản kê.", "The receipt names more components than the manifest."),
            _KEEP,
        ),
        "plan-mismatch": Words(
            Exit.REFUTED, Text("Sơ đồ gói này không phải của biên nhận.", "The plan is not the one of the receipt."), _KEEP
        ),
        "plan-form": Words(
            Exit.REFUTED, Text("Sơ đồ gói khớp mã băm nhưng không đúng dạng.", "The plan has the digest but is malformed."), _KEEP
        ),
        "plan-contradiction": Words(
            Exit.REFUTED,
            Text("Sơ đồ gói, bản kê và biên nhận mâu thuẫn nhau.", "Plan, manifest and receipt contradict each other."),
            _KEEP,
        ),
        "file-missing": Words(Exit.REFUTED, Text("Thiếu tệp.", "A file is missing."), _FILES),
        "file-size": Words(Exit.REFUTED, Text("Tệp có độ dài khác bản kê.", "A file has another length than the manifest says."), _FILES),
        "file-digest": Words(Exit.REFUTED, Text("Nội dung tệp khác với bản đã nộp.", "A file's content differs from what was deposited."), _FILES),
        "file-not-regular": Words(Exit.REFUTED, Text("Không phải là tệp thường.", "Not a regular file."), _FILES),
        "file-ambiguous": Words(
            Exit.REFUTED,
            Text("Hai tệp trên máy có cùng tên sau khi chuẩn hóa Unicode.", "Two files have the same name once Unicode is normalised."),
            Text("Đổi tên hoặc chuyển bớt một tệp ra ngoài.", "Rename one of them or move it away."),
        ),
        "link-leaves-folder": Words(
            Exit.REFUTED,
            Text("Thư mục có liên kết trỏ ra ngoài.", "A link leads out of the folder."),
            Text("Thay liên kết bằng chính tệp đó.", "Put the file itself in its place."),
        ),
        "coverage-unknown": Words(
            Exit.USAGE,
            Text("Biên nhận không gồm mọi tệp của bản kê và chưa biết gồm những tệp nào.", "The receipt does not cover every file of the manifest, and which ones cannot be told."),
            Text("Thêm --plan (tải từ địa chỉ …/plan của gói), hoặc đưa đủ mọi tệp.", "Give --plan (from the package's …/plan address), or put every file there."),
        ),
        "usage": Words(
            Exit.USAGE, Text("Lệnh thiếu hoặc thừa tham số.", "The command's options do not fit together."), Text("Xem nopluu verify --help.", "See nopluu verify --help.")
        ),
        "receipt-unreadable": Words(Exit.USAGE, Text("Không đọc được tệp biên nhận.", "The receipt's file cannot be read."), _PATHS),
        "manifest-unreadable": Words(Exit.USAGE, Text("Không đọc được tệp bản kê.", "The manifest's file cannot be read."), _PATHS),
        "plan-unreadable": Words(Exit.USAGE, Text("Không đọc được tệp sơ đồ gói.", "The plan's file cannot be read."), _PATHS),
        "keys-unreadable": Words(Exit.USAGE, Text("Không đọc được tệp khóa.", "The key file cannot be read."), _PATHS),
        "keys-form": Words(
            Exit.USAGE,
            Text("Tệp khóa có dòng không phải khóa C2SP loại 01, 04 hoặc 06.", "The key file has a line that is no C2SP key of type 01, 04 or 06."),
            Text("Mỗi dòng một khóa `tên+id+base64`; dòng chú thích bắt đầu bằng #.", "One key `name+id+base64` a line; comments begin with #."),
        ),
        "keys-empty": Words(Exit.USAGE, Text("Tệp khóa không có khóa nào.", "The key file holds no key."), _KEYS),
        "log-unreadable": Words(Exit.USAGE, Text("Không đọc được một tệp của nhật ký.", "A file of the log cannot be read."), _PATHS),
        "log-file-form": Words(
            Exit.USAGE, Text("Một tệp của nhật ký không đúng dạng.", "A file of the log is malformed."), Text("Xuất lại: nopluu-admin journal export.", "Export it again: nopluu-admin journal export.")
        ),
        "earlier-invalid": Words(
            Exit.USAGE, Text("Điểm kiểm hoặc biên nhận cũ không kiểm chứng được.", "The earlier checkpoint or receipt does not verify."), _KEYS
        ),
        "proof-missing": Words(
            Exit.USAGE,
            Text("Không có bằng chứng nối hai điểm kiểm này.", "There is no proof that joins these two checkpoints."),
            Text("Đưa thư mục nhật ký đã xuất, hoặc tệp bằng chứng từ nopluu receipt --refresh.", "Give an exported log, or the proof that nopluu receipt --refresh writes."),
        ),
        "folder-unreadable": Words(Exit.USAGE, Text("Không đọc được thư mục tệp.", "The folder of files cannot be read."), _PATHS),
        "file-unreadable": Words(Exit.USAGE, Text("Không đọc được một tệp.", "A file cannot be read."), _PATHS),
    }
)  # fmt: skip
