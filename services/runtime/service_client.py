"""How one service calls another: as a client of its own, with a token and signed requests like everybody else.

Source: DESIGN 3 ("Everything else crosses by message"), 6.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple, Self
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from services.kernel import strict_json
from services.kernel.identifiers import ClientId
from services.kernel.signing import Content, sign_request
from services.kernel.signing.assertions import ASSERTION_TYPE, make_assertion
from services.kernel.signing.keys import PrivateKey, private_from_pem
from services.runtime.settings import ServiceSettings

_MARGIN: Final = timedelta(seconds=30)  # a token this close to its end is not used any more
_CONNECT_SECONDS: Final = 5
_READ_SECONDS: Final = 60  # between two reads; a long answer may take longer
_MAX_GRANT: Final = 64 * 1024


class CallFailed(Exception):
    """The other service could not be reached, or its token endpoint refuses us; the message names no address."""


class Answer(NamedTuple):
    """A whole answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class StreamedAnswer:
    """An answer whose body is read as it arrives."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


class ServiceClient:
    """One service's identity towards the others. Safe for concurrent use on one event loop; `close` it at the end."""

    def __init__(
        self,
        *,
        client_id: ClientId,
        key: PrivateKey,
        auth_origin: str,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client_id = client_id
        self._key = key
        self._auth_origin = auth_origin
        self._tls = tls
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._token: str | None = None
        self._token_until = datetime.min.replace(tzinfo=UTC)
        self._lock = asyncio.Lock()

    @classmethod
    def from_settings(cls, settings: ServiceSettings) -> Self:
        """The service's own client as its settings name it.

        Raises:
            ValueError: the settings name no client or no key.
            OSError, KeyUnusable: the key cannot be read.
        """
        if settings.service_client_id is None or settings.service_key_file is None:
            raise ValueError("service_client_id and service_key_file are needed to call other services")
        return cls(
            client_id=ClientId(settings.service_client_id),
            key=private_from_pem(settings.service_key_file.read_bytes()),
            auth_origin=settings.auth_origin,
            tls=trust(settings.ca_file),
        )

    async def request(
        self, method: str, url: str, *, body: bytes | None = None, content_type: str | None = None
    ) -> Answer:
        """A signed request and its whole answer, whatever its status. Nothing is repeated but for a stale token.

        Raises:
            CallFailed: no connection, no answer, or no token.
        """
        async with self.stream(method, url, body=body, content_type=content_type) as answer:
            return Answer(answer.status, answer.headers, b"".join([chunk async for chunk in answer.chunks]))

    @asynccontextmanager
    async def stream(
        self, method: str, url: str, *, body: bytes | None = None, content_type: str | None = None
    ) -> AsyncIterator[StreamedAnswer]:
        """A signed request whose answer is read as it arrives.

        Raises:
            CallFailed: as `request`; also while chunks are read.
        """
        response = await self._send(method, url, body, content_type)
        if response.status == 401 and self._token is not None:
            response.release()
            self._token = None
            response = await self._send(method, url, body, content_type)
        try:
            yield StreamedAnswer(response.status, _lower(response.headers), _chunks(response))
        finally:
            response.close() if not response.content.at_eof() else response.release()

    async def public(self, url: str) -> bytes:
        """An unsigned GET that must answer 200.

        Raises:
            OSError: it did not.
        """
        try:
            async with self._http().get(
                URL(url, encoded=True), ssl=self._tls or True, allow_redirects=False
            ) as response:
                if response.status != 200:
                    raise OSError(f"status {response.status}")
                return await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise OSError(type(error).__name__) from error

    async def token_keys(self) -> bytes:
        """The issuer's JWK set, from its one pinned address (what `tokens.PublishedKeys` fetches).

        Raises:
            OSError
        """
        return await self.public(f"{self._auth_origin}/.well-known/jwks.json")

    async def close(self) -> None:
        """Close idle connections; requests under way fail."""
        if self._session is not None:
            await self._session.close()

    async def _send(
        self, method: str, url: str, body: bytes | None, content_type: str | None
    ) -> aiohttp.ClientResponse:
        headers = {"authorization": f"Bearer {await self._access_token()}", "accept-encoding": "identity"}
        content = None
        if body is not None:
            headers["content-type"] = content_type or "application/json"
            content = Content(hashlib.sha256(body).digest(), len(body))
        signed = sign_request(
            method, url, headers, content=content, key=self._key, now=self._clock(), nonce=os.urandom(16)
        )
        return await self._exchange(method, url, signed, body)

    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> aiohttp.ClientResponse:
        try:
            return await self._http().request(
                method, URL(url, encoded=True), headers=headers, data=body, ssl=self._tls or True, allow_redirects=False
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise CallFailed(type(error).__name__) from error

    async def _access_token(self) -> str:
        async with self._lock:
            if self._token is None or self._clock() >= self._token_until - _MARGIN:
                self._token, self._token_until = await self._fetch_token()
            return self._token

    async def _fetch_token(self) -> tuple[str, datetime]:
        assertion = make_assertion(
            str(self._client_id), self._auth_origin, self._key, self._clock(), os.urandom(16).hex()
        )
        form = urlencode(
            {
                "grant_type": "client_credentials",
                "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": assertion,
            }
        ).encode("ascii")
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        asked_at = self._clock()
        response = await self._exchange("POST", f"{self._auth_origin}/v1/token", headers, form)
        try:
            content = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise CallFailed(type(error).__name__) from error
        if response.status != 200:
            raise CallFailed(f"the token endpoint answers {response.status}")
        match strict_json.parse(content, max_bytes=_MAX_GRANT):
            case {"access_token": str(token), "expires_in": int(lifetime)}:
                return token, asked_at + timedelta(seconds=lifetime)
            case _:
                raise CallFailed("the token endpoint answers no token")

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=_READ_SECONDS),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session


async def _chunks(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.content.iter_any():
            yield chunk
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise CallFailed(type(error).__name__) from error


def trust(ca_file: Path | None) -> ssl.SSLContext:
    """TLS 1.3 towards servers whose certificates lead to `ca_file`, or to the system's roots where there is none."""
    context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
