"""Parts of 16 MiB, over one connection and over four."""

from __future__ import annotations

from collections.abc import Iterator

from services.runtime.object_store.s3 import S3Settings
from tests.bench.measuring import Comparison, compare
from tests.bench.ways import PART, put_objects, random_bytes, seal_parts, stream_objects
from tests.support.parts import Payload


def measure(settings: S3Settings, rounds: int) -> Iterator[Comparison]:
    """MB of plaintext per second, the store's work included."""
    for connections, count in ((1, 8), (4, 16)):
        objects = [random_bytes(PART)] * count
        payload = Payload.of(PART, [PART], objects[0])
        megabytes = count * PART / 1e6

        def sdk(objects: list[bytes] = objects, connections: int = connections, amount: float = megabytes) -> float:
            put_objects(settings, objects, connections)
            return amount

        def adapter(objects: list[bytes] = objects, connections: int = connections, amount: float = megabytes) -> float:
            stream_objects(settings, objects, connections)
            return amount

        def vault(
            payload: Payload = payload, count: int = count, connections: int = connections, amount: float = megabytes
        ) -> float:
            seal_parts(settings, [payload] * count, connections)
            return amount

        yield compare(
            f"16 MiB parts, {connections} connection{'s' if connections > 1 else ''}",
            "MB/s",
            {"minio-py put_object": sdk, "S3Store.put_stream": adapter, "S3Vault.seal_part": vault},
            rounds=rounds,
        )
