"""Package keys through the KMS. Opened ones are kept by the KMS's own cache (`runtime.kms.cache`), not here."""

from __future__ import annotations

from services.ingest.usecases.ports import PackageKey
from services.kernel.identifiers import FondsId
from services.kernel.sealing.keys import KeyAccess, kek_name
from services.kernel.secrecy import Level


class KmsKeys:
    """See `usecases.ports.Keys`."""

    def __init__(self, kms: KeyAccess) -> None:
        self._kms = kms

    async def new_package_key(self, fonds: FondsId, level: Level, year: int) -> tuple[PackageKey, bytes]:
        kek = kek_name(fonds, level, year)
        plain, wrapped = await self._kms.generate(kek)
        return PackageKey(level, kek, wrapped), plain

    async def open_package_key(self, key: PackageKey) -> bytes:
        return await self._kms.unwrap(key.kek, key.wrapped)
