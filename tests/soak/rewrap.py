"""A KEK over 100,000 packages is rotated, on the development keyring and on a SoftHSM token.

Twenty packages are real deposits in a real store; the others are rows. The re-wrapping is cut off in the middle and taken
up again. Afterwards every row is under the new version, every object is the one it was, and the deposits read as before.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import resource
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from uuid import UUID

import psycopg

from deploy.onebox import postgres
from deploy.onebox.postgres import OWNER
from migrations.run import migrate
from services.ingest.usecases.rotate_kek import rewrap_keys, rotate_kek
from services.kernel.identifiers import FondsId, PackageId
from services.kernel.sealing.keys import KeyManagement, kek_name, kek_version
from services.kernel.secrecy import Level
from services.runtime.kms.keyring import FileKeyring
from services.runtime.kms.pkcs11 import TokenKeys
from services.runtime.object_store.port import ObjectStore
from services.runtime.object_store.s3 import S3Store
from tests.support.ingest import FONDS_ID, Ingest, ingest
from tests.support.ingest_manifests import Dossier
from tests.support.key_rows import fill, rows
from tests.support.postgres import Database
from tests.support.stores import running_store
from tests.support.tokens import SOFTHSM_MISSING, make_token, softhsm

KEYS = 100_000
DEPOSITS = 20


def measure(scale: float) -> dict[str, object]:
    """Seconds and rates by KMS."""
    found: dict[str, object] = {}
    for kind in ("file keyring", "SoftHSM"):
        if kind == "SoftHSM" and softhsm() is None:
            print(f"*** SoftHSM WAS NOT MEASURED: {SOFTHSM_MISSING}. ***")
            continue
        with _folder() as folder, running_store("seaweedfs", folder / "store") as store:
            found[kind] = asyncio.run(_rotated(kind, folder, S3Store(store.settings), round(KEYS * scale)))
    return found


async def _rotated(kind: str, folder: Path, store: S3Store, count: int) -> dict[str, object]:
    async with (
        store,
        _kms(kind, folder) as kms,
        _database() as database,
        ingest(database, folder, store, kms) as gateway,
    ):
        return await _rotate(gateway, database, kms, store, count)


async def _rotate(
    gateway: Ingest, database: Database, kms: KeyManagement, store: ObjectStore, count: int
) -> dict[str, object]:
    await gateway.publish_rules()
    client = gateway.enrol("submitter")
    contents = [os.urandom(10_000) for _ in range(DEPOSITS)]
    held = [(await gateway.deposit(client, Dossier([content])), content) for content in contents]
    parts = gateway.parts
    kek = kek_name(FondsId(FONDS_ID), Level.NONE, parts.world.now().year)
    known = await fill(database.admin_url, kms, kek, count - DEPOSITS)
    objects = await _objects(store)
    assert await rotate_kek(kek, ledger=parts.key_ledger, kms=kms, world=parts.world) == 2

    moved = 0
    half = asyncio.Event()

    def count_moved(more: int) -> None:
        nonlocal moved
        moved += more
        if moved > count * 0.4:
            half.set()

    async def run() -> None:
        await rewrap_keys(kek, ledger=parts.key_ledger, kms=kms, world=parts.world, moved=count_moved)

    begun = time.perf_counter()
    first = asyncio.create_task(run())
    await half.wait()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert moved < count, "the first pass was not cut off"
    await run()
    seconds = time.perf_counter() - begun

    found = rows(database.admin_url)
    assert len(found) == count
    assert {kek_version(wrapped) for wrapped in found.values()} == {2}
    assert await kms.unwrap_many(kek, [found[package] for package in known]) == list(known.values())
    assert await _objects(store) == objects, "an object changed"
    parts.kms.forget()
    for package, content in held:
        async with parts.ledger.transaction() as books:
            component = (await books.components(PackageId(UUID(package))))[0].id
        answer = await gateway.read(gateway.enrol("archivist"), str(component))
        assert (answer.status, answer.body) == (200, content)
    return {
        "keys": count,
        "seconds": round(seconds, 1),
        "keys_a_second": round(count / seconds),
        "objects_unchanged": len(objects),
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


async def _objects(store: ObjectStore) -> dict[str, str]:
    """Every object's name and the digest of its bytes. The log grows beside the work and is not compared."""
    names = [entry.name async for entry in store.list("") if not entry.name.startswith("log/")]
    return {name: hashlib.sha256(await store.get(name)).hexdigest() for name in names}


@asynccontextmanager
async def _kms(kind: str, folder: Path) -> AsyncIterator[KeyManagement]:
    library = softhsm()
    if kind == "file keyring" or library is None:
        yield FileKeyring(folder / "keyring.json", environment="development")
        return
    token = TokenKeys(make_token(folder / "hsm", library).settings, timeout=60)
    yield token
    await token.close()


@asynccontextmanager
async def _database() -> AsyncIterator[Database]:
    """A server that syncs to disk, as one that holds an archive does."""
    with _folder() as folder:
        server = await asyncio.to_thread(postgres.start, folder)
        try:
            made = Database(server, "soak")
            with psycopg.connect(server.url_for(OWNER, "postgres"), autocommit=True) as owner:
                owner.execute("CREATE DATABASE soak")
            await asyncio.to_thread(migrate, made.admin_url)
            yield made
        finally:
            server.stop()


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="nopluu-soak-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
