"""Signed requests to the gateway: tokens, clocks and patience.

Every attempt is signed anew with a fresh nonce. Busy answers and broken connections are tried again with a growing,
jittered wait, told to the user; everything else is an error at once.

Source: DESIGN 6; usability notes A (clock), B1, B4.
"""

from __future__ import annotations

import hashlib
import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlencode

from services.agency.answers import Answer, protocol_broken, refusal
from services.agency.errors import AgencyError, IdentityError, InterruptedPushError, LaterError
from services.agency.observing import Observer
from services.agency.wire import NetworkError, Opened, Wire
from services.kernel.refusals.registry import Text
from services.kernel.signing import Content, sign_request
from services.kernel.signing.assertions import make_assertion
from services.kernel.signing.keys import PrivateKey

ATTEMPTS: Final = 10
_LONGEST_WAIT: Final = 60.0  # seconds, unless the gateway asks for more
_LONGEST_ASKED: Final = 600
_TOKEN_MARGIN: Final = timedelta(seconds=30)
_CLOCK_CODES: Final = (
    "signature-created",
    "signature-expire",
    "assertion-issued",
    "assertion-expire",
    "assertion-not-yet",
)
_TOKEN_CODES: Final = ("token-",)


@dataclass(frozen=True, slots=True)
class Body:
    """A request's body: its digest (32 bytes), its length in bytes, and how to read it from the start."""

    sha256: bytes
    length: int
    content_type: str
    open: Callable[[], Iterator[bytes]]

    @classmethod
    def of(cls, data: bytes, content_type: str = "application/json") -> Body:
        """A body held in memory."""
        return cls(hashlib.sha256(data).digest(), len(data), content_type, lambda: iter((data,)))


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the deployment's services are, as the gateway itself states it."""

    auth: str
    ingest: str
    catalog: str
    issuer: str
    token: str
    log_keys: tuple[str, ...]
    secrecy_profile: str


