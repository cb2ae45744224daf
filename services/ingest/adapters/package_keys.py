"""Package keys through the KMS. Opened ones are kept by the KMS's own cache (`runtime.kms.cache`), not here."""

from __future__ import annotations

from services.ingest.usecases.ports import PackageKey
from services.kernel.identifiers import FondsId
from services.kernel.refusals.platform import KmsUnavailable
from services.kernel.sealing.keys import KeyBroken, kek_name
from services.kernel.secrecy import Level
from services.runtime.kms.cache import CachedKeys
from services.runtime.logging import logger


class KmsKeys:
    """See `usecases.ports.Keys`. A KMS that does not open our keys is as good as away: it may be another one, or restored."""

    def __init__(self, kms: CachedKeys) -> None:
        self._kms = kms

    async def new_package_key(self, fonds: FondsId, level: Level, year: int) -> tuple[PackageKey, bytes]:
        kek = kek_name(fonds, level, year)
        plain, wrapped = await self._kms.generate(kek)
        return PackageKey(level, kek, wrapped), plain

    async def open_package_key(self, key: PackageKey) -> bytes:
        try:
            return await self._kms.unwrap(key.kek, key.wrapped)
        except KeyBroken as error:
            logger().error("package-key-does-not-open")
            raise KmsUnavailable from error

    def disown(self, *keys: PackageKey) -> KmsUnavailable:
        logger().error("package-key-opens-to-another")
        for key in keys:
            self._kms.disown(key.kek, key.wrapped)
        return KmsUnavailable()
