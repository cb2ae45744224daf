"""Project Wycheproof's signatures through the functions that judge every request and every assertion."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from services.kernel.refusals.identity import AssertionSignatureInvalid
from services.kernel.signing import PublicKey, base64s, thumbprint
from services.kernel.signing.claims import JoseHeader
from services.kernel.signing.jws import CompactJws
from services.kernel.signing.keys import from_jwk, to_jwk, verifies
from services.runtime.tokens import check_assertion_signature, es256_key

_FOLDER: Final = Path(__file__).parents[2] / "vectors" / "wycheproof"
NUMBERS: Final = {"ed25519.json": 150, "ecdsa-p256-sha256-p1363.json": 250}  # at least; a file cut short proves nothing


def key_of(text: str) -> PublicKey:
    """A group's key, read as a JWK like every key that is enrolled."""
    raw = bytes.fromhex(text)
    if len(raw) == 32:
        return from_jwk({"kty": "OKP", "crv": "Ed25519", "x": base64s.encode_url(raw)})
    return from_jwk(dict(to_jwk(ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw))))


def cases(name: str) -> list[tuple[PublicKey, dict[str, Any]]]:
    document = json.loads((_FOLDER / name).read_text("utf-8"))
    return [(key_of(group["key"]), case) for group in document["groups"] for case in group["tests"]]


@pytest.mark.parametrize("name", sorted(NUMBERS))
def test_no_signature_is_taken_wrongly_and_none_is_refused_wrongly(name: str) -> None:
    found = cases(name)
    assert len(found) >= NUMBERS[name]
    assert {case["result"] for _, case in found} == {"valid", "invalid"}
    wrong = [
        (case["tcId"], case["comment"])
        for key, case in found
        if verifies(key, bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"])) != (case["result"] == "valid")
    ]
    assert wrong == []


def test_the_library_behind_our_tokens_says_the_same_of_p256() -> None:
    """Access tokens and ES256 assertions are proved by python-jose's form of a key; it must judge like ours."""
    wrong = [
        (case["tcId"], case["comment"])
        for key, case in cases("ecdsa-p256-sha256-p1363.json")
        if es256_key(key).verify(bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"])) != (case["result"] == "valid")
    ]
    assert wrong == []


def test_an_assertion_by_ed25519_is_judged_the_same() -> None:
    wrong = [
        (case["tcId"], case["comment"])
        for key, case in cases("ed25519.json")
        if _is_taken(key, bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"])) != (case["result"] == "valid")
    ]
    assert wrong == []


def _is_taken(key: PublicKey, signed: bytes, signature: bytes) -> bool:
    parsed = CompactJws({}, {}, signed, signature)
    try:
        check_assertion_signature("", parsed, JoseHeader("EdDSA", thumbprint(key)), key)
    except AssertionSignatureInvalid:
        return False
    return True
