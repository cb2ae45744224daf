"""Keys in a hardware security module: a PKCS#11 token, on which key-encryption keys are made and never leave it.

A KEK is as many AES-256 keys on the token as it has versions: CKA_LABEL is its name, CKA_ID the version as u32be. They
are sensitive, not extractable, and may wrap and unwrap but neither encrypt nor decrypt. What one wraps has 44 bytes:
VERSION as u32be ‖ AES-KWP (RFC 5649, 40 bytes) of a 32-byte key, the layout of the file keyring.

PKCS#11 lets two processes make the same version at once. Both objects then stay, either is used, and unwrapping tries
both, for KWP tells the right one; so no lock between machines is needed.

Every call of a process runs in one thread of this module's own: the library is initialised for a single thread (SoftHSM
crashes otherwise), and a token on the network may stall. A call has `timeout` seconds, after which the caller hears
`KmsUnavailable`; the thread comes back when the library does, and what nobody waits for any more is not begun. A session
that breaks is replaced by starting the library anew, so that a token that was away is found again.

Source: PKCS#11 3.1 (CKM_AES_KEY_WRAP_KWP), RFC 5649; DESIGN 7; security notes §3 and §4 ("name the wrap mechanism").
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Final, Protocol, TypeVar

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass

from services.kernel.refusals.platform import KmsUnavailable
from services.kernel.sealing.keys import KeyBroken, NewestVersion, kek_version
from services.runtime.logging import exception_names, logger

KEY_LENGTH: Final = 32
WRAPPED_LENGTH: Final = 44
CALL_SECONDS: Final = 5.0
PROOF: Final = "nopluu/proof"
BATCH: Final = 200
"""Keys of one turn, so that a long re-wrap leaves the others room."""

_KWP: Final = (Mechanism.AES_KEY_WRAP_KWP, Mechanism.AES_KEY_WRAP_PAD)
"""The mechanism's name since PKCS#11 3.0, and the one under which SoftHSM and others offer RFC 5649. What a token does
under the second is measured when it is connected: PKCS#7 padding would give 48 bytes and is refused."""

_PIN_REFUSED: Final = (pkcs11.PinIncorrect, pkcs11.PinLocked, pkcs11.PinInvalid, pkcs11.PinLenRange, pkcs11.PinExpired)
_MAY_WRAP: Final = MechanismFlag.WRAP | MechanismFlag.UNWRAP
_IN_THE_OPEN: Final = {
    Attribute.TOKEN: False,
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: False,
    Attribute.EXTRACTABLE: True,
}
_KEPT_IN: Final = {**_IN_THE_OPEN, Attribute.SENSITIVE: True}
_T = TypeVar("_T")


class TokenRefused(RuntimeError):
    """The token cannot be used for keys at all: another PIN, or no RFC 5649."""


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """Which library speaks to which token; the PIN stands in a file that only the service can read."""

    module: Path
    label: str
    pin_file: Path


