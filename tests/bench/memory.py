"""How much memory a part takes while it is on its way: what more parts at once add, divided by their number."""

from __future__ import annotations

import asyncio
import tracemalloc

import uvloop

from services.ingest.adapters.vault_s3 import S3Vault
from services.runtime.object_store.s3 import S3Settings, S3Store
from tests.bench.measuring import Comparison, Figure
from tests.bench.ways import PART, random_bytes
from tests.support.parts import Payload, chunked


def measure(settings: S3Settings) -> Comparison:
    """Peak of Python's own allocations (buffers included), in MiB for each part in flight."""
    payload = Payload.of(PART, [PART], random_bytes(PART))
    few, many = (_peak(settings, payload, count) for count in (1, 17))
    each = (many - few) / 16 / 2**20
    return Comparison("Peak memory", "MiB for each 16 MiB part in flight", (Figure("S3Vault.seal_part", (each,)),))


def _peak(settings: S3Settings, payload: Payload, at_once: int) -> int:
    async def run() -> int:
        async with S3Store(settings) as store:
            vault = S3Vault(store)
            body = payload.body(0)
            await vault.seal_part(payload.part(0), chunked(body))
            tracemalloc.start()
            try:
                await asyncio.gather(*(vault.seal_part(payload.part(0), chunked(body)) for _ in range(at_once)))
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

    return uvloop.run(run())
