"""What each fault of an audit means, in words a non-programmer can act on. Codes are stable: scripts read them.

`{at}` is a leaf's number or a tree's size, `{what}` a path, an id, another number, or where a checkpoint was found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from services.kernel.refusals.registry import Text
from services.kernel.tlog.auditing import Fault

TRUE: Final = Text("NHẬT KÝ ĐÚNG: không có sai lệch nào.", "THE LOG IS TRUE: nothing differs.")
FALSE: Final = Text("NHẬT KÝ CÓ SAI LỆCH.", "THE LOG DOES NOT HOLD.")
NEXT: Final = Text(
    "Giữ nguyên cơ sở dữ liệu và kho, không sửa, không xóa; báo người phụ trách an ninh và đơn vị kiểm tra.",
    "Leave database and store as they are, mend and delete nothing; tell the security officer and the auditors.",
)
_WHERE: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "database": Text("trong cơ sở dữ liệu", "in the database"),
        "store": Text("trong kho", "in the store"),
        "held": Text("mà người kiểm tra giữ", "that the auditor holds"),
    }
)
WORDS: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "leaf-missing": Text("Dòng của lá số {at} đã bị xóa khỏi cơ sở dữ liệu.", "The row of leaf {at} was deleted from the database."),
        "leaf-altered": Text("Dòng của lá số {at} đã bị sửa hoặc chèn thêm.", "The row of leaf {at} was altered or inserted."),
        "leaf-moved": Text("Dòng của lá số {at} đã bị chuyển chỗ: đúng ra là lá số {what}.", "The row of leaf {at} was moved: it belongs at {what}."),
        "event-altered": Text("Nội dung sự kiện của lá số {at} đã bị sửa ({what}).", "The event of leaf {at} was altered ({what})."),
        "event-missing": Text(
            "Sự kiện của lá số {at} không còn trong cơ sở dữ liệu ({what}). Nếu vừa phục hồi dữ liệu, hãy chạy rebuild.",
            "The event of leaf {at} is gone from the database ({what}). If the database was just restored, run rebuild.",
        ),
        "event-erased-unlogged": Text("Sự kiện của lá số {at} bị xóa nội dung mà nhật ký không ghi việc xóa ({what}).", "The event of leaf {at} was erased, and the log does not record it ({what})."),
        "events-without-leaf": Text("{at} sự kiện không có lá và cũng không đang chờ, ví dụ {what}.", "{at} events have no leaf and do not wait for one, such as {what}."),
        "pending-altered": Text("{at} sự kiện đang chờ có mã băm không khớp nội dung, ví dụ {what}.", "{at} waiting events do not have the hash that is noted for them, such as {what}."),
        "place-unknown": Text("{at} chỗ đứng trỏ tới lá hoặc sự kiện không có, ví dụ {what}.", "{at} places point to no leaf or no event, such as {what}."),
        "database-older": Text(
            "Cơ sở dữ liệu chỉ có {at} lá trong khi đã công bố {what}: có thể đã quay về bản sao lưu cũ hoặc bị xóa bớt.",
            "The database holds {at} leaves of the {what} that were published: it was rolled back to an older backup, or rows were deleted.",
        ),
        "checkpoint-root": Text("{at} lá đầu tiên không cho ra gốc đã ký của điểm kiểm {what}.", "The first {at} leaves do not give the root signed in the checkpoint {what}."),
        "checkpoint-beyond-leaves": Text("Điểm kiểm {what} đã ký {at} lá, nhiều hơn số lá hiện có.", "The checkpoint {what} was signed over {at} leaves; there are fewer."),
        "checkpoint-signature": Text("Điểm kiểm {what} cho {at} lá có chữ ký sai hoặc không phải của nhật ký này.", "The checkpoint {what} over {at} leaves is wrongly signed, or not by this log."),
        "checkpoint-note": Text("Dòng điểm kiểm cho {at} lá khác với nội dung đã ký.", "The row of the checkpoint over {at} leaves differs from what was signed."),
        "checkpoint-missing": Text("Điểm kiểm cho {at} lá đã công bố nhưng không còn trong cơ sở dữ liệu.", "The checkpoint over {at} leaves was published and is gone from the database."),
        "cosignature-wrong": Text("Chữ ký của nhân chứng trên điểm kiểm cho {at} lá là sai ({what}).", "A witness's signature on the checkpoint over {at} leaves is wrong ({what})."),
        "published-missing": Text("Kho không có điểm kiểm đã công bố.", "The store has no published checkpoint."),
        "published-signature": Text("Điểm kiểm đã công bố có chữ ký sai hoặc không phải của nhật ký này.", "The published checkpoint is wrongly signed, or not by this log."),
        "tile-altered": Text("Tệp {what} của nhật ký đã bị sửa.", "The log's file {what} was altered."),
        "tile-missing": Text("Thiếu tệp {what} của nhật ký.", "The log's file {what} is missing."),
    }
)  # fmt: skip


def told(fault: Fault) -> Text:
    """One fault as a sentence."""
    where = _WHERE.get(fault.what)
    vi, en = (fault.what, fault.what) if where is None else (where.vi, where.en)
    words = WORDS[fault.code]
    return Text(words.vi.format(at=fault.at, what=vi), words.en.format(at=fault.at, what=en))


def report(faults: Sequence[Fault], leaves: int, checkpoints: int) -> Text:
    """The whole report: the outcome first, then each fault, then what to do."""
    head = FALSE if faults else TRUE
    vi = [head.vi, f"Đã tính lại {leaves} lá, {checkpoints} điểm kiểm."]
    en = [head.en, f"Recomputed: {leaves} leaves, {checkpoints} checkpoints."]
    for fault in faults:
        said = told(fault)
        vi.append(f"  - {said.vi} [{fault.code}]")
        en.append(f"  - {said.en} [{fault.code}]")
    if faults:
        vi.append(f"  → {NEXT.vi}")
        en.append(f"  → {NEXT.en}")
    return Text("\n".join(vi), "\n".join(en))