class TokenKeys:
    """See `kernel.sealing.keys.KeyManagement`. `close` it at the end."""

    def __init__(self, settings: TokenSettings, *, timeout: float = CALL_SECONDS) -> None:
        """Nothing is opened before the first call."""
        self._token = _Token(settings)
        self._timeout = timeout

    async def generate(self, kek: str) -> tuple[bytes, bytes]:
        """A fresh key made on the token: plain, and wrapped. Raises KmsUnavailable."""
        return await self._run(lambda session: session.generate(kek))

    async def wrap(self, kek: str, key: bytes) -> bytes:
        """Raises KmsUnavailable."""
        return await self._run(lambda session: session.wrap(kek, key))

    async def unwrap(self, kek: str, wrapped: bytes) -> bytes:
        """Raises KeyBroken; KmsUnavailable."""
        return await self._run(lambda session: session.unwrap(kek, wrapped))

    async def unwrap_many(self, kek: str, wrapped: Sequence[bytes]) -> list[bytes]:
        """Raises KeyBroken if any one is; KmsUnavailable."""
        return await self._in_turns(wrapped, lambda session, batch: [session.unwrap(kek, entry) for entry in batch])

    async def rewrap(self, kek: str, wrapped: Sequence[bytes]) -> list[bytes]:
        """The same keys under the newest version, without leaving the token. Raises KeyBroken; KmsUnavailable."""
        return await self._in_turns(wrapped, lambda session, batch: session.rewrap(kek, batch))

    async def newest(self, kek: str) -> int:
        """Raises KmsUnavailable."""
        return await self._run(lambda session: max(session.versions(kek), default=0))

    async def rotate(self, kek: str) -> int:
        """Raises KmsUnavailable."""
        return await self._run(lambda session: session.add_version(kek))

    async def destroy_version(self, kek: str, version: int) -> None:
        """Raises NewestVersion, KmsUnavailable."""
        await self._run(lambda session: session.destroy(kek, version))

    async def healthy(self) -> bool:
        """Whether the token is there, lets us in, and wraps and unwraps with a key made for the question."""
        try:
            await self._run(lambda session: session.prove())
        except KmsUnavailable:
            return False
        return True

    async def close(self) -> None:
        """Close the session; a call that still hangs in the library is not waited for."""
        with suppress(KmsUnavailable):
            await self._in_library(self._token.close)

    async def _in_turns(
        self, wrapped: Sequence[bytes], call: Callable[[_Session, Sequence[bytes]], list[bytes]]
    ) -> list[bytes]:
        keys: list[bytes] = []
        for begin in range(0, len(wrapped), BATCH):
            batch = wrapped[begin : begin + BATCH]
            keys += await self._run(partial(_with_batch, call, batch))
        return keys

    async def _run(self, call: Callable[[_Session], _T]) -> _T:
        return await self._in_library(partial(self._token.run, call))

    async def _in_library(self, call: Callable[[], _T]) -> _T:
        try:
            async with asyncio.timeout(self._timeout):
                return await asyncio.wrap_future(_THREAD.submit(call))
        except TimeoutError as error:
            raise KmsUnavailable from error
        except (pkcs11.PKCS11Error, TokenRefused, OSError) as error:
            logger().warning("kms-failed", exception=exception_names(error))
            raise KmsUnavailable from error


class _LibraryThread:
    """One thread for all calls of this process, made at the first. It is a daemon: a hanging library stops nobody."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._starting = threading.Lock()
        self._begun = False

    def submit(self, call: Callable[[], _T]) -> Future[_T]:
        """The call's future; a call whose future is cancelled before its turn is not made."""
        future: Future[_T] = Future()
        with self._starting:
            if not self._begun:
                threading.Thread(target=self._work, name="pkcs11", daemon=True).start()
                self._begun = True
        self._calls.put(partial(_settle, future, call))
        return future

    def _work(self) -> None:
        while True:
            self._calls.get()()


