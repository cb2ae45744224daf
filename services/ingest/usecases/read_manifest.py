"""Give another service the manifest that it was told of by digest."""

from __future__ import annotations

from services.ingest.usecases.ports import Ledger
from services.kernel.refusals.packages import ManifestUnknown


async def read_manifest(sha256: bytes, *, ledger: Ledger) -> bytes:
    """The bytes of a declared manifest.

    Raises:
        ManifestUnknown.
    """
    async with ledger.transaction() as books:
        manifest = await books.manifest_with_digest(sha256)
    if manifest is None:
        raise ManifestUnknown
    return manifest
