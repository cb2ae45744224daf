"""Many small files: one object a file by the SDK, against slices of sealed parts."""

from __future__ import annotations

from collections.abc import Iterator

from services.ingest.usecases.ports import PartToSeal
from services.runtime.object_store.s3 import S3Settings
from tests.bench.measuring import Comparison, Timed, compare
from tests.bench.ways import PART, parts_of, put_objects, random_bytes, seal_parts
from tests.support.parts import Payload

SDK_THREADS = 8
CONNECTIONS = 4


def measure(settings: S3Settings, store: int, rounds: int, scale: float = 1.0) -> Iterator[Comparison]:
    """Files per second, without any rows in a database."""
    for count, size, label in ((10_000, 10 * 1024, "10 KiB"), (5_000, 100 * 1024, "100 KiB")):
        files = max(50, int(count * scale))
        payload = Payload.of(PART, [size] * files, random_bytes(files * size))
        objects = [payload.data[start : start + size] for start in range(0, files * size, size)]

        def sdk(objects: list[bytes] = objects) -> Timed:
            put_objects(settings, objects, SDK_THREADS)
            return Timed(len(objects))

        parts = parts_of(payload)

        def vault(parts: list[tuple[PartToSeal, bytes]] = parts, files: int = files) -> Timed:
            seal_parts(settings, parts, CONNECTIONS)
            return Timed(files)

        yield compare(
            f"{files:,} files of {label}",
            "files/s",
            {
                f"minio-py, an object a file, {SDK_THREADS} threads": sdk,
                f"sealed slices, {CONNECTIONS} connections": vault,
            },
            rounds=rounds,
            others={"store": store},
        )