def _settle(future: Future[_T], call: Callable[[], _T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(call())
    except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits, as in any executor
        future.set_exception(error)


_THREAD: Final = _LibraryThread()


def _with_batch(
    call: Callable[[_Session, Sequence[bytes]], list[bytes]], batch: Sequence[bytes], session: _Session
) -> list[bytes]:
    return call(session, batch)


class _Token:
    """A login on the token, and what to do where it breaks. Only ever used in the library's thread."""

    def __init__(self, settings: TokenSettings) -> None:
        self._settings = settings
        self._session: _Session | None = None
        self._used = False
        self._refused_pin: str | None = None

    def run(self, call: Callable[[_Session], _T]) -> _T:
        """The call's answer; once more on a fresh connection where the session broke.

        Raises:
            KeyBroken, NewestVersion; pkcs11.PKCS11Error, TokenRefused, OSError.
        """
        if self._session is not None:
            try:
                return call(self._session)
            except pkcs11.PKCS11Error:
                self.close()
        return call(self._connect())

    def _connect(self) -> _Session:
        library = pkcs11.lib(str(self._settings.module))
        library.reinitialize()  # a token that was unplugged is found in no other way
        token = library.get_token(token_label=self._settings.label)
        offered = token.slot.get_mechanisms()
        login = self._log_in(token)
        session = _Session(login, next((known for known in _KWP if known in offered), _KWP[-1]), used=self._used)
        try:
            session.prove()
        except BaseException:
            session.close()
            raise
        session.used = self._used = True
        self._session = session
        return session

    def _log_in(self, token: pkcs11.Token) -> pkcs11.Session:
        """The session that holds the login. A process logs in once, so a second adapter in it finds that done.

        A PIN that was refused is not tried again, for tokens lock themselves after a few: the file must change first.
        """
        pin = self._settings.pin_file.read_text(encoding="utf-8").strip()
        if pin == self._refused_pin:
            raise TokenRefused("the token did not take this PIN; it is not tried again")
        try:
            return token.open(rw=True, user_pin=pin)
        except pkcs11.UserAlreadyLoggedIn:
            return token.open(rw=True)
        except _PIN_REFUSED as error:
            self._refused_pin = pin
            raise TokenRefused("the token does not take this PIN") from error

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session = None


class _Kek(Protocol):
    """A key on the token that wraps and unwraps; the library composes its class from what the key may do."""

    def __getitem__(self, attribute: Attribute) -> object: ...

    def wrap_key(self, key: pkcs11.Key, mechanism: Mechanism) -> bytes: ...

    def unwrap_key(
        self,
        object_class: ObjectClass,
        key_type: KeyType,
        key_data: bytes,
        *,
        mechanism: Mechanism,
        capabilities: MechanismFlag,
        template: dict[Attribute, bool],
    ) -> object: ...

    def destroy(self) -> None: ...


class _Session:
    """A session that is logged in; `used` tells that the token's proof key was seen before."""

    def __init__(self, session: pkcs11.Session, mechanism: Mechanism, *, used: bool) -> None:
        self.used = used
        self._session = session
        self._mechanism = mechanism
        self._keks: dict[tuple[str, int], list[_Kek]] = {}

    def close(self) -> None:
        with suppress(pkcs11.PKCS11Error):
            self._session.close()

    def generate(self, kek: str) -> tuple[bytes, bytes]:
        version, wrapping = self._newest(kek)
        made = self._session.generate_key(KeyType.AES, 256, capabilities=MechanismFlag.ENCRYPT, template=_IN_THE_OPEN)
        with _destroyed(made):
            return _value(made), self._wrapped(version, wrapping, made)

    def wrap(self, kek: str, key: bytes) -> bytes:
        version, wrapping = self._newest(kek)
        with _destroyed(self._imported(key)) as made:
            return self._wrapped(version, wrapping, made)

    def unwrap(self, kek: str, wrapped: bytes) -> bytes:
        with _destroyed(self._unwrapped(kek, wrapped, _IN_THE_OPEN)) as key:
            return _value(key)

    def rewrap(self, kek: str, wrapped: Sequence[bytes]) -> list[bytes]:
        version, wrapping = self._newest(kek)
        moved: list[bytes] = []
        for entry in wrapped:
            with _destroyed(self._unwrapped(kek, entry, _KEPT_IN)) as key:
                moved.append(self._wrapped(version, wrapping, key))
        return moved

    def versions(self, kek: str) -> dict[int, list[_Kek]]:
        """Every version on the token now, in one look."""
        found: dict[int, list[_Kek]] = {}
        for key in self._session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: kek}):
            number = key[Attribute.ID]
            if not (isinstance(key, pkcs11.WrapMixin) and isinstance(key, pkcs11.UnwrapMixin)):
                continue  # something else of that name
            if isinstance(number, bytes) and len(number) == 4:
                found.setdefault(int.from_bytes(number), []).append(key)
        return found

    def add_version(self, kek: str) -> int:
        version = max(self.versions(kek), default=0) + 1
        self._session.generate_key(
            KeyType.AES,
            256,
            id=version.to_bytes(4),
            label=kek,
            store=True,
            capabilities=_MAY_WRAP,
            template={
                Attribute.PRIVATE: True,
                Attribute.SENSITIVE: True,
                Attribute.EXTRACTABLE: False,
                Attribute.MODIFIABLE: False,
            },
        )
        return version

    def destroy(self, kek: str, version: int) -> None:
        versions = self.versions(kek)
        if versions and version >= max(versions):
            raise NewestVersion
        for number in sorted(versions):
            if number <= version:
                for key in versions[number]:
                    key.destroy()
        self._keks.clear()

    def prove(self) -> None:
        """Wrap and unwrap a question with a key that lies on the token for this alone; the first use of a token makes it.

        Raises:
            TokenRefused: what the token calls wrapping is not RFC 5649.
            pkcs11.PKCS11Error: among them NoSuchKey, where a token that had this key has it no longer.
        """
        found = self.versions(PROOF)
        if not found and self.used:
            raise pkcs11.NoSuchKey
        version, wrapping = self._newest(PROOF)
        question = self._session.generate_random(KEY_LENGTH * 8)
        with _destroyed(self._imported(question)) as key:
            wrapped = self._wrapped(version, wrapping, key)
        with _destroyed(self._unwrapped_by(wrapping, wrapped, _IN_THE_OPEN)) as key:
            if _value(key) != question:
                raise TokenRefused("the token gives back another key than it was given")

    def _newest(self, kek: str) -> tuple[int, _Kek]:
        """The version that wraps, asked anew: another process may have made one. A KEK is made on first use."""
        versions = self.versions(kek)
        if not versions:
            self.add_version(kek)
            versions = self.versions(kek)
        newest = max(versions)
        return newest, _guarded(versions[newest][0])

    def _imported(self, key: bytes) -> pkcs11.SecretKey:
        made = self._session.create_object(
            {
                Attribute.CLASS: ObjectClass.SECRET_KEY,
                Attribute.KEY_TYPE: KeyType.AES,
                Attribute.VALUE: key,
                **_IN_THE_OPEN,
            }
        )
        if not isinstance(made, pkcs11.SecretKey):
            raise TokenRefused("the token made another kind of object")
        return made

    def _wrapped(self, version: int, wrapping: _Kek, key: pkcs11.SecretKey) -> bytes:
        wrapped = wrapping.wrap_key(key, mechanism=self._mechanism)
        if len(wrapped) != WRAPPED_LENGTH - 4:
            raise TokenRefused("the token does not wrap by RFC 5649")
        return version.to_bytes(4) + wrapped

    def _unwrapped(self, kek: str, wrapped: bytes, template: dict[Attribute, bool]) -> pkcs11.SecretKey:
        """The opened key as an object of this session.

        PKCS#11 has no one answer to an altered key, and SoftHSM's is that of a broken device. So a token that has just
        refused one is asked to prove itself: if it can, the key is at fault.
        """
        if len(wrapped) != WRAPPED_LENGTH:
            raise KeyBroken
        version = kek_version(wrapped)
        for _ in ("the objects remembered", "the objects as they are now"):
            for wrapping in self._version(kek, version):
                try:
                    return self._unwrapped_by(wrapping, wrapped, template)
                except pkcs11.PKCS11Error:
                    self.prove()
            self._keks.clear()  # another process may have made or destroyed some, or the handles are another's
        self.prove()  # a token that has lost everything has not refused this one key
        raise KeyBroken

    def _unwrapped_by(self, wrapping: _Kek, wrapped: bytes, template: dict[Attribute, bool]) -> pkcs11.SecretKey:
        opened = wrapping.unwrap_key(
            ObjectClass.SECRET_KEY,
            KeyType.AES,
            wrapped[4:],
            mechanism=self._mechanism,
            capabilities=MechanismFlag.ENCRYPT,
            template=template,
        )
        if not isinstance(opened, pkcs11.SecretKey):
            raise TokenRefused("the token made another kind of object")
        return opened

    def _version(self, kek: str, version: int) -> list[_Kek]:
        """The objects of one version, none where it is not there: remembered, for looking takes a token long."""
        if (kek, version) not in self._keks:
            for number, keys in self.versions(kek).items():
                self._keks[kek, number] = [_guarded(key) for key in keys]
        return self._keks.get((kek, version), [])


def _guarded(key: _Kek) -> _Kek:
    """Refuse a KEK that could leave the token: it was not made by us, or not as the ceremony says.

    Raises:
        TokenRefused
    """
    if key[Attribute.EXTRACTABLE] or not key[Attribute.SENSITIVE]:
        raise TokenRefused("a key-encryption key can leave the token")
    return key


def _value(key: pkcs11.SecretKey) -> bytes:
    value = key[Attribute.VALUE]
    if not isinstance(value, bytes) or len(value) != KEY_LENGTH:
        raise KeyBroken
    return value


@contextmanager
def _destroyed(key: pkcs11.SecretKey) -> Iterator[pkcs11.SecretKey]:
    """An object of this session, gone from the token's memory afterwards."""
    try:
        yield key
    finally:
        key.destroy()
