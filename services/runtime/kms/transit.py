"""Keys in the Transit engine of OpenBao or Vault, over its HTTP API.

A KEK is one Transit key (`aes256-gcm96`, not exportable), named like the KEK with `-` between: `nopluu-FONDS-LEVEL-YEAR`.
Transit answers `vault:vN:BASE64`; what is kept is N as u32be ‖ the bytes of BASE64 (for a 32-byte key 12 nonce ‖ 32 ‖ 16
tag, so 64 in all), so that a row tells its version in the same place whatever the KMS, and no vendor's name is in it.

The token comes from a file, is read again whenever that file changes or the server refuses it, and is renewed at half
of its life. Nothing is repeated but one reading after a refused token: a write that timed out may have happened.

Source: the Transit API of OpenBao 2 and Vault 1; DESIGN 7; security notes §4 (rewrap takes no associated data, so what
binds a key to its package is the Cobblestone context, not the wrapping).
"""

from __future__ import annotations

import asyncio
import re
import secrets
import ssl
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from services.kernel import strict_json
from services.kernel.refusals.platform import KmsUnavailable
from services.kernel.sealing.keys import KeyBroken, NewestVersion, kek_version
from services.runtime.logging import exception_names, logger

KEY_LENGTH: Final = 32
WRAPPED_LENGTH: Final = 64
CALL_SECONDS: Final = 5.0
BATCH: Final = 500
_MAX_ANSWER: Final = 8 * 1024 * 1024
_CIPHERTEXT: Final = re.compile(r"vault:v([1-9][0-9]{0,8}):([A-Za-z0-9+/]+={0,2})")
_KEK: Final = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")
_REFUSED: Final = frozenset({401, 403})


@dataclass(frozen=True, slots=True)
class TransitSettings:
    """Where the server is and who we are to it. `namespace` and `ca_file` may be absent."""

    address: str
    token_file: Path
    mount: str = "transit"
    namespace: str | None = None
    ca_file: Path | None = None


class _Answered(Exception):
    """The server answered with an error; the message names the status and nothing else."""

    def __init__(self, status: int, errors: Sequence[str]) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.errors = errors


