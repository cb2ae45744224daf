"""When the sequencer refuses to go on, and what the operator must do then.

Signing on in any of these states could make two checkpoints that contradict each other; the sequencer stops instead,
and events wait in the journal until the cause is settled.

Source: DESIGN 8.
"""

from __future__ import annotations

from services.kernel.refusals.registry import Text


class LogRefused(Exception):
    """The log as it lies does not continue what was signed; `code` is stable, `text` and `fix` are for the operator."""

    def __init__(self, code: str, text: Text, fix: Text) -> None:
        super().__init__(f"{code}: {text.en} {fix.en}")
        self.code = code
        self.text = text
        self.fix = fix


_RESTORE = Text(
    "Cơ sở dữ liệu có thể đã được phục hồi từ bản sao lưu cũ: dừng tiến trình, chạy `nopluu-admin journal restore`"
    " để lấy lại các lá từ kho, rồi khởi động lại.",
    "The database was probably restored from an older backup: stop this process, run `nopluu-admin journal restore`"
    " to bring the leaves back from the store, then start again.",
)
_INVESTIGATE = Text(
    "Có dấu hiệu bị sửa đổi: giữ nguyên cơ sở dữ liệu và kho, báo người phụ trách an ninh; không xóa gì.",
    "Something was altered: leave database and store as they are, tell the security officer, delete nothing.",
)
_RIGHT_LOG = Text(
    "Kiểm tra NOPLUU_LOG_ORIGIN, tệp khóa và kho có đúng của nhật ký này; khóa cũ phải có trong NOPLUU_LOG_KEYS_FILE.",
    "Check that NOPLUU_LOG_ORIGIN, the key file and the store belong to this log; a retired key must stand in"
    " NOPLUU_LOG_KEYS_FILE.",
)


def smaller(size: int, signed: int, where: Text) -> LogRefused:
    """The leaves are fewer than what a checkpoint covers."""
    return LogRefused(
        "log-smaller-than-signed",
        Text(
            f"Nhật ký có {size} lá nhưng điểm kiểm {where.vi} đã ký {signed} lá.",
            f"The log has {size} leaves, but the checkpoint {where.en} was signed over {signed}.",
        ),
        _RESTORE,
    )


def inconsistent(size: int, where: Text) -> LogRefused:
    """The leaves give another root than the one signed for their number."""
    return LogRefused(
        "log-inconsistent",
        Text(
            f"{size} lá đầu tiên không cho ra gốc mà điểm kiểm {where.vi} đã ký.",
            f"The first {size} leaves do not give the root that the checkpoint {where.en} was signed over.",
        ),
        _INVESTIGATE,
    )


def other_root(size: int) -> LogRefused:
    """Two roots for one size."""
    return LogRefused(
        "log-forked",
        Text(f"Đã có gốc khác được ký cho {size} lá.", f"Another root was signed for {size} leaves."),
        _INVESTIGATE,
    )


def gap(index: int) -> LogRefused:
    """A leaf is missing between others."""
    return LogRefused("log-gap", Text(f"Thiếu lá số {index}.", f"Leaf {index} is missing."), _INVESTIGATE)


def foreign(where: Text) -> LogRefused:
    """A checkpoint that is not this log's, or that no known key signed."""
    return LogRefused(
        "log-foreign-checkpoint",
        Text(
            f"Điểm kiểm {where.vi} không phải của nhật ký này hoặc không do khóa đã biết ký.",
            f"The checkpoint {where.en} is not this log's, or no known key signed it.",
        ),
        _RIGHT_LOG,
    )


IN_DATABASE = Text("trong cơ sở dữ liệu", "in the database")
IN_STORE = Text("trong kho", "in the store")
WITNESSED = Text("mà nhân chứng giữ", "that a witness holds")
