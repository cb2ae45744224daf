"""Parts of 16 MiB, over one connection and over four."""

from __future__ import annotations

from collections.abc import Iterator

from services.ingest.usecases.ports import PartToSeal
from services.runtime.object_store.s3 import S3Settings
from tests.bench.measuring import Comparison, Timed, compare
from tests.bench.ways import PART, parts_of, put_objects, random_bytes, seal_parts, stream_objects
from tests.support.parts import Payload


def measure(settings: S3Settings, store: int, rounds: int) -> Iterator[Comparison]:
    """MB of plaintext per second, the store's work included."""
    for connections, count in ((1, 8), (4, 16)):
        objects = [random_bytes(PART)] * count
        parts = parts_of(Payload.of(PART, [PART], objects[0])) * count
        megabytes = count * PART / 1e6

        def sdk(objects: list[bytes] = objects, connections: int = connections, amount: float = megabytes) -> Timed:
            put_objects(settings, objects, connections)
            return Timed(amount)

        def adapter(objects: list[bytes] = objects, connections: int = connections, amount: float = megabytes) -> Timed:
            stream_objects(settings, objects, connections)
            return Timed(amount)

        def vault(
            parts: list[tuple[PartToSeal, bytes]] = parts, connections: int = connections, amount: float = megabytes
        ) -> Timed:
            seal_parts(settings, parts, connections)
            return Timed(amount)

        yield compare(
            f"16 MiB parts, {connections} connection{'s' if connections > 1 else ''}",
            "MB/s",
            {"minio-py put_object": sdk, "S3Store.put_stream": adapter, "S3Vault.seal_part": vault},
            rounds=rounds,
            others={"store": store},
        )