class TransitKeys:
    """See `kernel.sealing.keys.KeyManagement`. For one event loop; `close` it at the end."""

    def __init__(self, settings: TransitSettings, *, timeout: float = CALL_SECONDS) -> None:
        """Nothing is opened before the first call."""
        self._settings = settings
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None
        self._token = _TokenFile(settings.token_file)
        self._renewing: asyncio.Task[None] | None = None

    async def generate(self, kek: str) -> tuple[bytes, bytes]:
        """A fresh key, drawn here: plain, and wrapped. Raises KmsUnavailable."""
        key = secrets.token_bytes(KEY_LENGTH)
        return key, await self.wrap(kek, key)

    async def wrap(self, kek: str, key: bytes) -> bytes:
        """Raises KmsUnavailable."""
        body = {"plaintext": b64encode(key).decode()}
        try:
            answer = await self._call("POST", f"encrypt/{_name(kek)}", body)
        except _Answered as error:
            if error.status not in (400, 403, 404):
                raise KmsUnavailable from error
            await self._make(kek)  # the first use of a KEK; where it is there already, nothing happens
            try:
                answer = await self._call("POST", f"encrypt/{_name(kek)}", body)
            except _Answered as again:
                raise KmsUnavailable from again
        return _packed(answer.get("ciphertext"))

    async def unwrap(self, kek: str, wrapped: bytes) -> bytes:
        """Raises KeyBroken; KmsUnavailable."""
        (key,) = await self._batch(kek, "decrypt", "plaintext", [wrapped])
        return _key(key)

    async def unwrap_many(self, kek: str, wrapped: Sequence[bytes]) -> list[bytes]:
        """Raises KeyBroken if any one is; KmsUnavailable."""
        return [_key(key) for key in await self._batch(kek, "decrypt", "plaintext", wrapped)]

    async def rewrap(self, kek: str, wrapped: Sequence[bytes]) -> list[bytes]:
        """The same keys under the newest version; they stay in the server. Raises KeyBroken; KmsUnavailable."""
        return [_packed(moved) for moved in await self._batch(kek, "rewrap", "ciphertext", wrapped)]

    async def newest(self, kek: str) -> int:
        """Raises KmsUnavailable."""
        found = await self._versions(kek)
        return 0 if found is None else found[1]

    async def rotate(self, kek: str) -> int:
        """Raises KmsUnavailable."""
        if await self._versions(kek) is None:
            await self._make(kek)
            return await self.newest(kek)
        try:
            await self._call("POST", f"keys/{_name(kek)}/rotate", {})
        except _Answered as error:
            raise KmsUnavailable from error
        return await self.newest(kek)

    async def destroy_version(self, kek: str, version: int) -> None:
        """Trims the key. Needs the operator's token, which may configure and trim. Raises NewestVersion, KmsUnavailable."""
        found = await self._versions(kek)
        if found is None:
            return
        available, newest = found
        if version >= newest:
            raise NewestVersion
        if version < available:
            return
        first = {"min_decryption_version": version + 1, "min_encryption_version": version + 1}
        try:
            await self._call("POST", f"keys/{_name(kek)}/config", first)
            await self._call("POST", f"keys/{_name(kek)}/trim", {"min_available_version": version + 1})
        except _Answered as error:
            raise KmsUnavailable from error

    async def healthy(self) -> bool:
        """Whether the server is unsealed and takes our token, which is renewed here where it is due."""
        try:
            await self._call("GET", "keys/nopluu-proof", None)
        except _Answered as error:
            return error.status == 404  # such a key need not exist: 404 comes from an unsealed engine after our token
        except KmsUnavailable:
            return False
        return True

    async def close(self) -> None:
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _batch(self, kek: str, verb: str, member: str, wrapped: Sequence[bytes]) -> list[str]:
        found: list[str] = []
        for begin in range(0, len(wrapped), BATCH):
            batch = wrapped[begin : begin + BATCH]
            body = {"batch_input": [{"ciphertext": _unpacked(entry)} for entry in batch]}
            try:
                answer = await self._call("POST", f"{verb}/{_name(kek)}", body)
            except _Answered as error:
                await self._tell_apart(kek, error)
            results = answer.get("batch_results")
            if not isinstance(results, list) or len(results) != len(batch):
                raise KmsUnavailable
            for result in results:
                value = result.get(member) if isinstance(result, dict) and not result.get("error") else None
                if not isinstance(value, str) or not value:
                    raise KeyBroken
                found.append(value)
        return found

    async def _tell_apart(self, kek: str, error: _Answered) -> None:
        """Of a whole batch that was refused: the keys are at fault, or the server is. Always raises.

        A server that does not know the KEK may refuse with 400, 403 or 404, by version; one that knows it and answers 400
        means the ciphertext.
        """
        if error.status not in (400, 403, 404):
            raise KmsUnavailable from error
        if error.status == 400 or await self._versions(kek) is None:
            raise KeyBroken from error
        raise KmsUnavailable from error

    async def _make(self, kek: str) -> None:
        try:
            await self._call("POST", f"keys/{_name(kek)}", {"type": "aes256-gcm96", "exportable": False})
        except _Answered as error:
            raise KmsUnavailable from error

    async def _versions(self, kek: str) -> tuple[int, int] | None:
        """The oldest and the newest version there is; None where the KEK was never made. Raises KmsUnavailable."""
        try:
            answer = await self._call("GET", f"keys/{_name(kek)}", None)
        except _Answered as error:
            if error.status == 404:
                return None
            raise KmsUnavailable from error
        match answer:
            case {"latest_version": int(newest), "type": "aes256-gcm96", "exportable": False, **rest}:
                return max(1, _number(rest.get("min_available_version"))), newest
            case _:
                logger().error("kms-key-unfit")
                raise KmsUnavailable

    async def _call(self, method: str, path: str, body: Mapping[str, object] | None) -> dict[str, Any]:
        """The `data` of an answer, {} where there is none.

        Raises:
            _Answered: the server refuses this request, not us.
            KmsUnavailable: no answer in time, sealed, in error, or our token is refused.
        """
        await self._renew_in_time()
        try:
            return await self._send(method, f"{self._settings.mount}/{path}", body)
        except _Answered as error:
            if error.status not in _REFUSED or not self._token.changed():
                raise
        return await self._send(method, f"{self._settings.mount}/{path}", body)

    async def _send(self, method: str, path: str, body: Mapping[str, object] | None) -> dict[str, Any]:
        try:
            async with asyncio.timeout(self._timeout):
                headers = {"X-Vault-Token": self._token.read(), "X-Vault-Request": "true"}
                if self._settings.namespace is not None:
                    headers["X-Vault-Namespace"] = self._settings.namespace
                async with self._http().request(
                    method, f"{self._settings.address}/v1/{path}", json=body, headers=headers, allow_redirects=False
                ) as response:
                    status, content = response.status, await response.content.read(_MAX_ANSWER + 1)
                    while not response.content.at_eof() and len(content) <= _MAX_ANSWER:
                        content += await response.content.read(_MAX_ANSWER + 1 - len(content))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            logger().warning("kms-failed", exception=exception_names(error))
            raise KmsUnavailable from error
        return _opened(status, content)

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            tls = ssl.create_default_context(cafile=self._settings.ca_file)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=tls, limit=16), trust_env=False, auto_decompress=False
            )
        return self._session

    async def _renew_in_time(self) -> None:
        """Begin to renew the token where half of its life is over; nobody waits for it."""
        if self._token.due() and (self._renewing is None or self._renewing.done()):
            self._renewing = asyncio.create_task(self._renew(), name="transit-token")

    async def _renew(self) -> None:
        self._token.asked()
        try:
            looked = await self._send("GET", "auth/token/lookup-self", None)
            life = _number(looked.get("ttl"))
            if looked.get("renewable") is True:
                await self._send("POST", "auth/token/renew-self", {})
                looked = await self._send("GET", "auth/token/lookup-self", None)
                life = _number(looked.get("ttl"))
        except (_Answered, KmsUnavailable) as error:
            logger().warning("kms-token-not-renewed", exception=exception_names(error))
            return
        self._token.lives(life)


