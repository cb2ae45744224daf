"""The private keys of one machine: made on first use, whole or not at all, readable by their owner only."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from deploy.onebox.files import write_private, write_shared
from services.kernel.signing.keys import PrivateKey, private_from_pem


def private_key(path: Path) -> PrivateKey:
    """The Ed25519 key in `path`; beside it, as `….pub.pem`, its public half."""
    if not path.exists():
        made = Ed25519PrivateKey.generate()
        write_private(path, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key = private_from_pem(path.read_bytes())
    public = public_of(path)
    if not public.exists():
        write_shared(public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return key


def public_of(path: Path) -> Path:
    """Where the public half of a private key lies."""
    return path.with_name(f"{path.stem}.pub.pem")
