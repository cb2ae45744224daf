"""Package keys through the KMS, opened ones kept for a minute."""

from __future__ import annotations

import time
from collections.abc import Callable

from services.ingest.usecases.ports import PackageKey
from services.kernel.identifiers import FondsId
from services.kernel.sealing.keys import KeyManagement, kek_name
from services.kernel.secrecy import Level

KEPT_SECONDS = 60.0
CAPACITY = 1024


class KmsKeys:
    """See `usecases.ports.Keys`. A KMS that fails is felt after at most `KEPT_SECONDS`, for keys already in use."""

    def __init__(
        self,
        kms: KeyManagement,
        *,
        kept_seconds: float = KEPT_SECONDS,
        capacity: int = CAPACITY,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kms = kms
        self._kept_seconds = kept_seconds
        self._capacity = capacity
        self._monotonic = monotonic
        self._opened: dict[tuple[str, bytes], tuple[float, bytes]] = {}

    async def new_package_key(self, fonds: FondsId, level: Level, year: int) -> tuple[PackageKey, bytes]:
        kek = kek_name(fonds, level, year)
        plain, wrapped = await self._kms.generate(kek)
        return PackageKey(level, kek, wrapped), plain

    async def open_package_key(self, key: PackageKey) -> bytes:
        name = (key.kek, key.wrapped)
        kept = self._opened.get(name)
        now = self._monotonic()
        if kept is not None and now < kept[0]:
            return kept[1]
        plain = await self._kms.unwrap(key.kek, key.wrapped)
        self._forget(now)
        self._opened[name] = (now + self._kept_seconds, plain)
        return plain

    def _forget(self, now: float) -> None:
        """Drop what is too old, and the oldest where there is no room."""
        for name in [name for name, (until, _) in self._opened.items() if until <= now]:
            del self._opened[name]
        while len(self._opened) >= self._capacity:
            del self._opened[next(iter(self._opened))]
