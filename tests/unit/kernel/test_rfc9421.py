"""The examples of RFC 9421 and RFC 9530 for our algorithms, through the primitives that judge every request.

What they cover is not what our profile demands (they sign `@path` or a response, and have no nonce), so they prove the
signature base, the signatures and the digests, and that the profile takes none of them as a signed request.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import http_sf
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from services.kernel.refusals.identity import SignatureTagMissing
from services.kernel.signing import base64s
from services.kernel.signing.content_digest import content_digest, parse_content_digest
from services.kernel.signing.keys import KeyUnusable, from_jwk, looks_like_der, request_algorithm, sign, verifies
from services.kernel.signing.verification import read_signature, signature_base
from tests.support.signatures import ED25519, P256, raw

_FOLDER: Final = Path(__file__).parents[2] / "vectors" / "rfc9421"
SIGNATURES: Final[list[dict[str, Any]]] = json.loads((_FOLDER / "signatures.json").read_text("utf-8"))
DIGESTS: Final[list[dict[str, Any]]] = json.loads((_FOLDER / "digests.json").read_text("utf-8"))
NOT_OURS: Final[list[dict[str, Any]]] = json.loads((_FOLDER / "not-ours.json").read_text("utf-8"))
OWN: Final = {"ed25519": ED25519, "ecdsa-p256-sha256": P256}

signatures = pytest.mark.parametrize("vector", SIGNATURES, ids=lambda vector: vector["section"])


def built(vector: dict[str, Any]) -> bytes:
    """The base that the kernel builds from the vector's components and its parameters as parsed."""
    parsed: Any = http_sf.parse(vector["signature_params"].encode(), tltype="list")
    _, parameters = parsed[0]
    return signature_base([(name, value) for name, value in vector["components"]], parameters)


def signature_of(vector: dict[str, Any]) -> bytes:
    return base64.b64decode(vector["signature"])


@signatures
def test_the_base_is_the_rfcs(vector: dict[str, Any]) -> None:
    assert built(vector).decode() == vector["base"]


@signatures
def test_the_signature_is_taken(vector: dict[str, Any]) -> None:
    key = from_jwk(vector["key"])
    assert request_algorithm(key) == vector["algorithm"]
    assert verifies(key, signature_of(vector), built(vector))


@signatures
def test_our_private_half_of_the_rfcs_key_signs_it_too(vector: dict[str, Any]) -> None:
    made = sign(OWN[vector["algorithm"]], built(vector))
    assert verifies(from_jwk(vector["key"]), made, built(vector))
    if vector["algorithm"] == "ed25519":
        assert made == signature_of(vector)


@signatures
def test_no_changed_bit_passes(vector: dict[str, Any]) -> None:
    key, signature, base = from_jwk(vector["key"]), signature_of(vector), built(vector)
    for at in range(len(signature)):
        assert not verifies(key, signature[:at] + bytes([signature[at] ^ 1]) + signature[at + 1 :], base)
    for at in range(len(base)):
        assert not verifies(key, signature, base[:at] + bytes([base[at] ^ 1]) + base[at + 1 :])


@signatures
def test_no_other_order_number_or_length_passes(vector: dict[str, Any]) -> None:
    key, signature, base = from_jwk(vector["key"]), signature_of(vector), built(vector)
    lines = base.split(b"\n")
    for other in (lines[1:], [lines[1], lines[0], *lines[2:]], [lines[0], *lines], lines[:-1], [*lines, b""]):
        assert not verifies(key, signature, b"\n".join(other))
    for cut in (signature[:-1], signature + b"\0", b"", signature[32:] + signature[:32]):
        assert not verifies(key, cut, base)


@signatures
def test_another_key_does_not_verify_it(vector: dict[str, Any]) -> None:
    for other in SIGNATURES:
        if other["algorithm"] != vector["algorithm"]:
            assert not verifies(from_jwk(other["key"]), signature_of(vector), built(vector))


def test_the_same_ecdsa_signature_in_der_is_none() -> None:
    [vector] = [vector for vector in SIGNATURES if vector["algorithm"] == "ecdsa-p256-sha256"]
    signature = signature_of(vector)
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    assert looks_like_der(der)
    assert not looks_like_der(signature)
    assert not verifies(from_jwk(vector["key"]), der, built(vector))


@signatures
def test_our_profile_takes_none_of_them_as_a_signed_request(vector: dict[str, Any]) -> None:
    fields = [(name, value) for name, value in vector["components"] if not name.startswith("@")]
    fields += [("signature-input", f"sig={vector['signature_params']}"), ("signature", f"sig=:{vector['signature']}:")]
    with pytest.raises(SignatureTagMissing):
        read_signature("POST", "https://example.com/foo", raw(fields), now=datetime(2021, 4, 20, 2, 7, 55, tzinfo=UTC))


@pytest.mark.parametrize("vector", NOT_OURS, ids=lambda vector: vector["section"])
def test_a_key_of_another_kind_is_no_key_and_its_signature_none(vector: dict[str, Any]) -> None:
    """The example is right by its RFC; nothing of ours takes it, under whichever key."""
    base, signature = vector["base"].encode(), signature_of(vector)
    assert right_by_the_rfc(vector["key"], signature, base)
    with pytest.raises(KeyUnusable):
        from_jwk(vector["key"])
    for key in OWN.values():
        assert not verifies(key.public_key(), signature, base)
        assert not verifies(key.public_key(), signature * 2, base)
        assert not verifies(key.public_key(), signature[:64], base)


def right_by_the_rfc(key: dict[str, str], signature: bytes, base: bytes) -> bool:
    """As `hmac-sha256` or `rsa-pss-sha512` would verify it, without anything of ours."""
    if key["kty"] == "oct":
        return hmac.digest(base64s.decode_url(key["k"]), base, "sha256") == signature
    exponent, modulus = (int.from_bytes(base64s.decode_url(key[member])) for member in ("e", "n"))
    pss = padding.PSS(padding.MGF1(hashes.SHA512()), 64)
    rsa.RSAPublicNumbers(exponent, modulus).public_key().verify(signature, base, pss, hashes.SHA512())
    return True


@pytest.mark.parametrize("vector", DIGESTS, ids=lambda vector: f"{vector['section']}, {vector['why']}")
def test_a_digest_of_the_rfcs(vector: dict[str, Any]) -> None:
    content, field = base64.b64decode(vector["content_base64"]), vector["content_digest"]
    if not vector["taken"]:
        with pytest.raises(ValueError, match=r"sha-256|canonical"):
            parse_content_digest(field)
        return
    digest = hashlib.sha256(content).digest()
    assert parse_content_digest(field) == digest
    assert content_digest(digest) == field
    assert parse_content_digest(field) != hashlib.sha256(content + b"\n").digest()
