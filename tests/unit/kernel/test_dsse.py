"""A DSSE envelope has one spelling, and is believed only as a whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from services.kernel import dsse
from services.kernel.canonical import b64, canonical
from services.kernel.signing.keys import PublicKey, thumbprint

TYPE = "application/vnd.nopluu.rules1+json"
ED = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
P256 = ec.derive_private_key(7, ec.SECP256R1())
KNOWN: dict[str, PublicKey] = {thumbprint(key.public_key()): key.public_key() for key in (ED, OTHER, P256)}


def test_what_is_signed_is_the_example_of_the_specification() -> None:
    assert dsse.pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert dsse.pae("", b"") == b"DSSEv1 0  0 "
    assert dsse.pae("ộ", b"\x00") == b"DSSEv1 3 \xe1\xbb\x99 1 \x00"


@given(st.binary(max_size=200))
def test_both_kinds_of_key_sign_and_verify(payload: bytes) -> None:
    envelope = dsse.sign(payload, TYPE, [P256, ED])
    opened, keyids = dsse.open_envelope(envelope, TYPE, KNOWN.get)
    assert opened == payload
    assert set(keyids) == {thumbprint(ED.public_key()), thumbprint(P256.public_key())}


def test_two_signed_copies_become_one_envelope() -> None:
    one, two = (dsse.sign(b"rules", TYPE, [key]) for key in (ED, P256))
    assert dsse.assemble([two, one]) == dsse.assemble([one, two, one])
    with pytest.raises(dsse.EnvelopeInvalid):
        dsse.assemble([one, dsse.sign(b"other", TYPE, [P256])])
    with pytest.raises(dsse.EnvelopeInvalid):
        dsse.assemble([one, dsse.sign(b"rules", "text/plain", [P256])])
    with pytest.raises(dsse.EnvelopeInvalid):
        dsse.assemble([])


def test_signatures_of_unknown_keys_count_nothing() -> None:
    _, keyids = dsse.open_envelope(dsse.sign(b"x", TYPE, [ED]), TYPE, lambda _: None)
    assert keyids == ()


def test_a_key_under_another_name_is_not_believed() -> None:
    with pytest.raises(dsse.SignatureWrong):
        dsse.open_envelope(dsse.sign(b"x", TYPE, [ED]), TYPE, lambda _: OTHER.public_key())


def test_one_wrong_signature_spoils_the_whole() -> None:
    read = dsse.parse(dsse.sign(b"x", TYPE, [ED, P256]))
    altered = dsse.Envelope(b"y", TYPE, read.signatures).to_bytes()
    with pytest.raises(dsse.SignatureWrong):
        dsse.open_envelope(altered, TYPE, KNOWN.get)
    other_type = dsse.Envelope(b"x", "text/plain", read.signatures).to_bytes()
    with pytest.raises(dsse.EnvelopeInvalid):
        dsse.open_envelope(other_type, TYPE, KNOWN.get)
    with pytest.raises(dsse.SignatureWrong):
        dsse.open_envelope(other_type, "text/plain", KNOWN.get)


def _members() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(dsse.sign(b"x", TYPE, [ED, P256]))
    return read


@pytest.mark.parametrize(
    "spelling",
    [
        b"",
        b"[]",
        json.dumps(_members()).encode(),  # blanks
        canonical(_members() | {"extra": 1}),
        canonical(_members() | {"payload": "eA"}),  # no padding
        canonical(_members() | {"payload": "eB=="}),  # stray bits
        canonical(_members() | {"signatures": _members()["signatures"][::-1]}),
        canonical(_members() | {"signatures": _members()["signatures"][:1] * 2}),
        canonical(_members() | {"signatures": {}}),
        canonical(_members() | {"signatures": [{"sig": b64(b"x" * 64)}]}),
        canonical(_members() | {"signatures": [{"keyid": f"{at:02d}", "sig": ""} for at in range(17)]}),
        canonical({name: value for name, value in _members().items() if name != "payloadType"}),
    ],
)
def test_any_other_spelling_is_no_envelope(spelling: bytes) -> None:
    with pytest.raises(dsse.EnvelopeInvalid):
        dsse.open_envelope(spelling, TYPE, KNOWN.get)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_any_altered_byte_is_noticed(at: int, flip: int) -> None:
    sound = dsse.sign(b"payload of rules", TYPE, [ED, P256])
    place = at % len(sound)
    altered = sound[:place] + bytes([sound[place] ^ flip]) + sound[place + 1 :]
    try:
        payload, keyids = dsse.open_envelope(altered, TYPE, KNOWN.get)
    except (dsse.EnvelopeInvalid, dsse.SignatureWrong):
        return
    # Only a key's name was altered, and now nobody is known by it.
    assert payload == b"payload of rules"
    assert len(keyids) == 1


def test_the_published_vector_still_verifies() -> None:
    folder = Path(__file__).parents[2] / "vectors" / "rules"
    envelope = (folder / "rules.dsse.json").read_bytes()
    payload, keyids = dsse.open_envelope(envelope, TYPE, KNOWN.get)
    assert payload == b'{"format":"nopluu/rules1"}'
    assert keyids == (thumbprint(ED.public_key()),)
    assert dsse.sign(payload, TYPE, [ED]) == envelope
