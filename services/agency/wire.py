"""HTTPS to the gateway: the system's trusted roots plus the profile's own, one pool for all threads.

Redirects are never followed here and nothing is retried here: a repetition must be signed anew.

Source: usability notes B (truststore, --ca-cert, --proxy).
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

import truststore
import urllib3

from services.agency.answers import Answer
from services.agency.errors import UsageError
from services.agency.profile import Profile
from services.kernel.refusals.registry import Text

CHUNK: Final = 1024 * 1024
MAX_ANSWER: Final = 64 * 1024 * 1024  # bytes of an answer that is read whole
_LITTLE: Final = 64 * 1024  # bytes of an unread answer that cost less than a new connection
_TIMEOUT: Final = urllib3.Timeout(connect=15, read=180)  # seconds; a receipt may be waited for 30 s at the server


class NetworkError(Exception):
    """The exchange did not take place or broke off; `reason` is for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Opened(Protocol):
    """An answer whose body is still to be read."""

    status: int
    headers: Mapping[str, str]

    def chunks(self) -> Iterator[bytes]:
        """The body, piece by piece. Raises NetworkError."""


@dataclass(slots=True)
class _Opened:
    status: int
    headers: Mapping[str, str]
    _raw: urllib3.BaseHTTPResponse

    def chunks(self) -> Iterator[bytes]:
        try:
            yield from self._raw.stream(CHUNK, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise NetworkError(_reason(error)) from error


class Wire:
    """One pool of connections."""

    def __init__(self, profile: Profile, *, connections: int) -> None:
        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if profile.ca_file is not None:
            try:
                context.load_verify_locations(cafile=str(profile.ca_file))
            except (OSError, ssl.SSLError) as error:
                raise UsageError(
                    "ca-file-unreadable", Text(f"Không đọc được {profile.ca_file}", f"Cannot read {profile.ca_file}")
                ) from error
        options = {
            "ssl_context": context,
            "maxsize": connections,
            "block": False,
            "blocksize": CHUNK,
            "timeout": _TIMEOUT,
            "retries": False,
        }
        self._pool: urllib3.PoolManager = (
            urllib3.ProxyManager(profile.proxy, **options) if profile.proxy else urllib3.PoolManager(**options)  # type: ignore[arg-type]
        )

    def close(self) -> None:
        self._pool.clear()

    def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | Iterator[bytes] | None = None
    ) -> Answer:
        """One request and its whole answer.

        Raises:
            NetworkError: no answer arrived.
        """
        with self.open(method, url, headers, body) as opened:
            content = bytearray()
            for chunk in opened.chunks():
                content += chunk
                if len(content) > MAX_ANSWER:
                    raise NetworkError("the answer is too long")
            return Answer(opened.status, opened.headers, bytes(content))

    @contextmanager
    def open(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | Iterator[bytes] | None = None
    ) -> Iterator[Opened]:
        """One request and its answer as it arrives.

        Raises:
            NetworkError: no answer arrived.
        """
        try:
            raw = self._pool.urlopen(
                method,
                url,
                body=body,
                headers=dict(headers),
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise NetworkError(_reason(error)) from error
        try:
            yield _Opened(raw.status, {name.lower(): value for name, value in raw.headers.items()}, raw)
            if not raw.closed and _little(raw.headers.get("content-length", "")):
                raw.drain_conn()
        finally:
            # A connection whose answer was not read to its end cannot carry another one.
            if not raw.closed:
                raw.close()
            raw.release_conn()


def _little(content_length: str) -> bool:
    """Whether an answer of this length is worth reading to its end: a handshake takes 20 ms of the client's processor."""
    return content_length.isascii() and content_length.isdigit() and int(content_length) <= _LITTLE


def _reason(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    return text.rsplit("(Caused by ", maxsplit=1)[-1].rstrip(")") if "(Caused by " in text else text