class _TokenFile:
    """The token in its file, and when it is to be renewed."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._last = ""
        self._due = 0.0

    def read(self) -> str:
        """Raises OSError."""
        token = self._file.read_text(encoding="ascii").strip()
        if token != self._last:
            self._last, self._due = token, 0.0
        return token

    def changed(self) -> bool:
        """Whether the file has another token than the one that was last sent."""
        try:
            return self._file.read_text(encoding="ascii").strip() != self._last
        except (OSError, ValueError):
            return False

    def due(self) -> bool:
        return time.monotonic() >= self._due

    def asked(self) -> None:
        """An attempt was made; the next one comes in half a minute, unless this one learns better."""
        self._due = time.monotonic() + 30

    def lives(self, seconds: int) -> None:
        """So long the token lives from now; 0 is for ever."""
        self._due = time.monotonic() + (seconds / 2 if seconds else 3600)


def _name(kek: str) -> str:
    if _KEK.fullmatch(kek) is None:
        raise ValueError("not the name of a KEK")
    return f"nopluu-{kek.replace('/', '-')}"


def _packed(ciphertext: object) -> bytes:
    """Raises KmsUnavailable: not what Transit answers."""
    found = _CIPHERTEXT.fullmatch(ciphertext) if isinstance(ciphertext, str) else None
    if found is None:
        raise KmsUnavailable
    wrapped = int(found[1]).to_bytes(4) + b64decode(found[2])
    if len(wrapped) != WRAPPED_LENGTH:
        raise KmsUnavailable
    return wrapped


def _unpacked(wrapped: bytes) -> str:
    """Raises KeyBroken: not what `_packed` gives."""
    if len(wrapped) != WRAPPED_LENGTH or not kek_version(wrapped):
        raise KeyBroken
    return f"vault:v{kek_version(wrapped)}:{b64encode(wrapped[4:]).decode()}"


def _key(plaintext: str) -> bytes:
    try:
        key = b64decode(plaintext, validate=True)
    except ValueError as error:
        raise KmsUnavailable from error
    if len(key) != KEY_LENGTH:
        raise KeyBroken
    return key


def _number(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _opened(status: int, content: bytes) -> dict[str, Any]:
    """The answer's `data`. Raises _Answered; KmsUnavailable."""
    if status == 204:
        return {}
    try:
        answer = strict_json.parse(content, max_bytes=_MAX_ANSWER)
    except strict_json.StrictJsonError as error:
        raise KmsUnavailable from error
    match answer:
        case {"data": dict(data)} if status == 200 or "batch_results" in data:
            return data
        case {"errors": list(errors)} if 400 <= status < 500:
            raise _Answered(status, [error for error in errors if isinstance(error, str)])
        case dict() if status == 200:
            return {}
        case _:
            raise KmsUnavailable
