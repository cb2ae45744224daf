"""The object store over S3: a small subset that MinIO and SeaweedFS both keep to.

Requests are signed by the minio SDK's signer and carried by aiohttp. Writes that stream are never sent twice; anything
else is repeated, because at most it leaves another version of the same bytes. What met silence is not repeated either:
whoever asked has waited long enough.

Source: DESIGN 3, 5.3; reference "performance" (the cheapest write that the store itself verifies).
"""

from __future__ import annotations

import asyncio
import random
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from hashlib import md5
from typing import Self, TypeVar

import aiohttp

from services.kernel.refusals.platform import StoreUnavailable
from services.runtime.object_store import aws_chunked, seaweed_rules
from services.runtime.object_store.port import ObjectEntry, ObjectMissing, Stored, VersionEntry
from services.runtime.object_store.s3_answers import (
    Page,
    StoreAnswer,
    expect,
    keeps_versions,
    legal_hold,
    never_held,
    read_page,
    removed,
    whole,
)
from services.runtime.object_store.s3_requests import RequestSigner, S3Settings, SignedRequest

__all__ = ["S3Settings", "S3Store", "ensure_bucket"]

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 60.0
"""How long the store may take over a chunk or an answer. Waiting for the source of a stream does not count."""

_IDLE_SECONDS = 10.0
"""Connections are not used again after this: stores close idle ones, some after 30 s, without notice."""

_ATTEMPTS = 3
_PIECE = 256 * 1024
_MAX_WHOLE = 512 * 1024 * 1024
_MAX_ANSWER = 16 * 1024 * 1024

_T = TypeVar("_T")


