"""What a page says: the facts of a proven receipt, in the order in which an archivist reads them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import segno

from services.kernel import strict_json
from services.kernel.tlog.notes import VerifierKey
from services.kernel.tlog.receipts import ReceiptInvalid, component_ids, verify_receipt
from services.kernel.vietnam import VIETNAM

TITLE: Final = "BIÊN NHẬN NỘP LƯU TÀI LIỆU SỐ"
STATES: Final = (
    "Biên nhận này xác nhận: nội dung đã nhận khớp với bản kê có mã băm dưới đây và đã được lưu giữ bền vững theo bộ quy"
    " tắc nêu tên. Biên nhận không có nghĩa là đã nghiệm thu, không xác nhận độ rõ nét hay tính hợp pháp của độ mật."
)
HOW: Final = (
    "Trang giấy này không tự chứng minh. Để kiểm chứng, dùng tệp biên nhận có đúng mã băm SHA-256 nêu trên và khóa công"
    " khai của nhật ký: nopluu verify BIÊN_NHẬN.json --keys KHÓA.txt (không cần mạng)."
)
_MAX_MANIFEST: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Page:
    """One page: rows of a label and a value, the digest of the receipt's bytes, and what the QR code says."""

    rows: tuple[tuple[str, str], ...]
    sha256: str
    code: str
    sealed_at: datetime

    def matrix(self) -> tuple[bytearray, ...]:
        """The QR code's modules, row by row, without its quiet zone."""
        return tuple(bytearray(row) for row in segno.make(self.code, error="m", micro=False).matrix)


def page_of(receipt: bytes, keys: Sequence[VerifierKey], manifest: bytes | None = None) -> Page:
    """The page of a receipt that verifies. A manifest adds the codes of fonds and agency, if it is the receipt's own.

    Raises:
        ReceiptInvalid: it does not verify, or its event lacks a fact.
    """
    proven = verify_receipt(receipt, keys)
    event, checkpoint = proven.event, proven.signed.checkpoint
    said = {name: _text(event.get(name), name) for name in ("package", "submitter", "fonds", "manifest_sha256", "rules_sha256", "sealed_at")}  # fmt: skip
    version = event.get("version")
    if not isinstance(version, int):
        raise ReceiptInvalid("event-form", "version")
    try:
        sealed_at = datetime.fromisoformat(said["sealed_at"]).astimezone(VIETNAM)
    except ValueError as error:
        raise ReceiptInvalid("event-form", "sealed_at") from error
    codes = _codes(manifest, said["manifest_sha256"])
    digest = hashlib.sha256(receipt).hexdigest()
    supersedes = event.get("supersedes")
    rows = [
        ("Gói nộp", said["package"]),
        ("Phiên bản", str(version) + (f" (thay cho {supersedes})" if isinstance(supersedes, str) else "")),
        ("Cơ quan nộp", _coded(codes.get("submitter"), said["submitter"])),
        ("Phông", _coded(codes.get("fonds"), said["fonds"])),
        ("Số tệp", f"{len(component_ids(event)):,}".replace(",", ".")),
        ("Thời điểm niêm phong", f"{sealed_at:%H:%M:%S} ngày {sealed_at:%d/%m/%Y} (giờ Việt Nam)"),
        ("Mã băm bản kê (SHA-256)", said["manifest_sha256"]),
        ("Mã băm bộ quy tắc", said["rules_sha256"]),
        ("Nhật ký", checkpoint.origin),
        ("Số thứ tự trong nhật ký", f"{proven.index} (điểm kiểm {checkpoint.size} lá)"),
        ("Nhân chứng đồng ký", ", ".join(key.name for key in proven.signed.witnesses) or "chưa có"),
        ("Mã băm biên nhận (SHA-256)", digest),
    ]
    code = f"nopluu/receipt1 {said['package']} {digest} {checkpoint.origin} {proven.index}"
    return Page(tuple(rows), digest, code, sealed_at)


def _codes(manifest: bytes | None, digest: str) -> dict[str, str]:
    """The codes in a manifest that is the receipt's own; none where it is another."""
    if manifest is None or hashlib.sha256(manifest).hexdigest() != digest:
        return {}
    try:
        value = strict_json.parse(manifest, max_bytes=_MAX_MANIFEST)
    except ValueError:
        return {}
    if not isinstance(value, dict):
        return {}
    return {name: code for name in ("submitter", "fonds") if isinstance(code := value.get(name), str)}


def _coded(code: str | None, id_: str) -> str:
    return id_ if code is None else f"{code} ({id_})"


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise ReceiptInvalid("event-form", name)
    return value
