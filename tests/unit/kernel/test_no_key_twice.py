"""Promise (FORMATS 3): no message key and no nonce is used twice, by two layers, each attacked while the other sleeps."""

from __future__ import annotations

import hmac
import os
from dataclasses import replace
from hashlib import sha512
from itertools import product
from uuid import uuid4

from services.kernel.identifiers import AttemptId, ComponentId, FondsId, KeyId, PackageId
from services.kernel.sealing.header import HEADER_LENGTH, PREFIX_LENGTH, SealContext, SegmentHeader
from services.kernel.sealing.seal import SegmentSealer

KEY = os.urandom(32)
HEADER = SegmentHeader(ComponentId(uuid4()), KeyId(uuid4()), 0, True, AttemptId(uuid4()))
CONTEXT = SealContext(PackageId(uuid4()), FondsId(uuid4()), 1)
_INFO = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0"


def sealed(header: SegmentHeader, context: SealContext) -> bytes:
    """What follows the header: salt, commitment, ciphertext."""
    sealer = SegmentSealer(KEY, header, context)
    return sealer.update(bytes(100)) + sealer.finalize()


def test_the_same_message_of_the_same_attempt_has_another_key_each_time() -> None:
    """A restarted process, two machines, a copied disk: header and context are alike, the salt is drawn."""
    heads = {sealed(HEADER, CONTEXT)[:PREFIX_LENGTH] for _ in range(2000)}
    assert len({head[:24] for head in heads}) == 2000
    # The commitment is derived with key and nonces from the same input: another one, another key.
    assert len({head[24:] for head in heads}) == 2000


def test_with_one_salt_for_all_every_place_still_has_a_key_of_its_own() -> None:
    """A machine whose randomness repeats: attempt, segment, component, package, fonds and version are in the derivation."""
    headers = [
        HEADER,
        replace(HEADER, attempt_id=AttemptId(uuid4())),
        replace(HEADER, segment_index=1),
        replace(HEADER, is_last=False),
        replace(HEADER, component_id=ComponentId(uuid4())),
        replace(HEADER, key_id=KeyId(uuid4())),
    ]
    contexts = [
        CONTEXT,
        replace(CONTEXT, package=PackageId(uuid4())),
        replace(CONTEXT, fonds=FondsId(uuid4())),
        replace(CONTEXT, version=2),
    ]
    salt = bytes(24)
    keys = {
        hmac.digest(KEY, _INFO + salt + context.bind(header.pack()) + b"\x01", sha512)
        for header, context in product(headers, contexts)
    }
    assert len(keys) == len(headers) * len(contexts)


def test_the_header_says_whose_message_it_is() -> None:
    assert len(HEADER.pack()) == HEADER_LENGTH
    assert HEADER.attempt_id.bytes in HEADER.pack()
