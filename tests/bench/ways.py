"""The same bytes to the same store, three ways: the minio SDK, the store's adapter, the vault that seals."""

from __future__ import annotations

import asyncio
import io
import os
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import uvloop
from minio import Minio

from services.ingest.adapters.vault_s3 import S3Vault
from services.ingest.usecases.ports import PartToSeal
from services.kernel.identifiers import AttemptId
from services.runtime.object_store.s3 import S3Settings, S3Store
from tests.support.parts import Payload, chunked

_T = TypeVar("_T")

MIB = 1024 * 1024
PART = 16 * MIB


def minio_sdk(settings: S3Settings) -> Minio:
    """The SDK as its documentation uses it."""
    address = urlsplit(settings.endpoint)
    return Minio(
        address.netloc,
        settings.access_key_file.read_text().strip(),
        settings.secret_key_file.read_text().strip(),
        secure=address.scheme == "https",
        region=settings.region,
    )


def put_objects(settings: S3Settings, objects: Sequence[bytes], threads: int) -> None:
    """One object each, by `put_object`, with as many threads as there are connections."""
    client = minio_sdk(settings)
    left, lock = list(objects), threading.Lock()

    def work() -> None:
        while True:
            with lock:
                if not left:
                    return
                data = left.pop()
            client.put_object(settings.bucket, f"bench/{uuid4()}", io.BytesIO(data), len(data))

    with ThreadPoolExecutor(threads) as pool:
        for worker in [pool.submit(work) for _ in range(threads)]:
            worker.result()


def stream_objects(settings: S3Settings, objects: Sequence[bytes], connections: int) -> None:
    """One object each, by the adapter's streaming write: the store verifies a CRC-32C, nothing is encrypted."""

    async def run() -> None:
        async with S3Store(settings) as store:
            await _each(
                objects, connections, lambda data: store.put_stream(f"bench/{uuid4()}", len(data), chunked(data))
            )

    uvloop.run(run())


def seal_parts(settings: S3Settings, parts: Sequence[tuple[PartToSeal, bytes]], connections: int) -> None:
    """Each part with its body through the vault: two or three hashes, encryption, and the streaming write."""

    async def run() -> None:
        async with S3Store(settings) as store:
            vault = S3Vault(store)

            async def seal(entry: tuple[PartToSeal, bytes]) -> object:
                part, body = entry
                return await vault.seal_part(replace(part, attempt=AttemptId(uuid4())), chunked(body))

            await _each(parts, connections, seal)

    uvloop.run(run())


def parts_of(payload: Payload) -> list[tuple[PartToSeal, bytes]]:
    """Every part with its body; digests are computed here, as a client does before it sends."""
    return [(payload.part(number), payload.body(number)) for number in range(payload.plan.part_count)]


async def _each(items: Sequence[_T], at_once: int, work: Callable[[_T], Awaitable[object]]) -> None:
    left = list(items)

    async def worker() -> None:
        while left:
            await work(left.pop())

    await asyncio.gather(*(worker() for _ in range(at_once)))


def random_bytes(size: int) -> bytes:
    """Bytes that no store can compress."""
    return os.urandom(size)
