"""The development KMS: key-encryption keys in one file that only its owner may read.

The file, byte for byte, is the RFC 8785 form of

    {"format": "nopluu/keyring1", "keks": {NAME: {VERSION: KEY, …}, …}}

NAME is a KEK's name (`fonds_id/level/year`), VERSION a decimal number from 1 without leading zeros, KEY the padded
base64 of 32 random bytes, or null where that version was destroyed, so that its number is never used again. The newest
version of a KEK is the highest that has a key. What it wraps has 44 bytes: VERSION as u32be ‖ AES-KWP (RFC 5649, 40
bytes) of a 32-byte key under that version.

The file has mode 0600 and is replaced whole: written beside itself, fsync'd, renamed, the folder fsync'd. Beside it
lies a file with `.lock` added to its name, on which writers take an exclusive flock, so that several processes share
one keyring.

Source: DESIGN 7 ("file keyring for development (refuses to start outside it)"), FORMATS "Wrapped keys".
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap_with_padding, aes_key_wrap_with_padding

from services.kernel import strict_json
from services.kernel.canonical import b64, canonical, unb64
from services.kernel.refusals.platform import KmsUnavailable
from services.kernel.sealing.keys import KeyBroken, NewestVersion

KEY_LENGTH = 32
WRAPPED_LENGTH = 44
_FORMAT = "nopluu/keyring1"
_MAX_FILE = 64 * 1024 * 1024

_Versions = Mapping[int, bytes | None]


class KeyringRefused(RuntimeError):
    """The keyring may not be used here: not development, or others can read the file."""


@dataclass(frozen=True, slots=True)
class _Ring:
    """The file as read once. `stamp` tells whether it was replaced since; None while there is no file."""

    stamp: tuple[int, int, int] | None = None
    keks: Mapping[str, _Versions] = field(default_factory=dict, repr=False)

    def newest(self, kek: str) -> tuple[int, bytes] | None:
        kept = [(version, key) for version, key in self.keks.get(kek, {}).items() if key is not None]
        return max(kept) if kept else None


class FileKeyring:
    """See `kernel.sealing.keys.KeyManagement`. Wrapping costs microseconds; only making a KEK waits for the disk."""

    def __init__(self, path: Path, *, environment: str) -> None:
        """Nothing is written before the first KEK is needed.

        Raises:
            KeyringRefused: the environment is not `development`, or an existing file is open to others.
        """
        if environment != "development":
            raise KeyringRefused("the file keyring is for development only: configure a KMS")
        self._path = path
        self._ring = _Ring()
        if path.exists():
            _check_private(path.lstat())

    async def generate(self, kek: str) -> tuple[bytes, bytes]:
        """A fresh 32-byte key: plain, and wrapped. A KEK made for it is on disk before this returns.

        Raises:
            KmsUnavailable
        """
        key = secrets.token_bytes(KEY_LENGTH)
        return key, await self.wrap(kek, key)

    async def wrap(self, kek: str, key: bytes) -> bytes:
        """Raises KmsUnavailable."""
        newest = self._current().newest(kek)
        if newest is None:
            newest = await asyncio.to_thread(self._add_version, kek, only_if_none=True)
        return _wrap(*newest, key)

    async def unwrap(self, kek: str, wrapped: bytes) -> bytes:
        """Raises KeyBroken; KmsUnavailable."""
        return self._open(self._current(), kek, wrapped)

    async def unwrap_many(self, kek: str, wrapped: Sequence[bytes]) -> list[bytes]:
        """Raises KeyBroken if any one is; KmsUnavailable."""
        ring = self._current()
        keys: list[bytes] = []
        for number, entry in enumerate(wrapped):
            keys.append(self._open(ring, kek, entry))
            if number % 1000 == 999:
                await asyncio.sleep(0)  # a thousand take some milliseconds
        return keys

    async def rewrap(self, kek: str, wrapped: Sequence[bytes]) -> list[bytes]:
        """Raises KeyBroken if any one is; KmsUnavailable."""
        newest = self._current().newest(kek)
        if newest is None:
            if wrapped:
                raise KeyBroken
            return []
        return [_wrap(*newest, key) for key in await self.unwrap_many(kek, wrapped)]

    async def newest(self, kek: str) -> int:
        """Raises KmsUnavailable."""
        newest = self._current().newest(kek)
        return 0 if newest is None else newest[0]

    async def rotate(self, kek: str) -> int:
        """Make a new version of a KEK, the one that wraps from now on; its number.

        Raises:
            KmsUnavailable
        """
        version, _ = await asyncio.to_thread(self._add_version, kek, only_if_none=False)
        return version

    async def destroy_version(self, kek: str, version: int) -> None:
        """Make everything that this version and older ones wrap unreadable, for ever. Repeatable.

        Raises:
            NewestVersion, KmsUnavailable
        """
        await asyncio.to_thread(self._destroy, kek, version)

    async def healthy(self) -> bool:
        """Whether keys can be had and new KEKs be written."""
        try:
            self._current()
        except KmsUnavailable:
            return False
        return os.access(self._path.parent, os.W_OK)

    def _current(self) -> _Ring:
        """The file as it is now: read again only where another process has replaced it."""
        try:
            found = os.lstat(self._path)
        except FileNotFoundError:
            if self._ring.stamp is None:
                return self._ring
            raise KmsUnavailable from None  # it was there: a new one would make every wrapped key useless
        except OSError as error:
            raise KmsUnavailable from error
        if _stamp(found) != self._ring.stamp:
            self._ring = self._read()
        return self._ring

    def _read(self) -> _Ring:
        try:
            with os.fdopen(os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
                found = os.fstat(file.fileno())
                _check_private(found)
                return _Ring(_stamp(found), _parse(file.read(_MAX_FILE + 1)))
        except (OSError, ValueError, KeyringRefused) as error:
            raise KmsUnavailable from error

    def _open(self, ring: _Ring, kek: str, wrapped: bytes) -> bytes:
        if len(wrapped) != WRAPPED_LENGTH:
            raise KeyBroken
        wrapping = ring.keks.get(kek, {}).get(int.from_bytes(wrapped[:4]))
        if wrapping is None:
            raise KeyBroken
        try:
            key = aes_key_unwrap_with_padding(wrapping, wrapped[4:])
        except (InvalidUnwrap, ValueError) as error:
            raise KeyBroken from error
        if len(key) != KEY_LENGTH:
            raise KeyBroken
        return key

    def _add_version(self, kek: str, *, only_if_none: bool) -> tuple[int, bytes]:
        with self._exclusively() as ring:
            newest = ring.newest(kek)
            if newest is not None and only_if_none:
                return newest  # another process was first
            made = max(ring.keks.get(kek, {}), default=0) + 1, secrets.token_bytes(KEY_LENGTH)
            self._replace({**ring.keks, kek: {**ring.keks.get(kek, {}), made[0]: made[1]}})
            return made

    def _destroy(self, kek: str, version: int) -> None:
        with self._exclusively() as ring:
            versions = ring.keks.get(kek, {})
            newest = ring.newest(kek)
            if newest is not None and version >= newest[0]:
                raise NewestVersion
            kept = {number: None if number <= version else key for number, key in versions.items()}
            if kept != versions:
                self._replace({**ring.keks, kek: kept})

    @contextmanager
    def _exclusively(self) -> Iterator[_Ring]:
        """The newest file, while no other thread or process may replace it."""
        try:
            lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise KmsUnavailable from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self._current()
        finally:
            os.close(lock)

    def _replace(self, keks: Mapping[str, _Versions]) -> None:
        beside = self._path.with_name(f"{self._path.name}.{secrets.token_hex(8)}.new")
        try:
            try:
                opened = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
                with os.fdopen(opened, "wb") as file:
                    os.fchmod(opened, 0o600)
                    file.write(_write(keks))
                    file.flush()
                    os.fsync(opened)
                beside.replace(self._path)
            finally:
                beside.unlink(missing_ok=True)
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise KmsUnavailable from error
        self._ring = self._read()


def _wrap(version: int, wrapping: bytes, key: bytes) -> bytes:
    return version.to_bytes(4) + aes_key_wrap_with_padding(wrapping, key)


def _stamp(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_mtime_ns, found.st_size


def _check_private(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o077 or found.st_uid != os.geteuid():
        raise KeyringRefused("the keyring must be a file that only its owner can read (chmod 600)")


def _write(keks: Mapping[str, _Versions]) -> bytes:
    return canonical(
        {
            "format": _FORMAT,
            "keks": {
                name: {str(version): None if key is None else b64(key) for version, key in versions.items()}
                for name, versions in keks.items()
            },
        }
    )


def _parse(data: bytes) -> dict[str, _Versions]:
    """The keks of a keyring file.

    Raises:
        ValueError: not such a file, or not its own canonical form.
    """
    match strict_json.parse(data, max_bytes=_MAX_FILE):
        case {"format": "nopluu/keyring1", "keks": dict(entries)}:
            keks = {name: _parse_versions(versions) for name, versions in entries.items()}
        case _:
            raise ValueError("not a keyring")
    if _write(keks) != data:
        raise ValueError("not canonical")
    return keks


def _parse_versions(entry: object) -> _Versions:
    if not isinstance(entry, dict):
        raise ValueError("not the versions of a KEK")
    versions: dict[int, bytes | None] = {}
    for number, key in entry.items():
        match key:
            case None:
                versions[int(number)] = None
            case str(text) if len(unb64(text)) == KEY_LENGTH:
                versions[int(number)] = unb64(text)
            case _:
                raise ValueError("not a key")
    return versions