class S3Store:
    """See `port.ObjectStore`. To be used within one event loop, and closed there."""

    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings
        self._signer = RequestSigner(settings)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End every connection; what is in flight fails."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def put_stream(self, name: str, length: int, chunks: AsyncIterator[bytes | bytearray]) -> Stored:
        request = self._signer.sign("PUT", name, headers=aws_chunked.headers(length), payload=aws_chunked.PAYLOAD)
        try:
            async with asyncio.timeout(None) as limit:
                body = _Body(length, chunks, limit)
                try:
                    async with self._send(request, aiter(body)) as answer:
                        stored = await _stored(answer, length)
                        if not body.finished:
                            raise StoreAnswer("acknowledged before its end")
                        return stored
                except StoreUnavailable:
                    if body.failure is not None:
                        raise body.failure from None  # the connection was cut because the source failed
                    raise
        except TimeoutError as error:
            if limit.expired():
                raise StoreUnavailable from error
            raise

    async def put(self, name: str, data: bytes) -> Stored:
        headers = {"x-amz-checksum-crc32c": aws_chunked.checksum(data), "Content-Length": str(len(data))}

        async def once() -> Stored:
            try:
                async with asyncio.timeout(None) as limit:  # the session's runs only once the last byte is on its way
                    body = _cut(data, limit)
                    async with self._send(self._signer.sign("PUT", name, headers=headers), body) as answer:
                        return await _stored(answer, len(data))
            except TimeoutError as error:
                raise StoreUnavailable from error

        return await _patiently(once)

    async def get(self, name: str, *, version_id: str | None = None) -> bytes:
        async def once() -> bytes:
            async with self._send(self._signer.sign("GET", name, query=_version(version_id))) as answer:
                await expect(answer, 200)
                return await whole(answer, _MAX_WHOLE)

        return await _patiently(once)

    async def get_range(
        self, name: str, start: int, length: int, *, version_id: str | None = None
    ) -> AsyncIterator[bytes]:
        end = start + length
        failures = 0
        while start < end:
            headers = {"Range": f"bytes={start}-{end - 1}"}
            request = self._signer.sign("GET", name, query=_version(version_id), headers=headers)
            given = False
            try:
                async with self._send(request) as answer:
                    await expect(answer, 206)
                    if answer.content_length != end - start:
                        raise ObjectMissing
                    async for piece in answer.content.iter_chunked(_PIECE):
                        start += len(piece)
                        given = True
                        yield piece
            except StoreUnavailable as error:
                failures += 1
                # Within one version it is safe to go on from where it broke; the newest may be another one by then.
                if failures == _ATTEMPTS or (given and version_id is None) or _in_vain(error):
                    raise
                await _pause(failures)

    async def delete(self, name: str, *, version_id: str | None = None) -> None:
        if version_id is not None:
            await self._delete_version(name, version_id)
            return
        await self._delete_all(name, but=None)

    async def keep_only(self, name: str, version_id: str) -> None:
        await self._delete_all(name, but=version_id)

    async def list(self, prefix: str) -> AsyncIterator[ObjectEntry]:
        async for page in self._pages({"list-type": "2", "prefix": prefix}):
            for name, size in page.objects:
                yield ObjectEntry(name, size)

    async def versions(self, prefix: str) -> AsyncIterator[VersionEntry]:
        async for page in self._pages({"versions": "", "prefix": prefix}):
            for entry in page.versions:
                yield entry

    async def hold(self, name: str, version_id: str) -> None:
        await self._set_hold(name, version_id, "ON")

    async def lift(self, name: str, version_id: str) -> None:
        await self._set_hold(name, version_id, "OFF")

    async def is_held(self, name: str, version_id: str) -> bool:
        async def once() -> bool:
            query = {"legal-hold": "", **_version(version_id)}
            async with self._send(self._signer.sign("GET", name, query=query)) as answer:
                if answer.status in (400, 404) and await never_held(answer):
                    return False
                await expect(answer, 200)
                return legal_hold(await whole(answer, _MAX_ANSWER))

        return await _patiently(once)

    async def _set_hold(self, name: str, version_id: str, status: str) -> None:
        body = f"<LegalHold><Status>{status}</Status></LegalHold>".encode()
        headers = {
            "x-amz-checksum-crc32c": aws_chunked.checksum(body),
            "Content-MD5": b64encode(md5(body, usedforsecurity=False).digest()).decode(),
            "Content-Length": str(len(body)),
        }

        async def once() -> None:
            query = {"legal-hold": "", **_version(version_id)}
            async with self._send(self._signer.sign("PUT", name, query=query, headers=headers), body) as answer:
                await expect(answer, 200)

        await _patiently(once)

    async def ready(self) -> None:
        try:
            if not keeps_versions(await self._ask({"versioning": ""})):
                raise StoreAnswer("the bucket keeps no versions")
            if self._settings.filer is not None and not await self._waits_for_disk(self._settings.filer):
                raise StoreAnswer("the store answers before its writes are on disk")
        except StoreAnswer as error:
            raise StoreUnavailable from error

    async def create_bucket(self) -> None:
        """Make the bucket with object lock, which implies versions. Repeatable.

        Raises:
            StoreUnavailable
        """
        request = self._signer.sign("PUT", headers={"x-amz-bucket-object-lock-enabled": "true"})
        async with self._send(request, b"") as answer:
            if answer.status != 409:  # it is there already
                await expect(answer, 200)

    async def _waits_for_disk(self, filer: str) -> bool:
        """Whether SeaweedFS has a rule that makes writes to this bucket wait for an fsync."""
        try:
            async with self._connected().get(filer + seaweed_rules.RULES_QUESTION) as answer:
                rules = await whole(answer, _MAX_ANSWER)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise StoreAnswer("the filer does not tell its rules") from error
        return seaweed_rules.waits_for_disk(rules, self._settings.bucket)

    async def _delete_all(self, name: str, *, but: str | None) -> None:
        async for page in self._pages({"versions": "", "prefix": name}):
            found = [entry.version_id for entry in page.versions if entry.name == name]
            for version_id in found:
                if version_id != but:
                    await self._delete_version(name, version_id)
            if not found:  # a name stands before those that it begins
                return

    async def _delete_version(self, name: str, version_id: str) -> None:
        async def once() -> None:
            async with self._send(self._signer.sign("DELETE", name, query=_version(version_id))) as answer:
                await removed(answer)

        await _patiently(once)

    async def _pages(self, query: Mapping[str, str]) -> AsyncIterator[Page]:
        """A listing, page by page. Raises StoreUnavailable for one that is malformed."""
        after: Mapping[str, str] = {}
        while True:
            answer = await self._ask({**query, "encoding-type": "url", **after})
            try:
                page = read_page(answer)
                if page.after and page.after == after:
                    raise StoreAnswer("a listing that does not go on")
            except StoreAnswer as error:
                raise StoreUnavailable from error
            yield page
            if not page.after:
                return
            after = page.after

    async def _ask(self, query: Mapping[str, str]) -> bytes:
        """A question about the bucket."""

        async def once() -> bytes:
            async with self._send(self._signer.sign("GET", query=query)) as answer:
                await expect(answer, 200)
                return await whole(answer, _MAX_ANSWER)

        try:
            return await _patiently(once)
        except ObjectMissing as error:
            raise StoreUnavailable from error

    @asynccontextmanager
    async def _send(
        self, request: SignedRequest, body: bytes | AsyncIterator[bytes | memoryview] | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send, and await the head of the answer; a connection whose answer was not read to its end is closed.

        Raises:
            StoreUnavailable: also for what the block learns of the answer while it reads it.
        """
        try:
            async with self._connected().request(
                request.method, request.url, headers=request.headers, data=body, allow_redirects=False
            ) as answer:
                yield answer
        except (aiohttp.ClientError, TimeoutError, OSError, StoreAnswer) as error:
            raise StoreUnavailable from error

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_SECONDS, ssl=_tls(self._settings)),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=_ANSWER_SECONDS),
                auto_decompress=False,
                skip_auto_headers=("User-Agent", "Accept-Encoding", "Content-Type"),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


async def ensure_bucket(settings: S3Settings) -> None:
    """Make the bucket where it is absent, and check that it is ready. Repeatable.

    Raises:
        StoreUnavailable
    """
    async with S3Store(settings) as store:
        await store.create_bucket()
        await store.ready()


class _Body:
    """The framed body of one streaming write: it tells the source's failure from the connection's."""

    def __init__(self, length: int, chunks: AsyncIterator[bytes | bytearray], limit: asyncio.Timeout) -> None:
        self._length = length
        self._chunks = chunks
        self._limit = limit
        self.failure: Exception | None = None
        self.finished = False

    async def __aiter__(self) -> AsyncIterator[bytes | memoryview]:
        try:
            async for piece in aws_chunked.frame(self._length, self._unhurried()):
                yield piece
        except Exception as error:
            self.failure = error
            raise
        self.finished = True

    async def _unhurried(self) -> AsyncIterator[bytes | bytearray]:
        """The source's chunks; the clock runs only while the store has one to take, or to answer for."""
        now = asyncio.get_running_loop().time
        async for chunk in self._chunks:
            self._limit.reschedule(now() + _ANSWER_SECONDS)
            yield chunk
            self._limit.reschedule(None)
        self._limit.reschedule(now() + _ANSWER_SECONDS)


async def _cut(data: bytes, limit: asyncio.Timeout) -> AsyncIterator[memoryview]:
    """In pieces, so that a large one does not hold up the event loop; the store has its time for each of them."""
    now = asyncio.get_running_loop().time
    for start in range(0, len(data), _PIECE):
        limit.reschedule(now() + _ANSWER_SECONDS)
        yield memoryview(data)[start : start + _PIECE]
    limit.reschedule(now() + _ANSWER_SECONDS)


async def _stored(answer: aiohttp.ClientResponse, length: int) -> Stored:
    try:
        await expect(answer, 200)
    except ObjectMissing as error:
        raise StoreAnswer("a write was refused", final=True) from error
    await whole(answer, _MAX_ANSWER)
    version_id = answer.headers.get("x-amz-version-id")
    if not version_id or version_id == "null":
        raise StoreAnswer("the bucket keeps no versions")
    return Stored(version_id, length)


async def _patiently(once: Callable[[], Awaitable[_T]]) -> _T:
    """Try up to three times. Only for what may happen twice."""
    for failures in range(1, _ATTEMPTS):
        try:
            return await once()
        except StoreUnavailable as error:
            if _in_vain(error):
                raise
            await _pause(failures)
    return await once()


def _in_vain(error: StoreUnavailable) -> bool:
    """Whether to ask again at once would be: the store said no for good, or nothing at all within its time."""
    cause = error.__cause__
    return isinstance(cause, TimeoutError) or (isinstance(cause, StoreAnswer) and cause.final)


async def _pause(failures: int) -> None:
    await asyncio.sleep(random.uniform(0.05, 0.25 * 2**failures))  # noqa: S311 - spreads retries, keeps no secret


def _version(version_id: str | None) -> Mapping[str, str]:
    return {} if version_id is None else {"versionId": version_id}


def _tls(settings: S3Settings) -> ssl.SSLContext | bool:
    """Certificates are always verified: against the given authority, else those of the machine."""
    return True if settings.ca_file is None else ssl.create_default_context(cafile=str(settings.ca_file))
