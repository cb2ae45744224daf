"""A receipt proves its event, and nothing else passes for one."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.agency.errors import Exit, FatalError
from services.agency.receipts import ReceiptInvalid, parse_log_key, require_valid, verify_receipt
from services.kernel.canonical import b64, canonical

ORIGIN = "nopluu.example/log"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
EVENT = canonical({"type": "sealed", "package": "p", "manifest_sha256": "m" * 64})
SALT = b"s" * 32


def _vkey(key: Ed25519PrivateKey = KEY) -> str:
    data = b"\x01" + key.public_key().public_bytes_raw()
    id_ = hashlib.sha256(ORIGIN.encode() + b"\n" + data).digest()[:4]
    return f"{ORIGIN}+{id_.hex()}+{b64(data)}"


def _tree(leaves: Sequence[bytes], index: int) -> tuple[bytes, list[bytes]]:
    """RFC 9162 §2.1, written from its recursive definition."""
    if len(leaves) == 1:
        return leaves[0], []
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    left, left_path = _tree(leaves[:half], index if index < half else 0)
    right, right_path = _tree(leaves[half:], index - half if index >= half else 0)
    root = hashlib.sha256(b"\1" + left + right).digest()
    return root, [*left_path, right] if index < half else [*right_path, left]


def _receipt(size: int = 1, index: int = 0, *, event: bytes = EVENT, key: Ed25519PrivateKey = KEY) -> bytes:
    entry = hashlib.sha256(b"nopluu/leaf1\0" + SALT + event).digest()
    leaves = [hashlib.sha256(bytes([at])).digest() for at in range(size)]
    leaves[index] = hashlib.sha256(b"\0" + entry).digest()
    root, path = _tree(leaves, index)
    body = f"{ORIGIN}\n{size}\n{b64(root)}\n"
    id_ = bytes.fromhex(_vkey(key).split("+")[1])
    note = f"{body}\n\N{EM DASH} {ORIGIN} {b64(id_ + key.sign(body.encode()))}\n"
    proof = "\n".join(["c2sp.org/tlog-proof@v1", f"index {index}", *map(b64, path)]) + "\n\n" + note
    return canonical({"format": "nopluu/receipt1", "event": b64(event), "salt": b64(SALT), "proof": proof})


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 11, 16, 21])
def test_every_leaf_of_a_tree_is_proved(size: int) -> None:
    for index in range(size):
        event = verify_receipt(_receipt(size, index), [parse_log_key(_vkey())])
        assert event["package"] == "p"


def test_any_altered_byte_is_refused() -> None:
    receipt = _receipt(5, 3)
    keys = [parse_log_key(_vkey())]
    for at in range(0, len(receipt), 3):
        altered = bytearray(receipt)
        altered[at] ^= 1
        with pytest.raises(ReceiptInvalid):
            verify_receipt(bytes(altered), keys)


def test_another_log_or_none_is_refused() -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    with pytest.raises(ReceiptInvalid, match="no known log"):
        verify_receipt(_receipt(key=other), [parse_log_key(_vkey())])
    with pytest.raises(ReceiptInvalid, match="no known log"):
        verify_receipt(_receipt(), [])


def test_only_a_seal_event_makes_a_receipt() -> None:
    with pytest.raises(ReceiptInvalid, match="seal"):
        verify_receipt(_receipt(event=canonical({"type": "read"})), [parse_log_key(_vkey())])


@pytest.mark.parametrize("receipt", [b"", b"{}", b"[]", b"\xff", _receipt() + b"\n"])
def test_what_has_another_form_is_refused(receipt: bytes) -> None:
    with pytest.raises(ReceiptInvalid):
        verify_receipt(receipt, [parse_log_key(_vkey())])


@pytest.mark.parametrize(("package", "manifest"), [("q", "m" * 64), ("p", "n" * 64)])
def test_a_receipt_of_something_else_ends_a_push(package: str, manifest: str) -> None:
    require_valid(_receipt(), package="p", manifest_sha256="m" * 64, keys=[_vkey()])
    with pytest.raises(FatalError) as caught:
        require_valid(_receipt(), package=package, manifest_sha256=manifest, keys=[_vkey()])
    assert caught.value.exit is Exit.FATAL


@pytest.mark.parametrize(
    "text", ["", "a+b", f"{ORIGIN}+00000000+{base64.b64encode(b'x').decode()}", _vkey()[:-4] + "AAA="]
)
def test_a_log_key_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ReceiptInvalid):
        parse_log_key(text)
