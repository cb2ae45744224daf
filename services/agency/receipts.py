"""Whether a receipt that the gateway sent proves the deposit; the kernel recomputes all of it.

Source: FORMATS "Log", "Receipt".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.agency.errors import FatalError
from services.agency.verification.words import CODES
from services.kernel.refusals.registry import Text
from services.kernel.tlog import receipts
from services.kernel.tlog.notes import KeyInvalid, VerifierKey
from services.kernel.tlog.receipts import ReceiptInvalid

__all__ = ["ReceiptInvalid", "parse_log_key", "refuted", "require_valid", "verify_receipt"]

_ANOTHER = Text("biên nhận của gói hoặc bản kê khác", "the receipt of another package or manifest")
_KEY = Text("khóa công khai của nhật ký không đúng dạng", "the log's public key is malformed")


def require_valid(receipt: bytes, *, package: str, manifest_sha256: str | None, keys: Sequence[str]) -> None:
    """Refuse a receipt that does not prove the deposit of this package under this manifest.

    Raises:
        FatalError: it does not.
    """
    try:
        event = verify_receipt(receipt, [parse_log_key(key) for key in keys])
        if event.get("package") != package or manifest_sha256 not in (None, event.get("manifest_sha256")):
            raise ReceiptInvalid("another-deposit", "another package or manifest")
    except ReceiptInvalid as error:
        raise refuted(error) from error


def refuted(error: ReceiptInvalid) -> FatalError:
    """The same for a user of the gateway: what is wrong with the receipt, and what to do."""
    said = _text(error)
    return FatalError(
        "receipt-invalid",
        Text(f"Biên nhận không kiểm chứng được: {said.vi}", f"The receipt does not verify: {said.en}"),
        Text("Giữ lại và báo đơn vị kiểm tra", "Keep it and tell the auditors"),
    )


def verify_receipt(receipt: bytes, keys: Sequence[VerifierKey]) -> Mapping[str, object]:
    """The event that a receipt proves, given the log's keys.

    Raises:
        ReceiptInvalid: any step fails.
    """
    return receipts.verify_receipt(receipt, keys).event


def parse_log_key(text: str) -> VerifierKey:
    """A verifier key `name+id+base64(type, key)`.

    Raises:
        ReceiptInvalid: of another form or type.
    """
    try:
        return VerifierKey.parse(text)
    except KeyInvalid as error:
        raise ReceiptInvalid("log-key", "the log's public key is malformed") from error


def _text(error: ReceiptInvalid) -> Text:
    match error.code:
        case "another-deposit":
            return _ANOTHER
        case "log-key":
            return _KEY
        case _:
            return CODES[error.code].text
