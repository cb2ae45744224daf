"""A second reader of LTE1, written from services/FORMATS.md and C2SP chunked-encryption alone, for the golden vectors.

It shares nothing with the gateway: AES-256-GCM and HKDF-SHA-512 from `cryptography`, the layout from the plan's bytes.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand


class Refused(Exception):
    """These are not the bytes that were asked for."""


@dataclass(frozen=True)
class Place:
    """One segment of a part, as the plan's arithmetic gives it."""

    component: str
    position: int
    index: int
    is_last: bool
    part_offset: int
    length: int
    stored_offset: int
    stored_length: int


@dataclass(frozen=True)
class Expected:
    """What the reader knows from the rows: whose part this is, who wrote it, and each component's key."""

    package: str
    fonds: str
    version: int
    attempt: str
    keys: dict[str, tuple[str, bytes]]  # component id → key id, key


def places(plan: bytes, part: int) -> list[Place]:
    """The part's segments, by walking the payload byte range by byte range."""
    told = json.loads(plan)
    size = told["part_size"]
    found: list[Place] = []
    at = stored = 0
    for position, (component, length) in enumerate(told["components"]):
        begin, end = at, at + length
        at = end
        low, high = max(begin, part * size), min(end, (part + 1) * size)
        if low >= high:
            continue
        inside = high - low
        sealed = 64 + 56 + inside + 16 * (inside // 16384 + 1)
        index = part - begin // size
        found.append(Place(component, position, index, high == end, low - part * size, inside, stored, sealed))
        stored += sealed
    return found


def read_part(stored: bytes, plan: bytes, part: int, expected: Expected, *, first: int = 0) -> Iterator[bytes]:
    """The part's plaintext, chunk by authenticated chunk, from its segment `first` on. Raises Refused."""
    wanted = places(plan, part)[first:]
    begin = wanted[0].stored_offset
    for place in wanted:
        start = place.stored_offset - begin
        end = len(stored) if place is wanted[-1] else start + place.stored_length
        yield from _segment(stored[start:end], place, expected)


def _segment(data: bytes, place: Place, expected: Expected) -> Iterator[bytes]:
    key_id, key = expected.keys[place.component]
    header = b"".join(
        (
            b"LTE1\x01\x02\x00\x00",
            UUID(place.component).bytes,
            UUID(key_id).bytes,
            struct.pack(">I?", place.index, place.is_last),
            UUID(expected.attempt).bytes,
            b"\0\0\0",
        )
    )
    if data[:64] != header:
        raise Refused("header")
    yield from read_message(data[64:], key, context_of(header, expected))
    if len(data) != place.stored_length:
        raise Refused("length")


def read_message(data: bytes, key: bytes, context: bytes) -> Iterator[bytes]:
    """One Cobblestone-256 message to its end, chunk by authenticated chunk. Raises Refused."""
    salt, commitment, body = data[:24], data[24:56], data[56:]
    info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0" + salt + context
    derived = HKDFExpand(SHA512(), 32 + 12 + 32, info).derive(key)
    if not hmac.compare_digest(derived[44:], commitment):
        raise Refused("commitment")
    cipher, nonce = AESGCM(derived[:32]), int.from_bytes(derived[32:44], "big")
    at = number = 0
    while True:
        chunk = body[at : at + 16400]
        try:
            plain = cipher.decrypt((nonce ^ number).to_bytes(12, "big"), chunk, None)
        except (InvalidTag, ValueError) as error:
            raise Refused("chunk") from error
        yield plain
        at, number = at + len(chunk), number + 1
        if len(chunk) < 16400:  # the last one is shorter than 16 KiB, if need be empty
            break
    if at != len(body):
        raise Refused("length")


def context_of(header: bytes, expected: Expected) -> bytes:
    """What a segment is bound to."""
    return b"".join(
        (
            b"nopluu/lte1\0",
            header,
            UUID(expected.package).bytes,
            UUID(expected.fonds).bytes,
            struct.pack(">I", expected.version),
        )
    )


def sha256(data: bytes) -> str:
    """Lowercase hex."""
    return hashlib.sha256(data).hexdigest()
