"""Any byte range of a segment, by its own chunks.

First the header, the salt and the commitment are fetched (120 bytes), and the key is proved to be the one the segment
was sealed under; then exactly the chunks that hold the range. Lengths come from the plan. Where the range reaches the
segment's end, the last chunk is fetched too, even if it is empty: it authenticates the end.

Source: FORMATS "LTE1 segment"; C2SP chunked-encryption; security register §3.
"""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from services.kernel.identifiers import AttemptId, KeyId
from services.kernel.layout import Segment
from services.kernel.sealing.header import CHUNK, HEADER_LENGTH, PREFIX_LENGTH, TAG, SealContext
from services.kernel.sealing.open import SealBroken, check_header
from services.kernel.sealing.seal import KEY_LENGTH

_INFO = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0"
_SALT = 24
_NONCE = 12


class SegmentRange:
    """Bytes `start … end - 1` of a segment's plaintext: what to fetch of the part's object, and how to open it.

    Offsets count in the part's object, so they can be handed to a ranged GET as they are.
    """

    __slots__ = ("_end", "_first", "_last", "_segment", "_start", "body_length", "body_start", "header_start")

    header_length = HEADER_LENGTH + PREFIX_LENGTH

    def __init__(self, segment: Segment, start: int, end: int) -> None:
        if not 0 <= start < end <= segment.length:
            raise ValueError("the range is empty or outside the segment")
        self._segment, self._start, self._end = segment, start, end
        self._first = start // CHUNK
        self._last = end // CHUNK if end == segment.length else (end - 1) // CHUNK
        body = segment.stored_offset + self.header_length
        self.header_start = segment.stored_offset
        self.body_start = body + self._first * (CHUNK + TAG)
        body_end = min((self._last + 1) * (CHUNK + TAG), segment.stored_length - self.header_length)
        self.body_length = body + body_end - self.body_start

    def open(self, key: bytes, header: bytes, key_id: KeyId, attempt: AttemptId, context: SealContext) -> RangeReader:
        """A reader for the body, once header and key are proved to be this segment's.

        Raises:
            SealBroken: altered, cut, another segment, or another key.
        """
        if len(key) != KEY_LENGTH:
            raise SealBroken("key length")
        if len(header) != self.header_length:
            raise SealBroken("truncated")
        own, salt, commitment = header[:HEADER_LENGTH], header[HEADER_LENGTH:][:_SALT], header[-32:]
        check_header(own, self._segment, key_id, attempt)
        info = _INFO + salt + context.bind(own)
        derived = HKDFExpand(SHA512(), KEY_LENGTH + _NONCE + len(commitment), info).derive(key)
        if not hmac.compare_digest(derived[KEY_LENGTH + _NONCE :], commitment):
            raise SealBroken("commitment")
        skip = self._start - self._first * CHUNK
        return RangeReader(
            AESGCM(derived[:KEY_LENGTH]),
            derived[KEY_LENGTH : KEY_LENGTH + _NONCE],
            first=self._first,
            body_length=self.body_length,
            skip=skip,
            length=self._end - self._start,
        )


class RangeReader:
    """Decrypts the chunks of one range, in order, once."""

    __slots__ = ("_body_length", "_cipher", "_first", "_length", "_nonce", "_skip")

    def __init__(self, cipher: AESGCM, nonce: bytes, *, first: int, body_length: int, skip: int, length: int) -> None:
        self._cipher, self._nonce = cipher, int.from_bytes(nonce)
        self._first, self._body_length = first, body_length
        self._skip, self._length = skip, length

    async def decrypt(self, chunks: AsyncIterator[bytes | bytearray]) -> AsyncIterator[bytes]:
        """The range's plaintext; every chunk is authenticated before any of it is given out.

        Raises:
            SealBroken: at the first thing that is wrong; what was yielded before is authentic but incomplete.
        """
        held = b""
        received, number, skip, left = 0, self._first, self._skip, self._length
        async for data in chunks:
            received += len(data)
            if received > self._body_length:
                raise SealBroken("longer than planned")
            ready = memoryview(held + data if held else data)
            plain: list[bytes] = []
            done = 0
            while len(ready) - done >= CHUNK + TAG or (received == self._body_length and done < len(ready)):
                piece = ready[done : done + CHUNK + TAG]
                opened = self._open(number, piece)[skip : skip + left]
                plain.append(opened)
                done += len(piece)
                number, skip, left = number + 1, 0, left - len(opened)
            held = bytes(ready[done:])
            if plain and (whole := b"".join(plain)):
                yield whole
        if received != self._body_length:
            raise SealBroken("truncated")

    def _open(self, number: int, chunk: memoryview) -> bytes:
        nonce = (self._nonce ^ number).to_bytes(_NONCE)
        try:
            return self._cipher.decrypt(nonce, chunk, None)
        except (InvalidTag, ValueError) as error:
            raise SealBroken("ciphertext") from error
