"""The digest of a long stream, taken in a thread while the next bytes are fetched and opened."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Final

_BLOCK: Final = 2 * 1024 * 1024
"""Bytes hashed at once: a millisecond of work, beside which the hop to a thread is nothing."""


async def sha256_beside(chunks: AsyncIterator[bytes]) -> bytes:
    """The SHA-256 (32 bytes) of all chunks. At most two blocks are held.

    Raises:
        whatever `chunks` raises.
    """
    digest = hashlib.sha256()
    hashing: asyncio.Task[None] | None = None
    held: list[bytes] = []
    size = 0
    try:
        async for chunk in chunks:
            held.append(chunk)
            size += len(chunk)
            if size >= _BLOCK:
                if hashing is not None:
                    await hashing
                hashing, held, size = asyncio.create_task(asyncio.to_thread(_update, digest, held)), [], 0
    finally:
        if hashing is not None:
            await hashing
    _update(digest, held)
    return digest.digest()


def _update(digest: hashlib._Hash, chunks: list[bytes]) -> None:
    for chunk in chunks:
        digest.update(chunk)
