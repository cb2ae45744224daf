"""Making and loading the client's private key.

Source: DESIGN 6 (Ed25519 by default, P-256); usability notes B9.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from services.agency.errors import UsageError
from services.agency.profile import require_private
from services.kernel.refusals.registry import Text
from services.kernel.signing.keys import KeyUnusable, PrivateKey, private_from_pem, thumbprint

Kind = Literal["ed25519", "p256"]


@dataclass(frozen=True, slots=True)
class NewKey:
    """What the registrar needs of a new key: the public half in PEM and its name (RFC 7638 thumbprint)."""

    public_pem: str
    thumbprint: str


def generate(path: Path, kind: Kind = "ed25519") -> NewKey:
    """Make a key pair; the private half goes to `path`, readable by its owner only.

    Raises:
        UsageError: the file exists; an old key is never overwritten.
    """
    key: PrivateKey = Ed25519PrivateKey.generate() if kind == "ed25519" else ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise UsageError(
            "key-exists",
            Text(f"{path} đã có; khóa cũ không bị ghi đè", f"{path} exists; an old key is never overwritten"),
            Text("Chọn tên tệp khác", "Choose another file name"),
        ) from error
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(pem)
    public = key.public_key()
    return NewKey(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(), thumbprint(public))


def load(path: Path) -> PrivateKey:
    """The private key in a PEM file.

    Raises:
        UsageError: absent, readable by others, or no Ed25519 or P-256 private key.
    """
    require_private(path)
    try:
        return private_from_pem(path.read_bytes())
    except KeyUnusable as error:
        raise UsageError(
            "key-unusable",
            Text(f"{path} không phải là khóa riêng Ed25519 hoặc P-256", f"{path}: {error}"),
            Text("Tạo khóa bằng: nopluu keygen", "Make a key with: nopluu keygen"),
        ) from error