class Session:
    """One client at one gateway; safe for threads."""

    def __init__(
        self,
        wire: Wire,
        *,
        gateway: str,
        client_id: str,
        key: PrivateKey,
        observer: Observer,
        language: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        stop: threading.Event | None = None,
    ) -> None:
        self._wire = wire
        self._gateway = gateway
        self._client_id = client_id
        self._key = key
        self._observer = observer
        self._language = language
        self._clock = clock
        self._skew = timedelta()
        self._skew_adjusted = False
        self._stop = stop or threading.Event()
        self._lock = threading.RLock()
        self._endpoints: Endpoints | None = None
        self._token: str | None = None
        self._token_until = datetime.min.replace(tzinfo=UTC)

    @property
    def skew(self) -> timedelta:
        """What is added to this machine's clock."""
        return self._skew

    def stop(self) -> None:
        """End every wait now; requests raise InterruptedPushError."""
        self._stop.set()

    def pause(self, seconds: float) -> None:
        """Wait, unless stopped.

        Raises:
            InterruptedPushError: `stop` was called.
        """
        if self._stop.wait(seconds):
            raise interrupted()

    def endpoints(self) -> Endpoints:
        """Where to send what; asked once.

        Raises:
            AgencyError: the gateway is out of reach or not a gateway.
        """
        with self._lock:
            if self._endpoints is None:
                self._endpoints = self._discover()
            return self._endpoints

    def request(self, method: str, url: str, body: Body | None = None) -> Answer:
        """A signed request, repeated while the gateway is busy; the answer may be a refusal of any other kind.

        Raises:
            LaterError: still busy or out of reach after every attempt.
            IdentityError: this client is not trusted, or its clock cannot be put right.
            InterruptedPushError: `stop` was called.
        """

        def once() -> Answer:
            headers = self._signed(method, url, body)
            return self._wire.exchange(method, url, headers, None if body is None else body.open())

        return self._patiently(once)

    @contextmanager
    def download(self, url: str, *, span: tuple[int, int] | None = None) -> Iterator[Opened]:
        """A signed GET whose answer is read as it arrives; busy answers are waited out first.

        `span` asks for these bytes only, the first and the last one, counted from 0.

        Raises:
            AgencyError: as `request`, and for every refusal.
        """
        for _ in range(ATTEMPTS):
            headers = self._signed("GET", url, None)
            if span is not None:
                headers["range"] = f"bytes={span[0]}-{span[1]}"
            with self._wire.open("GET", url, headers) as opened:
                if opened.status < 400:
                    yield opened
                    return
                content = b"".join(opened.chunks())
            answer = Answer(opened.status, opened.headers, content)
            if answer.passing:
                self._wait(0, answer.retry_after, "")
            elif not self._mend(answer):
                raise refusal(answer)
        raise _out_of_patience("busy")

    def public(self, url: str) -> Answer:
        """An unsigned GET, repeated while the gateway is busy."""
        return self._patiently(lambda: self._wire.exchange("GET", url, {"accept": "application/json"}))

    def _patiently(self, once: Callable[[], Answer]) -> Answer:
        reason = ""
        for attempt in range(ATTEMPTS):
            if self._stop.is_set():
                raise interrupted()
            try:
                answer = once()
            except NetworkError as error:
                reason = error.reason
                if attempt + 1 < ATTEMPTS:
                    self._wait(attempt, None, reason)
                continue
            if answer.passing:
                reason = answer.code or str(answer.status)
                if attempt + 1 < ATTEMPTS:
                    self._wait(attempt, answer.retry_after, "")
            elif not self._mend(answer):
                return answer
        raise _out_of_patience(reason)

    def _mend(self, answer: Answer) -> bool:
        """Whether the same request may now succeed: the clock was put right once, or a stale token dropped once."""
        if answer.status not in (400, 401):
            return False
        if answer.code.startswith(_CLOCK_CODES):
            return self._adjust_clock(answer)
        if answer.status == 401 and answer.code.startswith(_TOKEN_CODES):
            with self._lock:
                had, self._token = self._token, None
            return had is not None
        return False

    def _adjust_clock(self, answer: Answer) -> bool:
        with self._lock:
            if self._skew_adjusted or not (stated := answer.headers.get("date")):
                raise IdentityError(
                    "clock-skew",
                    Text("Đồng hồ máy này lệch so với máy chủ", "This machine's clock differs from the server's"),
                    Text("Chỉnh giờ máy (NTP) rồi chạy lại", "Set the clock (NTP) and run again"),
                )
            self._skew_adjusted = True
            self._skew = parsedate_to_datetime(stated) - self._clock()
            self._token = None
        seconds = round(self._skew.total_seconds())
        self._observer.say(
            "clock-adjusted",
            Text(
                f"Đồng hồ máy này lệch {-seconds:+d} giây so với máy chủ; đã tính theo giờ máy chủ, hãy chỉnh lại giờ máy",
                f"This machine's clock is {-seconds:+d} s off the server's; using the server's time, please set the clock",
            ),
        )
        return True

    def _wait(self, attempt: int, asked: int | None, network: str) -> None:
        delay = min(_LONGEST_WAIT, 0.5 * 2**attempt) * random.uniform(0.5, 1.5)  # noqa: S311 - jitter, not a secret
        if asked is not None:
            delay = min(asked, _LONGEST_ASKED) + random.uniform(0, 1)  # noqa: S311
        if asked is not None or delay >= 2:
            seconds = max(1, round(delay))
            text = (
                Text(
                    f"mất kết nối ({network}), thử lại sau {seconds} giây",
                    f"connection lost ({network}), trying again in {seconds} s",
                )
                if network
                else Text(f"máy chủ bận, chờ {seconds} giây", f"server busy, waiting {seconds} s")
            )
            self._observer.say("waiting", text)
        self.pause(delay)

    def _now(self) -> datetime:
        return self._clock() + self._skew

    def _signed(self, method: str, url: str, body: Body | None) -> dict[str, str]:
        headers = {
            "authorization": f"Bearer {self._access_token()}",
            "accept": "application/json, application/problem+json",
            "accept-language": self._language,
            "user-agent": "nopluu",
        }
        content = None
        if body is not None:
            headers["content-type"] = body.content_type
            content = Content(body.sha256, body.length)
        return sign_request(method, url, headers, content=content, key=self._key, now=self._now(), nonce=os.urandom(16))

    def _access_token(self) -> str:
        with self._lock:
            if self._token is None or self._now() >= self._token_until - _TOKEN_MARGIN:
                self._token, self._token_until = self._fetch_token()
            return self._token

    def _fetch_token(self) -> tuple[str, datetime]:
        endpoints = self.endpoints()

        def once() -> Answer:
            assertion = make_assertion(self._client_id, endpoints.issuer, self._key, self._now(), os.urandom(16).hex())
            form = urlencode(
                {
                    "grant_type": "client_credentials",
                    "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                    "client_assertion": assertion,
                }
            ).encode()
            headers = {
                "content-type": "application/x-www-form-urlencoded",
                "content-length": str(len(form)),
                "accept": "application/json",
                "accept-language": self._language,
            }
            return self._wire.exchange("POST", endpoints.token, headers, form)

        answer = self._patiently(once)
        if answer.status != 200:
            error = refusal(answer)
            raise IdentityError(error.code, error.text, error.fix, request_id=error.request_id)
        granted = answer.json()
        token, lifetime = granted.get("access_token"), granted.get("expires_in")
        if not isinstance(token, str) or not isinstance(lifetime, int):
            raise protocol_broken("no access_token")
        return token, self._now() + timedelta(seconds=lifetime)

    def _discover(self) -> Endpoints:
        gateway = self._stated(f"{self._gateway}/.well-known/nopluu")
        origins = gateway.get("origins")
        if not isinstance(origins, dict) or not {"auth", "ingest", "catalog"} <= origins.keys():
            raise protocol_broken("/.well-known/nopluu has no origins")
        server = self._stated(f"{origins['auth']}/.well-known/oauth-authorization-server")
        keys = gateway.get("log_keys")
        return Endpoints(
            auth=str(origins["auth"]).rstrip("/"),
            ingest=str(origins["ingest"]).rstrip("/"),
            catalog=str(origins["catalog"]).rstrip("/"),
            issuer=str(server.get("issuer", "")),
            token=str(server.get("token_endpoint", "")),
            log_keys=tuple(str(key) for key in keys) if isinstance(keys, list) else (),
            secrecy_profile=str(gateway.get("secrecy_profile", "")),
        )

    def _stated(self, url: str) -> dict[str, object]:
        answer = self.public(url)
        if answer.status != 200:
            raise AgencyError(
                "not-a-gateway",
                Text(
                    f"{url} trả lời {answer.status}: không phải cổng Nộp Lưu",
                    f"{url} answers {answer.status}: not a gateway",
                ),
                Text("Kiểm tra địa chỉ cổng trong cấu hình", "Check the gateway's address in the profile"),
            )
        return answer.json()


def interrupted() -> InterruptedPushError:
    """What ends a request after `stop`."""
    return InterruptedPushError(
        "interrupted",
        Text("Đã dừng theo yêu cầu", "Stopped as asked"),
        Text("Chạy lại đúng lệnh này để tiếp tục", "Run the same command to go on"),
    )


def _out_of_patience(reason: str) -> LaterError:
    return LaterError(
        "gateway-unavailable",
        Text(f"Cổng bận hoặc không kết nối được: {reason}", f"The gateway is busy or out of reach: {reason}"),
        Text(
            "Chạy lại đúng lệnh này sau ít phút; phần đã gửi được giữ",
            "Run the same command in a few minutes; what was sent is kept",
        ),
    )
