"""The two kinds of key a client may have, their JWK form and their name.

Ed25519 is the documented default, because `openssl` makes usable signatures with it; P-256 is the other. A key is
named by its RFC 7638 thumbprint everywhere: `kid` of a JWT, `keyid` of a request signature, the row in auth.

Signatures are the fixed-length form of JOSE and RFC 9421: 64 bytes for both kinds (for P-256 r‖s, never DER).

Source: RFC 7517, RFC 7518 §6.2, RFC 7638, RFC 8037; DESIGN 6.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from services.kernel.signing import base64s

PublicKey = Ed25519PublicKey | ec.EllipticCurvePublicKey
PrivateKey = Ed25519PrivateKey | ec.EllipticCurvePrivateKey

SIGNATURE_LENGTH: Final = 64  # bytes, of both kinds
_COORDINATE: Final = 32
_P256: Final = ec.ECDSA(hashes.SHA256())
_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


class KeyUnusable(ValueError):
    """Not a public key of a kind the gateway takes; the message says why and never shows the key."""


def to_jwk(key: PublicKey) -> dict[str, str]:
    """The key's required JWK members and no other, in the order of RFC 7638."""
    if isinstance(key, Ed25519PublicKey):
        return {"crv": "Ed25519", "kty": "OKP", "x": base64s.encode_url(key.public_bytes_raw())}
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    x, y = point[1 : 1 + _COORDINATE], point[1 + _COORDINATE :]
    return {"crv": "P-256", "kty": "EC", "x": base64s.encode_url(x), "y": base64s.encode_url(y)}


def from_jwk(jwk: Mapping[str, object]) -> PublicKey:
    """The public key of a JWK.

    Raises:
        KeyUnusable: another kind or curve, a private member, a missing or non-canonical member, a use that is not
            signing, a point off the curve.
    """
    if _PRIVATE_MEMBERS & jwk.keys():
        raise KeyUnusable("the JWK contains a private key")
    if jwk.get("use", "sig") != "sig":
        raise KeyUnusable("the JWK is not for signing (use)")
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise KeyUnusable("the JWK is not for verifying (key_ops)")
    kind = (jwk.get("kty"), jwk.get("crv"))
    try:
        if kind == ("OKP", "Ed25519"):
            _matches_alg(jwk, {"EdDSA", "Ed25519"})
            return _ed25519(_member(jwk, "x"))
        if kind == ("EC", "P-256"):
            _matches_alg(jwk, {"ES256"})
            point = b"\x04" + _member(jwk, "x") + _member(jwk, "y")
            return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except KeyUnusable:
        raise
    except ValueError as error:
        raise KeyUnusable("the JWK is not a valid key") from error
    raise KeyUnusable("only Ed25519 (kty OKP) and P-256 (kty EC) keys are taken")


def from_pem(pem: bytes) -> PublicKey:
    """The public key of a PEM SubjectPublicKeyInfo.

    Raises:
        KeyUnusable: another kind or curve, or not a public key.
    """
    try:
        key = load_pem_public_key(pem)
    except Exception as error:  # the loader raises ValueError, TypeError and UnsupportedAlgorithm
        raise KeyUnusable("not a PEM public key") from error
    if isinstance(key, Ed25519PublicKey):
        return _ed25519(key.public_bytes_raw())
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise KeyUnusable("only Ed25519 and P-256 keys are taken")


def private_from_pem(pem: bytes, password: bytes | None = None) -> PrivateKey:
    """The private key of a PEM file.

    Raises:
        KeyUnusable: another kind or curve, a wrong password, or not a private key.
    """
    try:
        key = load_pem_private_key(pem, password)
    except Exception as error:  # as above; a wrong password is a ValueError, a missing one a TypeError
        raise KeyUnusable("not a readable PEM private key") from error
    if isinstance(key, Ed25519PrivateKey):
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise KeyUnusable("only Ed25519 and P-256 keys are taken")


def thumbprint(key: PublicKey) -> str:
    """The key's name: base64url of the SHA-256 of its canonical JWK (RFC 7638); 43 characters."""
    canonical = json.dumps(to_jwk(key), separators=(",", ":"), sort_keys=True)
    return base64s.encode_url(hashlib.sha256(canonical.encode("ascii")).digest())


def request_algorithm(key: PublicKey | PrivateKey) -> str:
    """The RFC 9421 name of the key's one algorithm."""
    return "ed25519" if isinstance(key, Ed25519PublicKey | Ed25519PrivateKey) else "ecdsa-p256-sha256"


def jws_algorithm(key: PublicKey | PrivateKey) -> str:
    """The JOSE name of the key's one algorithm."""
    return "EdDSA" if isinstance(key, Ed25519PublicKey | Ed25519PrivateKey) else "ES256"


def sign(key: PrivateKey, message: bytes) -> bytes:
    """A 64-byte signature."""
    if isinstance(key, Ed25519PrivateKey):
        return key.sign(message)
    r, s = decode_dss_signature(key.sign(message, _P256))
    return r.to_bytes(_COORDINATE, "big") + s.to_bytes(_COORDINATE, "big")


def verifies(key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether this is the key's signature over the message; any other length than 64 bytes is not."""
    if len(signature) != SIGNATURE_LENGTH:
        return False
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, message)
        else:
            r, s = int.from_bytes(signature[:_COORDINATE], "big"), int.from_bytes(signature[_COORDINATE:], "big")
            key.verify(encode_dss_signature(r, s), message, _P256)
    except InvalidSignature:
        return False
    return True


def looks_like_der(signature: bytes) -> bool:
    """Whether the bytes are an ASN.1 ECDSA signature, what `openssl dgst -sign` writes, instead of r‖s."""
    if len(signature) == SIGNATURE_LENGTH or signature[:1] != b"\x30":
        return False
    try:
        decode_dss_signature(signature)
    except ValueError:
        return False
    return True


# Points of order 1, 2, 4 and 8 on edwards25519, in every encoding a lenient decoder takes. A signature under such a
# "key" verifies for many messages at once, so it names nobody.
_SMALL_ORDER: Final = frozenset(
    bytes.fromhex(point)
    for point in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    )
)


def _ed25519(raw: bytes) -> Ed25519PublicKey:
    if raw in _SMALL_ORDER:
        raise KeyUnusable("the Ed25519 key is a point of small order")
    return Ed25519PublicKey.from_public_bytes(raw)


def _member(jwk: Mapping[str, object], name: str) -> bytes:
    value = jwk.get(name)
    if not isinstance(value, str):
        raise KeyUnusable(f"the JWK has no {name}")
    raw = base64s.decode_url(value)
    if len(raw) != _COORDINATE:
        raise KeyUnusable(f"the JWK's {name} must be 32 bytes")
    return raw


def _matches_alg(jwk: Mapping[str, object], names: set[str]) -> None:
    if "alg" in jwk and jwk["alg"] not in names:
        raise KeyUnusable("the JWK's alg does not belong to its curve")
