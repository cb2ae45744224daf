"""Opened keys kept for a minute, in front of any KMS: a package's parts come by the hundred, each under the same key."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from services.kernel.refusals.platform import KmsUnavailable
from services.kernel.sealing.keys import KeyAccess, KeyBroken

MOST_SECONDS = 60.0
MOST_KEYS = 4096


class CachedKeys:
    """See `kernel.sealing.keys.KeyAccess`. What the KMS refused is asked again each time.

    A key that is destroyed in the KMS opens here for up to a minute more.
    """

    def __init__(
        self,
        kms: KeyAccess,
        *,
        seconds: float = MOST_SECONDS,
        keys: int = MOST_KEYS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not 0 < seconds <= MOST_SECONDS:
            raise ValueError("keys are kept for at most a minute")
        self._kms = kms
        self._seconds = seconds
        self._most = keys
        self._clock = clock
        self._opened: OrderedDict[tuple[str, bytes], tuple[float, bytes]] = OrderedDict()  # oldest first

    async def generate(self, kek: str) -> tuple[bytes, bytes]:
        """A fresh key that the KMS has opened again: bytes sealed under a key that it cannot open would be lost.

        Raises:
            KmsUnavailable: also where it opens to another key.
        """
        key, wrapped = await self._kms.generate(kek)
        try:
            opened = await self._kms.unwrap(kek, wrapped)
        except KeyBroken as error:
            raise KmsUnavailable from error
        if opened != key:
            raise KmsUnavailable
        self._keep(kek, wrapped, key)
        return key, wrapped

    async def unwrap(self, kek: str, wrapped: bytes) -> bytes:
        """Raises KeyBroken; KmsUnavailable, though not for a key that is still kept."""
        kept = self._kept(kek, wrapped)
        if kept is not None:
            return kept
        key = await self._kms.unwrap(kek, wrapped)
        self._keep(kek, wrapped, key)
        return key

    async def unwrap_many(self, kek: str, wrapped: Sequence[bytes]) -> list[bytes]:
        """For re-wrapping and rebuilding, each key once: nothing of it is kept. Raises KeyBroken; KmsUnavailable."""
        return await self._kms.unwrap_many(kek, wrapped)

    async def healthy(self) -> bool:
        return await self._kms.healthy()

    def forget(self) -> None:
        """Drop every key now."""
        self._opened.clear()

    def disown(self, kek: str, wrapped: bytes) -> None:
        """Drop one key, which turned out to be another than it should be."""
        self._opened.pop((kek, wrapped), None)

    def _kept(self, kek: str, wrapped: bytes) -> bytes | None:
        self._expire()
        found = self._opened.get((kek, wrapped))
        return None if found is None else found[1]

    def _keep(self, kek: str, wrapped: bytes, key: bytes) -> None:
        self._expire()
        self._opened.pop((kek, wrapped), None)
        self._opened[kek, wrapped] = (self._clock() + self._seconds, key)
        while len(self._opened) > self._most:
            self._opened.popitem(last=False)

    def _expire(self) -> None:
        now = self._clock()
        while self._opened and next(iter(self._opened.values()))[0] <= now:
            self._opened.popitem(last=False)
