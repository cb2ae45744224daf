"""DSSE envelopes: a payload, its type, and signatures by named keys over both.

The envelope is canonical JSON (RFC 8785) with exactly the members of the specification, so that one set of signatures
has one spelling; signatures stand in the order of their key ids.

Source: DSSE protocol v1.0 (PAE), envelope v1.0; DESIGN 9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from services.kernel import strict_json
from services.kernel.canonical import b64, canonical, unb64
from services.kernel.signing import keys

MAX_ENVELOPE: Final = 8 * 1024 * 1024  # bytes
MAX_SIGNATURES: Final = 16


class EnvelopeInvalid(ValueError):
    """Not a DSSE envelope in its canonical form; the message never quotes the input."""


class SignatureWrong(ValueError):
    """A known key's signature does not fit payload and type; `keyid` names the key."""

    def __init__(self, keyid: str) -> None:
        super().__init__(keyid)
        self.keyid = keyid


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope as read: nothing of it is verified yet. `signatures` are (key id, 64 bytes)."""

    payload: bytes
    payload_type: str
    signatures: tuple[tuple[str, bytes], ...]

    def to_bytes(self) -> bytes:
        return canonical(
            {
                "payload": b64(self.payload),
                "payloadType": self.payload_type,
                "signatures": [{"keyid": keyid, "sig": b64(signature)} for keyid, signature in self.signatures],
            }
        )


def pae(payload_type: str, payload: bytes) -> bytes:
    """The pre-authentication encoding: what is signed. Lengths are bytes."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload: bytes, payload_type: str, signers: Iterable[keys.PrivateKey]) -> bytes:
    """An envelope signed by each key, named by its thumbprint."""
    message = pae(payload_type, payload)
    signatures = {keys.thumbprint(key.public_key()): keys.sign(key, message) for key in signers}
    return Envelope(payload, payload_type, tuple(sorted(signatures.items()))).to_bytes()


def assemble(envelopes: Sequence[bytes]) -> bytes:
    """One envelope with the signatures of several over the same payload and type.

    Raises:
        EnvelopeInvalid: one is no envelope, or they are over different payloads, or there is none.
    """
    read = [parse(envelope) for envelope in envelopes]
    if len({(envelope.payload, envelope.payload_type) for envelope in read}) != 1:
        raise EnvelopeInvalid("the envelopes are not over one payload")
    signatures = {keyid: signature for envelope in read for keyid, signature in envelope.signatures}
    return Envelope(read[0].payload, read[0].payload_type, tuple(sorted(signatures.items()))).to_bytes()


def parse(envelope: bytes) -> Envelope:
    """The envelope in these bytes; verifies nothing.

    Raises:
        EnvelopeInvalid: not one, not in canonical form, a key id twice, or not in the order of the key ids.
    """
    try:
        value = strict_json.parse(envelope, max_bytes=MAX_ENVELOPE)
    except strict_json.StrictJsonError as error:
        raise EnvelopeInvalid(error.reason) from None
    match value:
        case {"payload": str(payload), "payloadType": str(kind), "signatures": list(entries), **rest} if not rest:
            pass
        case _:
            raise EnvelopeInvalid("members")
    if len(entries) > MAX_SIGNATURES:
        raise EnvelopeInvalid(f"more than {MAX_SIGNATURES} signatures")
    try:
        read = Envelope(unb64(payload), kind, tuple(_signature(entry) for entry in entries))
        same = read.to_bytes() == envelope
    except ValueError:  # base64, and text that has no UTF-8
        raise EnvelopeInvalid("encoding") from None
    keyids = [keyid for keyid, _ in read.signatures]
    if not same or keyids != sorted(set(keyids)):
        raise EnvelopeInvalid("not canonical")
    return read


def open_envelope(
    envelope: bytes, payload_type: str, resolve: Callable[[str], keys.PublicKey | None]
) -> tuple[bytes, tuple[str, ...]]:
    """The payload, and the ids of the known keys whose signatures verified; signatures of unknown keys count nothing.

    Raises:
        EnvelopeInvalid: no envelope, or of another type.
        SignatureWrong: a known key's signature does not verify; the envelope as a whole is then worth nothing.
    """
    read = parse(envelope)
    if read.payload_type != payload_type:
        raise EnvelopeInvalid("another payload type")
    message = pae(read.payload_type, read.payload)
    verified: list[str] = []
    for keyid, signature in read.signatures:
        key = resolve(keyid)
        if key is None:
            continue
        if keys.thumbprint(key) != keyid or not keys.verifies(key, signature, message):
            raise SignatureWrong(keyid)
        verified.append(keyid)
    return read.payload, tuple(verified)


def _signature(entry: object) -> tuple[str, bytes]:
    match entry:
        case {"keyid": str(keyid), "sig": str(signature), **rest} if not rest:
            return keyid, unb64(signature)
        case _:
            raise EnvelopeInvalid("signature")
