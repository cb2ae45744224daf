"""Whether a receipt proves the deposit: the event, its place in the log, and the log's signed checkpoint.

Everything is recomputed from the receipt and the log's public keys; the gateway's word counts for nothing.

Source: FORMATS "Log", "Receipt"; RFC 9162 §2.1.3; C2SP signed-note, tlog-checkpoint, tlog-proof@v1.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.agency.errors import FatalError
from services.kernel import strict_json
from services.kernel.canonical import canonical, unb64
from services.kernel.refusals.registry import Text

FORMAT: Final = "nopluu/receipt1"
MAX_RECEIPT: Final = 64 * 1024 * 1024  # bytes; an event names every component
_PROOF: Final = "c2sp.org/tlog-proof@v1"
_LEAF: Final = b"nopluu/leaf1\0"
_ED25519: Final = 1
_MAX_PATH: Final = 63


class ReceiptInvalid(ValueError):
    """The receipt does not prove the deposit; `reason` says which step failed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class LogKey:
    """A C2SP verifier key of type Ed25519: the log's name, the four bytes of its id, and the key."""

    name: str
    id: bytes
    key: Ed25519PublicKey


def require_valid(receipt: bytes, *, package: str, manifest_sha256: str | None, keys: Sequence[str]) -> None:
    """Refuse a receipt that does not prove the deposit of this package under this manifest.

    Raises:
        FatalError: it does not.
    """
    try:
        event = verify_receipt(receipt, [parse_log_key(key) for key in keys])
        if event.get("package") != package:
            raise ReceiptInvalid("another package")
        if manifest_sha256 is not None and event.get("manifest_sha256") != manifest_sha256:
            raise ReceiptInvalid("another manifest")
    except ReceiptInvalid as error:
        raise FatalError(
            "receipt-invalid",
            Text(f"Biên nhận không kiểm chứng được: {error.reason}", f"The receipt does not verify: {error.reason}"),
            Text("Giữ lại và báo đơn vị kiểm tra", "Keep it and tell the auditors"),
        ) from error


def verify_receipt(receipt: bytes, keys: Sequence[LogKey]) -> Mapping[str, object]:
    """The event that a receipt proves, given the log's keys.

    Raises:
        ReceiptInvalid: any step fails.
    """
    try:
        value = strict_json.parse(receipt, max_bytes=MAX_RECEIPT)
        match value:
            case {"format": str(form), "event": str(event), "salt": str(salt), "proof": str(proof), **rest} if (
                form == FORMAT and (not rest)
            ):
                event_bytes, salt_bytes = unb64(event), unb64(salt)
            case _:
                raise ReceiptInvalid("form")
        if canonical(value) != receipt:
            raise ReceiptInvalid("not canonical")
        told = strict_json.parse(event_bytes, max_bytes=MAX_RECEIPT)
        if canonical(told) != event_bytes:
            raise ReceiptInvalid("the event is not canonical")
    except ReceiptInvalid:
        raise
    except ValueError as error:
        raise ReceiptInvalid("form") from error
    if not isinstance(told, dict) or told.get("type") != "sealed":
        raise ReceiptInvalid("not a seal event")
    if len(salt_bytes) != 32:
        raise ReceiptInvalid("salt")
    index, path, checkpoint = _parse_proof(proof)
    size, root = _verify_checkpoint(checkpoint, keys)
    entry = hashlib.sha256(_LEAF + salt_bytes + event_bytes).digest()
    if _root_of(index, size, hashlib.sha256(b"\0" + entry).digest(), path) != root:
        raise ReceiptInvalid("not in the log")
    return told


def parse_log_key(text: str) -> LogKey:
    """A verifier key `name+id+base64(type, key)`.

    Raises:
        ReceiptInvalid: of another form or type.
    """
    name, _, rest = text.partition("+")
    stated, _, encoded = rest.partition("+")
    try:
        data, id_ = base64.b64decode(encoded, validate=True), bytes.fromhex(stated)
    except (binascii.Error, ValueError) as error:
        raise ReceiptInvalid("log key") from error
    if not name or len(data) != 33 or data[0] != _ED25519:
        raise ReceiptInvalid("log key")
    if hashlib.sha256(name.encode() + b"\n" + data).digest()[:4] != id_:
        raise ReceiptInvalid("log key id")
    return LogKey(name, id_, Ed25519PublicKey.from_public_bytes(data[1:]))


def _parse_proof(text: str) -> tuple[int, list[bytes], str]:
    head, separator, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    if not separator or len(lines) < 2 or lines[0] != _PROOF or not lines[1].startswith("index "):
        raise ReceiptInvalid("proof form")
    try:
        path = [unb64(line) for line in lines[2:]]
    except ValueError as error:
        raise ReceiptInvalid("proof form") from error
    if len(path) > _MAX_PATH or any(len(node) != 32 for node in path):
        raise ReceiptInvalid("proof form")
    return _decimal(lines[1].removeprefix("index ")), path, checkpoint


def _verify_checkpoint(note: str, keys: Sequence[LogKey]) -> tuple[int, bytes]:
    """Size and root of a checkpoint that one of the keys signed for its own origin; no known key may fail."""
    body, separator, signatures = note.rpartition("\n\n")
    lines = body.split("\n")
    if not separator or not signatures.endswith("\n") or len(lines) < 3:
        raise ReceiptInvalid("checkpoint form")
    signed = False
    for line in signatures[:-1].split("\n"):
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        try:
            data = unb64(encoded)
        except ValueError as error:
            raise ReceiptInvalid("checkpoint signature form") from error
        if dash != "\N{EM DASH}" or len(data) < 5:
            raise ReceiptInvalid("checkpoint signature form")
        for key in keys:
            if (key.name, key.id) != (name, data[:4]):
                continue
            try:
                key.key.verify(data[4:], f"{body}\n".encode())
            except InvalidSignature as error:
                raise ReceiptInvalid("checkpoint signature") from error
            signed = signed or name == lines[0]
    if not signed:
        raise ReceiptInvalid("no known log signed the checkpoint")
    try:
        root = unb64(lines[2])
    except ValueError as error:
        raise ReceiptInvalid("checkpoint form") from error
    return _decimal(lines[1]), root


def _root_of(index: int, size: int, leaf: bytes, path: Sequence[bytes]) -> bytes:
    """The root that an inclusion path leads to (RFC 9162 §2.1.3.2)."""
    if index >= size:
        raise ReceiptInvalid("index beyond the tree")
    node, last, root = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise ReceiptInvalid("path too long")
        if node & 1 or node == last:
            root = hashlib.sha256(b"\1" + sibling + root).digest()
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            root = hashlib.sha256(b"\1" + root + sibling).digest()
        node, last = node >> 1, last >> 1
    if last != 0:
        raise ReceiptInvalid("path too short")
    return root


def _decimal(text: str) -> int:
    if not text.isascii() or not text.isdigit() or (len(text) > 1 and text[0] == "0") or len(text) > 19:
        raise ReceiptInvalid("number form")
    return int(text)
